package main

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/kelseyhightower/envconfig"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/secret"
	"github.com/rs/zerolog"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// environment makes the variables, named without prefix, the only ones of ours until the test ends.
func environment(t *testing.T, set map[string]string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, prefix) {
			t.Setenv(name, "")
		}
	}
	for name, value := range set {
		t.Setenv(prefix+"_"+name, value)
	}
}

// file writes a file that is gone after the test, and returns its path.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var comparePrefixes = cmpopts.EquateComparable(netip.Prefix{})

// defaults are those of the contract.
func defaults() config {
	var c config
	c.MQTT.Base = "phone2mqtt"
	c.MQTT.ClientID = "phone2mqtt"
	c.BrokerAddr = "127.0.0.1:1883"
	c.EventFresh = 30 * time.Second
	c.HTTP.Addr = ":8090"
	for _, network := range []string{
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
		"169.254.0.0/16", "fe80::/10", "127.0.0.0/8", "::1/128",
	} {
		c.HTTP.Allow = append(c.HTTP.Allow, netip.MustParsePrefix(network))
	}
	c.HTTP.Rate = 1000
	c.Learn = true
	c.Phone.Username = "admin"
	c.Phone.Password = secret.New("admin")
	c.Phone.Timeout = 5 * time.Second
	c.Phone.Charset = charset(phone.GBK)
	c.Dial.Rate = 30
	c.KeyPause = 500 * time.Millisecond
	c.CommandTTL = 15 * time.Second
	c.ProbeInterval = time.Minute
	c.DefaultEvent = eventName(phone.IncomingCall)
	c.RepeatWindow = 2 * time.Second
	c.RingLimit = 3 * time.Minute
	c.TalkLimit = 12 * time.Hour
	c.Discovery = true
	c.DiscoveryPrefix = "homeassistant"
	c.DataDir = "data"
	c.StoreMax = 256 << 20
	c.Log = logConfig{Level: logLevel(zerolog.InfoLevel), Format: logAuto}
	return c
}

