package action

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// Workers that have nothing to do rest for a while. A goroutine for each connection would begin with a
// small stack each time, and growing it took a tenth of the time that an event takes. The one that came
// last is the first to work again, so that no more stay than are needed.
const (
	mostResting = 64
	restTime    = time.Second
)

// pool is the goroutines that serve connections, one at a time each; as many as there are connections.
type pool struct {
	server   *Server
	requests context.Context // that of all requests
	crowd    *crowd
	closing  <-chan struct{}

	working sync.WaitGroup
	mu      sync.Mutex
	resting []*worker // guarded by mu
}

// take has a connection served.
func (p *pool) take(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.resting) - 1
	if last < 0 {
		p.working.Go(func() { newWorker(p).work(c) })
		return
	}
	p.resting[last].next <- c
	p.resting = p.resting[:last]
}

// stop waits for those that are being served, and ends what has had its time.
func (p *pool) stop() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.working.Wait()
	}()
	over := time.NewTimer(stopTime)
	defer over.Stop()
	select {
	case <-done:
	case <-over.C:
		p.crowd.endAll()
	}
}

// worker is one of the goroutines, with memory that it uses over and over.
type worker struct {
	*pool
	reader *reader
	answer answer
	next   chan *conn  // has room for the one that ends its rest
	rested *time.Timer // after restTime
}

func newWorker(p *pool) *worker {
	return &worker{pool: p, reader: newReader(), next: make(chan *conn, 1), rested: time.NewTimer(restTime)}
}

func (w *worker) work(c *conn) {
	defer w.rested.Stop()
	for c != nil {
		w.serve(c)
		c = w.rest()
	}
}

// rest waits for another connection, and gives nil when enough others do or it has taken too long.
func (w *worker) rest() *conn {
	if !w.joinResting() {
		return nil
	}
	w.rested.Reset(restTime)
	select {
	case c := <-w.next:
		return c
	case <-w.rested.C:
	case <-w.closing:
	}
	if w.leaveResting() {
		return nil
	}
	return <-w.next // it was just given one
}

func (w *worker) joinResting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.resting) == mostResting {
		return false
	}
	w.resting = append(w.resting, w)
	return true
}

// leaveResting tells whether it was still among them.
func (w *worker) leaveResting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.Index(w.resting, w)
	if at < 0 {
		return false
	}
	w.resting = slices.Delete(w.resting, at, at+1)
	return true
}

// serve reads a request, has it answered, and ends the connection.
func (w *worker) serve(c *conn) {
	defer w.crowd.leave(c)
	defer c.end()
	defer w.survive()
	now := time.Now()
	// What could not be set is told by the first read.
	_ = c.SetReadDeadline(now.Add(requestTime))
	_ = c.SetWriteDeadline(now.Add(answerTime))
	w.crowd.begin(c)
	h, err := c.readHead(w.reader)
	w.crowd.asked(c)
	var request *http.Request
	if refused := c.refusal(err); refused != nil {
		request = refuse(w.requests, c.RemoteAddr(), refused)
	} else if err == nil {
		request = h.request(w.requests, c.RemoteAddr())
	} else {
		return // it left, or asked for nothing
	}
	w.answer.begin(c, request)
	w.server.Handler.ServeHTTP(&w.answer, request)
	w.answer.finish()
}

// survive is deferred: a mistake, in the handler or on the way to it, takes nobody else's answer.
func (w *worker) survive() {
	cause := recover()
	if cause == nil || cause == http.ErrAbortHandler { //nolint:errorlint // by which a handler ends without an answer
		return
	}
	w.server.Log.Error().Str("panic", fmt.Sprint(cause)).Bytes("stack", debug.Stack()).Msg("a request could not be answered, that is a mistake in the program")
}
