package mqtt

import (
	"bufio"
	"cmp"
	"net"
	"runtime"
	"sync"
	"time"
)

const (
	// wireBuffer is how many bytes may wait for the network before a writer
	// has to, and how many are read ahead.
	wireBuffer = 64 << 10
	readAhead  = 4 << 10
)

// wire is a connection that gathers. paho makes a system call for each message
// that it writes, and three for each PUBACK that it reads; here all that was
// written while a write was under way goes out in the next one, and what has
// come in is read at once.
//
// A write that could not be made is reported to the next one, and the
// connection is closed: whoever waits for a PUBACK learns it from that.
type wire struct {
	net.Conn
	in      *bufio.Reader
	timeout time.Duration // of one write to the network
	filled  chan struct{}
	flushed chan struct{} // closed when nothing is written any more

	mu     sync.Mutex
	room   *sync.Cond // out was taken, or the wire ended
	out    []byte
	err    error
	closed bool
}

// newWire starts the goroutine that writes; Close ends it.
func newWire(conn net.Conn, timeout time.Duration) *wire {
	w := &wire{
		Conn:    conn,
		in:      bufio.NewReaderSize(conn, readAhead),
		timeout: timeout,
		filled:  make(chan struct{}, 1),
		flushed: make(chan struct{}),
	}
	w.room = sync.NewCond(&w.mu)
	go w.flush()
	return w
}

// Read tells why the wire was closed when that was its own doing.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.in.Read(p)
	if err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		err = cmp.Or(w.err, err)
	}
	return n, err
}

// Write takes p over. It blocks only while too much waits.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.out) >= wireBuffer && w.err == nil && !w.closed {
		w.room.Wait()
	}
	if w.err != nil {
		return 0, w.err
	}
	if w.closed {
		return 0, net.ErrClosed
	}
	w.out = append(w.out, p...)
	wake(w.filled)
	return len(p), nil
}

// SetWriteDeadline does nothing: each write to the network has its own.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline sets the deadline of reading, see SetWriteDeadline.
func (w *wire) SetDeadline(t time.Time) error { return w.SetReadDeadline(t) }

func (w *wire) flush() {
	defer close(w.flushed)
	var free []byte
	for range w.filled {
		// Whoever is about to write may do so first: one system call less.
		runtime.Gosched()
		text, closing := w.take(free)
		if err := w.send(text); err != nil {
			w.fail(err)
		}
		if closing {
			return
		}
		free = nil
		if cap(text) <= 2*wireBuffer {
			free = text[:0]
		}
	}
}

// take returns what waits, and gives the writers room again.
func (w *wire) take(free []byte) (text []byte, closing bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text, w.out = w.out, free
	w.room.Broadcast()
	return text, w.closed
}

func (w *wire) send(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if err := w.Conn.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
		return err
	}
	_, err := w.Conn.Write(text)
	return err
}

// fail closes the connection, by which paho's reader notices.
func (w *wire) fail(err error) {
	w.mu.Lock()
	if w.err == nil {
		w.err = err
	}
	w.room.Broadcast()
	w.mu.Unlock()
	_ = w.Conn.Close()
}

// Close writes what waits, DISCONNECT for one, as far as that takes no more
// than a moment.
func (w *wire) Close() error {
	w.mu.Lock()
	w.closed = true
	w.room.Broadcast()
	w.mu.Unlock()
	wake(w.filled)
	// One that hangs in a write is ended.
	defer time.AfterFunc(farewell, func() { _ = w.Conn.Close() }).Stop()
	<-w.flushed
	return w.Conn.Close()
}
