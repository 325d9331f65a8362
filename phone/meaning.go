package phone

import "time"

// Which call an event means, when it has a call id or not, is told in docs/calls.md. In short: an id
// decides where both sides have one, then the other party's number, then the state of the calls, and
// among equals the newest is meant.

// settling is how far the events of one happening lie apart at most, in whatever order they come.
const settling = time.Second

// naming is what an event says of the call that it is about.
type naming struct {
	kind                EventType
	at                  time.Time
	id, number, account string // empty: not told
}

// namedBy takes it out of an event. An account is believed as far as the phone keeps accounts apart:
// without $active_user it is taken from $local, which some siblings fill with the other party.
func (s *State) namedBy(e *Event) naming {
	n := naming{kind: e.Type, at: e.Time, id: e.CallID, number: e.Remote.Number, account: e.Account.Number}
	begins := e.Type == IncomingCall || e.Type == OutgoingCall
	if n.account != "" && !begins && !s.keepsApart(n.account) {
		n.account = ""
	}
	return n
}

// keepsApart tells that a call goes on under an account, or that it and those of all calls have told of
// their registration.
func (s *State) keepsApart(account string) bool {
	known := s.account(account) >= 0
	for i := range s.Calls {
		of := s.Calls[i].Account
		if of == account {
			return true
		}
		known = known && (of == "" || s.account(of) >= 0)
	}
	return known
}

// fit is how well an event's variables name a call, the better the higher.
type fit uint8

const (
	another   fit = iota // they name another call
	rewritten            // no id decides, and the number is another: a PBX may have rewritten it
	possible             // they name none
	changed              // the number is the same, and the id is a new one
	sameParty            // no id decides, and the number is the same
	reused               // the id is the same, and the number is another
	sameID
	sameBoth
)

// fits compares an event with a call.
func (c *Call) fits(e *naming) fit {
	byID := e.id != "" && c.ID != ""
	told := e.number != "" && c.Remote.Number != ""
	same := told && (e.number == c.Remote.Number || e.number == c.OtherNumber)
	switch {
	case byID && (e.id == c.ID || e.id == c.OtherID):
		switch {
		case same:
			return sameBoth
		case told:
			return reused
		}
		return sameID
	case e.account != "" && c.Account != "" && e.account != c.Account:
		return another
	case byID && same:
		return changed
	case byID:
		return another
	case same:
		return sameParty
	case told:
		return rewritten
	}
	return possible
}

// callSet is a set of indices of a state's calls.
type callSet uint16

func (s callSet) has(i int) bool { return s&(1<<i) != 0 }

func only(i int) callSet { return 1 << i }

// meant finds the calls that an event is about.
func (s *State) meant(e *naming, rule *callRule) callSet {
	if rule.every {
		return s.everyOf(rule)
	}
	if leaving := s.leaving(); rule.ends == handedOver && leaving != 0 {
		return leaving
	}
	best, bestFit, bestGroup := -1, another, 0
	named := s.bestFit(e) >= reused
	for i := range s.Calls {
		fits := s.Calls[i].fits(e)
		if named && fits < reused {
			continue
		}
		place, ok := rule.mayMean(&s.Calls[i], fits, e)
		if ok && (fits > bestFit || fits == bestFit && place <= bestGroup) {
			best, bestFit, bestGroup = i, fits, place
		}
	}
	if best >= 0 {
		return only(best)
	}
	return s.despite(e, rule)
}

// mayMean tells whether a rule may touch a call that fits so well, and how soon that call is thought
// of. What begins a call also means one that began unnoticed, or in another order, instead of a
// second one.
func (r *callRule) mayMean(c *Call, fits fit, e *naming) (place int, ok bool) {
	place = group(r.means, c.State)
	switch {
	case fits <= rewritten:
		return 0, false
	case fits == changed:
		place = group(r.despite, c.State)
		return place, place >= 0
	case r.begins == "":
		return place, place >= 0
	case fits == possible && r.as == Incoming && c.Direction != "" && e.number != c.Remote.Number:
		// One of the two callers withholds the number: the phone tells each ringing call once.
		return 0, false
	case place >= 0:
		return place, true
	case c.Direction != "" && c.Direction != r.as:
		return 0, false
	case c.Direction == "" && fits == possible:
		return len(r.means), !older(c.StartedAt, e.at, settling)
	}
	return len(r.means), c.Direction == "" || fits > reused
}

// everyOf are all calls of a rule's first group that holds any. One that knocked rings on when the
// handset is laid down.
func (s *State) everyOf(rule *callRule) callSet {
	var found callSet
	first := len(rule.means)
	for i := range s.Calls {
		c := &s.Calls[i]
		if rule.ends == laidDown && c.State == Ringing && c.Waiting {
			continue
		}
		switch place := group(rule.means, c.State); {
		case place < 0 || place > first:
		case place < first:
			first, found = place, only(i)
		default:
			found |= only(i)
		}
	}
	return found
}

// despite finds the one call that an event can mean although it tells another number than the call
// has. An event that has the number of another call, or of one that has just ended, means none.
func (s *State) despite(e *naming, rule *callRule) callSet {
	if s.bestFit(e) > possible || s.justEnded(e) {
		return 0
	}
	var found callSet
	count, first := 0, len(rule.despite)
	for i := range s.Calls {
		place := group(rule.despite, s.Calls[i].State)
		if s.Calls[i].fits(e) != rewritten || place < 0 || place > first {
			continue
		}
		if place < first {
			count, first = 0, place
		}
		count++
		found = only(i)
	}
	if count != 1 {
		return 0
	}
	return found
}

// bestFit is how well an event names a call that goes on. From [reused] on no other is meant.
func (s *State) bestFit(e *naming) fit {
	best := another
	for i := range s.Calls {
		best = max(best, s.Calls[i].fits(e))
	}
	return best
}

// namesEnded tells that an event carries the id of a call that has just ended, and names none that
// goes on as well: it comes late and means no other call. A new call may take up an old id, one that
// begins with its answer as well if the party is another.
func (s *State) namesEnded(e *naming) bool {
	if e.id == "" || e.kind == IncomingCall || e.kind == OutgoingCall {
		return false
	}
	going := s.bestFit(e)
	for i := range s.Ended {
		fits := s.Ended[i].fits(e)
		isNew := fits == reused && e.kind == CallEstablished
		if fits >= reused && fits > going && !isNew && !older(s.Ended[i].EndedAt, e.at, correctable) {
			return true
		}
	}
	return false
}

// justEnded tells that an event has the number of a call that ended a moment ago.
func (s *State) justEnded(e *naming) bool {
	for i := range s.Ended {
		if s.Ended[i].fits(e) >= changed && !older(s.Ended[i].EndedAt, e.at, settling) {
			return true
		}
	}
	return false
}

// leaving are the calls that a transfer takes away when it is finished.
func (s *State) leaving() callSet {
	var found callSet
	for i := range s.Calls {
		if s.Calls[i].Leaving {
			found |= only(i)
		}
	}
	return found
}
