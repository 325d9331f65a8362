package mqtt

import "time"

const (
	// memoryBudget is how many bytes of stored messages stay in memory too;
	// beyond it they are read back when their turn comes.
	memoryBudget = 8 << 20
	// unstoredLimit bounds what waits for the disk, should the disk hang.
	unstoredLimit = 32 << 20
	// unsavedLimit bounds messages that go out without having been stored.
	unsavedLimit = 1 << 20
	// volatileLimit is how many messages with KeepFor may wait. A burst of what
	// they answer is read before the first PUBACK behind it, so it has to hold
	// one.
	volatileLimit = 20_000
)

// line is the one order in which everything goes out, session after session.
// Whatever enters takes the next place; a retained topic keeps its place while
// newer payloads replace the older one, so a state is never behind the event
// that was published after it. Messages with KeepFor take turns with the rest,
// those of a Source go behind everything else. It does no I/O, has no clock and no lock: the
// client guards it.
type line struct {
	queue    queue
	inflight []*shipment // sent and not acknowledged, oldest first
	topics   topics
	next     uint64 // the next place
	session  uint64

	// prepared are the groups whose retained topics went out in this session.
	prepared map[string]bool

	// wanted is a span whose turn has come: it has to be read from the store
	// before anything else can be sent.
	wanted *entry
	tail   *entry // the newest span
	stored uint64 // place of the newest stored message

	// careful holds what was in flight when the broker ended a session. Until
	// all of it is acknowledged one message is sent at a time, so that the one
	// that the broker does not bear cannot hide among others.
	careful map[any]bool
	blamed  blame

	budget       int64 // of memory, see memoryBudget
	waiting      int   // promised messages
	waitingBytes int64 // the same in bytes
	unstored     int64 // bytes of them that are not on disk yet
	memory       int64 // bytes of them that are on disk and in memory
	unsaved      int64 // bytes of durable messages without the promise
	volatile     int   // messages with KeepFor in the queue
	dropped      uint64
}

// shipment is one sending of something in line.
type shipment struct {
	name    string
	payload []byte

	entry *entry // a message, or
	topic *topic // a retained topic, of which this was sent:

	version uint64
	place   uint64
}

// subject identifies over all its sendings what is sent.
func (s *shipment) subject() any {
	if s.topic != nil {
		return s.topic
	}
	return s.entry
}

// retained tells whether the broker is to keep it.
func (s *shipment) retained() bool { return s.topic != nil || s.entry.message.Retained }

// message is what was sent, as it was published.
func (s *shipment) message(now time.Time) Message {
	if s.entry != nil {
		return s.entry.message
	}
	return Message{Topic: s.name, Payload: s.payload, Retained: true, Group: s.topic.group, Last: s.topic.last, At: now}
}

// newLine begins behind what the store holds.
func newLine(found span, first, next uint64) *line {
	l := &line{topics: newTopics(), next: next, careful: map[any]bool{}, budget: memoryBudget}
	if found.count > 0 {
		l.queue.add(&entry{class: inTurn, place: first, span: &found})
		l.waiting, l.waitingBytes = found.count, found.bytes
	}
	return l
}

func (l *line) claim() uint64 {
	place := l.next
	l.next++
	return place
}

// addRetained puts the topic in line, or only the newer payload where it
// already waits.
func (l *line) addRetained(m *Message) {
	t := l.topics.update(m)
	if t.waiting == nil {
		l.enqueueTopic(t, l.claim())
	}
}

func (l *line) enqueueTopic(t *topic, place uint64) {
	t.place = place
	t.waiting = &entry{class: inTurn, place: place, topic: t}
	l.queue.add(t.waiting)
}

// add puts a message in line that is not retained.
func (l *line) add(m *Message, disk diskState, now time.Time) *entry {
	e := &entry{class: inTurn, message: *m, size: encodedLen(m), disk: disk}
	switch {
	case m.KeepFor > 0:
		e.class = atOnce
		e.expires = now.Add(m.KeepFor)
		l.makeRoom()
		l.volatile++
	case disk.promised():
		l.waiting++
		l.waitingBytes += e.size
		l.unstored += e.size
	default:
		l.unsaved += e.size
	}
	e.place = l.claim()
	l.queue.add(e)
	return e
}

// addIdle puts a retained message behind everything, of which nothing is kept
// once the broker has it.
func (l *line) addIdle(m *Message) {
	e := &entry{class: whenIdle, message: *m, size: encodedLen(m), place: l.claim()}
	l.unsaved += e.size
	l.queue.add(e)
}

// makeRoom drops the oldest messages with KeepFor when too many wait.
func (l *line) makeRoom() {
	for l.volatile >= volatileLimit {
		oldest := l.queue.hurried[0]
		l.queue.remove(oldest)
		l.drop(oldest)
	}
}

// drop gives up an entry that has just left the queue, and tells whether the
// disk may hold it.
func (l *line) drop(e *entry) (onDisk bool) {
	l.dropped++
	if !e.expires.IsZero() {
		l.volatile--
	}
	return l.release(e)
}

