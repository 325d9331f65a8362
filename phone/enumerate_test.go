package phone

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// deeper is how many moves more than every run can afford the enumeration looks ahead.
const deeper = "PHONE_TEST_DEEPER"

// move is one thing that can happen next in the enumeration.
type move struct {
	name  string
	after time.Duration
	event Event // none: time passes
	clear bool  // missed calls are cleared
}

// alphabets are the moves of two calls: named by ids, by numbers, not at all, or in mixed ways. The
// deepest search goes over the first three.
func alphabets() map[string][]move {
	a := Event{CallID: "a", Remote: Party{Number: "206"}}
	b := Event{CallID: "b", Remote: Party{Number: "207"}}
	first := Event{Remote: Party{Number: "206"}}
	second := Event{Remote: Party{Number: "207"}}
	var none Event
	whole := []EventType{OnHook, BusyToIdle}
	return map[string][]move{
		"ids": slices.Concat(
			tells(a, IncomingCall, CallEstablished, CallTerminated, Hold, MissedCall),
			tells(b, IncomingCall, OutgoingCall, CallEstablished, CallTerminated, RejectIncomingCall),
			tells(none, whole...), silences),
		"numbers": slices.Concat(
			tells(first, IncomingCall, CallEstablished, CallTerminated, Hold, MissedCall),
			tells(second, IncomingCall, OutgoingCall, CallEstablished, CallTerminated, RemoteBusy),
			tells(none, whole...), silences),
		"nameless": slices.Concat(
			tells(none, IncomingCall, OutgoingCall, CallEstablished, CallTerminated, Hold, Unhold, MissedCall, RejectIncomingCall,
				CancelCallOut, AnswerNewIncomingCall, AttendedTransfer, TransferFinished, OffHook),
			tells(none, whole...), silences),
		"mixed": slices.Concat(
			tells(a, IncomingCall, CallEstablished, CallTerminated, Hold, MissedCall),
			tells(b, IncomingCall, OutgoingCall, CallEstablished, CallTerminated, RejectIncomingCall),
			tells(second, IncomingCall, OutgoingCall, CallEstablished, CallTerminated, RemoteBusy),
			tells(none, IncomingCall, CallEstablished, CallTerminated, Hold, Unhold, MissedCall, BlindTransfer, AttendedTransfer,
				TransferFinished, TransferFailed, OffHook, SetupCompleted, Mute),
			tells(none, whole...), silences, []move{{name: "clear_missed", clear: true}}),
	}
}

var silences = []move{
	{name: "silence", after: 3 * time.Second},
	{name: "long silence", after: 4 * time.Minute},
}

// tells are the moves in which a phone sends these events with the same variables.
func tells(as Event, kinds ...EventType) []move {
	var all []move
	for _, t := range kinds {
		as.Type, as.MAC = t, testMAC
		all = append(all, move{name: fmt.Sprintf("%s %s%s", t, as.CallID, as.Remote.Number), after: settling / 2, event: as})
	}
	return all
}

// node is a state that the enumeration has reached, and how.
type node struct {
	state State
	at    time.Time
	from  *node
	by    string
}

func (n *node) trail() []string {
	if n == nil || n.from == nil {
		return nil
	}
	return append(n.from.trail(), n.by)
}

// TestEveryOrder tries all histories up to a depth. Two that leave the same state, as far as any rule
// can see, are followed once. Whatever the order, each step holds what [watch] checks, no state that
// was given out changes, and a phone that falls silent is idle after the limits.
func TestEveryOrder(t *testing.T) {
	asked, _ := strconv.Atoi(os.Getenv(deeper))
	for name, alphabet := range alphabets() {
		t.Run(name, func(t *testing.T) {
			depth := 6
			if name == "mixed" {
				depth = 4
			}
			enumerate(t, alphabet, depth+asked)
		})
	}
}

func enumerate(t *testing.T, alphabet []move, depth int) {
	seen := map[string]bool{"": true}
	level := []*node{{at: testBegin}}
	steps := 0
	var key []byte
	for left := depth - 1; left >= 0; left-- {
		var next []*node
		for _, n := range level {
			if err := n.silenced(); err != nil {
				t.Fatalf("%v after %v", err, n.trail())
			}
			calls, ended := slices.Clone(n.state.Calls), slices.Clone(n.state.Ended)
			for i := range alphabet {
				steps++
				reached, err := n.take(&alphabet[i])
				if err != nil {
					t.Fatalf("%v after %v", err, append(n.trail(), alphabet[i].name))
				}
				if left == 0 {
					continue
				}
				if key = appendKey(key[:0], &reached.state, reached.at); !seen[string(key)] {
					seen[string(key)] = true
					next = append(next, &reached)
				}
			}
			if !slices.Equal(calls, n.state.Calls) || !slices.Equal(ended, n.state.Ended) {
				t.Fatalf("a state that was given out has changed: %v", n.trail())
			}
		}
		level = next
	}
	t.Logf("depth %d: %d states, %d steps", depth, len(seen), steps)
}

// silenced holds that a phone of which nothing more is heard is idle after the limits, and that
// nothing is due any more.
func (n *node) silenced() error {
	quiet, _ := n.state.Expire(n.at.Add(testLimits.Talk), testMAC, testLimits)
	if quiet.CallState() != Idle || !quiet.Due(testLimits).IsZero() {
		return fmt.Errorf("after the limits it is still %s", quiet.CallState())
	}
	return nil
}

func (n *node) take(m *move) (node, error) {
	reached := node{at: n.at.Add(m.after), from: n, by: m.name}
	var w watch
	switch {
	case m.clear:
		reached.state = n.state.ClearMissed()
		if reached.state.MissedCalls != 0 {
			return reached, fmt.Errorf("missed calls are left")
		}
		return reached, nil
	case m.event.Type == NoEvent:
		after, changes := n.state.Expire(reached.at, testMAC, testLimits)
		reached.state = after
		return reached, w.silence(n.state, after, changes)
	}
	e := m.event
	e.Time = reached.at
	after, changes := n.state.Apply(e)
	reached.state = after
	return reached, w.event(n.state, e, after, changes)
}

// appendKey writes what a rule can see of a state.
func appendKey(key []byte, s *State, now time.Time) []byte {
	key = append(key, byte(s.OffHook), byte(s.Muted), bit(s.MuteTold), bit(s.Heard.Has(CallEstablished)), byte(s.MissedCalls))
	for _, calls := range [][]Call{s.Calls, s.Ended} {
		key = append(key, byte(len(calls)))
		for i := range calls {
			c := &calls[i]
			for _, text := range []string{c.ID, c.OtherID, c.Remote.Number, c.OtherNumber, string(c.Direction), string(c.State), string(c.Result), string(c.Told)} {
				key = append(append(key, text...), 0)
			}
			key = append(key, bit(c.AnsweredAt.IsZero()), bit(c.Waiting), bit(c.Leaving), bit(c.Counted), byte(c.EndedBy))
			switch {
			case !c.EndedAt.IsZero():
				key = append(key, ageClass(now.Sub(c.EndedAt)))
			case c.Direction == "":
				key = append(key, ageClass(now.Sub(c.StartedAt)))
			}
		}
	}
	return key
}

// ageClass is the same for ages that no rule tells apart.
func ageClass(age time.Duration) byte {
	switch {
	case age >= correctable:
		return 255
	case age >= settling:
		return 254
	}
	return byte(age / (100 * time.Millisecond))
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
