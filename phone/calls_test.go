package phone

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	testLimits = Limits{Ring: 3 * time.Minute, Talk: 12 * time.Hour, Repeat: 2 * time.Second}
	testBegin  = time.Date(2026, time.November, 23, 9, 0, 0, 0, time.UTC)
)

const testMAC MAC = "001fc11a8b6c"

// TestCalls runs the scripts of testdata/calls; their README tells what they may say.
func TestCalls(t *testing.T) {
	scripts, err := filepath.Glob("testdata/calls/*.txt")
	if err != nil || len(scripts) < 20 {
		t.Fatalf("found %d scripts, expected at least 20 (%v)", len(scripts), err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txt"), func(t *testing.T) {
			f, err := os.Open(script)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			run := scriptRun{now: testBegin}
			lines := bufio.NewScanner(f)
			for n := 1; lines.Scan(); n++ {
				if err := run.line(strings.TrimSpace(lines.Text())); err != nil {
					t.Errorf("line %d: %q: %v", n, lines.Text(), err)
				}
			}
			if len(run.told) > 0 {
				t.Errorf("at the end the script has not asked for %v", run.told)
			}
		})
	}
}

// scriptRun is a phone in the middle of a script.
type scriptRun struct {
	state State
	now   time.Time
	told  []string // derived events not yet asked for
}

func (r *scriptRun) line(line string) error {
	switch {
	case line == "" || line[0] == '#':
		return nil
	case line[0] == '=':
		for want := range strings.SplitSeq(line[1:], ",") {
			if err := r.holds(strings.TrimSpace(want)); err != nil {
				return err
			}
		}
		return nil
	case line[0] == '>':
		want := strings.TrimSpace(line[1:])
		got := strings.Join(r.told, ", ")
		r.told = nil
		if got == "" {
			got = "none"
		}
		if got != want {
			return fmt.Errorf("told: got %s", got)
		}
		return nil
	}
	return r.event(line)
}

func (r *scriptRun) event(line string) error {
	at, rest, _ := strings.Cut(line, " ")
	seconds, err := strconv.ParseFloat(at, 64)
	if err != nil {
		return err
	}
	fields := strings.Fields(rest)
	e := Event{MAC: testMAC, Time: testBegin.Add(time.Duration(seconds * float64(time.Second)))}
	r.passTo(e.Time)
	if fields[0] == "nothing" {
		return nil
	}
	var ok bool
	if e.Type, ok = LookupEvent(fields[0]); !ok {
		return fmt.Errorf("no such event")
	}
	for _, field := range fields[1:] {
		name, value, _ := strings.Cut(field, "=")
		value = strings.Trim(value, `"`)
		switch name {
		case "id":
			e.CallID = value
		case "remote":
			e.Remote.Number = value
		case "name":
			e.Remote.Name = value
		case "account":
			e.Account.Number, e.Local.Number = value, value
		default:
			return fmt.Errorf("no such variable: %s", name)
		}
	}
	if r.state.Repeats(e, testLimits.Repeat) {
		return nil
	}
	var changes []Change
	r.state, changes = r.state.Apply(e)
	if changes[0].Event != e || changes[0].Derived {
		return fmt.Errorf("the first change is not the event itself")
	}
	r.tell(changes[1:])
	return nil
}

// passTo lets time pass as the bridge does: whenever something is due.
func (r *scriptRun) passTo(now time.Time) {
	for {
		due := r.state.Due(testLimits)
		if due.IsZero() || due.After(now) {
			r.now = now
			return
		}
		var changes []Change
		r.state, changes = r.state.Expire(due, testMAC, testLimits)
		r.tell(changes)
	}
}

func (r *scriptRun) tell(changes []Change) {
	for _, c := range changes {
		r.told = append(r.told, fmt.Sprintf("%s %s", c.Event.Type, c.Call.Result))
	}
}

func (r *scriptRun) holds(want string) error {
	name, value, _ := strings.Cut(want, " ")
	last := Call{}
	if c := r.state.LastCall(); c != nil {
		last = *c
	}
	remote := ""
	if c := r.state.Current(); c != nil {
		remote = c.Remote.Number
	}
	var calls []string
	for _, c := range r.state.Calls {
		calls = append(calls, fmt.Sprintf("%s %s", c.State, c.Remote.Number))
	}
	got := map[string]string{
		"call_state": string(r.state.CallState()),
		"calls":      orWord(strings.Join(calls, " + "), "none"),
		"remote":     orWord(remote, "null"),
		"last":       orWord(string(last.Result), "null"),
		"talked":     spanText(last.Talked),
		"rang":       spanText(last.Rang),
		"missed":     strconv.Itoa(r.state.MissedCalls),
		"muted":      flagText(r.state.Muted),
		"off_hook":   flagText(r.state.OffHook),
		"dnd":        flagText(r.state.DND),
		"registered": flagText(r.state.Registered()),
	}
	if _, ok := got[name]; !ok {
		return fmt.Errorf("cannot ask for %q", name)
	}
	if got[name] != value {
		return fmt.Errorf("%s: got %s, want %s", name, got[name], value)
	}
	return nil
}

