package phone

import (
	"slices"
	"time"
)

// correct lets a late event better the result of a call that has just ended. A missed_call that fits
// none is a missed call of its own: the phone may have kept quiet while it rang.
func (s *State) correct(e *naming, how ending) *Call {
	for i := range slices.Backward(s.Ended) {
		call := &s.Ended[i]
		fits := call.fits(e)
		limit := correctable
		if fits == changed {
			// A second call of the same number, if it is not the same moment.
			limit = settling
		}
		if fits <= rewritten || older(call.EndedAt, e.at, limit) {
			continue
		}
		_, ok := call.corrected(how)
		// The same number may have called again, and the phone kept quiet while it rang: without an id
		// only the first missed_call of a phone is about this call.
		confirmed := how == missed && call.Result == Missed && (call.Told != ThePhone || fits >= reused)
		if !ok && !confirmed {
			continue
		}
		return s.revise(i, e, how)
	}
	if e.kind == MissedCall {
		s.MissedCalls++
	}
	return nil
}

// answeredLate tells that a call_established with no call to mean is about one that ended a moment ago
// unanswered: it was overtaken, and begins nothing.
func (s *State) answeredLate(e *naming, rule *callRule) bool {
	if rule.begins != Talking {
		return false
	}
	for i := range slices.Backward(s.Ended) {
		c := &s.Ended[i]
		if c.AnsweredAt.IsZero() && c.fits(e) > rewritten && !older(c.EndedAt, e.at, settling) {
			return true
		}
	}
	return false
}

// toldAgain tells that an end which has no id was told already by another event: a phone says more
// than one thing of an end, and the second must not end the call beside it.
func (s *State) toldAgain(e *naming, rule *callRule) bool {
	last := s.LastCall()
	if last == nil || last.EndedBy == NoEvent || last.EndedBy == e.kind || rule.every || e.id != "" {
		return false
	}
	fits := last.fits(e)
	return (fits == possible || fits == sameParty) && last.mayEndBy(rule.ends) && !older(last.EndedAt, e.at, settling)
}

// mayEndBy tells that a call can have ended in a way: nobody misses or refuses one that was answered.
func (c *Call) mayEndBy(e ending) bool {
	switch e {
	case goesOn:
		return false
	case over, handedOver:
		return true
	}
	r := c.result(e, true)
	return r != Answered && r != Unknown
}

// endAgain keeps what a second event tells of the end of the last call.
func (s *State) endAgain(e *naming, how ending) *Call {
	call := s.revise(len(s.Ended)-1, e, how)
	call.EndedBy = e.kind
	return call
}

// revise keeps what a late event tells of an ended call.
func (s *State) revise(i int, e *naming, how ending) *Call {
	s.Ended = slices.Clone(s.Ended)
	call := &s.Ended[i]
	if better, ok := call.corrected(how); ok {
		call.Result = better
		s.count(call)
	}
	if e.kind == MissedCall {
		call.Told = ThePhone
	}
	return call
}

// forget drops ended calls that nothing can correct any more, save the last.
func (s *State) forget(now time.Time) {
	for len(s.Ended) > 1 && !s.Ended[0].owesMissed() && older(s.Ended[0].EndedAt, now, correctable) {
		s.Ended = s.Ended[1:]
	}
}
