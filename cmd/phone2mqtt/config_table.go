package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// variable is one line of the table that -h prints and docs/configuration.md shows.
type variable struct {
	name     string // after the prefix
	fallback string // the value, or in words what comes of setting none
	meaning  string
}

// variables are all that is read from the environment. What is not here ends the start.
var variables = []variable{
	{"MQTT_URL", "empty", "broker: mqtt://host:1883, mqtts://, ws:// or wss://; empty or embedded: one of our own, for trying out only"},
	{"BROKER_ADDR", "127.0.0.1:1883", "where the embedded broker listens; loopback only"},
	{"MQTT_USERNAME", "empty", "login name at the broker"},
	{"MQTT_PASSWORD", "empty", "password at the broker"},
	{"MQTT_PASSWORD_FILE", "empty", "file with the password; wins over MQTT_PASSWORD"},
	{"MQTT_CLIENT_ID", "MQTT_BASE, / as -", "client id at the broker; every instance needs its own"},
	{"MQTT_CA_FILE", "empty", "PEM file of the authorities that the broker is verified with; empty: the system's"},
	{"MQTT_CERT_FILE", "empty", "PEM file of our certificate for the broker"},
	{"MQTT_KEY_FILE", "empty", "PEM file of the key to MQTT_CERT_FILE"},
	{"MQTT_BASE", "phone2mqtt", "what all topics begin with"},
	{"EVENT_FRESH", "30s", "an event that had to wait longer goes to event/late"},
	{"HTTP_ADDR", ":8090", "where phones send their events, and where health is asked"},
	{"ADMIN_ADDR", "empty", "a second listener for /metrics, /healthz and /readyz; empty: /metrics is on HTTP_ADDR"},
	{"HTTP_URL", "guessed", "how phones reach HTTP_ADDR; used in printed Action URLs"},
	{"HTTP_TOKEN", "empty", "when set, every Action URL must carry it as a path word; comma list, the first is printed; 16 to 64 of A-Z a-z 0-9 _ -"},
	{"HTTP_TOKEN_FILE", "empty", "file with the token; wins over HTTP_TOKEN"},
	{"HTTP_TOKEN_PER_PHONE", "false", "the URL of each phone must carry a token of that phone alone, made of HTTP_TOKEN: phone2mqtt urls MAC"},
	{"HTTP_ALLOW", "private networks, link-local, loopback", "comma list of the networks (CIDR) that may send events and read /metrics"},
	{"HTTP_RATE", "1000", "events a second that one address may send, five times that at once; 0: no limit"},
	{"HTTP_TRUSTED_PROXIES", "empty", "comma list of the proxies (CIDR) that are believed where a request came from (X-Forwarded-For)"},
	{"HTTP_CERT_FILE", "empty", "PEM file of the certificate for HTTP_ADDR; read again when it changes; empty: no TLS"},
	{"HTTP_KEY_FILE", "empty", "PEM file of the key to HTTP_CERT_FILE"},
	{"PHONES", "empty", "comma list of phones: mac@host[:port]"},
	{"PHONES_FILE", "empty", "YAML file of phones with what is particular to each; wins over PHONES; read again when it changes and on SIGHUP"},
	{"LEARN", "true", "add a phone that is not listed when it sends an event; false: also forget at the start those that were added"},
	{"PHONE_USERNAME", "admin", "login name at the phones"},
	{"PHONE_PASSWORD", "admin", "password at the phones"},
	{"PHONE_PASSWORD_FILE", "empty", "file with the password; wins over PHONE_PASSWORD"},
	{"PHONE_TIMEOUT", "5s", "longest time for one request to a phone"},
	{"PHONE_CHARSET", "gbk", "for bytes that are not UTF-8: gbk (Windows-1252 where GBK does not fit), or a fixed one by its IANA name"},
	{"COMMANDS", "all", "comma list of the commands that may be sent"},
	{"DIAL_ALLOW", "all", "comma list of the numbers that may be dialled, as patterns such as 2XX,0Z!"},
	{"DIAL_DENY", "empty", "comma list of the numbers that may not, whatever DIAL_ALLOW says"},
	{"DIAL_RATE", "30", "dials and transfers a minute on one phone; 0: no limit"},
	{"KEY_PAUSE", "500ms", "least time after a key before the next request to that phone"},
	{"COMMAND_TTL", "15s", "a command that could not be started within this time is refused"},
	{"PROBE_INTERVAL", "60s", "how often a phone's web port is tried; three misses in a row: offline"},
	{"DEFAULT_EVENT", "incoming_call", "event of an Action URL that names none"},
	{"REPEAT_WINDOW", "2s", "an equal event of a phone within this time is a repeat"},
	{"RING_LIMIT", "3m", "a ringing or dialing call that nothing was heard of for this time has ended"},
	{"TALK_LIMIT", "12h", "a talking or held call that nothing was heard of for this time has ended"},
	{"DISCOVERY", "true", "announce the phones to Home Assistant; false: take back what was announced"},
	{"DISCOVERY_PREFIX", "homeassistant", "Home Assistant's discovery prefix"},
	{"DATA_DIR", "data", "directory of the store; none: a temporary one that is not kept"},
	{"STORE_MAX", "256MiB", "most that waiting messages may take"},
	{"RECORD_DIR", "empty", "directory for recordings of what the phones send, to be replayed; empty: nothing is recorded"},
	{"RECORD_PLAIN", "false", "record numbers, names and hosts as they are, not as pseudonyms"},
	{"LOG_LEVEL", "info", "debug, info, warn or error"},
	{"LOG_FORMAT", "auto", "console, json, or auto: console on a terminal, json elsewhere"},
}

// variableTable is the table as -h prints it, a line each.
func variableTable() string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, v := range variables {
		// Nothing that is written into a Builder fails.
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", v.name, v.fallback, v.meaning)
	}
	_ = table.Flush()
	return text.String()
}
