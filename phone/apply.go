package phone

import (
	"slices"
	"time"
)

// Apply is the state after an event, and what there is to tell: the event itself first, with the call
// that it is about, then the end of each call that it ended. It takes every event in every state.
// Repeats are the caller's to keep away, see [State.Repeats].
func (s State) Apply(e Event) (State, []Change) {
	s = s.copy()
	s.Last = e
	s.Heard |= 1 << e.Type
	s.identify(e)
	s.register(e)
	call, ended := s.applyToCalls(e)
	if set, ok := switches[e.Type]; ok {
		set(&s)
	}
	s.forget(e.Time)
	return s, append([]Change{{Event: e, Call: call}}, ended...)
}

// switches is what an event says of the phone as a whole.
var switches = map[EventType]func(*State){
	OffHook:            func(s *State) { s.OffHook = On },
	OnHook:             (*State).layDown,
	SetupCompleted:     func(s *State) { s.OffHook = NotKnown },
	Mute:               func(s *State) { s.Muted, s.MuteTold = On, true },
	Unmute:             func(s *State) { s.Muted, s.MuteTold = Off, true },
	DNDOn:              func(s *State) { s.DND = On },
	DNDOff:             func(s *State) { s.DND = Off },
	AlwaysForwardOn:    func(s *State) { s.Forward.Always = On },
	AlwaysForwardOff:   func(s *State) { s.Forward.Always = Off },
	BusyForwardOn:      func(s *State) { s.Forward.Busy = On },
	BusyForwardOff:     func(s *State) { s.Forward.Busy = Off },
	NoAnswerForwardOn:  func(s *State) { s.Forward.NoAnswer = On },
	NoAnswerForwardOff: func(s *State) { s.Forward.NoAnswer = Off },
}

// layDown puts the handset down. A call that knocked meanwhile rings on, now like any other.
func (s *State) layDown() {
	s.OffHook = Off
	for i := range s.Calls {
		s.Calls[i].Waiting = false
	}
}

func (s *State) identify(e Event) {
	if e.Local.Name != "" {
		s.Name = e.Local.Name
	}
	if e.Model != "" {
		s.Model = e.Model
	}
	if e.Firmware != "" {
		s.Firmware = e.Firmware
	}
	if e.IP.IsValid() {
		s.IP = e.IP
	}
}

// register keeps what an event tells of registrations; one that names no account speaks for all.
func (s *State) register(e Event) {
	if e.Type != Registered && e.Type != Unregistered && e.Type != RegisterFailed {
		return
	}
	told := Account{Registered: e.Type == Registered}
	if e.Type == RegisterFailed {
		told.FailedAt = e.Time
	}
	if e.Account.Number == "" {
		s.Line, s.LineFailedAt = flag(told.Registered), told.FailedAt
		for i := range s.Accounts {
			s.Accounts[i].Registered, s.Accounts[i].FailedAt = told.Registered, told.FailedAt
		}
		return
	}
	told.Number, told.URI = e.Account.Number, e.Account.URI
	i := s.account(told.Number)
	switch {
	case i < 0 && len(s.Accounts) < mostAccounts:
		s.Accounts = append(s.Accounts, told)
	case i >= 0 && told.URI == "":
		told.URI = s.Accounts[i].URI
		fallthrough
	case i >= 0:
		s.Accounts[i] = told
	}
}

func flag(on bool) Flag {
	if on {
		return On
	}
	return Off
}

// applyToCalls does what the event's rule says. It returns the call that the event is about, nil for
// none, and a call_ended for each call that ended.
func (s *State) applyToCalls(e Event) (about *Call, changes []Change) {
	rule, ok := callRules[e.Type]
	if !ok {
		return nil, nil
	}
	if !rule.every && s.namesEnded(e) {
		return s.correct(e, rule.ends), nil
	}
	meant := s.meant(e, rule)
	if len(meant) == 0 && rule.begins != "" {
		if len(s.Calls) >= mostCalls {
			changes = append(changes, s.end(0, e, restarted))
		}
		meant = []int{s.begin(e, rule)}
	}
	if len(meant) == 0 {
		return s.correct(e, rule.ends), nil
	}
	for _, i := range meant {
		call := &s.Calls[i]
		call.move(rule.to, e.Time)
		if call.Direction == "" {
			call.Direction = rule.as
		}
		if !rule.every {
			call.learn(e)
		}
		about = new(*call)
	}
	if rule.ends == goesOn {
		return about, changes
	}
	for n, i := range meant {
		changes = append(changes, s.end(i-n, e, rule.ends))
	}
	return changes[len(changes)-1].Call, changes
}

// meant finds the calls that an event is about. The variables decide as far as they name one; then
// the state does, and among equals the newest is meant.
func (s *State) meant(e Event, rule callRule) []int {
	best, found := possible, []int(nil)
	for i, call := range s.Calls {
		fits := call.fits(e)
		switch {
		case !rule.mayMean(call, fits):
		case rule.every:
			found = append(found, i)
		case fits > best:
			best, found = fits, []int{i}
		case fits == best:
			found = append(found, i)
		}
	}
	return s.likeliest(found, rule)
}

// mayMean tells whether a rule may touch a call. What begins a call also means one that began
// unnoticed, or in another order, instead of a second one.
func (r callRule) mayMean(call Call, fits fit) bool {
	switch {
	case r.ends == laidDown && call.State == Ringing && call.Waiting:
		return false
	case r.every:
		return true
	case fits == another:
		return false
	}
	began := r.begins != "" && (fits == sameID || call.Direction == "")
	return began || slices.ContainsFunc(r.means, func(group []CallState) bool { return slices.Contains(group, call.State) })
}

