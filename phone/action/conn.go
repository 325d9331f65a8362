package action

import (
	"container/list"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// What a client may still send after its answer, and for how long that is read before the connection
// is closed.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 1 << 20
)

// conn is one connection of a phone: one request in, one answer out.
type conn struct {
	net.Conn
	out      net.Conn   // where the answer goes: Conn, or what lies under a failed handshake
	source   netip.Addr // zero when that is no address of the internet
	surplus  bool       // the client may be sending more than was read
	answered bool

	// The crowd guards the rest.
	since time.Time     // when it began to be idle
	place *list.Element // among the idle ones; nil when it is none
}

// readHead reads the request. A *RequestError refuses it; any other error is one of the connection.
func (c *conn) readHead(r *reader) (head, error) {
	r.Reset(c.Conn)
	defer r.Reset(nil)
	h, err := r.readHead()
	c.surplus = err != nil || h.body || !h.versioned || r.Buffered() > 0
	return h, err
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
	c.answered = true
	return c.out.Write(p)
}

// end closes the connection; after an answer to a client that may still be sending it first takes some of
// that off the wire, since closing over unread bytes resets the connection and the answer would be lost
// with it.
func (c *conn) end() {
	if c.answered && c.surplus {
		c.linger()
	}
	_ = c.Close()
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
