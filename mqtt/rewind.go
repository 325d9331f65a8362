package mqtt

// blameLimit is how many sessions in a row a message may end.
const blameLimit = 3

// blame counts how many sessions in a row ended on the same message.
type blame struct {
	subject any
	version uint64
	times   int
}

// rewind ends a session: what is in flight waits again at its old place. When
// the broker has ended too many sessions in a row on the same message, that one
// leaves the line and is returned.
func (l *line) rewind(byBroker bool) (offender *shipment) {
	if byBroker {
		if len(l.inflight) == 1 {
			// Among others nobody could tell which one it was.
			offender = l.accuse(l.inflight[0])
		}
		for _, s := range l.inflight {
			l.careful[s.subject()] = true
		}
	}
	for _, s := range l.inflight {
		if s == offender {
			l.expel(s)
			continue
		}
		l.putBack(s)
	}
	l.inflight = nil
	return offender
}

// accuse counts a session that ended while s alone was unacknowledged, and
// returns s when that was once too often.
func (l *line) accuse(s *shipment) *shipment {
	if l.blamed.subject != s.subject() || l.blamed.version != s.version {
		l.blamed = blame{subject: s.subject(), version: s.version}
	}
	l.blamed.times++
	if l.blamed.times < blameLimit {
		return nil
	}
	l.blamed = blame{}
	return s
}

// expel forgets an offender. Of a topic only the payload that offended goes: a
// newer one that waits already has its chance.
func (l *line) expel(s *shipment) {
	if s.entry != nil {
		l.release(s.entry)
		return
	}
	delete(l.careful, s.topic)
	if s.topic.waiting == nil {
		l.topics.forget(s.topic)
	}
}

func (l *line) putBack(s *shipment) {
	t := s.topic
	switch {
	case t == nil:
		if !s.entry.expires.IsZero() {
			l.volatile++
		}
		l.queue.add(s.entry)
	case t.gone:
	case t.waiting == nil:
		l.enqueueTopic(t, s.place)
	case s.place < t.waiting.place:
		t.place = s.place
		l.queue.move(t.waiting, s.place)
	}
}