// likeliest keeps, of the calls found, those in the first group of states that holds any.
func (s *State) likeliest(found []int, rule callRule) []int {
	for _, group := range rule.means {
		in := slices.DeleteFunc(slices.Clone(found), func(i int) bool { return !slices.Contains(group, s.Calls[i].State) })
		switch {
		case len(in) == 0:
		case rule.every:
			return in
		default:
			return in[len(in)-1:]
		}
	}
	if rule.every || len(found) == 0 {
		return nil
	}
	return found[len(found)-1:]
}

// namesEnded tells that an event carries the id of a call that has just ended and of none that goes
// on: it comes late and means no other call. A new call may take up an old id.
func (s *State) namesEnded(e Event) bool {
	named := func(c Call) bool { return c.fits(e) == sameID }
	return e.Type != IncomingCall && e.Type != OutgoingCall &&
		!slices.ContainsFunc(s.Calls, named) && slices.ContainsFunc(s.Ended, named)
}

// begin adds a call and returns its index.
func (s *State) begin(e Event, rule callRule) int {
	if len(s.Calls) == 0 {
		s.Muted, s.MuteTold = Off, false
	}
	s.Calls = append(s.Calls, Call{
		Direction: rule.as,
		State:     rule.begins,
		StartedAt: e.Time,
		Waiting:   rule.begins == Ringing && (s.OffHook == On || s.Up()),
	})
	return len(s.Calls) - 1
}

// end moves a call to those that have ended.
func (s *State) end(i int, e Event, how ending) Change {
	call := s.Calls[i]
	s.Calls = slices.Delete(s.Calls, i, i+1)
	if len(s.Calls) == 0 {
		s.Muted, s.MuteTold = Off, false
	}
	call.end(call.result(how, s.Heard.Has(CallEstablished)), e.Time)
	if e.Type == MissedCall {
		call.Told = ThePhone
	}
	s.Ended = append(s.Ended, call)
	s.count(s.LastCall())
	return Change{Event: Event{Type: CallEnded, Time: e.Time, MAC: e.MAC}, Derived: true, Call: new(*s.LastCall())}
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

// correct lets a late event better the result of a call that has just ended. A missed_call that fits
// none is a missed call of its own: the phone may have kept quiet while it rang.
func (s *State) correct(e Event, how ending) *Call {
	for i := range slices.Backward(s.Ended) {
		call := &s.Ended[i]
		fits := call.fits(e)
		if fits == another || older(call.EndedAt, e.Time, correctable) {
			continue
		}
		better, ok := call.corrected(how)
		if ok {
			call.Result = better
			s.count(call)
		}
		// The same number may have called again, and the phone kept quiet while it rang: without an id
		// only the first missed_call of a phone is about this call.
		confirmed := how == missed && call.Result == Missed && (call.Told != ThePhone || fits == sameID)
		if ok || confirmed {
			if e.Type == MissedCall {
				call.Told = ThePhone
			}
			return new(*call)
		}
	}
	if e.Type == MissedCall {
		s.MissedCalls++
	}
	return nil
}

// forget drops ended calls that nothing can correct any more, save the last.
func (s *State) forget(now time.Time) {
	s.Ended = s.Ended[max(0, len(s.Ended)-mostEnded):]
	last := len(s.Ended) - 1
	kept := s.Ended[:0]
	for i, call := range s.Ended {
		if i == last || call.owesMissed() || !older(call.EndedAt, now, correctable) {
			kept = append(kept, call)
		}
	}
	s.Ended = kept
}

// owesMissed tells that a call was missed and that nobody has said so yet.
func (c Call) owesMissed() bool { return c.Result == Missed && c.Told == Nobody }

// Expire is the state when time has passed without an event: calls of which nothing was heard for
// too long end as [Unknown], and a missed call that the phone did not tell is told. It is due at
// [State.Due], and once after a restart.
func (s State) Expire(now time.Time, mac MAC, limits Limits) (State, []Change) {
	s = s.copy()
	var changes []Change
	for i := 0; i < len(s.Calls); {
		if !older(s.Calls[i].HeardAt, now, limits.of(s.Calls[i])) {
			i++
			continue
		}
		changes = append(changes, s.end(i, Event{Time: now, MAC: mac}, restarted))
	}
	for i := range s.Ended {
		call := &s.Ended[i]
		if call.owesMissed() && older(call.EndedAt, now, limits.Repeat) {
			call.Told = Bridge
			changes = append(changes, Change{Event: Event{Type: MissedCall, Time: now, MAC: mac}, Derived: true, Call: new(*call)})
		}
	}
	s.forget(now)
	return s, changes
}

// Due is when [State.Expire] has something to do next; the zero time when nothing waits.
func (s State) Due(limits Limits) time.Time {
	var due time.Time
	sooner := func(t time.Time) {
		if due.IsZero() || t.Before(due) {
			due = t
		}
	}
	for _, call := range s.Calls {
		sooner(call.HeardAt.Add(limits.of(call)))
	}
	for _, call := range s.Ended {
		if call.owesMissed() {
			sooner(call.EndedAt.Add(limits.Repeat))
		}
	}
	return due
}

func (l Limits) of(c Call) time.Duration {
	if c.State == Ringing || c.State == Dialing {
		return l.Ring
	}
	return l.Talk
}
