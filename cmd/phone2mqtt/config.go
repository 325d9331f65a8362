package main

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"

	"github.com/phone2mqtt/phone2mqtt/secret"
)

// prefix begins the name of every variable, with an underscore after it.
const prefix = "PHONE2MQTT"

// config is what the environment says, checked. Every field is a variable of the table [variables],
// which tells what it means; a nested name is joined with an underscore. Empty is what was not set
// and has no default.
type config struct {
	MQTT struct {
		URL          brokerURL
		Username     string
		Password     secret.Text
		PasswordFile string    `split_words:"true"`
		ClientID     string    `split_words:"true"`
		CAFile       string    `split_words:"true"`
		CertFile     string    `split_words:"true"`
		KeyFile      string    `split_words:"true"`
		Base         topicRoot `default:"phone2mqtt"`

		// TLS is made of the three files; nil without any.
		TLS *tls.Config `ignored:"true"`
	}
	BrokerAddr listenAddr    `split_words:"true" default:"127.0.0.1:1883"`
	EventFresh time.Duration `split_words:"true" default:"30s"`
	AdminAddr  listenAddr    `split_words:"true"`

	HTTP struct {
		Addr      listenAddr `default:":8090"`
		URL       intakeURL
		Token     tokens
		TokenFile string `split_words:"true"`

		TokenPerPhone  bool     `split_words:"true" default:"false"`
		TrustedProxies networks `split_words:"true"`

		Allow    networks `default:"10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7,169.254.0.0/16,fe80::/10,127.0.0.0/8,::1"`
		Rate     count    `default:"1000"`
		CertFile string   `split_words:"true"`
		KeyFile  string   `split_words:"true"`

		// TLS is made of the two files; nil without them.
		TLS *tls.Config `ignored:"true"`
	}

	Phones     phoneList
	PhonesFile string `split_words:"true"`
	Learn      bool   `default:"true"`
	Phone      struct {
		Username     string        `default:"admin"`
		Password     secret.Text   `default:"admin"`
		PasswordFile string        `split_words:"true"`
		Timeout      time.Duration `default:"5s"`
		Charset      charset       `default:"gbk"`
	}
	Commands commandNames
	Dial     struct {
		Allow dialPatterns
		Deny  dialPatterns
		Rate  count `default:"30"`
	}
	KeyPause      time.Duration `split_words:"true" default:"500ms"`
	CommandTTL    time.Duration `split_words:"true" default:"15s"`
	ProbeInterval time.Duration `split_words:"true" default:"60s"`

	DefaultEvent eventName     `split_words:"true" default:"incoming_call"`
	RepeatWindow time.Duration `split_words:"true" default:"2s"`
	RingLimit    time.Duration `split_words:"true" default:"3m"`
	TalkLimit    time.Duration `split_words:"true" default:"12h"`

	Discovery       bool      `default:"true"`
	DiscoveryPrefix topicRoot `split_words:"true" default:"homeassistant"`

	DataDir  storeDir `split_words:"true" default:"data"`
	StoreMax byteSize `split_words:"true" default:"256MiB"`

	Record struct {
		Dir   string
		Plain bool `default:"false"`
	}

	Log logConfig
}

// logConfig is the only part that `phone2mqtt demo` reads.
type logConfig struct {
	Level  logLevel  `default:"info"`
	Format logFormat `default:"auto"`
}

// loadConfig reads the environment and the files that it names. The error is one line: the variable,
// what is wrong with it and what is expected; it never holds a secret. Variables that are set to
// nothing, and secrets whose file wins over them, are gone from the environment afterwards.
func loadConfig() (config, error) {
	if err := refuseUnknown(os.Environ()); err != nil {
		return config{}, err
	}
	if err := unsetEmpty(); err != nil {
		return config{}, err
	}
	var c config
	if err := envconfig.Process(prefix, &c); err != nil {
		return config{}, explain(err)
	}
	if err := c.readSecrets(); err != nil {
		return config{}, err
	}
	c.MQTT.Username = cmp.Or(c.MQTT.Username, c.MQTT.URL.Username)
	if c.MQTT.Password.Reveal() == "" {
		c.MQTT.Password = c.MQTT.URL.Password
	}
	if c.MQTT.ClientID == "" {
		c.MQTT.ClientID = strings.ReplaceAll(string(c.MQTT.Base), "/", "-")
	}
	if err := c.check(); err != nil {
		return config{}, err
	}
	if err := c.readCertificates(); err != nil {
		return config{}, err
	}
	return c, nil
}

// loadLogConfig reads LOG_LEVEL and LOG_FORMAT and nothing else, with [loadConfig]'s kind of error.
func loadLogConfig() (logConfig, error) {
	if err := unsetEmpty(); err != nil {
		return logConfig{}, err
	}
	var c logConfig
	if err := envconfig.Process(prefix+"_LOG", &c); err != nil {
		return logConfig{}, explain(err)
	}
	return c, nil
}

