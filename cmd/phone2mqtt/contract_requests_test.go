package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge"
)

// requestCase is one block of testdata/requests: what goes over the wire, and what has to come of it.
type requestCase struct {
	name    string // of the file, and the line of its first request line
	request string
	status  int               // 0: any
	body    []string          // that the answer's body holds
	event   map[string]string // members of the event as JSON; nil: none may come
	state   map[string]string // members of the state as JSON
}

// TestRequests sends every request of testdata/requests over a socket of its own to the running program
// and looks at the answer and at what arrives in MQTT.
func TestRequests(t *testing.T) {
	s := startScene(t, func(c *bridge.Config) { c.Limits.Repeat = 0 })
	// With two phones at this address a request without a MAC names none.
	s.tell(t, "001fc1000001", "registered")
	s.tell(t, "001fc1000002", "registered")
	s.taken(t, 2)
	for _, c := range requestCases(t) {
		t.Run(c.name, func(t *testing.T) { s.check(t, c) })
	}
}

func (s *scene) check(t *testing.T, c requestCase) {
	before := len(s.reported())
	answer := exchange(t, s.intake, "", c.request)
	head, body, ok := strings.Cut(answer, "\r\n\r\n")
	fields := strings.Fields(head)
	if !ok || len(fields) < 2 {
		t.Fatalf("answered %q", answer)
	}
	if status := fields[1]; c.status != 0 && status != strconv.Itoa(c.status) {
		t.Errorf("answered %s %q, want %d", status, body, c.status)
	}
	for _, want := range c.body {
		if !strings.Contains(body, want) {
			t.Errorf("the answer's body is %q, want something with %q", body, want)
		}
	}
	if c.event != nil {
		s.compare(t, c, s.taken(t, before+1))
	}
	// What comes now comes after all that the request can have caused.
	s.tell(t, vendor, "setup_completed")
	before = before + 1
	if c.event != nil {
		before++
	}
	s.taken(t, before)
	if all := s.reported(); len(all) != before {
		t.Errorf("one event too many: %s", all[len(all)-2].payload)
	}
}

func (s *scene) compare(t *testing.T, c requestCase, event message) {
	t.Helper()
	got := make(map[string]string)
	for name := range c.event {
		got[name] = event.member(name)
	}
	if diff := cmp.Diff(c.event, got); diff != "" {
		t.Errorf("the event (-want +got):\n%s", diff)
	}
	state := s.last(t, event.text("mac")+"/state", "is there", func(message) bool { return true })
	for name, want := range c.state {
		if got := state.member(name); got != want {
			t.Errorf("state: %s is %s, want %s", name, got, want)
		}
	}
}

// reported are the events of all phones that were not derived.
func (w *watcher) reported() []message {
	return slices.DeleteFunc(w.seen(), func(m message) bool {
		return !strings.HasSuffix(m.topic, "/event") || strings.Contains(m.payload, `"derived":true`)
	})
}

// taken waits for the n-th event of all and returns it.
func (w *watcher) taken(t *testing.T, n int) message {
	t.Helper()
	eventually(t, "event "+strconv.Itoa(n), func() bool { return len(w.reported()) >= n })
	return w.reported()[n-1]
}

// requestCases reads testdata/requests.
func requestCases(t *testing.T) []requestCase {
	t.Helper()
	files, err := filepath.Glob("testdata/requests/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no requests", err)
	}
	var cases []requestCase
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fresh := true
		for i, line := range strings.Split(string(text), "\n") {
			at := filepath.Base(file) + ":" + strconv.Itoa(i+1)
			word, rest, _ := strings.Cut(line, " ")
			switch {
			case line == "" || word == "#":
				fresh = fresh || line == ""
				continue
			case (word == ">" || word == "|") && fresh:
				cases = append(cases, requestCase{name: at})
			case len(cases) == 0:
				t.Fatalf("%s: %q before any request", at, line)
			}
			fresh = false
			if err := cases[len(cases)-1].read(word, rest); err != "" {
				t.Fatalf("%s: %s", at, err)
			}
		}
	}
	return cases
}

// read takes one line of a block.
func (c *requestCase) read(word, rest string) (mistake string) {
	switch word {
	case ">":
		c.request += unescaped(rest) + "\r\n"
	case "|":
		c.request += unescaped(rest)
	case "<":
		status, err := strconv.Atoi(rest)
		if err != nil {
			return "no status: " + rest
		}
		c.status = status
	case "body":
		c.body = append(c.body, rest)
	case "event", "state":
		name, value, _ := strings.Cut(rest, " ")
		if !json.Valid([]byte(value)) {
			return "no JSON: " + value
		}
		if word == "state" {
			c.state = with(c.state, name, value)
		} else {
			c.event = with(c.event, name, value)
		}
	default:
		return "unknown word " + word
	}
	return ""
}

func with(m map[string]string, name, value string) map[string]string {
	if m == nil {
		m = make(map[string]string)
	}
	m[name] = value
	return m
}

// unescaped undoes \xNN, \t, \r, \n and \\; everything else stands for itself.
func unescaped(line string) string {
	var b strings.Builder
	for line != "" {
		if c, _, rest, err := strconv.UnquoteChar(line, 0); err == nil && line[0] == '\\' {
			b.WriteByte(byte(c))
			line = rest
			continue
		}
		b.WriteByte(line[0])
		line = line[1:]
	}
	return b.String()
}
