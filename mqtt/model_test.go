package mqtt

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// model runs a line at random against a network, a broker and a disk that are
// maps and slices.
type model struct {
	t      *testing.T
	random *rand.Rand
	line   *line

	published map[string]int // newest version of each device's state
	events    []string       // all events

	queued  []*entry // for the next transaction
	deletes []uint64
	group   *modelGroup // the transaction under way
	disk    map[uint64]storedMessage

	wire []*shipment // sent, not yet at the broker
	acks []*shipment // at the broker, the PUBACK is on its way

	broker   map[string]int // retained
	arrivals []string       // events, the first time each
	arrived  map[string]bool
}

type modelGroup struct {
	puts    []*entry
	deletes []uint64
}

// TestLineAtRandom checks over many random lives of a line what must never
// fail: no event is lost, first arrivals are in order, no event arrives at a
// broker whose state of that device is older, and in the end the broker holds
// the newest of everything, even one that replaced another.
func TestLineAtRandom(t *testing.T) {
	for seed := range uint64(120) {
		m := &model{
			t: t, random: rand.New(rand.NewPCG(seed, 1)), line: emptyLine(),
			published: map[string]int{}, disk: map[uint64]storedMessage{},
			broker: map[string]int{}, arrived: map[string]bool{},
		}
		m.line.budget = 200
		m.line.begin()
		for range 600 {
			m.step()
			m.checkDisk()
		}
		m.settle()
		if diff := cmp.Diff(m.events, m.arrivals); diff != "" {
			t.Errorf("first arrivals: %s", diff)
		}
		if diff := cmp.Diff(m.published, m.broker); diff != "" {
			t.Errorf("retained: %s", diff)
		}
		got := [...]int64{int64(m.line.waiting), m.line.waitingBytes, m.line.memory, m.line.unstored, m.line.unsaved, int64(len(m.disk))}
		if diff := cmp.Diff([6]int64{}, got); diff != "" {
			t.Errorf("left over: %s", diff)
		}
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func (m *model) step() {
	device := fmt.Sprint("d", m.random.IntN(3))
	switch n := m.random.IntN(200); {
	case n < 40:
		m.publishState(device)
		m.publishEvent(device)
	case n < 50:
		m.publishState(device)
	case n < 80:
		m.beginCommit()
	case n < 110:
		m.endCommit()
	case n < 140:
		m.send()
	case n < 165:
		m.deliver()
	case n < 185:
		m.acknowledge()
	case n < 192:
		m.load()
	case n < 194:
		m.failCommit()
	case n < 195:
		m.damage()
	case n < 196:
		m.broker = map[string]int{}
		fallthrough
	default:
		m.lose(n%2 == 0)
	}
}

// settle lets everything come to its end, in a session with a new broker.
func (m *model) settle() {
	m.broker = map[string]int{}
	m.lose(false)
	for range 10_000 {
		m.beginCommit()
		m.endCommit()
		m.load()
		m.send()
		m.deliver()
		m.acknowledge()
		if m.line.idle() && len(m.queued)+len(m.deletes)+len(m.line.topics.unsent) == 0 && m.group == nil {
			return
		}
	}
	m.t.Error("the line does not come to an end")
}

func (m *model) publishState(device string) {
	m.published[device]++
	m.line.addRetained(&Message{
		Topic: device, Payload: fmt.Append(nil, m.published[device]), Retained: true, Group: device,
	})
}

// publishEvent says in the topic which state belongs to the event.
func (m *model) publishEvent(device string) {
	name := fmt.Sprintf("%s/event/%d/%d", device, len(m.events), m.published[device])
	m.events = append(m.events, name)
	m.queued = append(m.queued, m.line.add(&Message{Topic: name, Group: device, At: t0}, diskQueued, t0))
}

func (m *model) beginCommit() {
	if m.group != nil {
		return
	}
	m.group = &modelGroup{deletes: m.deletes}
	for _, e := range m.queued {
		if e.disk == diskQueued {
			e.disk = diskWriting
			m.group.puts = append(m.group.puts, e)
		}
	}
	m.queued, m.deletes = nil, nil
}

func (m *model) endCommit() {
	if m.group == nil {
		return
	}
	for _, e := range m.group.puts {
		m.disk[e.place] = storedMessage{place: e.place, size: e.size, message: e.message}
		m.line.committed(e)
	}
	for _, place := range m.group.deletes {
		delete(m.disk, place)
	}
	m.group = nil
}

func (m *model) failCommit() {
	if m.group == nil {
		return
	}
	var retries []*entry
	for _, e := range m.group.puts {
		retry, _ := m.line.failed(e)
		if retry {
			retries = append(retries, e)
		}
		if e.kept && !retry && e.disk != diskNever {
			m.t.Errorf("%s was promised, and is given up", e.message.Topic)
		}
	}
	m.queued = append(retries, m.queued...)
	m.deletes = append(m.deletes, m.group.deletes...)
	m.group = nil
}

// damage replaces the disk. Messages that are there only would be lost, so it
// strikes only while there are none.
func (m *model) damage() {
	for e := range m.line.queue.all {
		if e.span != nil {
			return
		}
	}
	again, lost := m.line.restart()
	if lost != 0 {
		m.t.Errorf("%d lost", lost)
	}
	if m.group == nil {
		m.group = &modelGroup{}
	}
	m.disk = map[uint64]storedMessage{}
	m.group.puts, m.group.deletes = append(again, m.group.puts...), nil
}

// checkDisk holds that the disk has what counts as stored.
func (m *model) checkDisk() {
	check := func(e *entry) {
		if _, there := m.disk[e.place]; e.disk == diskStored && !there {
			m.t.Errorf("%s counts as stored and is not", e.message.Topic)
		}
	}
	for e := range m.line.queue.all {
		check(e)
	}
	for _, s := range m.line.inflight {
		if s.entry != nil {
			check(s.entry)
		}
	}
}

func (m *model) load() {
	e := m.line.wanted
	if e == nil {
		return
	}
	c := chunk{from: *e.span, end: true}
	for place := e.place; place <= e.span.last; place++ {
		stored, there := m.disk[place]
		if !there {
			continue
		}
		if len(c.messages) == 3 {
			c.next, c.end = place, false
			break
		}
		c.messages = append(c.messages, stored)
		c.bytes += stored.size
	}
	if missing := m.line.loaded(e, c); missing != 0 {
		m.t.Errorf("%d messages missing", missing)
	}
}

func (m *model) send() {
	for range m.random.IntN(6) {
		s := m.line.take(t0)
		if s == nil && m.line.wanted == nil {
			s = m.line.takeClean()
		}
		if s == nil {
			return
		}
		m.wire = append(m.wire, s)
	}
}

// deliver is what the broker does.
func (m *model) deliver() {
	for range min(m.random.IntN(6), len(m.wire)) {
		s := m.wire[0]
		m.wire = m.wire[1:]
		m.acks = append(m.acks, s)
		if s.topic != nil {
			var version int
			_, _ = fmt.Sscan(string(s.payload), &version)
			m.broker[s.name] = version
			continue
		}
		device, rest, _ := strings.Cut(s.name, "/event/")
		var number, version int
		_, _ = fmt.Sscanf(rest, "%d/%d", &number, &version)
		if m.broker[device] < version {
			m.t.Errorf("%s arrived, the state there is of version %d", s.name, m.broker[device])
		}
		if !m.arrived[s.name] {
			m.arrived[s.name] = true
			m.arrivals = append(m.arrivals, s.name)
		}
	}
}

func (m *model) acknowledge() {
	for range min(m.random.IntN(6), len(m.acks)) {
		s := m.acks[0]
		m.acks = m.acks[1:]
		if m.line.acknowledge(s) {
			m.deletes = append(m.deletes, s.place)
		}
	}
}

func (m *model) lose(byBroker bool) {
	m.wire, m.acks = nil, nil
	// The blame is tested by itself: here nobody is set aside.
	m.line.blamed = blame{}
	if m.line.rewind(byBroker) != nil {
		m.t.Error("set aside")
	}
	m.line.begin()
}
