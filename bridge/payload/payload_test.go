package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a payload, spread over lines, with a file of testdata, or writes it.
func golden(t *testing.T, name string, payload []byte) {
	t.Helper()
	var spread bytes.Buffer
	if err := json.Indent(&spread, payload, "", "  "); err != nil {
		t.Fatalf("%s: %v: %s", name, err, payload)
	}
	spread.WriteByte('\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, spread.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), spread.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// at is a time of the example day, in a zone that payloads must not show.
func at(second int) time.Time {
	return time.Date(2026, 11, 23, 10, 0, second, 7_900_000, time.FixedZone("CET", 3600))
}

var (
	bob = phone.Party{Number: "206", Name: `Bob "R&D" <b>`, URI: "sip:206@192.168.0.1"}
	own = phone.Party{Number: "201", URI: "sip:201@192.168.0.1"}

	talking = phone.Call{
		ID: "a1", Direction: phone.Incoming, State: phone.Talking, Account: "201", Remote: bob, Local: own,
		StartedAt: at(0), AnsweredAt: at(4),
	}
	ended = phone.Call{
		ID: "a0", Direction: phone.Outgoing, State: phone.Talking, Remote: phone.Party{Name: "anonymous"},
		StartedAt: at(0), AnsweredAt: at(4), EndedAt: at(30), Result: phone.Answered,
		Rang: phone.Span{Known: true, Length: 4 * time.Second}, Talked: phone.Span{Known: true, Length: 26_000_400 * time.Microsecond},
	}
)

func TestState(t *testing.T) {
	golden(t, "state_unknown.json", State(phone.State{}, "", ""))
	golden(t, "state_full.json", State(phone.State{
		Calls:       []phone.Call{talking, {Direction: phone.Incoming, State: phone.Ringing, StartedAt: at(9)}},
		Ended:       []phone.Call{ended},
		MissedCalls: 2,
		OffHook:     phone.On, Muted: phone.Off, DND: phone.On,
		Forward:  phone.Forward{Always: phone.On, Busy: phone.Off},
		Accounts: []phone.Account{{Number: "201", URI: own.URI, Registered: true}, {Number: "202"}},
		Name:     "what the phone says", Model: "UC860", Firmware: "2.0.4.2", IP: netip.MustParseAddr("192.168.0.157"),
		Last: phone.Event{Type: phone.IncomingCall, Time: at(9)},
	}, "Kitchen", "https://phone.lan"))
	unanswered := ended
	unanswered.AnsweredAt, unanswered.Talked, unanswered.Result = time.Time{}, phone.Span{}, phone.Unknown
	golden(t, "state_ended.json", State(phone.State{Ended: []phone.Call{unanswered}}, "", ""))
}

func TestEvent(t *testing.T) {
	const id = "01936f00-0000-7000-8000-000000000000"
	e := phone.Event{Type: phone.IncomingCall, Time: at(0), MAC: "001fc11a8b6c", CallID: "a1", Account: own, Remote: bob, Local: own}
	golden(t, "event_of_no_call.json", Event(id, phone.Change{Event: phone.Event{Type: phone.DNDOn, Time: at(0), MAC: "001fc11a8b6c"}}, phone.Idle, ""))
	golden(t, "event_alone.json", Event(id, phone.Change{Event: e}, phone.Ringing, "Kitchen"))
	golden(t, "event_with_call.json", Event(id, phone.Change{Event: phone.Event{Type: phone.Mute, Time: at(5), MAC: e.MAC}, Call: &talking}, phone.Talking, ""))
	golden(t, "event_ended.json", Event(id, phone.Change{Event: phone.Event{Type: phone.CallEnded, Time: at(30), MAC: e.MAC}, Derived: true, Call: &ended}, phone.Idle, ""))
}

func TestResult(t *testing.T) {
	golden(t, "result_ok.json", Result{
		Transaction: json.RawMessage(`"door-1"`), Command: "dial", Status: "ok", HTTPStatus: 200, Sent: 1,
		Took: 12_900 * time.Microsecond, Time: at(0), MAC: "001fc11a8b6c",
	}.JSON())
	golden(t, "result_error.json", Result{
		Transaction: json.RawMessage("7"), Command: "an unknown one, whose name is longer than anybody wants to read back", Status: "error",
		Code: "command", Error: "no such command <x>", Time: at(0), MAC: "001fc11a8b6c", Assumed: true, Repeated: true,
	}.JSON())
	golden(t, "result_nameless.json", Result{Status: "error", Code: "payload", Error: "empty"}.JSON())
}

func TestBridge(t *testing.T) {
	golden(t, "bridge.json", Bridge{
		Version: "1.0.0", StartedAt: at(0), Base: "home/phones", Broker: "mqtt://broker:1883", Phones: 2, HTTPURL: "http://192.168.0.2:8090",
	}.JSON())
	golden(t, "bridge_unknown.json", Bridge{}.JSON())
}

func TestResponse(t *testing.T) {
	golden(t, "response_ok.json", Response(map[string]string{"mac": "001fc11a8b6c"}, nil, json.RawMessage(`"t"`)))
	golden(t, "response_error.json", Response(nil, errors.New("no phone is known"), nil))
}

func TestNewID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	var ids []string
	for _, when := range []time.Time{time.Unix(-1, 0), time.UnixMilli(1), at(0), at(0).Add(time.Millisecond), at(1)} {
		id := NewID(when)
		if !form.MatchString(id) {
			t.Errorf("%q is no UUID of version 7", id)
		}
		ids = append(ids, id)
	}
	if !slices.IsSorted(ids) {
		t.Errorf("the ids do not sort by time: %q", ids)
	}
	if one, other := NewID(at(0)), NewID(at(0)); one == other {
		t.Error("two ids of one moment are equal")
	}
}
