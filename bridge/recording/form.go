package recording

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// formVersion is that of the lines below. A reader takes no newer one.
const formVersion = 1

// epoch is the time that a state in a head calls the begin of its set. It is late enough that no time
// before it is one of those that a wall clock is not believed.
var epoch = time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC)

// head begins what one process recorded of one phone on one day.
type head struct {
	Recording    int             `json:"recording"` // the version of the form
	At           elapsed         `json:"t"`
	Version      string          `json:"version"` // of the program
	MAC          phone.MAC       `json:"mac"`     // empty: of requests that no phone could be found for
	Plain        bool            `json:"plain"`
	DefaultEvent phone.EventType `json:"default_event"`
	Ring         elapsed         `json:"ring_limit"`
	Talk         elapsed         `json:"talk_limit"`
	Repeat       elapsed         `json:"repeat_window"`
	State        json.RawMessage `json:"state,omitempty"` // a phone.State before the first request, its times by epoch
}

// entry is one request.
type entry struct {
	At      elapsed `json:"t"`
	Request []byte  `json:"request,omitempty"` // the request line
	Name    string  `json:"name,omitempty"`
	Host    string  `json:"host,omitempty"`

	Charset phone.Charset `json:"charset,omitempty"` // when the request line is not UTF-8
	Rebuilt bool          `json:"rebuilt,omitempty"` // no pseudonym fitted into the line as it was: it says the same, in another form
	Dropped int           `json:"dropped,omitempty"` // requests that are missing before this one
	Full    bool          `json:"full,omitempty"`    // nothing follows on this day: the file has its size
}

// elapsed is a time since the begin of the set, or a length of time, written such as 1m2.5s.
type elapsed time.Duration

// MarshalText writes it exactly.
func (e elapsed) MarshalText() ([]byte, error) { return []byte(time.Duration(e).String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (e *elapsed) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*e = elapsed(d)
	return err
}

// clock measures from the begin of a set: within a process by the monotonic clock, so that a wall clock
// that is set tears nothing apart.
type clock struct {
	start time.Time
	since time.Duration // the begin of the set to start
}

func newClock(begun time.Time) clock {
	start := time.Now()
	return clock{start, start.Sub(begun)}
}

func (c clock) at(t time.Time) elapsed { return elapsed(c.since + t.Sub(c.start)) }

// requestLine is a request as it is recorded.
func requestLine(method, path, query, proto string) string {
	if query != "" {
		path += "?" + query
	}
	return method + " " + path + " " + proto
}

// splitLine gives path and query of a recorded request line.
func splitLine(line string) (path, query string, err error) {
	_, rest, ok := strings.Cut(line, " ")
	end := strings.LastIndex(rest, " HTTP/1.")
	if !ok || end < 0 || !strings.HasPrefix(rest, "/") {
		return "", "", errors.New("its request is not a request line")
	}
	path, query, _ = strings.Cut(rest[:end], "?")
	return path, query, nil
}
