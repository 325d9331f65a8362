package phone

import (
	"fmt"
	"slices"
)

// watch holds every change of a phone's state against what must always be so.
type watch struct {
	own   int // missed calls that the phone told of calls that never rang here
	begun int
	ended int // call_ended told
}

// event checks what an event made of a state.
func (w *watch) event(before State, e Event, after State, changes []Change) error {
	if len(changes) == 0 || changes[0].Event != e || changes[0].Derived {
		return fmt.Errorf("the first change is not the event itself")
	}
	if e.Type == MissedCall && changes[0].Call == nil {
		w.own++
	}
	return w.step(before, after, changes[1:])
}

// silence checks what the passing of time made of it.
func (w *watch) silence(before, after State, changes []Change) error {
	return w.step(before, after, changes)
}

// step checks one change of state and what was told of it: calls are known by when they began.
func (w *watch) step(before, after State, derived []Change) error {
	ends := 0
	for i, c := range derived {
		if !c.Derived || c.Call == nil {
			return fmt.Errorf("%s is told as the phone's own, or of no call", c.Event.Type)
		}
		if c.Event.Type != CallEnded {
			continue
		}
		ends++
		again := func(d Change) bool { return d.Event.Type == CallEnded && d.Call.StartedAt.Equal(c.Call.StartedAt) }
		if !has(before.Calls, c.Call) || has(after.Calls, c.Call) || slices.ContainsFunc(derived[:i], again) {
			return fmt.Errorf("an end was told twice, or of a call that was not there or goes on: %+v", *c.Call)
		}
	}
	for i := range after.Calls {
		if !has(before.Calls, &after.Calls[i]) {
			w.begun++
		}
	}
	gone := 0
	for i := range before.Calls {
		if !has(after.Calls, &before.Calls[i]) {
			gone++
		}
	}
	if gone != ends {
		return fmt.Errorf("%d calls are gone, and %d ends were told", gone, ends)
	}
	w.ended += ends
	if got, want := after.MissedCalls-before.MissedCalls, w.misses(before, after); got != want {
		return fmt.Errorf("missed_calls changed by %d, the results by %d", got, want)
	}
	return disagrees(after)
}

func has(calls []Call, one *Call) bool {
	for i := range calls {
		if calls[i].StartedAt.Equal(one.StartedAt) {
			return true
		}
	}
	return false
}

// misses is by how much the results that a change touched let missed_calls change. A miss that was
// cleared takes nothing back when it turns out to be none.
func (w *watch) misses(before, after State) int {
	n := w.own
	w.own = 0
	for i := range after.Ended {
		is, was := &after.Ended[i], &Call{}
		for j := range before.Ended {
			if before.Ended[j].StartedAt.Equal(is.StartedAt) {
				was = &before.Ended[j]
			}
		}
		switch {
		case is.Result == Missed && was.Result != Missed:
			n++
		case is.Result != Missed && was.Counted:
			n--
		}
	}
	return n
}

// disagrees tells the first way in which a state contradicts itself.
func disagrees(s State) error {
	missed := 0
	for i := range s.Ended {
		c := &s.Ended[i]
		switch {
		case c.EndedAt.IsZero() || c.Result == "":
			return fmt.Errorf("an ended call without end: %+v", c)
		case c.Talked.Length < 0 || c.Rang.Length < 0:
			return fmt.Errorf("a negative duration: %+v", c)
		case c.Counted && c.Result != Missed:
			return fmt.Errorf("a %s call is counted as missed", c.Result)
		case c.Counted:
			missed++
		}
	}
	if s.MissedCalls < missed {
		return fmt.Errorf("%d missed calls are counted, %d known", s.MissedCalls, missed)
	}
	for i := range s.Calls {
		c := &s.Calls[i]
		up := c.State == Talking || c.State == OnHold
		if !c.EndedAt.IsZero() || c.State == Idle || c.State == "" || up == c.AnsweredAt.IsZero() {
			return fmt.Errorf("a call that cannot be: %+v", c)
		}
	}
	current := s.Current()
	switch {
	case (s.CallState() == Idle) != (len(s.Calls) == 0) || (current == nil) != (len(s.Calls) == 0):
		return fmt.Errorf("idle with calls, or busy without")
	case current != nil && !s.Any(s.CallState()):
		return fmt.Errorf("%s, and no call is", s.CallState())
	}
	return nil
}
