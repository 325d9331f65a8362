package action

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
	"time"
)

// The bounds of a server that was given none.
const (
	mostOpen = 4096
	mostIdle = 256
)

// patience is how long a connection may be idle whatever others want: a phone on a bad line, or a slow
// handshake while a whole office starts, takes less.
const patience = time.Second

// Bounds are how many connections a server holds open at once. One is idle until its request has been
// read whole: who opens many and asks for nothing, or so slowly that it takes until the time-out, must
// keep nobody out. So idle ones are ended to keep a place free for the next, the oldest first, when they
// were it for a second. Those with a request are never ended; while nothing but such is open, new ones
// wait with the system.
type Bounds struct {
	Open int // of all addresses; 0: 4,096
	Idle int // of one address, those that are younger than a second not counted; 0: 256

	// Shared tells an address behind which many are, to which Idle does not apply; nil: none is.
	Shared func(netip.Addr) bool

	// Ended is called for each idle connection that was ended, with how many its bound lets be open, for
	// all addresses or for the one that it came from; nil: nobody is told. It must not block.
	Ended func(source netip.Addr, most int, all bool)
}

// crowd is the open connections of a server.
type crowd struct {
	Bounds

	mu     sync.Mutex
	coming int                // places that are kept for connections to come
	all    map[*conn]struct{} // that have come
	idle   list.List          // of *conn, the oldest at its front
	idleOf map[netip.Addr]int // how many of an address are in it
	left   chan struct{}      // closed when the next one leaves; nil while nobody waits for that
}

func newCrowd(b Bounds) *crowd {
	if b.Open == 0 {
		b.Open = mostOpen
	}
	if b.Idle == 0 {
		b.Idle = mostIdle
	}
	return &crowd{Bounds: b, all: make(map[*conn]struct{}), idleOf: make(map[netip.Addr]int)}
}

// enter waits until there is room for one more connection, or until done, which is what false tells.
func (w *crowd) enter(done <-chan struct{}) bool {
	for {
		victim, left, rest := w.room()
		switch {
		case victim != nil:
			w.end(victim, w.Open, true)
			return true
		case left == nil:
			return true
		}
		timer := time.NewTimer(rest)
		select {
		case <-left:
		case <-timer.C:
		case <-done:
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}

// room takes a place for a new connection, maybe that of a victim. When there is none it tells what to
// wait for, and how long at most.
func (w *crowd) room() (victim *conn, left <-chan struct{}, rest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.coming+len(w.all) < w.Open {
		w.coming++
		return nil, nil, 0
	}
	rest = patience
	if oldest := w.idle.Front(); oldest != nil {
		c := connOf(oldest)
		if rest = patience - time.Since(c.since); rest <= 0 {
			w.remove(c)
			w.coming++
			return c, nil, 0
		}
	}
	if w.left == nil {
		w.left = make(chan struct{})
	}
	return nil, w.left, rest
}

// begin notes that a connection is waited for to send its request, and ends an older one of its address
// if there are too many.
func (w *crowd) begin(c *conn) {
	for over := w.wait(c); over; {
		victim := w.oldest(c.source)
		if victim == nil {
			return
		}
		w.end(victim, w.Idle, false)
	}
}

// wait puts a connection among the idle ones and tells whether its address has too many.
func (w *crowd) wait(c *conn) (over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.coming--
	w.all[c] = struct{}{}
	c.since, c.place = time.Now(), w.idle.PushBack(c)
	w.idleOf[c.source]++
	return w.idleOf[c.source] > w.Idle && (w.Shared == nil || !w.Shared(c.source))
}

// oldest takes the oldest idle connection of an address away, if it has too many and that may be ended.
func (w *crowd) oldest(source netip.Addr) *conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.idleOf[source] <= w.Idle {
		return nil
	}
	for at := w.idle.Front(); at != nil; at = at.Next() {
		c := connOf(at)
		if time.Since(c.since) < patience {
			return nil
		}
		if c.source == source {
			w.remove(c)
			return c
		}
	}
	return nil
}

// asked notes that a connection's request has been read, or never will be.
func (w *crowd) asked(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(c)
}

// leave gives a connection's place away, once.
func (w *crowd) leave(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(c)
}

// cancel gives a place back that no connection came to.
func (w *crowd) cancel() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.coming--
	w.free()
}

func (w *crowd) remove(c *conn) {
	if _, is := w.all[c]; !is {
		return
	}
	delete(w.all, c)
	w.forget(c)
	w.free()
}

// free tells who waits for a place.
func (w *crowd) free() {
	if w.left != nil {
		close(w.left)
		w.left = nil
	}
}

func (w *crowd) forget(c *conn) {
	if c.place == nil {
		return
	}
	w.idle.Remove(c.place)
	c.place = nil
	if w.idleOf[c.source]--; w.idleOf[c.source] == 0 {
		delete(w.idleOf, c.source)
	}
}

// endAll closes all connections, whatever they wait for. Each leaves by itself.
func (w *crowd) endAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.all {
		_ = lineOf(c).Close()
	}
}

// end closes a connection that was removed, at once and without a word.
func (w *crowd) end(c *conn, most int, all bool) {
	// It only ends what is not wanted any more.
	_ = lineOf(c).Close()
	if w.Ended != nil {
		w.Ended(c.source, most, all)
	}
}

// lineOf is what lies under a connection: closing that of TLS could take time, for it says goodbye.
func lineOf(c *conn) net.Conn {
	if secured, ok := c.Conn.(interface{ NetConn() net.Conn }); ok {
		return secured.NetConn()
	}
	return c.Conn
}

// connOf is the connection in a place. Nothing else is put there.
func connOf(place *list.Element) *conn {
	c, _ := place.Value.(*conn)
	return c
}

// addressOf is where a connection comes from, the zero Addr when that is no address of the internet.
func addressOf(c net.Conn) netip.Addr {
	from, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return from.AddrPort().Addr().Unmap().WithZone("")
}
