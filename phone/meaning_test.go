package phone

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// preferences says which call each event means, most likely first, when it names none, and in which
// states it means a call whose number it tells otherwise. Written down apart from the rules, in the
// words of docs/calls.md.
var preferences = map[EventType]struct{ nameless, despite string }{
	IncomingCall:           {"ringing", ""},
	OutgoingCall:           {"dialing", ""},
	CallEstablished:        {"dialing ringing talking on_hold", "dialing ringing"},
	AnswerNewIncomingCall:  {"ringing", "ringing"},
	Hold:                   {"talking dialing on_hold ringing", "talking dialing"},
	Unhold:                 {"on_hold talking dialing ringing", "on_hold"},
	Mute:                   {"talking dialing ringing on_hold", "talking dialing ringing on_hold"},
	Unmute:                 {"talking dialing ringing on_hold", "talking dialing ringing on_hold"},
	TransferCall:           {"talking dialing ringing on_hold", "talking dialing ringing on_hold"},
	BlindTransfer:          {"talking dialing ringing on_hold", "talking dialing ringing on_hold"},
	AttendedTransfer:       {"talking dialing ringing on_hold", "talking dialing ringing on_hold"},
	TransferFailed:         {"talking dialing ringing on_hold", "talking dialing ringing on_hold"},
	TransferFinished:       {"talking on_hold", ""},
	CallTerminated:         {"talking dialing ringing on_hold", "talking dialing ringing on_hold"},
	MissedCall:             {"ringing", ""},
	CallRemoteCanceled:     {"ringing", ""},
	RejectIncomingCall:     {"ringing", ""},
	ForwardIncomingCall:    {"ringing", ""},
	CallCompletedElsewhere: {"ringing", ""},
	CancelCallOut:          {"dialing", "dialing"},
	RemoteBusy:             {"dialing", "dialing"},
}

var callStates = []CallState{Talking, Dialing, Ringing, OnHold}

// phoneWith is a phone with one call in each of these states, the first the oldest; they differ by
// number, and the call's position in the list is its local number.
func phoneWith(states ...CallState) State {
	var s State
	for i, state := range states {
		c := Call{State: state, StartedAt: at(float64(i)), HeardAt: at(float64(i)), Direction: Incoming}
		c.Remote.Number, c.Local.Number = fmt.Sprint(206+i), fmt.Sprint(i)
		if state == Dialing {
			c.Direction = Outgoing
		}
		if state == Talking || state == OnHold {
			c.AnsweredAt = at(float64(i))
		}
		s.Calls = append(s.Calls, c)
	}
	return s
}

// TestMeaning holds the rules to what is written down above.
func TestMeaning(t *testing.T) {
	for _, problem := range slices.Concat(meaningProblems(), despiteProblems(), wholeProblems()) {
		t.Error(problem)
	}
}

// meaningProblems sends each event without a name to every pair of calls, and sees which one it is about.
func meaningProblems() (problems []string) {
	for event, prefer := range preferences {
		order := strings.Fields(prefer.nameless)
		for _, first := range callStates {
			for _, second := range callStates {
				want := ""
				a, b := slices.Index(order, string(first)), slices.Index(order, string(second))
				switch {
				case event == IncomingCall:
					// A nameless call beside one with a number is a call of its own.
				case a >= 0 && (b < 0 || a < b):
					want = "0"
				case b >= 0:
					want = "1"
				}
				s, changes := phoneWith(first, second).Apply(Event{Type: event, MAC: testMAC, Time: at(60)})
				if got := meantCall(changes[0]); got != want {
					problems = append(problems, fmt.Sprintf("%s, %s and %s: means %q, want %q", event, first, second, got, want))
				}
				if err := disagrees(s); err != nil {
					problems = append(problems, fmt.Sprintf("%s, %s and %s: %v", event, first, second, err))
				}
			}
		}
	}
	return problems
}

func meantCall(c Change) string {
	if c.Call == nil {
		return ""
	}
	return c.Call.Local.Number
}

// despiteProblems sends each event with a number that no call has to one call in every state, and to
// two in the same state, where it must mean none; and with an id that is new.
func despiteProblems() (problems []string) {
	for event, prefer := range preferences {
		var states, renamed []string
		for _, state := range callStates {
			other := Event{Type: event, MAC: testMAC, Time: at(60), Remote: Party{Number: "299"}}
			_, changes := phoneWith(state).Apply(other)
			if meantCall(changes[0]) == "0" {
				states = append(states, string(state))
			}
			if _, changes = phoneWith(state, state).Apply(other); meantCall(changes[0]) != "" {
				problems = append(problems, fmt.Sprintf("%s means one of two %s calls alike", event, state))
			}
			s := phoneWith(state)
			s.Calls[0].ID = "a1"
			_, changes = s.Apply(Event{Type: event, MAC: testMAC, Time: at(60), CallID: "z9", Remote: Party{Number: "206"}})
			if meantCall(changes[0]) == "0" {
				renamed = append(renamed, string(state))
			}
		}
		want := strings.Fields(prefer.despite)
		slices.Sort(want)
		for _, got := range [][]string{states, renamed} {
			if slices.Sort(got); !slices.Equal(got, want) {
				problems = append(problems, fmt.Sprintf("%s means %v under another name, want %v", event, got, want))
			}
		}
	}
	return problems
}

// wholeProblems sends the events that mean every call to phones with several.
func wholeProblems() (problems []string) {
	left := map[EventType]map[string]string{
		OnHook: {
			"talking dialing on_hold": "on_hold", "talking ringing": "ringing", "ringing": "", "on_hold": "on_hold", "dialing": "",
			"ringing on_hold": "on_hold", "talking talking": "",
		},
		BusyToIdle:     {"talking dialing ringing on_hold": "", "ringing ringing": ""},
		SetupCompleted: {"talking dialing ringing on_hold": "", "on_hold": ""},
	}
	for event, cases := range left {
		for before, want := range cases {
			var states []CallState
			for word := range strings.FieldsSeq(before) {
				states = append(states, CallState(word))
			}
			s, _ := phoneWith(states...).Apply(Event{Type: event, MAC: testMAC, Time: at(60)})
			var got []string
			for _, c := range s.Calls {
				got = append(got, string(c.State))
			}
			if strings.Join(got, " ") != want {
				problems = append(problems, fmt.Sprintf("%s, %s: left are %v, want %q", event, before, got, want))
			}
		}
	}
	return problems
}

// TestSettling holds the second in which a call that ended may still be meant by what has no id.
func TestSettling(t *testing.T) {
	ring := Event{Type: IncomingCall, MAC: testMAC, Time: at(0), Remote: Party{Number: "206"}}
	for _, tt := range []struct {
		after time.Duration
		want  CallState
	}{{settling - 1, Idle}, {settling, Talking}} {
		s, _ := State{}.Apply(ring)
		end := ring
		end.Type, end.Time = CallTerminated, at(5)
		s, _ = s.Apply(end)
		late := ring
		late.Type, late.Time = CallEstablished, at(5).Add(tt.after)
		if s, _ = s.Apply(late); s.CallState() != tt.want {
			t.Errorf("an answer %s after the end makes the phone %s, want %s", tt.after, s.CallState(), tt.want)
		}
	}
}
