package mqtt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/time/rate"
)

const (
	// grace is how long PUBACKs that are on their way are waited for at the
	// end of a session.
	grace = 20 * time.Millisecond
	// farewell bounds the publishing of Offline, and the DISCONNECT after it.
	farewell = 400 * time.Millisecond
	// republishBurst is how many topics are published again without a pause,
	// republishPause how long the sender waits for the next ones.
	republishBurst = 50
	republishPause = 5 * time.Millisecond
)

var errEnded = errors.New("session ended by us")

// session is one connection. Its sender takes from the line and publishes, its
// acknowledger waits for the PUBACKs in the same order and advances the line. A
// goroutine that hangs in paho after the end, for up to a WriteTimeout, is left
// behind: all it can still touch is its dead paho client.
type session struct {
	client   *Client
	paho     paho.Client
	pace     *rate.Limiter // of publishing clean topics again
	refused  []string
	verified atomic.Bool

	slots    chan struct{} // one for each message in flight
	sent     chan flight
	progress chan struct{} // something was acknowledged, or nothing waits

	denied  chan struct{} // somebody said that we are offline
	present chan struct{} // closed when Online was acknowledged
	leave   chan struct{} // closed when Offline is to be published
	left    chan struct{} // closed when Offline was acknowledged

	lost     chan struct{} // closed when the connection is of no more use
	lostOnce sync.Once
	err      error         // why, valid after lost
	over     chan struct{} // closed when nothing more is taken and acknowledged

	halted    bool // guarded by client.mu: nothing more is sent or received
	ending    bool // guarded by client.mu: only what waits is sent
	receiving int  // guarded by client.mu: messages that are being handed over

	mu   sync.Mutex
	conn net.Conn
	cuts bool // the connection is not wanted any more
}

// flight is a shipment on its way.
type flight struct {
	shipment *shipment
	token    paho.Token
}

func newSession(c *Client) *session {
	perSecond := c.cfg.RepublishRate
	return &session{
		client:   c,
		pace:     rate.NewLimiter(rate.Limit(perSecond), min(republishBurst, perSecond)),
		slots:    make(chan struct{}, c.cfg.Window),
		sent:     make(chan flight, c.cfg.Window),
		progress: make(chan struct{}, 1),
		denied:   make(chan struct{}, 1),
		present:  make(chan struct{}),
		leave:    make(chan struct{}),
		left:     make(chan struct{}),
		lost:     make(chan struct{}),
		over:     make(chan struct{}),
	}
}

// serve works the line off until the connection is lost or ctx ends, and
// returns the reason.
func (s *session) serve(ctx context.Context) error {
	s.client.begin(s)
	if s.client.cfg.OnConnect != nil {
		s.client.cfg.OnConnect()
	}
	acknowledged := make(chan struct{})
	go s.send()
	go func() {
		defer close(acknowledged)
		s.acknowledge()
	}()
	select {
	case <-s.lost:
	case <-ctx.Done():
		s.finish()
	}
	s.cut()
	<-acknowledged
	s.client.end(s)
	return s.err
}

// send publishes what the line gives, with at most a window in flight.
func (s *session) send() {
	for {
		select {
		case s.slots <- struct{}{}:
		case <-s.over:
			return
		}
		next := s.next()
		if next == nil {
			return
		}
		token := s.paho.Publish(next.name, 1, next.retained(), next.payload)
		select {
		case s.sent <- flight{next, token}:
		case <-s.over:
			return
		}
	}
}

// next waits for something to send, nil at the end of the session.
func (s *session) next() *shipment {
	for {
		select {
		case <-s.over:
			// One that hung in paho until now must not swallow the next session's wake-up.
			return nil
		default:
		}
		next, lull := s.client.take(s)
		if lull.wanted {
			wake(s.client.wakeWriter)
		}
		if next != nil {
			return next
		}
		wake(s.progress)
		if lull.rests && s.client.ask(&lull) {
			continue
		}
		var pause <-chan time.Time
		if lull.pause > 0 {
			pause = time.After(lull.pause)
		}
		select {
		case <-s.client.wakeSender:
		case <-pause:
		case <-s.over:
			return nil
		}
	}
}

// lull is why there is nothing to send now.
type lull struct {
	wanted bool          // the writer has to read something back first; a shipment may come with it
	rests  bool          // nothing waits
	pause  time.Duration // after which there will be something; 0: not known
}

