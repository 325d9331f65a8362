// Package action speaks both HTTP directions of a desk phone: it reads the Action URL requests that
// phones send, which no HTTP server takes as they are, and sends Action URI requests, by which phones
// are told what to do.
//
// It promises that a handler sees the very bytes of the phone, once per connection, and that a
// command is written once, or a second time only after the phone refused the first with 401. It never
// interprets an event, never decides what to send, and never shows a password: not in an error, not
// in a log, not by a redirect, not through a proxy.
package action

import (
	"container/list"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// What a client may still send after its answer, and for how long that is read before the connection
// is closed.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 1 << 20
)

// NewListener wraps l for a server made by [NewServer]. The first request of each connection is read
// whole, within the server's ReadHeaderTimeout and within bounds, repaired, and handed on as a request
// that net/http takes; whatever follows it is never read as a request, and the answer closes the
// connection. A request that cannot be read is replaced by an empty one, for which [Refused] tells the
// reason. For TLS wrap a [tls.NewListener]: the handshake happens at the first read, under the same
// time-out.
func NewListener(l net.Listener) net.Listener { return NewBoundedListener(l, Bounds{}) }

// NewBoundedListener is NewListener with bounds of one's own.
func NewBoundedListener(l net.Listener, bounds Bounds) net.Listener {
	return &listener{
		Listener: l,
		readers:  &sync.Pool{New: func() any { return newReader() }},
		crowd:    newCrowd(bounds),
		closed:   make(chan struct{}),
	}
}

type listener struct {
	net.Listener
	readers *sync.Pool
	crowd   *crowd
	closing sync.Once
	closed  chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	if !l.crowd.enter(l.closed) {
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		l.crowd.cancel()
		return nil, err
	}
	return &conn{Conn: c, readers: l.readers, crowd: l.crowd, source: addressOf(c), out: c}, nil
}

func (l *listener) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// conn is one connection of a phone: one request in, one answer out.
type conn struct {
	net.Conn
	readers  *sync.Pool
	out      net.Conn // where the answer goes: Conn, or what lies under a failed handshake
	silence  silence  // what is read after the request
	taken    bool
	request  []byte // what is left of the repaired request
	refused  *RequestError
	surplus  atomic.Bool // the client may be sending more than was read
	answered atomic.Bool

	crowd  *crowd // guards the rest but source
	source netip.Addr
	since  time.Time     // when it began to be idle
	place  *list.Element // among the idle ones; nil when it is none
	gone   bool          // it has no place any more
}

// Read gives the repaired request, then waits. net/http reads on while a handler works and takes an
// end of file for a client that left, but a phone that half-closes after its request is still waiting
// for the answer.
func (c *conn) Read(p []byte) (int, error) {
	if !c.taken {
		c.taken = true
		if err := c.take(); err != nil {
			return 0, err
		}
	}
	if len(c.request) == 0 {
		return 0, c.silence.wait()
	}
	n := copy(p, c.request)
	c.request = c.request[n:]
	return n, nil
}

// take reads the request and repairs it. An error is one of the connection; a request that cannot be
// read is no error but a refusal.
func (c *conn) take() error {
	r, _ := c.readers.Get().(*reader)
	r.Reset(c.Conn)
	defer func() {
		r.Reset(nil)
		c.readers.Put(r)
	}()
	c.crowd.begin(c)
	h, err := r.readHead()
	c.crowd.asked(c)
	if c.refused = c.refusal(err); c.refused != nil {
		c.surplus.Store(true)
		c.request = []byte("GET / HTTP/1.0\r\n\r\n")
		return nil
	}
	if err != nil {
		return err
	}
	c.surplus.Store(h.body || !h.versioned || r.Buffered() > 0)
	c.request = h.repaired()
	return nil
}

// refusal is what the handler is told of an error, nil when there is nothing to tell: a client that
// left, or never finished, got no further than a port scanner.
func (c *conn) refusal(err error) *RequestError {
	if refused, ok := errors.AsType[*RequestError](err); ok {
		return refused
	}
	if plain := plainConn(err); plain != nil {
		c.out = plain
		return &RequestError{http.StatusBadRequest, "plain http sent to an https address"}
	}
	if handshakeFailed(c.Conn, err) {
		return &RequestError{http.StatusBadRequest, "tls handshake failed: " + err.Error()}
	}
	return nil
}

// plainConn is the connection under a TLS one whose client speaks plain HTTP, otherwise nil. Without
// an answer on it, a phone with an http URL would lose its events and nobody would learn why.
func plainConn(err error) net.Conn {
	broken, _ := errors.AsType[tls.RecordHeaderError](err)
	switch string(broken.RecordHeader[:]) {
	case "GET /", "POST ", "HEAD ":
		return broken.Conn
	}
	return nil
}

// handshakeFailed tells a handshake that the two sides could not agree on, an old phone's protocol
// version or a certificate it does not trust, from a connection that just ended.
func handshakeFailed(c net.Conn, err error) bool {
	secured, ok := c.(*tls.Conn)
	if !ok || err == nil || secured.ConnectionState().HandshakeComplete {
		return false
	}
	if failed, ok := errors.AsType[net.Error](err); ok && failed.Timeout() || errors.Is(err, io.EOF) {
		return false
	}
	broken, ok := errors.AsType[*net.OpError](err)
	return !ok || broken.Op != "read"
}

func (c *conn) Write(p []byte) (int, error) {
	c.answered.Store(true)
	return c.out.Write(p)
}

func (c *conn) SetDeadline(t time.Time) error {
	c.silence.until(t)
	return c.Conn.SetDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.silence.until(t)
	return c.Conn.SetReadDeadline(t)
}

// Close ends the connection; after an answer to a client that may still be sending it first takes
// some of that off the wire, since closing over unread bytes resets the connection and the answer
// would be lost with it.
func (c *conn) Close() error {
	defer c.crowd.leave(c)
	c.silence.end()
	if c.answered.Load() && c.surplus.Swap(false) {
		c.linger()
	}
	return c.Conn.Close()
}

func (c *conn) linger() {
	half, ok := c.out.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if c.out.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	// How this ends says nothing: the answer is out, and the connection closes either way.
	_, _ = io.CopyN(io.Discard, c.out, lingerBytes)
}
