package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// notary stands between the daemon and its broker. It notes what goes to the broker and what the broker
// acknowledges, and it is the network: it delays, cuts and garbles on request.
type notary struct {
	addr, broker string
	journal      *journal
	listener     net.Listener
	running      sync.WaitGroup

	mu          sync.Mutex
	conditions  conditions
	connections map[*connection]bool
	count       int
}

// conditions are how the network and the broker behind it are.
type conditions struct {
	away          bool // no connection comes about
	stalled       [2]bool
	delay, jitter time.Duration
	rate          int        // bytes a second in each direction; 0: no limit
	noFilters     bool       // every subscription is refused
	mostPublish   int        // bytes of a PUBLISH on which the broker ends the connection; 0: no limit
	cutAfter      func() int // bytes to the broker until a new connection is cut; nil: never
}

// direction of a packet.
type direction int

const (
	up   direction = iota // from the daemon to the broker
	down                  // from the broker to the daemon
)

// connection is one between daemon and broker.
type connection struct {
	notary *notary
	number int
	place  int         // of the try in the history
	ends   [2]net.Conn // where packets of each direction come from: the daemon, the broker
	over   chan struct{}
	once   sync.Once
	budget int            // bytes left to the broker; negative: no limit
	stall  [2]atomic.Bool // for ever: bytes that were lost never come
	garble [2]atomic.Bool // the next packet gets a byte before it that is none

	mu        sync.Mutex
	published map[uint16]int    // place of what the broker has not acknowledged
	delivered map[uint16]string // transaction of what the daemon has not acknowledged
}

func startNotary(broker string, j *journal) (*notary, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &notary{addr: l.Addr().String(), broker: broker, journal: j, listener: l, connections: make(map[*connection]bool)}
	n.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.running.Go(func() { n.serve(c) })
		}
	})
	return n, nil
}

func (n *notary) close() {
	_ = n.listener.Close()
	n.leave()
	n.running.Wait()
}

// leave takes the broker away from the daemon until back is called.
func (n *notary) leave() (back func()) {
	n.set(func(c *conditions) { c.away = true })
	n.cut()
	return func() { n.set(func(c *conditions) { c.away = false }) }
}

// set changes the conditions. What was stalled when that ends stays so in the connections that there are.
func (n *notary) set(change func(*conditions)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.conditions)
	for c := range n.connections {
		c.suffer(n.conditions.stalled)
	}
}

func (n *notary) now() conditions {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.conditions
}

func (c *connection) suffer(stalled [2]bool) {
	for d, is := range stalled {
		if is && !c.stall[d].Swap(true) {
			c.notary.journal.note(func(h *history) { h.tries[c.place].silent = cmp.Or(h.tries[c.place].silent, time.Now()) })
		}
	}
}

// cut ends all connections without a word of MQTT.
func (n *notary) cut() {
	for _, c := range n.live() {
		c.end()
	}
}

// garble puts a byte between two packets that begins none.
func (n *notary) garble(d direction) {
	for _, c := range n.live() {
		c.garble[d].Store(true)
	}
}

func (n *notary) live() []*connection {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []*connection
	for c := range n.connections {
		all = append(all, c)
	}
	return all
}

func (n *notary) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	is := n.now()
	place := n.journal.tries()
	if is.away {
		n.journal.note(func(h *history) { h.tries[place].ended = time.Now() })
		return
	}
	broker, err := net.DialTimeout("tcp", n.broker, time.Second) //nolint:noctx // on loopback, and ended by its time
	if err != nil {
		n.journal.note(func(h *history) { h.tries[place].ended = time.Now() })
		return
	}
	c := &connection{
		notary: n, place: place, ends: [2]net.Conn{client, broker}, over: make(chan struct{}), budget: -1,
		published: make(map[uint16]int), delivered: make(map[uint16]string),
	}
	if is.cutAfter != nil {
		c.budget = is.cutAfter()
	}
	n.mu.Lock()
	n.count++
	c.number = n.count
	n.journal.note(func(h *history) { h.tries[place].session = c.number })
	n.connections[c] = true
	c.suffer(n.conditions.stalled)
	n.mu.Unlock()

	var both sync.WaitGroup
	both.Go(func() { c.relay(up) })
	both.Go(func() { c.relay(down) })
	both.Wait()
	n.mu.Lock()
	delete(n.connections, c)
	n.mu.Unlock()
}

func (c *connection) end() {
	c.once.Do(func() {
		close(c.over)
		c.notary.journal.note(func(h *history) { h.tries[c.place].ended = time.Now() })
		for _, end := range c.ends {
			_ = end.Close()
		}
	})
}

// arrived is a packet that waits for its turn.
type arrived struct {
	packet packet
	at     time.Time
}