// take returns what s has to send next, or why there is nothing.
func (c *Client) take(s *session) (*shipment, lull) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.halted {
		return nil, lull{}
	}
	next := c.line.take(time.Now())
	if next != nil || c.line.wanted != nil || s.ending {
		return next, lull{wanted: c.line.wanted != nil}
	}
	if s.pace.Allow() {
		next = c.line.takeClean()
	}
	why := lull{rests: c.line.rests()}
	if len(c.line.topics.unsent) > 0 {
		why.pause = republishPause
	}
	return next, why
}

// ask puts in line what the source has to say, if anything, or notes when it
// will.
func (c *Client) ask(why *lull) (spoke bool) {
	if c.cfg.Source == nil {
		return false
	}
	m, pause := c.cfg.Source()
	if m.Topic == "" || checkTopic(m.Topic) != nil {
		why.pause = pause
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line.addIdle(&m)
	return true
}

// Ask tells that the source has something to say again.
func (c *Client) Ask() { wake(c.wakeSender) }

// acknowledge advances the line with each PUBACK, strictly in the order of
// sending: then what is first in line is always the oldest one in doubt.
func (s *session) acknowledge() {
	for {
		select {
		case f := <-s.sent:
			select {
			case <-f.token.Done():
			case <-s.over:
				s.collect(f)
				return
			}
			if err := f.token.Error(); err != nil {
				s.failSoon(err)
				return
			}
			s.arrived(f)
		case <-s.over:
			select {
			case f := <-s.sent:
				s.collect(f)
			default:
			}
			return
		}
	}
}

// collect takes the PUBACKs that came before the end, and waits a moment for
// those on their way. Everything else is sent again.
func (s *session) collect(f flight) {
	patience := time.After(grace)
	for {
		select {
		case <-f.token.Done():
		case <-patience:
			return
		}
		if f.token.Error() != nil {
			return
		}
		s.arrived(f)
		select {
		case f = <-s.sent:
		default:
			return
		}
	}
}

func (s *session) arrived(f flight) {
	s.client.acknowledged(f.shipment)
	<-s.slots
	wake(s.progress)
}

// finish ends a session in order: what waits is sent as far as the broker takes
// it in time, then Offline, then DISCONNECT. Without a PUBACK for Offline there
// is no DISCONNECT either, and the broker publishes the will.
func (s *session) finish() {
	s.client.ending(s)
	timeout := time.NewTimer(s.client.cfg.DrainTimeout)
	defer timeout.Stop()
	for !s.client.haltsAtRest(s) {
		select {
		case <-s.progress:
			continue
		case <-timeout.C:
		case <-s.lost:
			return
		}
		break
	}
	s.client.halt(s)
	close(s.leave)
	if s.await(context.Background(), s.left, farewell) == nil {
		s.paho.Disconnect(uint(farewell.Milliseconds()))
	}
}

// cut ends the connection at once. Nothing sent over it can arrive afterwards.
func (s *session) cut() {
	s.fail(errEnded)
	close(s.over)
	s.mu.Lock()
	s.cuts = true
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
	// It waits for paho's goroutines, which may take a WriteTimeout.
	go s.paho.Disconnect(0)
}

// hold remembers the connection for cut.
func (s *session) hold(conn net.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cuts {
		_ = conn.Close()
		return errEnded
	}
	s.conn = conn
	return nil
}

// fail reports that the connection is of no more use. The first reason counts.
func (s *session) fail(err error) {
	s.lostOnce.Do(func() {
		s.err = err
		close(s.lost)
	})
}

// failSoon lets paho report first why its tokens fail.
func (s *session) failSoon(err error) {
	select {
	case <-s.lost:
	case <-time.After(grace):
		s.fail(err)
	}
}

// await waits for done as long as the session lives.
func (s *session) await(ctx context.Context, done <-chan struct{}, timeout time.Duration) error {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-s.lost:
		return s.err
	case <-timer.C:
		return fmt.Errorf("no answer within %s", timeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// presence hears what is published on our presence topic. What the broker kept
// from before says nothing, for Online follows it.
func (s *session) presence(m Message) {
	switch {
	case m.Retained:
	case bytes.Equal(m.Payload, s.client.cfg.Presence.Online):
		s.verified.Store(true)
	default:
		wake(s.denied)
	}
}
