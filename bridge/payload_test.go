package bridge

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a payload with testdata/<name>.json, which is the same JSON, indented to be read.
func golden(t *testing.T, name string, payload []byte) {
	t.Helper()
	if bytes.ContainsAny(payload, "\n\r") {
		t.Errorf("%s: the payload has more than one line: %s", name, payload)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, payload, "", "  "); err != nil {
		t.Fatalf("%s: %v: %s", name, err, payload)
	}
	got.WriteByte('\n')
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// nine is 2026-11-23T09:00:00Z, in another zone: payloads show UTC.
var nine = time.Date(2026, time.November, 23, 10, 0, 0, 0, time.FixedZone("CET", 3600))

// said makes an event of the phone of the vendor's example, so many seconds after nine.
func said(kind phone.EventType, seconds float64) phone.Event {
	return phone.Event{
		Type: kind, Time: nine.Add(time.Duration(seconds * float64(time.Second))), MAC: "001fc11a8b6c",
		IP: netip.MustParseAddr("192.168.0.157"), Model: "UC860", Firmware: "2.0.4.2", CallID: "a1",
		Account: phone.Party{Number: "201", URI: "sip:201@192.168.0.1"},
		Local:   phone.Party{Number: "201", URI: "sip:201@192.168.0.1", Name: "Kitchen"},
		Remote:  phone.Party{Number: "206", Name: "Bob", URI: "sip:206@192.168.0.1"},
	}
}

// after applies events in order, and gives the last ones' changes too.
func after(events ...phone.Event) (s phone.State, changes []phone.Change) {
	for _, e := range events {
		s, changes = s.Apply(e)
	}
	return s, changes
}

// TestStateJSON holds the state object in its stages; state-talking.json is the contract's example.
func TestStateJSON(t *testing.T) {
	registered := said(phone.Registered, -60)
	registered.CallID, registered.Remote = "", phone.Party{}
	failed := said(phone.RegisterFailed, -50)
	failed.Account = phone.Party{Number: "202"}
	withheld := said(phone.IncomingCall, 20)
	withheld.CallID, withheld.Remote = "", phone.ParseParty("sip:anonymous@anonymous.invalid", "")

	begin := []phone.Event{registered, said(phone.IncomingCall, 0), said(phone.OffHook, 3.5), said(phone.CallEstablished, 4)}
	for name, events := range map[string][]phone.Event{
		"state-unheard":    nil,
		"state-registered": {registered, failed, said(phone.DNDOff, -40), said(phone.AlwaysForwardOn, -39), said(phone.BusyForwardOff, -38)},
		"state-talking":    begin,
		"state-held-and-ringing": append(append([]phone.Event{}, begin...),
			said(phone.Mute, 5), said(phone.Hold, 6), withheld),
		"state-ended":  append(append([]phone.Event{}, begin...), said(phone.CallTerminated, 64.25)),
		"state-missed": {said(phone.IncomingCall, 0), said(phone.CallRemoteCanceled, 12)},
	} {
		s, _ := after(events...)
		host := "192.168.0.157"
		if len(events) == 0 {
			host = ""
		}
		golden(t, name, stateJSON(s, s.Name, host))
	}
}

// TestEventJSON holds the event object, with what call_ended adds and without any call.
func TestEventJSON(t *testing.T) {
	const id = "0193582f-0e80-7abc-8def-0123456789ab"
	incoming, established := said(phone.IncomingCall, 0), said(phone.CallEstablished, 4)
	bare := phone.Event{Type: phone.CallEstablished, Time: established.Time, MAC: established.MAC, CallID: "a1"}
	offHook := phone.Event{Type: phone.OffHook, Time: nine, MAC: "001fc11a8b6c"}
	for name, tt := range map[string]struct {
		events []phone.Event
		change int
	}{
		"event-incoming":         {[]phone.Event{incoming}, 0},
		"event-of-known-call":    {[]phone.Event{incoming, bare}, 0},
		"event-without-call":     {[]phone.Event{offHook}, 0},
		"event-ended":            {[]phone.Event{incoming, established, said(phone.CallTerminated, 64.25)}, 1},
		"event-ended-unknown":    {[]phone.Event{{Type: phone.CallEstablished, Time: nine, MAC: "001fc11a8b6c"}, {Type: phone.SetupCompleted, Time: nine.Add(time.Hour), MAC: "001fc11a8b6c"}}, 1},
		"event-ended-unanswered": {[]phone.Event{said(phone.OutgoingCall, 0), said(phone.CancelCallOut, 7.0004)}, 1},
	} {
		s, changes := after(tt.events...)
		golden(t, name, eventJSON(id, changes[tt.change], s.CallState(), s.Name))
	}
	golden(t, "event-phone-offline", eventJSON(id, phone.Change{
		Event:   phone.Event{Type: phone.PhoneOffline, Time: nine, MAC: "001fc11a8b6c"},
		Derived: true,
	}, phone.Talking, "Küche <1> & \"2\""))
}

// TestResultJSON holds the result object.
func TestResultJSON(t *testing.T) {
	for name, r := range map[string]resultPayload{
		"result-ok": {
			Transaction: json.RawMessage(`"t1"`), Command: new("dial"), Status: statusOK, HTTPStatus: new(200), Sent: 1,
			DurationMS: 12, Time: stamp(nine), MAC: "001fc11a8b6c",
		},
		"result-error": {
			Command: new("dtmf"), Status: statusError, Code: new("stopped"), Error: new("at key=2: a hang-up came first"), HTTPStatus: new(200), Sent: 1,
			DurationMS: 512, Time: stamp(nine), MAC: "001fc11a8b6c",
		},
		"result-repeated": {
			Transaction: json.RawMessage(`7`), Command: new("mute"), Status: statusOK, HTTPStatus: new(200), Sent: 1,
			Time: stamp(nine), MAC: "001fc11a8b6c", Assumed: true, Repeated: true,
		},
		"result-unreadable": {Status: statusError, Code: new("payload"), Error: new("the payload is empty"), Time: stamp(nine), MAC: "001fc11a8b6c"},
	} {
		golden(t, name, marshal(r))
	}
}

// TestStamp shows times in UTC with milliseconds, and no time as null.
func TestStamp(t *testing.T) {
	for want, at := range map[string]time.Time{
		`null`:                       {},
		`"2026-11-23T09:00:00.000Z"`: nine,
		`"2026-11-23T09:00:00.001Z"`: nine.Add(1999 * time.Microsecond),
		`"1970-01-01T00:00:05.000Z"`: time.Unix(5, 0),
	} {
		if got := string(marshal(stamp(at))); got != want {
			t.Errorf("%v: got %s, want %s", at, got, want)
		}
	}
}

// TestNewID gives ids that are UUIDs of version 7, all different, in the order of their times.
func TestNewID(t *testing.T) {
	seen := make(map[string]bool)
	last := ""
	for n := range 1000 {
		id := newID(nine.Add(time.Duration(n) * time.Millisecond))
		if len(id) != 36 || id[14] != '7' || seen[id] || id <= last {
			t.Fatalf("id %d is %q after %q", n, id, last)
		}
		seen[id], last = true, id
	}
	if id := newID(time.Unix(-5, 0)); id[:13] != "00000000-0000" {
		t.Errorf("before 1970: %q", id)
	}
}
