package action_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener in memory, for a synctest bubble.
type pipes struct {
	queue  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{queue: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.queue <- there
	return here
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.queue:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return new(net.TCPAddr) }

func TestServerTimesOut(t *testing.T) {
	for _, tt := range []struct {
		name  string
		bytes string
	}{
		{"nothing sent", ""},
		{"half a request line", "GET /incoming_call?remote=20"},
		{"no end of headers", "GET / HTTP/1.1\r\nHost: h\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, l := new(recorder), newPipes()
				serve(t, l, h)
				c := l.dial()
				defer c.Close()
				begun := time.Now()
				if _, err := io.WriteString(c, tt.bytes); err != nil {
					t.Fatal(err)
				}
				answer, _ := io.ReadAll(c)
				if took := time.Since(begun); took != 10*time.Second || len(answer) > 0 || len(h.seen()) > 0 {
					t.Errorf("closed after %v with %q, handler saw %v", took, answer, h.seen())
				}
			})
		})
	}
}

func TestServerTimesOutOnDrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		serve(t, l, new(recorder))
		c := l.dial()
		defer c.Close()
		begun := time.Now()
		for {
			if _, err := io.WriteString(c, "a"); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(begun); took > 12*time.Second {
			t.Errorf("one byte a second held the connection for %v", took)
		}
	})
}

func TestServerKeepsALongHandlersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		serve(t, l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
				t.Errorf("canceled: %v", r.Context().Err())
			case <-time.After(25 * time.Second):
			}
		}))
		c := l.dial()
		defer c.Close()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if answer, _ := io.ReadAll(c); !strings.Contains(string(answer), "200 OK") {
			t.Errorf("answer %q", answer)
		}
	})
}
