package phone

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func at(seconds float64) time.Time {
	return testBegin.Add(time.Duration(seconds * float64(time.Second)))
}

func TestRepeats(t *testing.T) {
	ring := Event{Type: IncomingCall, MAC: testMAC, Time: at(0), CallID: "a1", Remote: Party{Number: "206"}}
	failed := Event{Type: RegisterFailed, MAC: testMAC, Time: at(0), Account: Party{Number: "201"}}
	tests := map[string]struct {
		before []Event
		event  Event
		want   bool
	}{
		"the first event":               {nil, ring, false},
		"the same within the window":    {[]Event{ring}, with(ring, at(1.9)), true},
		"the same after the window":     {[]Event{ring}, with(ring, at(2)), false},
		"another in between":            {[]Event{ring, {Type: Mute, MAC: testMAC, Time: at(0.5)}}, with(ring, at(1)), false},
		"another caller":                {[]Event{ring}, Event{Type: IncomingCall, MAC: testMAC, Time: at(1), CallID: "a1", Remote: Party{Number: "207"}}, false},
		"a clock that went back":        {[]Event{ring}, with(ring, at(-1)), false},
		"a failure that lasts":          {[]Event{failed, with(ring, at(30))}, with(failed, at(599)), true},
		"a failure told ten minutes on": {[]Event{failed}, with(failed, at(600)), false},
		"another account's failure":     {[]Event{failed}, Event{Type: RegisterFailed, MAC: testMAC, Time: at(1), Account: Party{Number: "202"}}, false},
		"a failure after a success":     {[]Event{failed, {Type: Registered, MAC: testMAC, Time: at(1), Account: Party{Number: "201"}}}, with(failed, at(30)), false},
		"a named account's first":       {[]Event{{Type: RegisterFailed, MAC: testMAC, Time: at(0)}}, with(failed, at(30)), false},
		"a failure of no account":       {[]Event{{Type: RegisterFailed, MAC: testMAC, Time: at(0)}}, Event{Type: RegisterFailed, MAC: testMAC, Time: at(30)}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var s State
			for _, e := range tt.before {
				s, _ = s.Apply(e)
			}
			if got := s.Repeats(tt.event, testLimits.Repeat); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func with(e Event, at time.Time) Event {
	e.Time = at
	return e
}

// TestClocks holds that no duration is negative or absurd when the wall clock cannot be believed.
func TestClocks(t *testing.T) {
	reading := time.Now()
	tests := map[string]struct {
		from, to time.Time
		want     Span
	}{
		"ordinary":                {at(0), at(4), Span{true, 4 * time.Second}},
		"backwards":               {at(4), at(0), Span{}},
		"begun before 2020":       {time.Unix(100, 0), at(0), Span{}},
		"both before 2020":        {time.Unix(100, 0), time.Unix(160, 0), Span{}},
		"never":                   {time.Time{}, at(0), Span{}},
		"by the monotonic clock":  {reading, reading.Add(time.Minute), Span{true, time.Minute}},
		"one from before a start": {reading.Round(0), reading.Add(time.Minute), Span{true, time.Minute}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := between(tt.from, tt.to); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestStateOutlivesARestart holds that the store gives back what it was given, and that calls whose
// limit passed meanwhile have ended.
func TestStateOutlivesARestart(t *testing.T) {
	var s State
	for i, e := range []Event{
		{Type: Registered, Account: Party{Number: "201", URI: "sip:201@pbx"}},
		{Type: RegisterFailed, Account: Party{Number: "202"}},
		{Type: DNDOn, Model: "UC860"},
		{Type: OutgoingCall, CallID: "b0", Remote: Party{Number: "205"}},
		{Type: CallTerminated, CallID: "b0"},
		{Type: IncomingCall, CallID: "a1", Remote: Party{Number: "206", Name: "Bob"}},
		{Type: CallEstablished, CallID: "a1"},
		{Type: Mute},
		{Type: IncomingCall, CallID: "a2", Remote: Party{Number: "207"}},
	} {
		e.MAC, e.Time = testMAC, at(float64(i))
		s, _ = s.Apply(e)
	}
	stored, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back State
	if err := json.Unmarshal(stored, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, back, compareIP); diff != "" {
		t.Fatalf("the state came back changed (-want +got):\n%s", diff)
	}
	back, changes := back.Expire(at(600), testMAC, testLimits)
	if len(changes) != 1 || changes[0].Event.Type != CallEnded || changes[0].Call.ID != "a2" || changes[0].Call.Result != Unknown {
		t.Errorf("after ten minutes the ringing call did not end as unknown: %+v", changes)
	}
	if back.CallState() != Talking {
		t.Errorf("after ten minutes the talk did not go on: %s", back.CallState())
	}
	if _, changes = back.Expire(at(-600), testMAC, testLimits); len(changes) != 1 {
		t.Errorf("with a clock set back, calls of unknown age did not end: %+v", changes)
	}
}

// TestMostEnded holds that a flood of short calls does not make the record grow.
func TestMostEnded(t *testing.T) {
	var s State
	for i := range 1000 {
		e := Event{Type: OutgoingCall, MAC: testMAC, Time: at(float64(i) / 1000), CallID: strconv.Itoa(i)}
		s, _ = s.Apply(e)
		e.Type = CallTerminated
		s, _ = s.Apply(e)
	}
	if len(s.Ended) != mostEnded || s.LastCall().ID != "999" {
		t.Errorf("%d ended calls kept, the last %s; want %d and 999", len(s.Ended), s.LastCall().ID, mostEnded)
	}
}

// TestMostCalls holds that something that lies cannot fill the memory.
func TestMostCalls(t *testing.T) {
	var s State
	ended := 0
	for i := range 100 {
		e := Event{Type: IncomingCall, MAC: testMAC, Time: at(float64(i)), CallID: string(rune('A' + i)), Account: Party{Number: string(rune('A' + i))}}
		var changes []Change
		s, changes = s.Apply(e)
		ended += len(changes) - 1
		e.Type = Registered
		s, _ = s.Apply(e)
	}
	if len(s.Calls) != mostCalls || ended != 100-mostCalls {
		t.Errorf("%d calls go on and %d ended, want %d and %d", len(s.Calls), ended, mostCalls, 100-mostCalls)
	}
	if len(s.Accounts) != mostAccounts {
		t.Errorf("%d accounts, want %d", len(s.Accounts), mostAccounts)
	}
}

func BenchmarkApply(b *testing.B) {
	events := []Event{
		{Type: IncomingCall, CallID: "a1", Remote: Party{Number: "206"}},
		{Type: CallEstablished, CallID: "a1"},
		{Type: CallTerminated, CallID: "a1"},
		{Type: BusyToIdle},
	}
	s := State{}
	now := testBegin
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e := events[i%len(events)]
		now = now.Add(time.Second)
		e.Time = now
		s, _ = s.Apply(e)
	}
}
