package phonetest_test

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// intake takes events and keeps the request lines, as the server got them.
type intake struct {
	url    string
	status int

	mu    sync.Mutex
	lines []string
}

// receive starts an intake of plain sockets: net/http refuses much of what phones send.
func receive(t *testing.T, status int) *intake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	in := &intake{url: "http://" + l.Addr().String(), status: status}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in.take(c)
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return in
}

func (in *intake) take(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	var head []byte
	for buffer := make([]byte, 4096); !slices.Equal(last(head, 4), []byte("\r\n\r\n")); {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		head = append(head, buffer[:n]...)
	}
	in.mu.Lock()
	in.lines = append(in.lines, string(head[:slices.Index(head, '\r')]))
	in.mu.Unlock()
	_, _ = c.Write([]byte("HTTP/1.1 " + statusLine(in.status) + "\r\nContent-Length: 0\r\n\r\n"))
}

func last(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

func statusLine(status int) string {
	return map[int]string{200: "200 OK", 403: "403 Forbidden"}[status]
}

func (in *intake) requests() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.lines)
}

// run brings phones to life until the test ends.
func run(t *testing.T, phones ...*phonetest.Phone) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, p := range phones {
		running.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Errorf("phone %s: %v", p.Number(), err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

// ask sends one Action URI with a login and gives the status.
func ask(t *testing.T, p *phonetest.Phone, uri, username, password string) int {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+p.Addr(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Opaque = "/Phone_ActionURL&" + uri
	r.SetBasicAuth(username, password)
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}