// relay passes the packets of one direction on until the connection ends. What was said before an end
// still arrives, such as why a broker lets nobody in.
func (c *connection) relay(d direction) {
	waiting := make(chan arrived, 64)
	var writing sync.WaitGroup
	writing.Go(func() { c.write(d, waiting) })
	defer c.end()
	defer writing.Wait()
	defer close(waiting)
	in := bufio.NewReaderSize(c.ends[d], 32<<10)
	for {
		p, err := readPacket(in)
		if err != nil {
			return
		}
		if c.stall[d].Load() {
			// Nothing is read any more, as when the cable is out: not even an end is seen.
			<-c.over
			return
		}
		c.seen(d, p)
		select {
		case waiting <- arrived{p, time.Now()}:
		case <-c.over:
			return
		}
	}
}

func (c *connection) write(d direction, waiting <-chan arrived) {
	for a := range waiting {
		if err := c.pass(d, a); err != nil {
			c.end()
			break
		}
	}
	for range waiting { // so that the reader is not held up
	}
}

var errCut = errors.New("cut")

func (c *connection) pass(d direction, a arrived) error {
	is := c.notary.now()
	if is.delay > 0 {
		c.rest(time.Until(a.at.Add(is.delay + time.Duration(float64(is.jitter)*rand.Float64()))))
	}
	if is.rate > 0 {
		c.rest(time.Duration(len(a.packet)) * time.Second / time.Duration(is.rate))
	}
	if c.stall[d].Load() {
		<-c.over
		return errCut
	}
	to := c.ends[1-d]
	if c.garble[d].Load() {
		_, _ = to.Write([]byte{0}) // type 0 is forbidden (MQTT 3.1.1, 2.2.1)
		c.garble[d].Store(false)
	}
	if d == up {
		if is.noFilters && a.packet.kind() == typeSubscribe {
			_, err := c.ends[up].Write(a.packet.refusal())
			return err
		}
		if is.mostPublish > 0 && a.packet.kind() == typePublish && len(a.packet) > is.mostPublish {
			return errCut
		}
		if c.budget >= 0 {
			if len(a.packet) > c.budget {
				_, _ = to.Write(a.packet[:c.budget])
				return errCut
			}
			c.budget -= len(a.packet)
		}
	}
	c.passes(d, a.packet)
	_, err := to.Write(a.packet)
	return err
}

// rest waits, or less when the connection ends.
func (c *connection) rest(length time.Duration) {
	if length <= 0 {
		return
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.over:
	}
}

// seen notes what a side said, whether or not it is passed on.
func (c *connection) seen(d direction, p packet) {
	if p.kind() != typePuback {
		return
	}
	c.mu.Lock()
	place, published := c.published[p.id()]
	transaction, delivered := c.delivered[p.id()]
	if d == up {
		delete(c.delivered, p.id())
	}
	c.mu.Unlock()
	switch {
	case d == down && published:
		c.notary.journal.note(func(h *history) { h.publications[place].confirmed = time.Now() })
	case d == up && delivered:
		c.notary.journal.command(transaction, func(c *command) { c.taken = true })
	}
}

// passes notes what a side is about to be given.
func (c *connection) passes(d direction, p packet) {
	switch {
	case d == up && p.kind() == typePublish:
		m, ok := p.message()
		if !ok {
			return
		}
		c.notary.journal.note(func(h *history) { h.spoke = time.Now() })
		said, judged := newPublication(m)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.published, m.id)
		if judged {
			said.connection = c.number
			c.published[m.id] = c.notary.journal.publishes(said)
		}
	case d == up && p.kind() == typeDisconnect:
		c.notary.journal.note(func(h *history) { h.tries[c.place].left = true })
	case d == down && p.kind() == typeConnack:
		c.notary.journal.note(func(h *history) { h.connected[c.number] = time.Now() })
	case d == down && p.kind() == typePuback:
		c.mu.Lock()
		place, ok := c.published[p.id()]
		delete(c.published, p.id())
		c.mu.Unlock()
		if ok {
			c.notary.journal.note(func(h *history) { h.publications[place].acked = time.Now() })
		}
	case d == down && p.kind() == typePublish:
		c.delivers(p)
	}
}

// delivers notes a command that the broker gives to the daemon.
func (c *connection) delivers(p packet) {
	m, ok := p.message()
	if !ok || !strings.Contains(m.topic, "/set/") {
		return
	}
	var said struct {
		Transaction string `json:"transaction"`
	}
	if json.Unmarshal(m.payload, &said) != nil {
		return
	}
	c.mu.Lock()
	c.delivered[m.id] = said.Transaction
	c.mu.Unlock()
	c.notary.journal.command(said.Transaction, func(c *command) { c.delivered = time.Now() })
}
