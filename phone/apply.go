package phone

import "slices"

// Apply is the state after an event, and what there is to tell: the event itself first, with the call
// that it is about, then the end of each call that it ended. It takes every event in every state.
// Repeats are the caller's to keep away, see [State.Repeats].
//
// What an event does not touch is shared between the old state and the new; what it touches is copied
// first. So whoever holds a state must not write into its slices either.
func (s State) Apply(e Event) (State, []Change) {
	s.Last = e
	s.Heard |= 1 << e.Type
	s.identify(&e)
	s.register(&e)
	rule, names := &callRules[e.Type%eventTypes], s.namedBy(&e)
	changes := make([]Change, 1, 1+rule.mayEnd())
	changes[0].Event = e
	switch {
	case !rule.aboutCalls():
	case !rule.every && s.namesEnded(&names):
		// Nothing of the phone as a whole either: it is about a call that is over.
		changes[0].Call = s.correct(&names, rule.late())
		return s, changes
	default:
		changes = s.applyToCalls(&e, &names, rule, changes)
	}
	s.set(e.Type)
	s.forget(e.Time)
	return s, changes
}

// set keeps what an event says of the phone as a whole.
func (s *State) set(t EventType) {
	switch t {
	case OffHook:
		s.OffHook = On
	case OnHook:
		s.layDown()
	case SetupCompleted:
		s.OffHook = NotKnown
	case Mute:
		s.Muted, s.MuteTold = On, true
	case Unmute:
		s.Muted, s.MuteTold = Off, true
	case DNDOn:
		s.DND = On
	case DNDOff:
		s.DND = Off
	case AlwaysForwardOn:
		s.Forward.Always = On
	case AlwaysForwardOff:
		s.Forward.Always = Off
	case BusyForwardOn:
		s.Forward.Busy = On
	case BusyForwardOff:
		s.Forward.Busy = Off
	case NoAnswerForwardOn:
		s.Forward.NoAnswer = On
	case NoAnswerForwardOff:
		s.Forward.NoAnswer = Off
	}
}

// layDown puts the handset down. A call that knocked meanwhile rings on, now like any other.
func (s *State) layDown() {
	s.OffHook = Off
	if !slices.ContainsFunc(s.Calls, func(c Call) bool { return c.Waiting }) {
		return
	}
	s.Calls = slices.Clone(s.Calls)
	for i := range s.Calls {
		s.Calls[i].Waiting = false
	}
}

// applyToCalls does what the event's rule says. The first change gets the call that the event is
// about; a call_ended for each call that ended is added.
func (s *State) applyToCalls(e *Event, names *naming, rule *callRule, changes []Change) []Change {
	meant := s.meant(names, rule)
	switch {
	case meant != 0 && s.toldAgain(names, rule):
		changes[0].Call = s.endAgain(names, rule.ends)
		return changes
	case meant != 0 && rule.ends != goesOn:
		changes = s.end(meant, e, rule, changes)
		changes[0].Call = s.LastCall()
		return changes
	case meant != 0:
		s.Calls = slices.Clone(s.Calls)
	case rule.begins == "" || s.answeredLate(names, rule):
		changes[0].Call = s.correct(names, rule.late())
		return changes
	default:
		if len(s.Calls) >= MostCalls {
			changes = s.end(only(0), e, &silence, changes)
		}
		meant = only(s.begin(e, rule))
	}
	for i := range s.Calls {
		if meant.has(i) {
			s.Calls[i].follow(e, rule)
			changes[0].Call = &s.Calls[i]
		}
	}
	s.knock()
	s.hand(meant, rule.hands)
	return changes
}

// follow does what the rule says to a call that the event means.
func (c *Call) follow(e *Event, rule *callRule) {
	c.move(rule.to, e.Time)
	if c.Direction == "" {
		c.Direction = rule.as
	}
	c.learn(e)
}

// knock lets the calls that ring wait when another is up, and so outlive the handset's being laid down.
// The calls are this state's own.
func (s *State) knock() {
	if !s.Any(Talking, Dialing) {
		return
	}
	for i := range s.Calls {
		s.Calls[i].Waiting = s.Calls[i].State == Ringing
	}
}

// hand keeps what is told of a transfer. The calls are this state's own.
func (s *State) hand(meant callSet, how transfer) {
	held := -1
	for i := range s.Calls {
		c := &s.Calls[i]
		switch {
		case how == givesBack:
			c.Leaving = false
		case how != noTransfer && meant.has(i):
			c.Leaving = true
		case c.State == OnHold:
			held = i
		}
	}
	if how == takesBoth && held >= 0 {
		s.Calls[held].Leaving = true
	}
}

// begin adds a call and returns its index.
func (s *State) begin(e *Event, rule *callRule) int {
	if len(s.Calls) == 0 {
		s.Muted, s.MuteTold = Off, false
	}
	waiting := rule.begins == Ringing && (s.OffHook == On || s.Any(OnHold))
	s.Calls = joined(s.Calls, Call{
		Direction: rule.as,
		State:     rule.begins,
		StartedAt: e.Time,
		Waiting:   waiting,
	})
	return len(s.Calls) - 1
}

// end moves calls to those that have ended, and adds a call_ended for each to changes.
func (s *State) end(which callSet, by *Event, rule *callRule, changes []Change) []Change {
	var going []Call
	for i := range s.Calls {
		if !which.has(i) {
			going = append(going, s.Calls[i])
			continue
		}
		call := s.Calls[i]
		if !rule.every {
			call.learn(by)
		}
		call.end(call.result(rule.ends, s.Heard.Has(CallEstablished)), by)
		s.count(&call)
		s.Ended = joined(s.Ended[max(0, len(s.Ended)-mostEnded+1):], call)
		changes = append(changes, Change{
			Event:   Event{Type: CallEnded, Time: by.Time, MAC: by.MAC},
			Derived: true,
			Call:    s.LastCall(),
		})
	}
	s.Calls = going
	if len(going) == 0 {
		s.Muted, s.MuteTold = Off, false
	}
	return changes
}

// joined is a new list with one more call: room to spare would be shared by all that come after.
func joined(calls []Call, one Call) []Call {
	longer := make([]Call, len(calls)+1)
	copy(longer, calls)
	longer[len(calls)] = one
	return longer
}

// count keeps the number of missed calls true to a call whose result is new.
func (s *State) count(call *Call) {
	switch {
	case call.Result == Missed && !call.Counted:
		call.Counted = true
		s.MissedCalls++
	case call.Result != Missed && call.Counted:
		call.Counted = false
		s.MissedCalls--
	}
}
