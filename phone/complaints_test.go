package phone

import (
	"fmt"
	"testing"
	"time"
)

// What users of call monitors complain of most. Each is tried with ids, with numbers alone and with
// events that name nobody.

// waysToName is how a phone tells which call an event is about.
var waysToName = map[string]func(Event) Event{
	"ids": func(e Event) Event { return e },
	"numbers": func(e Event) Event {
		e.CallID = ""
		return e
	},
	"nobody": func(e Event) Event {
		e.CallID, e.Remote = "", Party{}
		return e
	},
}

var (
	firstCaller  = Event{MAC: testMAC, CallID: "a1", Remote: Party{Number: "206"}}
	secondCaller = Event{MAC: testMAC, CallID: "a2", Remote: Party{Number: "207"}}
)

// say lets a phone tell one event, after the one before, and no repeat of it.
func (r *scriptRun) say(t *testing.T, call Event, what EventType) {
	t.Helper()
	call.Type, call.Time = what, r.state.Last.Time.Add(2500*time.Millisecond)
	if r.state.Last.Time.IsZero() {
		call.Time = testBegin
	}
	if err := r.happens(step{event: call}); err != nil {
		t.Fatal(err)
	}
}

// TestComplaintStuckRinging: a call that rang and is over does not stay ringing, whatever one event
// tells its end; and with no end at all it is over after RING_LIMIT.
// (home-assistant/core#43232, gitbock/fritzboxtr064#13)
func TestComplaintStuckRinging(t *testing.T) {
	ends := []EventType{
		CallTerminated, OnHook, BusyToIdle, SetupCompleted, MissedCall, CallRemoteCanceled, RejectIncomingCall, ForwardIncomingCall,
		CallCompletedElsewhere,
	}
	for way, name := range waysToName {
		for _, end := range ends {
			t.Run(fmt.Sprintf("%s by %s", way, end), func(t *testing.T) {
				var run scriptRun
				run.say(t, name(firstCaller), IncomingCall)
				if got := run.state.CallState(); got != Ringing {
					t.Fatalf("before the end it is %s", got)
				}
				run.say(t, name(firstCaller), end)
				if got := run.state.CallState(); got != Idle {
					t.Errorf("it is %s", got)
				}
			})
		}
		t.Run(way+" never told", func(t *testing.T) {
			var run scriptRun
			run.say(t, name(firstCaller), IncomingCall)
			if err := run.passTo(testBegin.Add(testLimits.Ring)); err != nil {
				t.Fatal(err)
			}
			if got := run.state.CallState(); got != Idle {
				t.Errorf("it is %s", got)
			}
		})
		t.Run(way+" answered", func(t *testing.T) {
			var run scriptRun
			run.say(t, name(firstCaller), IncomingCall)
			run.say(t, name(firstCaller), CallEstablished)
			if got := run.state.CallState(); got != Talking {
				t.Errorf("it is %s", got)
			}
		})
	}
}

// TestComplaintMissedCallsNotTold: a call that nobody took is told as missed exactly once, counted
// once, and told apart from one that was taken, whichever words the phone has for it and in whatever
// order. (home-assistant/core#131548, home-assistant/home-assistant.io#42728)
func TestComplaintMissedCallsNotTold(t *testing.T) {
	words := []EventType{MissedCall, CallRemoteCanceled, CallTerminated, BusyToIdle}
	for way, name := range waysToName {
		for set := 1; set < 1<<len(words); set++ {
			var said []EventType
			for i, w := range words {
				if set&(1<<i) != 0 {
					said = append(said, w)
				}
			}
			for _, order := range permutations(said) {
				t.Run(fmt.Sprintf("%s %v", way, order), func(t *testing.T) { complainOfMisses(t, name, order) })
			}
		}
	}
}

func complainOfMisses(t *testing.T, name func(Event) Event, order []EventType) {
	var run scriptRun
	run.say(t, name(secondCaller), IncomingCall)
	run.say(t, name(secondCaller), CallEstablished)
	run.say(t, name(secondCaller), CallTerminated)
	if run.state.MissedCalls != 0 || run.state.LastCall().Result != Answered {
		t.Fatalf("a call that was taken is told as %s", run.state.LastCall().Result)
	}
	run.say(t, name(firstCaller), IncomingCall)
	own := 0
	for i, word := range order {
		e := name(firstCaller)
		e.Type, e.Time = word, run.state.Last.Time.Add(100*time.Millisecond)
		if i == 0 {
			e.Time = run.state.Last.Time.Add(20 * time.Second)
		}
		if word == MissedCall {
			own++
		}
		if err := run.happens(step{event: e}); err != nil {
			t.Fatal(err)
		}
	}
	if err := run.passTo(testBegin.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	told := own
	for _, text := range run.told {
		if text == "missed_call missed" {
			told++
		}
	}
	if told != 1 || run.state.MissedCalls != 1 || run.state.LastCall().Result != Missed {
		t.Errorf("told %d times, counted %d, the result is %s", told, run.state.MissedCalls, run.state.LastCall().Result)
	}
}

// permutations are all orders of some words.
func permutations(words []EventType) [][]EventType {
	if len(words) < 2 {
		return [][]EventType{words}
	}
	var all [][]EventType
	for i := range words {
		var rest []EventType
		rest = append(append(rest, words[:i]...), words[i+1:]...)
		for _, p := range permutations(rest) {
			all = append(all, append([]EventType{words[i]}, p...))
		}
	}
	return all
}

// TestComplaintSecondCallWipesTheFirst: while one call talks, another knocks and ends in any way; the
// first talks on, as muted as it was. (home-assistant/core#95191, home-assistant/core#37757)
func TestComplaintSecondCallWipesTheFirst(t *testing.T) {
	ends := [][]EventType{
		{MissedCall}, {CallRemoteCanceled}, {RejectIncomingCall}, {ForwardIncomingCall}, {CallCompletedElsewhere},
		{MissedCall, CallTerminated}, {CallRemoteCanceled, CallTerminated, MissedCall}, {RejectIncomingCall, CallTerminated},
	}
	for way, name := range waysToName {
		for _, end := range ends {
			t.Run(fmt.Sprintf("%s %v", way, end), func(t *testing.T) {
				var run scriptRun
				run.say(t, name(firstCaller), IncomingCall)
				run.say(t, name(firstCaller), CallEstablished)
				run.say(t, name(firstCaller), Mute)
				first := run.state.Calls[0].StartedAt
				run.say(t, name(secondCaller), IncomingCall)
				for i, word := range end {
					e := name(secondCaller)
					e.Type, e.Time = word, run.state.Last.Time.Add(50*time.Millisecond)
					if i == 0 {
						e.Time = run.state.Last.Time.Add(5 * time.Second)
					}
					if err := run.happens(step{event: e}); err != nil {
						t.Fatal(err)
					}
				}
				if len(run.state.Calls) != 1 || run.state.CallState() != Talking || !run.state.Calls[0].StartedAt.Equal(first) {
					t.Fatalf("the first call is gone: %+v", run.state.Calls)
				}
				if run.state.Muted != On {
					t.Error("the knocking call has unmuted the first")
				}
				run.say(t, name(firstCaller), CallTerminated)
				if run.state.CallState() != Idle || run.state.LastCall().Result != Answered {
					t.Errorf("the first call has not ended: %s, %s", run.state.CallState(), run.state.LastCall().Result)
				}
			})
		}
	}
}
