package mqtt

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// countedConn counts the writes that reach the network, and waits for a signal
// before each.
type countedConn struct {
	net.Conn
	writes int
	gate   chan struct{}
}

func (c *countedConn) Write(p []byte) (int, error) {
	<-c.gate
	c.writes++
	return c.Conn.Write(p)
}

// TestWireGathers: what is written during a write goes out in one, whole and in
// order, and Close loses nothing of it.
func TestWireGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		counted := &countedConn{Conn: near, gate: make(chan struct{})}
		w := newWire(counted, time.Second)
		var want bytes.Buffer
		for i := range 100 {
			text := bytes.Repeat([]byte{byte(i)}, i)
			want.Write(text)
			if n, err := w.Write(text); n != i || err != nil {
				t.Fatalf("write: %d, %v", n, err)
			}
			if i == 1 {
				synctest.Wait() // the first write is under way
			}
		}
		got := make(chan []byte)
		go func() {
			text, _ := io.ReadAll(far)
			got <- text
		}()
		close(counted.gate)
		if err := w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if text := <-got; !bytes.Equal(text, want.Bytes()) {
			t.Errorf("%d of %d bytes came, or in another order", len(text), want.Len())
		}
		if counted.writes > 3 {
			t.Errorf("%d writes to the network", counted.writes)
		}
		if _, err := w.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a write after the end: %v", err)
		}
	})
}

// TestWireIsBounded: a peer that does not read makes the writer wait, then
// fail, and reading tells the same reason.
func TestWireIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		w := newWire(near, time.Second)
		began := time.Now()
		var err error
		written := 0
		for err == nil {
			var n int
			n, err = w.Write(make([]byte, 1000))
			written += n
		}
		if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != time.Second {
			t.Errorf("failed after %s with %v", took, err)
		}
		if written > 3*wireBuffer {
			t.Errorf("%d bytes were taken over", written)
		}
		if _, err := w.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("reading tells %v", err)
		}
		_ = w.Close()
	})
}

// TestWireCloseIsBounded: a peer that does not read does not keep Close.
func TestWireCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		w := newWire(near, time.Hour)
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_ = w.Close()
		if took := time.Since(began); took > farewell {
			t.Errorf("closed after %s", took)
		}
	})
}
