package phone

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// histories is how many histories a phone of each temperament tells in TestTemperaments, if not 100.
const histories = "PHONE_TEST_HISTORIES"

// score counts what was told of true histories.
type score struct {
	calls, right, less int // less: unknown, or failed where the reason was not told
	wrong              map[lie]int
	phantoms           int // told, and never happened
	moments, states    int // how often the phone's state was looked at, and was right
	histories, missed  int // in how many histories the count of missed calls was right
	firstWrong         string
}

// lie is a call that was one thing and is told as another.
type lie struct{ is, told Result }

func (l lie) String() string { return fmt.Sprintf("%s as %s", l.is, l.told) }

const notTold Result = "none"

// toldLess is what is no lie of a call of which the phone did not say enough.
func toldLess(is, told Result) bool {
	return told == Unknown || told == Failed && (is == Busy || is == Canceled)
}

// listen lets a phone of a temperament tell a history, and compares.
func (s *score) listen(h history, t temperament, r *rand.Rand) error {
	var events []Event
	for _, hap := range h.happenings {
		for _, e := range hap.events {
			if t.sends == nil || t.sends(e.Type) {
				events = append(events, e)
			}
		}
	}
	if t.alter != nil {
		events = t.alter(r, events)
	}
	var run scriptRun
	next := 0
	for i, hap := range h.happenings {
		for next < len(events) && (i+1 == len(h.happenings) || events[next].Time.Before(h.happenings[i+1].at)) {
			if err := run.happens(step{event: events[next]}); err != nil {
				return err
			}
			next++
		}
		s.moments++
		if run.state.CallState() == hap.after {
			s.states++
		} else {
			s.note("at %.2f s the phone is %s, and told as %s", hap.at.Sub(testBegin).Seconds(), hap.after, run.state.CallState())
		}
	}
	if err := run.passTo(testBegin.Add(30 * testLimits.Talk)); err != nil {
		return err
	}
	s.compare(h, run.calls, run.state.MissedCalls)
	return nil
}

// note keeps the first of what was told wrong.
func (s *score) note(format string, args ...any) {
	if s.firstWrong == "" {
		s.firstWrong = fmt.Sprintf(format, args...)
	}
}

// compare sets each true call beside the one that was told to have begun then.
func (s *score) compare(h history, told map[time.Time]Call, counted int) {
	missed := h.untold
	for _, is := range h.calls {
		s.calls++
		if is.result == Missed {
			missed++
		}
		result := notTold
		for _, at := range slices.SortedFunc(maps.Keys(told), time.Time.Compare) {
			if is.beganAt(at) && (told[at].Direction == is.direction || told[at].Direction == "") {
				result = told[at].Result
				delete(told, at)
				break
			}
		}
		switch {
		case result == is.result:
			s.right++
		case toldLess(is.result, result):
			s.less++
		default:
			s.wrong[lie{is.result, result}]++
			s.note("the call with %s of %.2f s was %s, and is told as %s", is.number, is.started.Sub(testBegin).Seconds(), is.result, result)
		}
	}
	s.phantoms += len(told)
	s.histories++
	if counted == missed {
		s.missed++
	}
}

// beganAt tells that a call was told to have begun when this one did, or when it was answered, which is
// the first that some phones tell.
func (c *trueCall) beganAt(at time.Time) bool {
	near := func(t time.Time) bool { return !t.IsZero() && at.Sub(t) >= 0 && at.Sub(t) < 500*time.Millisecond }
	return near(c.started) || near(c.answered)
}

func percent(n, of int) string {
	share := 100 * float64(n) / float64(max(of, 1))
	switch n {
	case of:
		return "100"
	case 0:
		return "0"
	}
	return fmt.Sprintf("%.2f", min(share, 99.99))
}

func (s *score) row(name string) string {
	lies := 0
	for _, n := range s.wrong {
		lies += n
	}
	var most []string
	for _, l := range slices.SortedFunc(maps.Keys(s.wrong), func(a, b lie) int {
		return cmp.Or(s.wrong[b]-s.wrong[a], strings.Compare(a.String(), b.String()))
	}) {
		most = append(most, l.String())
	}
	if len(most) > 3 {
		most = append(most[:3], "…")
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s |", name,
		percent(s.right, s.calls), percent(s.less, s.calls), percent(lies, s.calls), percent(s.phantoms, s.calls),
		percent(s.states, s.moments), percent(s.missed, s.histories), strings.Join(most, ", "))
}

// TestTemperaments lets phones of all temperaments tell the same true histories, and holds what was
// understood of them against docs/calls.md and against what a temperament leaves no excuse for.
func TestTemperaments(t *testing.T) {
	asked, err := strconv.Atoi(os.Getenv(histories))
	if err != nil {
		asked = 100
	}
	table := []string{
		"| a phone that tells | right | less | wrong | never were | state | `missed_calls` | wrong are |",
		"|---|---|---|---|---|---|---|---|",
	}
	for _, temper := range temperaments {
		s := score{wrong: make(map[lie]int)}
		for seed := range uint64(asked) {
			h := newHistory(seed, 60, temper.twins)
			if err := s.listen(h, temper, rand.New(rand.NewPCG(seed, 7))); err != nil {
				t.Fatalf("%s, %d: %v\n%s", temper.name, seed, err, h)
			}
			if temper.tellsAll && s.firstWrong != "" {
				t.Fatalf("%s, %d: %s\n%s", temper.name, seed, s.firstWrong, h)
			}
		}
		for l := range s.wrong {
			if temper.lies != nil && !slices.Contains(temper.lies, l) {
				t.Errorf("%s: %s", temper.name, s.firstWrong)
			}
		}
		table = append(table, s.row(temper.name))
	}
	for _, row := range table {
		t.Log(row)
	}
	if asked == 100 {
		holdDocument(t, "temperaments", strings.Join(table, "\n"))
	}
}
