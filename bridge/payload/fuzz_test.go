package payload

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// checkText holds that a payload is one line of JSON in UTF-8, without what a terminal obeys.
func checkText(t *testing.T, text []byte) {
	t.Helper()
	if !json.Valid(text) || !utf8.Valid(text) || bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\u2028' || r == '\u2029' }) {
		t.Fatalf("payload %q", text)
	}
}

// FuzzEvent holds that whatever a phone sends becomes an event and a state that anybody can read, and
// that do not grow beyond what was sent.
func FuzzEvent(f *testing.F) {
	for _, text := range texts {
		f.Add("/incoming_call/001fc11a8b6c", "remote="+text+"&display_remote="+text)
	}
	f.Add("/call_established/001fc11a8b6c/fe80::1%eth0", "call-id=\x1b[2J&remote=\"\x00\" <sip:\x7f@\"x\">;a")
	f.Add("/registered", "mac=001fc11a8b6c&active_user=\xff&local=sip:%ff@&model=\xe2\x80\xa8&firmware=$firmware")
	f.Fuzz(func(t *testing.T, path, query string) {
		e, err := phone.ParseEvent(phone.SplitWords(path), phone.SplitVariables(query), phone.Dialect{
			Default: phone.IncomingCall,
			Known:   func(phone.MAC) bool { return false },
			Charset: func(phone.MAC) phone.Charset { return phone.GBK },
		})
		if err != nil {
			return
		}
		e.Time = time.Date(2026, time.November, 24, 9, 0, 0, 0, time.UTC)
		var s phone.State
		var changes []phone.Change
		for range 3 { // so that it meets what it left behind, too
			s, changes = s.Apply(e)
		}
		// A byte that is no text is six as \u0000 and three as U+FFFD, and GBK gives three for two. A text
		// may stand in a name, a number and a URI at once, for each of at most three calls.
		most := 4000 + 150*(len(path)+len(query))
		for _, change := range changes {
			text := Event("id", change, s.CallState(), "Desk")
			if checkText(t, text); len(text) > most {
				t.Fatalf("%q %q: an event of %d bytes", path, query, len(text))
			}
		}
		text := State(s, "Desk", "192.168.0.157")
		if checkText(t, text); len(text) > most {
			t.Fatalf("%q %q: a state of %d bytes", path, query, len(text))
		}
	})
}

// FuzzReadRecord holds that a record of the store, however it came to be, is refused, or can be lived
// with: what is told of it is JSON, it is kept as it is, and events find their way through it.
func FuzzReadRecord(f *testing.F) {
	whole := Record{
		State: phone.State{
			Calls: []phone.Call{{ID: "1", State: phone.Talking, Remote: phone.Party{Number: "206", Name: "Bob"}, HeardAt: time.Unix(1e9, 0)}},
			Ended: []phone.Call{{ID: "2", Result: phone.Missed, EndedAt: time.Unix(1e9, 0)}},
			Last:  phone.Event{Type: phone.Hold, MAC: "001fc11a8b6c"},
		},
		Name: "Kitchen", Online: true, Address: "192.168.0.157", Source: netip.MustParseAddr("192.168.0.157"),
	}
	f.Add(whole.JSON())
	f.Add([]byte(`{"state":{"calls":[` + strings.Repeat(`{"state":"ringing"},`, 40) + `{}]}}`))
	f.Add([]byte(`{"state":{"calls":[{"heard_at":"9999-12-31T23:59:59Z"},{"state":"\u0000"}],"off_hook":200,"heard":18446744073709551615}}`))
	f.Add([]byte(`{"state":{"last":{"type":"call_ended"},"missed_calls":-1},"source":"fe80::1%\""}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ReadRecord(text)
		if err != nil {
			return
		}
		kept := r.JSON()
		checkText(t, kept)
		again, err := ReadRecord(kept)
		if err != nil {
			t.Fatalf("%q is kept as %q: %v", text, kept, err)
		}
		if twice := again.JSON(); !bytes.Equal(kept, twice) {
			t.Fatalf("%q is kept as %q, then as %q", text, kept, twice)
		}
		now := time.Date(2026, time.November, 24, 9, 0, 0, 0, time.UTC)
		limits := phone.Limits{Ring: 3 * time.Minute, Talk: 12 * time.Hour, Repeat: 2 * time.Second}
		s := r.State
		s.Due(limits)
		checkText(t, State(s, r.Name, r.Address))
		for _, e := range phone.Events() {
			next, changes := s.Apply(phone.Event{Type: e.Type, MAC: "001fc11a8b6c", CallID: "1", Time: now})
			for _, change := range changes {
				checkText(t, Event("id", change, next.CallState(), r.Name))
			}
			next.Expire(now.Add(24*time.Hour), "001fc11a8b6c", limits)
		}
	})
}