// unsetEmpty makes what is set to nothing unset: envconfig takes it for a value, and a compose file
// with `${X:-}` makes it. A secret whose file wins goes too, so that a bad one is not complained of.
func unsetEmpty() error {
	for _, v := range variables {
		name := prefix + "_" + v.name
		overruled := slices.Contains(secrets, v.name) && os.Getenv(name+"_FILE") != ""
		if os.Getenv(name) != "" && !overruled {
			continue
		}
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// explain puts envconfig's error into our words. Its own prints the value, which may be a secret.
func explain(err error) error {
	var parse *envconfig.ParseError
	if !errors.As(err, &parse) {
		return err
	}
	switch parse.TypeName {
	case "time.Duration":
		return fmt.Errorf("%s: %q is no duration, expected a number with its unit such as 500ms, 30s or 12h", parse.KeyName, parse.Value)
	case "bool":
		// Without the value: people write a token into HTTP_TOKEN_PER_PHONE.
		return fmt.Errorf("%s: no switch, expected true or false", parse.KeyName)
	}
	return fmt.Errorf("%s: %w", parse.KeyName, parse.Err)
}

// wrong is a mistake in a variable that could be read by itself.
func wrong(name, format string, args ...any) error {
	return fmt.Errorf("%s_%s: %w", prefix, name, fmt.Errorf(format, args...))
}

// check finds what no variable shows by itself, and numbers out of range.
func (c *config) check() error {
	for _, d := range []struct {
		name   string
		value  time.Duration
		orZero bool
	}{
		{"EVENT_FRESH", c.EventFresh, false},
		{"PHONE_TIMEOUT", c.Phone.Timeout, false},
		{"KEY_PAUSE", c.KeyPause, true},
		{"COMMAND_TTL", c.CommandTTL, false},
		{"PROBE_INTERVAL", c.ProbeInterval, false},
		{"REPEAT_WINDOW", c.RepeatWindow, true},
		{"RING_LIMIT", c.RingLimit, false},
		{"TALK_LIMIT", c.TalkLimit, false},
	} {
		if d.value < 0 {
			return wrong(d.name, "%v is negative, expected a time such as 500ms, 30s or 12h", d.value)
		}
		if d.value == 0 && !d.orZero {
			return wrong(d.name, "no time at all, expected one above zero such as 500ms, 30s or 12h")
		}
	}
	if !c.BrokerAddr.loopback() {
		return wrong("BROKER_ADDR", "%q is not a loopback address, expected one such as 127.0.0.1:1883: the broker for trying out lets everyone in", c.BrokerAddr)
	}
	if c.MQTT.Password.Reveal() != "" && c.MQTT.Username == "" {
		return wrong("MQTT_PASSWORD", "MQTT has no password without a name, expected "+prefix+"_MQTT_USERNAME with it")
	}
	if c.AdminAddr != "" && c.AdminAddr == c.HTTP.Addr {
		return wrong("ADMIN_ADDR", "%q is HTTP_ADDR, expected another one, or none: /metrics is on HTTP_ADDR then", c.AdminAddr)
	}
	if c.Discovery && (c.DiscoveryPrefix == c.MQTT.Base || strings.HasPrefix(string(c.DiscoveryPrefix), string(c.MQTT.Base)+"/")) {
		return wrong("DISCOVERY_PREFIX", "%q lies in MQTT_BASE %q, expected the prefix that Home Assistant has, usually homeassistant", c.DiscoveryPrefix, c.MQTT.Base)
	}
	if c.HTTP.TokenPerPhone && len(c.HTTP.Token) == 0 {
		return wrong("HTTP_TOKEN_PER_PHONE", "nothing to make the phones' tokens of, expected %s_HTTP_TOKEN with it; %s", prefix, goodToken)
	}
	// It is published and logged.
	if slices.ContainsFunc(c.HTTP.Token, func(t secret.Text) bool { return strings.Contains(string(c.HTTP.URL), t.Reveal()) }) {
		return wrong("HTTP_URL", "holds a token, expected the address alone: urls adds the token")
	}
	if slices.ContainsFunc(c.HTTP.TrustedProxies, func(n netip.Prefix) bool { return n.Bits() == 0 }) {
		return wrong("HTTP_TRUSTED_PROXIES", "everyone is in it and could claim any address, expected the addresses of your proxies")
	}
	// RFC 7617: the first colon ends the name, so the phone would see another password.
	if strings.Contains(c.Phone.Username, ":") {
		return wrong("PHONE_USERNAME", "a login name on HTTP holds no colon")
	}
	return c.checkFiles()
}

// loopback tells that only this machine can reach the address.
func (a listenAddr) loopback() bool {
	host, _, err := net.SplitHostPort(string(a))
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