func TestLoadConfig(t *testing.T) {
	for _, test := range []struct {
		name string
		set  map[string]string
		want func(*config)
	}{
		{"nothing set", nil, func(*config) {}},
		{
			"all set to nothing",
			func() map[string]string {
				set := map[string]string{"FORGOTTEN": ""}
				for _, v := range variables {
					set[v.name] = ""
				}
				return set
			}(),
			func(*config) {},
		},
		{
			"broker",
			map[string]string{
				"MQTT_URL": "wss://broker.lan/mqtt", "MQTT_USERNAME": "bridge", "MQTT_PASSWORD": " #pass,word ",
				"MQTT_BASE": "home/phones", "BROKER_ADDR": "[::1]:0", "EVENT_FRESH": "1m30s",
			},
			func(c *config) {
				c.MQTT.URL.Address = "wss://broker.lan:443/mqtt"
				c.MQTT.Username = "bridge"
				c.MQTT.Password = secret.New(" #pass,word ")
				c.MQTT.Base = "home/phones"
				c.MQTT.ClientID = "home-phones"
				c.BrokerAddr = "[::1]:0"
				c.EventFresh = 90 * time.Second
			},
		},
		{
			"embedded broker",
			map[string]string{"MQTT_URL": "Embedded", "MQTT_CLIENT_ID": "second", "BROKER_ADDR": "localhost:1884"},
			func(c *config) {
				c.MQTT.ClientID = "second"
				c.BrokerAddr = "localhost:1884"
			},
		},
		{
			"intake",
			map[string]string{
				"HTTP_ADDR": "192.168.0.2:80", "HTTP_URL": "https://phones.lan:8443/", "HTTP_RATE": "010",
				"HTTP_TOKEN": "0123456789abcdef, ABCDEFGHIJKLMNOP_-,", "HTTP_ALLOW": "192.168.7.9/24, fd00::7",
				"DEFAULT_EVENT": "Off-Hook", "HTTP_TOKEN_PER_PHONE": "true", "HTTP_TRUSTED_PROXIES": "10.0.0.2,fd00::/64",
			},
			func(c *config) {
				c.HTTP.Addr = "192.168.0.2:80"
				c.HTTP.URL = "https://phones.lan:8443"
				c.HTTP.Rate = 10
				c.HTTP.Token = tokens{secret.New("0123456789abcdef"), secret.New("ABCDEFGHIJKLMNOP_-")}
				c.HTTP.TokenPerPhone = true
				c.HTTP.TrustedProxies = networks{netip.MustParsePrefix("10.0.0.2/32"), netip.MustParsePrefix("fd00::/64")}
				c.HTTP.Allow = networks{netip.MustParsePrefix("192.168.7.0/24"), netip.MustParsePrefix("fd00::7/128")}
				c.DefaultEvent = eventName(phone.OffHook)
			},
		},
		{
			"phones",
			map[string]string{
				"PHONES": "00:1F:C1:1A:8B:6C@192.168.0.157, 001fc11a8b6d@Phone.lan:8080,001fc11a8b6e@[fd00:0::7]:80,001fc11a8b6f@https://[fd00::8]/",
				"LEARN":  "false", "PHONE_USERNAME": "user", "PHONE_PASSWORD": "p:w", "PHONE_TIMEOUT": "800ms",
				"PHONE_CHARSET": "Windows-1252", "KEY_PAUSE": "0", "COMMAND_TTL": "5s", "PROBE_INTERVAL": "5m",
			},
			func(c *config) {
				c.Phones = phoneList{
					{MAC: "001fc11a8b6c", Source: "PHONES", Host: "192.168.0.157"},
					{MAC: "001fc11a8b6d", Source: "PHONES", Host: "phone.lan:8080"},
					{MAC: "001fc11a8b6e", Source: "PHONES", Host: "fd00::7"},
					{MAC: "001fc11a8b6f", Source: "PHONES", Host: "https://[fd00::8]"},
				}
				c.Learn = false
				c.Phone.Username = "user"
				c.Phone.Password = secret.New("p:w")
				c.Phone.Timeout = 800 * time.Millisecond
				c.Phone.Charset = "windows-1252"
				c.KeyPause = 0
				c.CommandTTL = 5 * time.Second
				c.ProbeInterval = 5 * time.Minute
			},
		},
		{
			"rules on commands",
			map[string]string{
				"COMMANDS": "dial, Hangup,clear_missed,", "DIAL_ALLOW": "2XX, 0z!", "DIAL_DENY": "0900[1-57].,+!,112!", "DIAL_RATE": "0",
			},
			func(c *config) {
				c.Commands = commandNames{"dial", "hangup", "clear_missed"}
				c.Dial.Allow = dialPatterns{"2XX", "0z!"}
				c.Dial.Deny = dialPatterns{"0900[1-57].", "+!", "112!"}
				c.Dial.Rate = 0
			},
		},
		{
			"store, limits, log",
			map[string]string{
				"DATA_DIR": "none", "STORE_MAX": "2gb", "REPEAT_WINDOW": "0s", "RING_LIMIT": "90s", "TALK_LIMIT": "24h",
				"LOG_LEVEL": "Debug", "LOG_FORMAT": "json", "DISCOVERY": "false", "DISCOVERY_PREFIX": "house/ha",
			},
			func(c *config) {
				c.Discovery = false
				c.DiscoveryPrefix = "house/ha"
				c.DataDir = ""
				c.StoreMax = 2e9
				c.RepeatWindow = 0
				c.RingLimit = 90 * time.Second
				c.TalkLimit = 24 * time.Hour
				c.Log = logConfig{Level: logLevel(zerolog.DebugLevel), Format: logJSON}
			},
		},
		{
			"in Kubernetes",
			map[string]string{
				"SERVICE_HOST": "10.0.0.1", "SERVICE_PORT": "8090", "SERVICE_PORT_HTTP": "8090",
				"PORT": "tcp://10.0.0.1:8090", "PORT_8090_TCP": "tcp://10.0.0.1:8090", "PORT_8090_TCP_ADDR": "10.0.0.1",
				"MQTT_SERVICE_HOST": "10.0.0.2", "MQTT_PORT": "tcp://10.0.0.2:1883", "MQTT_PORT_1883_TCP_PROTO": "tcp",
			},
			func(*config) {},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			environment(t, test.set)
			got, err := loadConfig()
			if err != nil {
				t.Fatal(err)
			}
			want := defaults()
			test.want(&want)
			if diff := cmp.Diff(want, got, comparePrefixes); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadLogConfig(t *testing.T) {
	environment(t, map[string]string{"LOG_LEVEL": "warn", "LOG_FORMAT": "", "MQTT_URL": "nonsense", "NO_SUCH": "x"})
	got, err := loadLogConfig()
	if want := (logConfig{Level: logLevel(zerolog.WarnLevel), Format: logAuto}); got != want || err != nil {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	environment(t, map[string]string{"LOG_LEVEL": "loud"})
	if _, err := loadLogConfig(); err == nil || !strings.HasPrefix(err.Error(), "PHONE2MQTT_LOG_LEVEL: ") {
		t.Errorf("got %v, want the variable named", err)
	}
}

// The table is what users see, the struct is what is read.
func TestVariables(t *testing.T) {
	inWords := map[string]string{
		"MQTT_CLIENT_ID": "",
		"HTTP_URL":       "",
		"COMMANDS":       "",
		"DIAL_ALLOW":     "",
		"HTTP_ALLOW":     "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7,169.254.0.0/16,fe80::/10,127.0.0.0/8,::1",
	}
	var want []string
	for _, v := range variables {
		fallback := v.fallback
		if value, ok := inWords[v.name]; ok {
			fallback = value
		} else if fallback == "empty" {
			fallback = ""
		}
		want = append(want, prefix+"_"+v.name+"="+fallback)
	}
	var usage bytes.Buffer
	if err := envconfig.Usagef(prefix, new(config), &usage, "{{range .}}{{usage_key .}}={{usage_default .}}\n{{end}}"); err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(usage.String())
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("struct and table differ (-table +struct):\n%s", diff)
	}
}

func TestVariableTable(t *testing.T) {
	golden(t, "variables.golden", []byte(variableTable()))
}
