package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/secret"
	"github.com/rs/zerolog"
)

// brokerURL is where the broker is. Without an address it is the embedded one.
type brokerURL struct {
	Address  string // without the login
	Username string
	Password secret.Text
}

// Decode never repeats the value, which may hold a login.
func (u *brokerURL) Decode(value string) error {
	*u = brokerURL{}
	if strings.EqualFold(value, "embedded") {
		return nil
	}
	if written, err := url.Parse(value); err == nil && written.User != nil {
		password, _ := written.User.Password()
		u.Username, u.Password = written.User.Username(), secret.New(password)
		if password != "" && u.Username == "" {
			return errors.New("a password without a name, expected mqtt://name:password@host")
		}
		written.User = nil
		value = written.String()
	}
	parsed, err := mqtt.ParseURL(value)
	if err != nil {
		return err
	}
	u.Address = parsed.String()
	return nil
}

// embedded tells that the broker is our own.
func (u brokerURL) embedded() bool { return u.Address == "" }

// encrypted tells that the connection uses TLS.
func (u brokerURL) encrypted() bool {
	scheme, _, _ := strings.Cut(u.Address, "://")
	return slices.Contains([]string{"mqtts", "ssl", "wss"}, scheme)
}

// topicRoot is what all our topics begin with.
type topicRoot string

// Decode refuses what a broker would refuse (MQTT 3.1.1, clause 4.7), and what would put an empty
// level into every topic.
func (t *topicRoot) Decode(value string) error {
	const longest = 200
	switch {
	case strings.ContainsAny(value, "+#"):
		return fmt.Errorf("%q holds a wildcard, expected a topic such as home/phones", value)
	case strings.HasPrefix(value, "$"):
		return fmt.Errorf("%q begins with a $, which is the broker's own, expected a topic such as home/phones", value)
	case slices.Contains(strings.Split(value, "/"), ""):
		return fmt.Errorf("%q has an empty level, expected a topic such as home/phones without a slash at its ends", value)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		return fmt.Errorf("%q holds what cannot be printed, expected a topic such as home/phones", value)
	case len(value) > longest:
		return fmt.Errorf("%d bytes are too long, expected at most %d", len(value), longest)
	}
	*t = topicRoot(value)
	return nil
}

// listenAddr is where we listen; the host may be empty for every address of this machine.
type listenAddr string

// Decode wants a port in digits: a name of one depends on the machine.
func (a *listenAddr) Decode(value string) error {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is no address to listen on, expected host:port or :port such as :8090", value)
	}
	*a = listenAddr(value)
	return nil
}

// intakeURL is how phones reach us, without a slash at its end.
type intakeURL string

// Decode never repeats the value, which may hold a login or the token.
func (u *intakeURL) Decode(value string) error {
	parsed, err := url.Parse(value)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" {
		return errors.New("not a URL, expected something like http://192.168.0.2:8090")
	}
	if parsed.User != nil || parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "" {
		return errors.New("holds a login, a query or a fragment, expected something like http://192.168.0.2:8090")
	}
	trimmed := strings.TrimRight(parsed.String(), "/")
	// The phone takes what follows a % for an escape or a variable of its own.
	if strings.Contains(trimmed, "%") {
		return errors.New("holds a character that must be written with %, expected something like http://192.168.0.2:8090")
	}
	*u = intakeURL(trimmed)
	return nil
}

// count is a decimal number, zero or above.
type count int

// Decode takes digits only: envconfig's own integers take 010 for eight.
func (c *count) Decode(value string) error {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return fmt.Errorf("%q is no count, expected a whole number from 0", value)
	}
	*c = count(n)
	return nil
}

// byteSize is a number of bytes.
type byteSize int64

// Decode wants a unit: 256 alone would be a store for nothing.
func (b *byteSize) Decode(value string) error {
	const least = 1 << 20
	number := strings.TrimRightFunc(value, unicode.IsLetter)
	unit, known := map[string]uint64{
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
		"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
	}[strings.ToLower(value[len(number):])]
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
	if err != nil || !known || n > math.MaxInt64/unit {
		return fmt.Errorf("%q is no size, expected a whole number with its unit such as 256MiB or 2GB", value)
	}
	if n*unit < least {
		return fmt.Errorf("%q is too small, expected at least 1MiB", value)
	}
	*b = byteSize(n * unit)
	return nil
}

// storeDir is the directory of the store, empty for a temporary one that is not kept.
type storeDir string

// Decode takes any path.
func (d *storeDir) Decode(value string) error {
	*d = storeDir(value)
	if value == "none" {
		*d = ""
	}
	return nil
}

// charset is how bytes that are not UTF-8 are read.
type charset phone.Charset

// Decode takes the names that [phone.ParseCharset] knows.
func (c *charset) Decode(value string) error {
	parsed, err := phone.ParseCharset(value)
	*c = charset(parsed)
	return err
}

// eventName is an event that a phone can report.
type eventName phone.EventType

// Decode takes the spellings that Action URLs may use.
func (e *eventName) Decode(value string) error {
	event, known := phone.LookupEvent(value)
	if !known {
		return fmt.Errorf("%q is no event, did you mean %s?", value, phone.NearestEvent(value))
	}
	*e = eventName(event)
	return nil
}

// logLevel is the least that is logged.
type logLevel zerolog.Level

// Decode takes the levels that this program uses.
func (l *logLevel) Decode(value string) error {
	level, known := map[string]zerolog.Level{
		"debug": zerolog.DebugLevel, "info": zerolog.InfoLevel, "warn": zerolog.WarnLevel, "error": zerolog.ErrorLevel,
	}[strings.ToLower(value)]
	if !known {
		return fmt.Errorf("%q is no level, expected debug, info, warn or error", value)
	}
	*l = logLevel(level)
	return nil
}

// logFormat is how log lines are written.
type logFormat string

// The formats. The first chooses console on a terminal and JSON elsewhere.
const (
	logAuto    logFormat = "auto"
	logConsole logFormat = "console"
	logJSON    logFormat = "json"
)

// Decode takes one of the three.
func (f *logFormat) Decode(value string) error {
	format := logFormat(strings.ToLower(value))
	if !slices.Contains([]logFormat{logAuto, logConsole, logJSON}, format) {
		return fmt.Errorf("%q is no format, expected auto, console or json", value)
	}
	*f = format
	return nil
}
