package phone

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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

// script is one history of testdata/calls; the README there tells what it may say.
type script struct {
	name  string
	steps []step
}

// step is one line of a script.
type step struct {
	line  int
	text  string
	kind  stepKind
	event Event    // with its time, for events and for the passing of time
	wants []string // what has to hold
}

type stepKind uint8

const (
	anEvent stepKind = iota
	nothing          // time passes
	stopped          // the program ends
	started          // it comes back with what it stored
	holds
	told
)

func readScripts(t *testing.T) []script {
	t.Helper()
	paths, err := filepath.Glob("testdata/calls/*.txt")
	if err != nil || len(paths) < 60 {
		t.Fatalf("found %d scripts, expected at least 60 (%v)", len(paths), err)
	}
	var scripts []script
	for _, path := range paths {
		s, err := readScript(path)
		if err != nil {
			t.Fatal(err)
		}
		scripts = append(scripts, s)
	}
	return scripts
}

func readScript(path string) (script, error) {
	s := script{name: strings.TrimSuffix(filepath.Base(path), ".txt")}
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		one, err := readStep(text)
		if err != nil {
			return s, fmt.Errorf("%s, line %d: %q: %w", path, n, text, err)
		}
		one.line, one.text = n, text
		s.steps = append(s.steps, one)
	}
	return s, lines.Err()
}

func readStep(text string) (step, error) {
	switch text[0] {
	case '=':
		var wants []string
		for want := range strings.SplitSeq(text[1:], ",") {
			wants = append(wants, strings.TrimSpace(want))
		}
		return step{kind: holds, wants: wants}, nil
	case '>':
		return step{kind: told, wants: []string{strings.TrimSpace(text[1:])}}, nil
	}
	at, rest, _ := strings.Cut(text, " ")
	seconds, err := strconv.ParseFloat(at, 64)
	if err != nil {
		return step{}, err
	}
	fields := strings.Fields(rest)
	s := step{event: Event{MAC: testMAC, Time: testBegin.Add(time.Duration(seconds * float64(time.Second)))}}
	switch fields[0] {
	case "nothing":
		s.kind = nothing
		return s, nil
	case "stopped":
		s.kind = stopped
		return s, nil
	case "started":
		s.kind = started
		return s, nil
	}
	var ok bool
	if s.event.Type, ok = LookupEvent(fields[0]); !ok {
		return s, fmt.Errorf("no such event")
	}
	for _, field := range fields[1:] {
		if err := s.event.setVariable(field); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (e *Event) setVariable(field string) error {
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
	return nil
}

// scriptRun is a phone in the middle of a script.
type scriptRun struct {
	watch watch
	state State
	down  bool               // the program does not run: nothing is due
	told  []string           // derived events not yet asked for
	calls map[time.Time]Call // all that have ended, by when they began, as they were told last
}

// TestCalls runs the scripts as they stand.
func TestCalls(t *testing.T) {
	for _, s := range readScripts(t) {
		t.Run(s.name, func(t *testing.T) {
			for _, problem := range s.run() {
				t.Error(problem)
			}
		})
	}
}

// run plays a script and returns what does not hold.
func (s script) run() (problems []string) {
	var run scriptRun
	for _, one := range s.steps {
		if err := run.take(one); err != nil {
			problems = append(problems, fmt.Sprintf("line %d: %s: %v", one.line, one.text, err))
		}
	}
	if len(run.told) > 0 {
		problems = append(problems, fmt.Sprintf("at the end the script has not asked for %v", run.told))
	}
	return problems
}

func (r *scriptRun) take(s step) error {
	switch s.kind {
	case holds:
		for _, want := range s.wants {
			if err := r.holds(want); err != nil {
				return err
			}
		}
		return nil
	case told:
		got := orWord(strings.Join(r.told, ", "), "none")
		r.told = nil
		if got != s.wants[0] {
			return fmt.Errorf("told: got %s", got)
		}
		return nil
	}
	return r.happens(s)
}

// happens lets time pass up to a step and does what it says.
func (r *scriptRun) happens(s step) error {
	if err := r.passTo(s.event.Time); err != nil {
		return err
	}
	switch s.kind {
	case stopped:
		r.down = true
		return nil
	case started:
		r.down = false
		return r.restart(s.event.Time)
	case nothing:
		return nil
	}
	if r.state.Repeats(s.event, testLimits.Repeat) {
		return nil
	}
	before := r.state
	after, changes := before.Apply(s.event)
	r.state = after
	r.tell(changes[1:])
	return r.watch.event(before, s.event, after, changes)
}

// restart gives the state to the store and takes it back.
func (r *scriptRun) restart(now time.Time) error {
	stored, err := json.Marshal(r.state)
	if err != nil {
		return err
	}
	r.state = State{}
	if err := json.Unmarshal(stored, &r.state); err != nil {
		return err
	}
	return r.expire(now)
}

// passTo lets time pass as the bridge does: whenever something is due.
func (r *scriptRun) passTo(now time.Time) error {
	for !r.down {
		due := r.state.Due(testLimits)
		if due.IsZero() || due.After(now) {
			return nil
		}
		if err := r.expire(due); err != nil {
			return err
		}
	}
	return nil
}

func (r *scriptRun) expire(now time.Time) error {
	before := r.state
	after, changes := before.Expire(now, testMAC, testLimits)
	r.state = after
	r.tell(changes)
	return r.watch.silence(before, after, changes)
}

// tell keeps what was derived, and what is known now of the calls that have ended.
func (r *scriptRun) tell(derived []Change) {
	if r.calls == nil {
		r.calls = make(map[time.Time]Call)
	}
	for _, c := range r.state.Ended {
		r.calls[c.StartedAt] = c
	}
	for _, c := range derived {
		r.calls[c.Call.StartedAt] = *c.Call
		r.told = append(r.told, fmt.Sprintf("%s %s", c.Event.Type, c.Call.Result))
	}
}

func (r *scriptRun) holds(want string) error {
	name, value, _ := strings.Cut(want, " ")
	var last Call
	if c := r.state.LastCall(); c != nil {
		last = *c
	}
	remote := ""
	if c := r.state.Current(); c != nil {
		remote = c.Remote.Number
	}
	var calls, ended []string
	for _, c := range r.state.Calls {
		calls = append(calls, strings.TrimSpace(fmt.Sprintf("%s %s", c.State, c.Remote.Number)))
	}
	for _, c := range r.state.Ended {
		ended = append(ended, strings.TrimSpace(fmt.Sprintf("%s %s", c.Result, c.Remote.Number)))
	}
	got := map[string]string{
		"call_state": string(r.state.CallState()),
		"calls":      orWord(strings.Join(calls, " + "), "none"),
		"ended":      orWord(strings.Join(ended, " + "), "none"),
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
