package phone

import (
	"encoding/json"
	"net/netip"
	"slices"
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
		"a year in one step":      {at(0), at(366 * 24 * 3600), Span{}},
		"a week, to the second":   {at(0), at(7 * 24 * 3600), Span{true, 7 * 24 * time.Hour}},
		"stored in 1970":          {time.Unix(100, 0), reading, Span{}},
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

// TestOldRecords holds that a state is read that was stored before calls had other ids and numbers.
func TestOldRecords(t *testing.T) {
	const stored = `{"calls":[{"id":"a1","direction":"incoming","state":"talking","remote":{"number":"206"},"local":{},
		"started_at":"2026-11-23T09:00:00Z","answered_at":"2026-11-23T09:00:04Z","heard_at":"2026-11-23T09:00:04Z"}],
		"ended":[{"direction":"incoming","state":"ringing","remote":{"number":"207"},"local":{},"started_at":"2026-11-23T08:59:00Z",
		"heard_at":"2026-11-23T08:59:00Z","ended_at":"2026-11-23T08:59:30Z","result":"missed","rang":{"Known":true,"Length":30000000000},
		"told":"bridge","counted":true}],"missed_calls":1,"last":{"type":"call_established","time":"2026-11-23T09:00:04Z","mac":"001fc11a8b6c",
		"call_id":"a1","account":{},"local":{},"remote":{}},"heard":640}`
	var s State
	if err := json.Unmarshal([]byte(stored), &s); err != nil {
		t.Fatal(err)
	}
	s, _ = s.Apply(Event{Type: CallTerminated, MAC: testMAC, Time: at(64), CallID: "a1", Local: Party{Number: "201"}})
	want := Call{
		ID: "a1", Direction: Incoming, State: Talking, Remote: Party{Number: "206"}, Local: Party{Number: "201"},
		StartedAt: at(0), AnsweredAt: at(4), HeardAt: at(64), EndedAt: at(64), EndedBy: CallTerminated, Result: Answered,
		Rang: Span{true, 4 * time.Second}, Talked: Span{true, time.Minute},
	}
	if diff := cmp.Diff(want, *s.LastCall()); diff != "" {
		t.Errorf("the call that was stored (-want +got):\n%s", diff)
	}
}

// TestIdentity holds that what a phone says of itself is kept until it says otherwise.
func TestIdentity(t *testing.T) {
	var s State
	for i, e := range []Event{
		{Type: SetupCompleted, Model: "UC860", Firmware: "2.0.4.2", IP: netip.MustParseAddr("192.168.0.157"), Local: Party{Name: "Kitchen"}},
		{Type: OffHook},
		{Type: AutopFinished, Firmware: "2.42.6"},
		{Type: IPChanged, IP: netip.MustParseAddr("192.168.0.158")},
	} {
		e.MAC, e.Time = testMAC, at(float64(i))
		s, _ = s.Apply(e)
	}
	got := []string{s.Model, s.Firmware, s.IP.String(), s.Name}
	if want := []string{"UC860", "2.42.6", "192.168.0.158", "Kitchen"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestSwitches holds what events say of the phone as a whole, each in a state that said otherwise.
func TestSwitches(t *testing.T) {
	var off, on State
	off.OffHook, off.DND, off.Muted, off.Forward = Off, Off, Off, Forward{Off, Off, Off}
	on.OffHook, on.DND, on.Muted, on.Forward = On, On, On, Forward{On, On, On}
	tests := map[EventType]struct {
		before State
		after  func(*State)
	}{
		OffHook:            {off, func(s *State) { s.OffHook = On }},
		OnHook:             {on, func(s *State) { s.OffHook = Off }},
		SetupCompleted:     {on, func(s *State) { s.OffHook = NotKnown }},
		Mute:               {off, func(s *State) { s.Muted, s.MuteTold = On, true }},
		Unmute:             {on, func(s *State) { s.Muted, s.MuteTold = Off, true }},
		DNDOn:              {off, func(s *State) { s.DND = On }},
		DNDOff:             {on, func(s *State) { s.DND = Off }},
		AlwaysForwardOn:    {off, func(s *State) { s.Forward.Always = On }},
		AlwaysForwardOff:   {on, func(s *State) { s.Forward.Always = Off }},
		BusyForwardOn:      {off, func(s *State) { s.Forward.Busy = On }},
		BusyForwardOff:     {on, func(s *State) { s.Forward.Busy = Off }},
		NoAnswerForwardOn:  {off, func(s *State) { s.Forward.NoAnswer = On }},
		NoAnswerForwardOff: {on, func(s *State) { s.Forward.NoAnswer = Off }},
		HeadsetPress:       {on, func(*State) {}},
	}
	for event, tt := range tests {
		e := Event{Type: event, MAC: testMAC, Time: at(1)}
		want := tt.before
		want.Last, want.Heard = e, 1<<event
		tt.after(&want)
		got, _ := tt.before.Apply(e)
		if diff := cmp.Diff(want, got, compareIP); diff != "" {
			t.Errorf("%s (-want +got):\n%s", event, diff)
		}
	}
}

// TestWallClockJumps plays one answered call on a computer that starts in 1970, or whose clock is set
// in mid-call, with and without a restart of this program: no duration is negative or absurd.
func TestWallClockJumps(t *testing.T) {
	modern, early := at(0), time.Unix(30, 0)
	tests := map[string]struct {
		ring, answer, end time.Time
		want              Span // talked
	}{
		"right all the time":      {modern, modern.Add(4 * time.Second), modern.Add(64 * time.Second), Span{true, time.Minute}},
		"1970 all the time":       {early, early.Add(4 * time.Second), early.Add(64 * time.Second), Span{}},
		"set in mid-call":         {early, early.Add(4 * time.Second), modern, Span{}},
		"set back in mid-call":    {modern, modern.Add(4 * time.Second), modern.Add(-time.Hour), Span{}},
		"set on by a year":        {modern, modern.Add(4 * time.Second), modern.AddDate(1, 0, 0), Span{}},
		"back to 1970, as it may": {modern, modern.Add(4 * time.Second), early, Span{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var s State
			for i, e := range []Event{{Type: IncomingCall, Time: tt.ring}, {Type: CallEstablished, Time: tt.answer}, {Type: CallTerminated, Time: tt.end}} {
				e.MAC, e.CallID = testMAC, "a1"
				s, _ = s.Apply(e)
				if i < 2 && s.CallState() == Idle {
					t.Fatalf("the call is gone after %s", e.Type)
				}
			}
			if got := s.LastCall().Talked; got != tt.want {
				t.Errorf("talked: got %v, want %v", got, tt.want)
			}
		})
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
	if len(s.Calls) != MostCalls || ended != 100-MostCalls {
		t.Errorf("%d calls go on and %d ended, want %d and %d", len(s.Calls), ended, MostCalls, 100-MostCalls)
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
