package phone

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// outcome is what a phone's history came to.
type outcome struct {
	results []Result // of all calls, by party, account and begin
	missed  int
}

// play runs events without asking what holds, and lets the limits pass after them.
func play(events []step) (outcome, error) {
	var run scriptRun
	for _, s := range events {
		if err := run.happens(s); err != nil {
			return outcome{}, fmt.Errorf("%s: %w", s.text, err)
		}
	}
	last := events[len(events)-1].event.Time
	if err := run.passTo(last.Add(2 * testLimits.Talk)); err != nil {
		return outcome{}, err
	}
	if run.state.CallState() != Idle {
		return outcome{}, fmt.Errorf("still %s after the limits", run.state.CallState())
	}
	if run.watch.begun != run.watch.ended {
		return outcome{}, fmt.Errorf("%d calls began, and the end of %d was told", run.watch.begun, run.watch.ended)
	}
	o := outcome{missed: run.state.MissedCalls}
	inOrder := slices.SortedFunc(maps.Values(run.calls), func(a, b Call) int {
		return cmp.Or(cmp.Compare(a.Remote.Number, b.Remote.Number), cmp.Compare(a.Account, b.Account), a.StartedAt.Compare(b.StartedAt))
	})
	for _, c := range inOrder {
		o.results = append(o.results, c.Result)
	}
	return o, nil
}

// acceptable is what a call may be told as, at worst, when one of its events is lost or comes in the
// wrong place. Never is an unanswered call told as answered, and never one as missed that this side
// had begun.
var acceptable = map[Result][]Result{
	Answered:  {Unknown, Missed, Rejected, Failed, Canceled},
	Missed:    {Unknown, Rejected, Forwarded, Elsewhere},
	Rejected:  {Unknown, Missed},
	Forwarded: {Unknown, Missed},
	Elsewhere: {Unknown, Missed},
	Canceled:  {Unknown, Failed, Busy},
	Busy:      {Unknown, Failed, Canceled},
	Failed:    {Unknown, Canceled, Busy},
	Unknown:   {Missed, Failed, Canceled, Answered},
}

// variant is a way in which a phone may tell a history otherwise than the script does.
type variant struct {
	name string
	of   func([]step) [][]step
	// The worst that is acceptable: how many calls fewer or more may be told. With as many, each has to be
	// right or acceptable.
	fewer, more int
	exact       bool // nothing at all may differ
}

var variants = []variant{
	{name: "every event doubled", of: doubled, exact: true},
	// A lost begin loses a call or tells it from its middle on; a lost end leaves it to the limits.
	{name: "one event dropped", of: dropped, fewer: 1, more: 1},
	// An end that overtakes its begin leaves a call that rings until its limit.
	{name: "neighbours swapped", of: swapped, fewer: 1, more: 1},
	// Two calls of the same number cannot be told apart while both ring.
	{name: "ids removed", of: withoutIDs, fewer: 1, more: 1},
	// Calls that begin while another of that id rings are taken for the same.
	{name: "one id for all", of: withOneID, fewer: 2, more: 1},
}

// TestVariants runs every script in each of them.
func TestVariants(t *testing.T) {
	scripts := readScripts(t)
	runs := 0
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			for _, s := range scripts {
				events := slices.DeleteFunc(slices.Clone(s.steps), func(one step) bool { return one.kind == holds || one.kind == told })
				want, err := play(events)
				if err != nil {
					t.Fatalf("%s: %v", s.name, err)
				}
				for n, changed := range v.of(events) {
					runs++
					got, err := play(changed)
					if err != nil {
						t.Errorf("%s, %d: %v", s.name, n, err)
					} else if problem := v.judge(want, got); problem != "" {
						t.Errorf("%s, %d: %s", s.name, n, problem)
					}
				}
			}
		})
	}
	t.Logf("%d scripts, %d variants run", len(scripts), runs)
}

func (v variant) judge(want, got outcome) string {
	if v.exact {
		if !slices.Equal(want.results, got.results) || want.missed != got.missed {
			return fmt.Sprintf("got %v, want %v", got, want)
		}
		return ""
	}
	if more := len(got.results) - len(want.results); more > v.more || -more > v.fewer {
		return fmt.Sprintf("%d calls were told, %d are right: %v, not %v", len(got.results), len(want.results), got.results, want.results)
	}
	if len(got.results) != len(want.results) {
		return ""
	}
	for i, result := range got.results {
		if result != want.results[i] && !slices.Contains(acceptable[want.results[i]], result) {
			return fmt.Sprintf("call %d is told as %s, and %s is right", i+1, result, want.results[i])
		}
	}
	return ""
}

func doubled(events []step) [][]step {
	var twice []step
	for _, s := range events {
		twice = append(twice, s)
		if s.kind == anEvent {
			twice = append(twice, s)
		}
	}
	return [][]step{twice}
}

func dropped(events []step) [][]step {
	var all [][]step
	for i, s := range events {
		if s.kind == anEvent && len(events) > 1 {
			all = append(all, slices.Delete(slices.Clone(events), i, i+1))
		}
	}
	return all
}

// swapped exchanges neighbours, and leaves the times where they are.
func swapped(events []step) [][]step {
	var all [][]step
	for i := 1; i < len(events); i++ {
		if events[i].kind != anEvent || events[i-1].kind != anEvent {
			continue
		}
		other := slices.Clone(events)
		other[i-1], other[i] = events[i], events[i-1]
		other[i-1].event.Time, other[i].event.Time = events[i-1].event.Time, events[i].event.Time
		all = append(all, other)
	}
	return all
}

func withoutIDs(events []step) [][]step { return withID(events, "") }

func withOneID(events []step) [][]step { return withID(events, "x") }

// withID gives all events that have an id the same one.
func withID(events []step, id string) [][]step {
	other, changed := slices.Clone(events), false
	for i := range other {
		if other[i].event.CallID != "" {
			other[i].event.CallID, changed = id, true
		}
	}
	if !changed {
		return nil
	}
	return [][]step{other}
}
