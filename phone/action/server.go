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
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

const (
	// A phone gives an event up after 8 s (htek template, Preference_HttpReqTimeOut), so neither takes
	// anything from one; they end what only holds a connection. Both begin with the connection.
	requestTime = 10 * time.Second // until the request is there
	answerTime  = 40 * time.Second // until the answer is out

	// stopTime is how long connections may take to come to their end when a server stops.
	stopTime = time.Second

	// While the system has no connection to give, for want of descriptors for example, it is asked again
	// after pauses that double.
	firstPause   = 5 * time.Millisecond
	longestPause = time.Second
)

// Server answers the requests of phones, and of whoever asks as a phone does. It is an HTTP server of its
// own, for net/http refuses what phones send, and they need no more than one request read and one answer
// written.
//
// The first request of each connection is read within ten seconds and within bounds, as the phone meant
// it. The handler sees its very bytes: in r.URL.Path, which begins with a slash, added where the phone
// left it out, and ends before the first question mark, and in r.URL.RawQuery. Of a body it sees nothing.
// Of a request that cannot be read it sees `GET /`, and [Refused] tells the reason. Whatever follows the
// request is never read as another one; the answer closes the connection. A handler must not use its
// ResponseWriter after it has returned.
type Server struct {
	Handler http.Handler
	Bounds  Bounds
	Log     zerolog.Logger
}

// Serve answers what comes in on l until ctx ends. Then it closes l, lets those that are connected come to
// their end for at most a second, and returns nil. An error means that l gives no connections any more.
// For TLS give it a [tls.NewListener]: the handshake happens at the first read, under the same time-out.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	requests, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	p := &pool{
		server:   s,
		requests: requests,
		crowd:    newCrowd(s.Bounds),
		closing:  ctx.Done(),
	}
	closed := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer closed()
	err := p.accept(l)
	_ = l.Close()
	p.stop()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// accept takes connections until the listener is closed.
func (p *pool) accept(l net.Listener) error {
	var pause time.Duration
	for p.crowd.enter(p.closing) {
		c, err := l.Accept()
		if err == nil {
			pause = 0
			p.take(&conn{Conn: c, out: c, source: addressOf(c)})
			continue
		}
		p.crowd.cancel()
		if !passes(err) {
			return err
		}
		pause = min(max(2*pause, firstPause), longestPause)
		p.server.Log.Warn().Err(err).Dur("pause", pause).Msg("the system gives no connection")
		select {
		case <-time.After(pause):
		case <-p.closing:
		}
	}
	return net.ErrClosed
}

// passes tells an error of accept(2) that ends by itself: the system is short of something, or the client
// has gone already.
func passes(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && (errno.Temporary() || errno == syscall.ENOBUFS || errno == syscall.ENOMEM || errno == syscall.ECONNABORTED)
}

type refusedKey struct{}

// refuse is the request that stands for one that could not be read.
func refuse(ctx context.Context, from net.Addr, why *RequestError) *http.Request {
	nothing := head{method: []byte(http.MethodGet), minor: '0'}
	return nothing.request(context.WithValue(ctx, refusedKey{}, why), from)
}

// Refused tells why the request could not be read, and is nil when it was. The handler has to ask
// before anything else: of a refused request it sees `GET /` in place of what was sent.
func Refused(r *http.Request) *RequestError {
	why, _ := r.Context().Value(refusedKey{}).(*RequestError)
	return why
}