// release takes a message off the books, and tells whether the disk may hold
// it.
func (l *line) release(e *entry) (onDisk bool) {
	delete(l.careful, e)
	if !e.expires.IsZero() {
		return false
	}
	l.unbook(e)
	if !e.disk.promised() {
		l.unsaved -= e.size
	}
	onDisk = e.disk == diskWriting || e.disk == diskStored || e.disk == diskFailed
	e.disk = diskNever
	return onDisk
}

// unbook ends the promise that was given for a message.
func (l *line) unbook(e *entry) {
	if !e.disk.promised() {
		return
	}
	l.waiting--
	l.waitingBytes -= e.size
	if e.disk == diskStored {
		l.memory -= e.size
	} else {
		l.unstored -= e.size
	}
}

// begin opens a session: nothing is in flight, and what the broker holds is
// unknown.
func (l *line) begin() {
	l.session++
	l.queue.turn = atOnce
	l.prepared = map[string]bool{}
	l.topics.unseen()
}

// take moves what is next into flight. nil: nothing can be sent now, because
// nothing waits, or a span is wanted, or one message has to be acknowledged
// first.
func (l *line) take(now time.Time) *shipment {
	if !l.mayShip() {
		return nil
	}
	for !l.queue.empty() {
		e := l.queue.first()
		others := l.queue.pass(e.class)
		switch {
		case e.topic != nil:
			return l.shipTopic(e.topic)
		case e.span != nil && others:
			l.wanted = e // meanwhile the others go on
			continue
		case e.span != nil:
			l.wanted = e
			return nil
		case !e.expires.IsZero() && now.After(e.expires):
			l.queue.remove(e)
			l.drop(e)
			continue
		}
		if t := l.unprepared(e.message.Group); t != nil {
			return l.shipTopic(t)
		}
		return l.shipMessage(e, now)
	}
	return nil
}

// takeClean moves a retained topic into flight that the broker was sent in an
// earlier session only.
func (l *line) takeClean() *shipment {
	if !l.mayShip() {
		return nil
	}
	if t := l.topics.nextUnseen(l.session); t != nil {
		return l.shipTopic(t)
	}
	return nil
}

func (l *line) mayShip() bool { return len(l.careful) == 0 || len(l.inflight) == 0 }

// unprepared returns a topic of the group that has not gone out in this
// session, or nil once there is none.
func (l *line) unprepared(group string) *topic {
	if group == "" || l.prepared[group] {
		return nil
	}
	for _, t := range l.topics.groups[group] {
		if t.session != l.session {
			return t
		}
	}
	l.prepared[group] = true
	return nil
}

func (l *line) shipTopic(t *topic) *shipment {
	if t.waiting != nil {
		l.queue.remove(t.waiting)
		t.waiting = nil
	}
	t.session = l.session
	return l.ship(&shipment{name: t.name, payload: t.payload, topic: t, version: t.version, place: t.place})
}

func (l *line) shipMessage(e *entry, now time.Time) *shipment {
	l.queue.remove(e)
	if !e.expires.IsZero() {
		l.volatile--
	}
	name := e.message.Topic
	if e.late(now) {
		name = e.message.LateTopic
	}
	return l.ship(&shipment{name: name, payload: e.message.Payload, entry: e, place: e.place})
}

func (l *line) ship(s *shipment) *shipment {
	l.inflight = append(l.inflight, s)
	return s
}

// clockSet is a date that a clock which was never set does not show.
var clockSet = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// late tells whether the message is too old for its topic. Over a restart its
// age is a difference of wall times, worth nothing when the clock was not set
// or went backwards: an event that is late after all must not ring.
func (e *entry) late(now time.Time) bool {
	m := &e.message
	if m.FreshFor <= 0 || m.LateTopic == "" {
		return false
	}
	age := now.Sub(m.At)
	if e.foreign && (age < 0 || m.At.Before(clockSet) || now.Before(clockSet)) {
		return true
	}
	return age > m.FreshFor
}

// acknowledge ends the oldest shipment in flight, which has to be s, and tells
// whether the disk may hold its message.
func (l *line) acknowledge(s *shipment) (onDisk bool) {
	l.inflight[0] = nil
	l.inflight = l.inflight[1:]
	if l.blamed.subject == s.subject() {
		l.blamed = blame{}
	}
	if s.entry != nil {
		return l.release(s.entry)
	}
	delete(l.careful, s.topic)
	t := s.topic
	if t.waiting == nil && t.version == s.version && len(t.payload) == 0 {
		l.topics.forget(t)
	}
	return false
}

// rests tells that nothing waits to be sent.
func (l *line) rests() bool { return l.queue.empty() && len(l.topics.unsent) == 0 && l.mayShip() }

// idle tells that everything was sent and acknowledged.
func (l *line) idle() bool { return l.queue.empty() && len(l.inflight) == 0 }