func orWord(text, word string) string {
	if text == "" {
		return word
	}
	return text
}

func spanText(s Span) string {
	if !s.Known {
		return "null"
	}
	return strconv.FormatFloat(s.Length.Seconds(), 'f', -1, 64)
}

func flagText(f Flag) string { return []string{"null", "false", "true"}[f] }

// TestApplyLeavesItsInput holds that a state, once given out, never changes.
func TestApplyLeavesItsInput(t *testing.T) {
	var states []State
	var pictures []string
	s := State{}
	at := testBegin
	for round := range 3 {
		for _, row := range Events() {
			states, pictures = append(states, s), append(pictures, fmt.Sprintf("%+v", s))
			at = at.Add(time.Second)
			s, _ = s.Apply(Event{Type: row.Type, Time: at, MAC: testMAC, CallID: strconv.Itoa(round), Remote: Party{Number: "206"}, Account: Party{Number: "201"}})
			s, _ = s.Expire(at, testMAC, testLimits)
			s = s.ClearMissed()
		}
	}
	for i := range states {
		if got := fmt.Sprintf("%+v", states[i]); got != pictures[i] {
			t.Fatalf("state %d changed later:\n got %s\nwant %s", i, got, pictures[i])
		}
	}
}

// TestEveryOrder tries all short histories: whatever the order, the state agrees with itself, and a
// phone that falls silent is idle after the limits.
func TestEveryOrder(t *testing.T) {
	var alphabet []Event
	for _, kind := range []EventType{IncomingCall, OutgoingCall, CallEstablished, CallTerminated, OnHook, OffHook, Hold, MissedCall, RejectIncomingCall, BusyToIdle, SetupCompleted} {
		alphabet = append(alphabet, Event{Type: kind, MAC: testMAC}, Event{Type: kind, MAC: testMAC, CallID: "a", Remote: Party{Number: "206"}})
	}
	histories := 0
	var walk func(s State, at time.Time, depth int, trail []string)
	walk = func(s State, at time.Time, depth int, trail []string) {
		histories++
		if problem := disagrees(s); problem != "" {
			t.Fatalf("%s after %v", problem, trail)
		}
		if depth == 0 {
			quiet, _ := s.Expire(at.Add(testLimits.Talk), testMAC, testLimits)
			if quiet.CallState() != Idle {
				t.Fatalf("still %s after the limits: %v", quiet.CallState(), trail)
			}
			return
		}
		for _, e := range alphabet {
			e.Time = at
			next, changes := s.Apply(e)
			ended := len(s.Calls) - len(next.Calls)
			if told := len(changes) - 1; ended > told {
				t.Fatalf("%d calls ended and %d call_ended were told by %s after %v", ended, told, e.Type, trail)
			}
			walk(next, at.Add(time.Second), depth-1, append(slices.Clip(trail), fmt.Sprint(e.Type, e.CallID)))
		}
	}
	walk(State{}, testBegin, 4, nil)
	t.Logf("%d histories", histories)
}

// disagrees names the first way in which a state contradicts itself.
func disagrees(s State) string {
	missed := 0
	for _, c := range s.Ended {
		if c.EndedAt.IsZero() || c.Result == "" || c.EndedAt.Before(c.StartedAt) {
			return fmt.Sprintf("an ended call without end: %+v", c)
		}
		if c.Counted != (c.Result == Missed) {
			return fmt.Sprintf("a %s call that is counted as missed: %v", c.Result, c.Counted)
		}
		if c.Counted {
			missed++
		}
	}
	if s.MissedCalls < missed {
		return fmt.Sprintf("%d missed calls counted, %d known", s.MissedCalls, missed)
	}
	for _, c := range s.Calls {
		if !c.EndedAt.IsZero() || c.State == Idle || c.State == "" || c.State == Talking && c.AnsweredAt.IsZero() {
			return fmt.Sprintf("a call that cannot be: %+v", c)
		}
	}
	if (s.CallState() == Idle) != (len(s.Calls) == 0) {
		return "idle with calls, or busy without"
	}
	return ""
}
