package phone

import (
	"slices"
	"time"
)

// Expire is the state when time has passed without an event: calls of which nothing was heard for
// too long end as [Unknown], and a missed call that the phone did not tell is told. It is due at
// [State.Due], and once after a restart.
//
// A call's silence is broken by the events that mean it, those of its mute, hold and transfer
// included, and by nothing else: a phone that registers tells nothing of a call.
func (s State) Expire(now time.Time, mac MAC, limits Limits) (State, []Change) {
	var silent callSet
	for i := range s.Calls {
		if older(s.Calls[i].HeardAt, now, limits.of(&s.Calls[i])) {
			silent |= only(i)
		}
	}
	var changes []Change
	if silent != 0 {
		changes = s.end(silent, &Event{Time: now, MAC: mac}, &silence, nil)
	}
	for i := range s.Ended {
		if !s.Ended[i].owesMissed() || !older(s.Ended[i].EndedAt, now, limits.Repeat) {
			continue
		}
		s.Ended = slices.Clone(s.Ended)
		s.Ended[i].Told = Bridge
		changes = append(changes, Change{Event: Event{Type: MissedCall, Time: now, MAC: mac}, Derived: true, Call: new(s.Ended[i])})
	}
	s.forget(now)
	return s, changes
}

// silence ends calls of which nothing is heard.
var silence = callRule{every: true, ends: restarted}

// Due is when [State.Expire] has something to do next; the zero time when nothing waits.
func (s State) Due(limits Limits) time.Time {
	var due time.Time
	sooner := func(t time.Time) {
		if due.IsZero() || t.Before(due) {
			due = t
		}
	}
	for i := range s.Calls {
		sooner(s.Calls[i].HeardAt.Add(limits.of(&s.Calls[i])))
	}
	for i := range s.Ended {
		if s.Ended[i].owesMissed() {
			sooner(s.Ended[i].EndedAt.Add(limits.Repeat))
		}
	}
	return due
}

func (l Limits) of(c *Call) time.Duration {
	if c.State == Ringing || c.State == Dialing {
		return l.Ring
	}
	return l.Talk
}
