package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// Whatever is marked so must never be printed.
const hidden = "S3CRET"

// The error is read by whoever typed the variable: word by word in testdata/mistakes.golden.
func TestMistakes(t *testing.T) {
	var got bytes.Buffer
	for _, test := range []struct {
		name string
		set  map[string]string
	}{
		{"unknown", map[string]string{"MQTT_USER": "x"}},
		{"unknown, misspelt", map[string]string{"COMAND_TTL": "5s"}},
		{"unknown, nothing like it", map[string]string{"X": "y"}},
		{"unknown, the first in order", map[string]string{"ZZ": "1", "AA": "1"}},
		{"unknown, cut short", map[string]string{"MQTT_PASS": hidden}},
		{"a guess that Kubernetes would make", map[string]string{"HTTP_PORT": "9000"}},

		{"duration without unit", map[string]string{"KEY_PAUSE": "500"}},
		{"duration in words", map[string]string{"RING_LIMIT": "3 minutes"}},
		{"negative duration", map[string]string{"KEY_PAUSE": "-1s"}},
		{"no time at all", map[string]string{"PHONE_TIMEOUT": "0"}},
		{"negative limit", map[string]string{"TALK_LIMIT": "-12h"}},
		{"negative rate", map[string]string{"HTTP_RATE": "-1"}},
		{"rate in hex", map[string]string{"HTTP_RATE": "0x10"}},
		{"neither true nor false", map[string]string{"LEARN": "yes"}},

		{"web address as broker", map[string]string{"MQTT_URL": "http://broker:1883"}},
		{"broker without scheme", map[string]string{"MQTT_URL": "broker:1883"}},
		{"broker without host", map[string]string{"MQTT_URL": "mqtt://"}},
		{"broker on port 0", map[string]string{"MQTT_URL": "mqtt://broker:0"}},
		{"password in the URL without name", map[string]string{"MQTT_URL": "mqtt://:" + hidden + "@broker"}},
		{"login in a URL with a bad port", map[string]string{"MQTT_URL": "mqtt://bridge:" + hidden + "@broker:0"}},
		{"broken URL with login", map[string]string{"MQTT_URL": "mqtt://bridge:" + hidden + "%zz@broker"}},
		{"password without name", map[string]string{"MQTT_PASSWORD": hidden}},
		{"embedded broker for everyone", map[string]string{"BROKER_ADDR": ":1883"}},
		{"embedded broker on the network", map[string]string{"BROKER_ADDR": "192.168.0.2:1883"}},
		{"two listeners at one address", map[string]string{"ADMIN_ADDR": ":8090"}},
		{"discovery into our own topics", map[string]string{"MQTT_BASE": "home/phones", "DISCOVERY_PREFIX": "home/phones"}},
		{"wildcard in the discovery prefix", map[string]string{"DISCOVERY_PREFIX": "home/#"}},
		{"discovery neither on nor off", map[string]string{"DISCOVERY": "yes"}},
		{"wildcard in the base", map[string]string{"MQTT_BASE": "home/+"}},
		{"base with leading slash", map[string]string{"MQTT_BASE": "/home"}},
		{"base with trailing slash", map[string]string{"MQTT_BASE": "home/"}},
		{"base of the broker", map[string]string{"MQTT_BASE": "$SYS"}},
		{"base with a line end", map[string]string{"MQTT_BASE": "home\n"}},
		{"base too long", map[string]string{"MQTT_BASE": strings.Repeat("x", 201)}},

		{"broker's certificate without key", map[string]string{"MQTT_URL": "mqtts://broker", "MQTT_CERT_FILE": "cert.pem"}},
		{"key without certificate", map[string]string{"HTTP_KEY_FILE": "key.pem"}},
		{"authority for a broker in the clear", map[string]string{"MQTT_URL": "mqtt://broker", "MQTT_CA_FILE": "ca.pem"}},
		{"certificate for the embedded broker", map[string]string{"MQTT_CERT_FILE": "cert.pem", "MQTT_KEY_FILE": "key.pem"}},
		{"no such authority", map[string]string{"MQTT_URL": "mqtts://broker", "MQTT_CA_FILE": "testdata/none"}},
		{"authority that is none", map[string]string{"MQTT_URL": "mqtts://broker", "MQTT_CA_FILE": "testdata/words.txt"}},
		{"broker's certificate that is none", map[string]string{"MQTT_URL": "ssl://broker", "MQTT_CERT_FILE": "testdata/words.txt", "MQTT_KEY_FILE": "testdata/words.txt"}},
		{"no such certificate", map[string]string{"HTTP_CERT_FILE": "testdata/none", "HTTP_KEY_FILE": "testdata/none"}},

		{"listen without port", map[string]string{"HTTP_ADDR": "192.168.0.2"}},
		{"listen on a port alone", map[string]string{"HTTP_ADDR": "8090"}},
		{"listen on a port's name", map[string]string{"HTTP_ADDR": ":http"}},
		{"listen beyond the last port", map[string]string{"HTTP_ADDR": ":65536"}},
		{"intake URL without scheme", map[string]string{"HTTP_URL": "192.168.0.2:8090"}},
		{"intake URL with login", map[string]string{"HTTP_URL": "http://me:" + hidden + "@192.168.0.2"}},
		{"intake URL with a query", map[string]string{"HTTP_URL": "http://192.168.0.2/?token=" + hidden}},
		{"intake URL with a blank", map[string]string{"HTTP_URL": "http://192.168.0.2/a b"}},
		{"token too short", map[string]string{"HTTP_TOKEN": hidden}},
		{"second token too long", map[string]string{"HTTP_TOKEN": "0123456789abcdef," + strings.Repeat(hidden, 11)}},
		{"token with a slash", map[string]string{"HTTP_TOKEN": "0123456789/" + hidden}},
		{"token like a MAC", map[string]string{"HTTP_TOKEN": "00-1f-c1-1a-8b-6c"}},
		{"token like an event", map[string]string{"HTTP_TOKEN": "Call-Established"}},
		{"tokens without any", map[string]string{"HTTP_TOKEN": " , "}},
		{"tokens of phones, of nothing", map[string]string{"HTTP_TOKEN_PER_PHONE": "true"}},
		{"tokens of phones neither on nor off", map[string]string{"HTTP_TOKEN": "0123456789abcdef", "HTTP_TOKEN_PER_PHONE": "yes"}},
		{"proxy that is none", map[string]string{"HTTP_TRUSTED_PROXIES": "proxy.lan"}},
		{"proxy that is never met", map[string]string{"HTTP_TRUSTED_PROXIES": "::ffff:10.0.0.2"}},
		{"everyone a proxy", map[string]string{"HTTP_TRUSTED_PROXIES": "10.0.0.2,0.0.0.0/0"}},
		{"network that is none", map[string]string{"HTTP_ALLOW": "192.168.0.0/16,10.0.0.0/33"}},
		{"network that is never met", map[string]string{"HTTP_ALLOW": "::ffff:192.168.0.0/112"}},
		{"no network", map[string]string{"HTTP_ALLOW": ","}},
		{"no event", map[string]string{"DEFAULT_EVENT": "incomming_call"}},

		{"MAC too short", map[string]string{"PHONES": "001fc11a8b6c@192.168.0.157,001fc11a8b@192.168.0.158"}},
		{"phone without host", map[string]string{"PHONES": "001fc11a8b6c"}},
		{"phone on port 0", map[string]string{"PHONES": "001fc11a8b6c@192.168.0.157:0"}},
		{"phone with login", map[string]string{"PHONES": "001fc11a8b6c@admin:" + hidden + "@192.168.0.157"}},
		{"login before the phone", map[string]string{"PHONES": "admin:" + hidden + "@192.168.0.157"}},
		{"phone twice", map[string]string{"PHONES": "001fc11a8b6c@192.168.0.157,00:1F:C1:1A:8B:6C@192.168.0.158"}},
		{"host twice", map[string]string{"PHONES": "001fc11a8b6c@phone.lan,001fc11a8b6d@Phone.lan:80"}},
		{"colon in a name on HTTP", map[string]string{"PHONE_USERNAME": "admin:" + hidden}},
		{"unknown charset", map[string]string{"PHONE_CHARSET": "klingon"}},

		{"no such command", map[string]string{"COMMANDS": "dial,dail"}},
		{"key as a command", map[string]string{"COMMANDS": "Reboot,AutoP"}},
		{"command topic as a command", map[string]string{"COMMANDS": "set/dial"}},
		{"no command", map[string]string{"COMMANDS": ","}},
		{"pattern with an underscore", map[string]string{"DIAL_ALLOW": "2XX,_0900X."}},
		{"pattern of a shell", map[string]string{"DIAL_DENY": "00*?"}},
		{"pattern with a letter", map[string]string{"DIAL_DENY": "0900Y."}},
		{"pattern with a blank", map[string]string{"DIAL_DENY": "09 00!"}},
		{"pattern with an open bracket", map[string]string{"DIAL_DENY": "00!,0[1-5"}},
		{"pattern with a list in brackets", map[string]string{"DIAL_DENY": "0[1,5]"}},
		{"pattern with a range backwards", map[string]string{"DIAL_ALLOW": "[5-1]XX"}},
		{"pattern that goes on after its end", map[string]string{"DIAL_DENY": "0900.1"}},
		{"no pattern", map[string]string{"DIAL_ALLOW": " ,"}},
		{"negative dial rate", map[string]string{"DIAL_RATE": "-1"}},
		{"dial rate with a unit", map[string]string{"DIAL_RATE": "30/m"}},

		{"store without unit", map[string]string{"STORE_MAX": "256"}},
		{"store too small", map[string]string{"STORE_MAX": "1KiB"}},
		{"store that overflows", map[string]string{"STORE_MAX": "99999999TiB"}},
		{"store in nonsense", map[string]string{"STORE_MAX": "lots"}},
		{"negative store", map[string]string{"STORE_MAX": "-1MiB"}},
		{"unknown level", map[string]string{"LOG_LEVEL": "loud"}},
		{"unknown format", map[string]string{"LOG_FORMAT": "xml"}},

		{"no such secret", map[string]string{"PHONE_PASSWORD_FILE": "testdata/none"}},
		{"token in the address of the intake", map[string]string{"HTTP_URL": "http://10.0.0.1/" + hidden + "-0123456789", "HTTP_TOKEN": hidden + "-0123456789"}},
		{"secret that is a directory", map[string]string{"MQTT_PASSWORD_FILE": "testdata"}},
		{"empty secret", map[string]string{"MQTT_PASSWORD_FILE": "testdata/empty.txt"}},
		{"bad token in a file", map[string]string{"HTTP_TOKEN_FILE": "testdata/words.txt"}},
	} {
		environment(t, test.set)
		_, err := loadConfig()
		if err == nil {
			t.Errorf("%s: accepted", test.name)
			continue
		}
		if line := err.Error(); strings.Contains(line, hidden) || strings.Contains(line, "\n") {
			t.Errorf("%s: %q: want one line without the secret", test.name, line)
		}
		fmt.Fprintf(&got, "# %s\n%s\n", test.name, err)
	}
	golden(t, "mistakes.golden", got.Bytes())
}
