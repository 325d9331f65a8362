package action_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
	"github.com/rs/zerolog"
)

// from is a connection in memory that comes from an address.
type from struct {
	net.Conn
	source *net.TCPAddr
}

func (f from) RemoteAddr() net.Addr { return f.source }

// dialFrom connects as a client at an address.
func (p *pipes) dialFrom(source string) net.Conn {
	here, there := net.Pipe()
	p.queue <- from{there, &net.TCPAddr{IP: net.ParseIP(source), Port: 4711}}
	synctest.Wait()
	return here
}

// closed tells that the other side has closed a connection without a word.
func closed(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now())
	_, err := c.Read(make([]byte, 1))
	return errors.Is(err, io.EOF)
}

// ended is what [action.Bounds.Ended] was told.
type ended struct {
	Source string
	Most   int
	All    bool
}

// bounded runs a server within bounds in a bubble; what it ended to make room is appended to a list.
func bounded(t *testing.T, h http.Handler, bounds action.Bounds) (l *pipes, stop func(), list *[]ended) {
	t.Helper()
	l, list = newPipes(), new([]ended)
	bounds.Ended = func(source netip.Addr, most int, all bool) {
		*list = append(*list, ended{source.String(), most, all})
	}
	return l, begin(t, l, action.Server{Handler: h, Bounds: bounds, Log: zerolog.Nop()}), list
}

// send asks for something and gives the answer.
func send(t *testing.T, c net.Conn) string {
	t.Helper()
	if _, err := io.WriteString(c, "GET /x HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// TestOldestIdleGoesFirst fills a server with connections that ask for nothing: the oldest is ended,
// so that the next one is served at once.
func TestOldestIdleGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, list := bounded(t, new(recorder), action.Bounds{Open: 3})
		first, second := l.dialFrom("10.0.0.1"), l.dialFrom("10.0.0.2")
		if _, err := io.WriteString(first, "GET /half"); err != nil { // is as idle as before
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if closed(first) {
			t.Error("ended while there was room")
		}
		third := l.dialFrom("10.0.0.3")
		begun := time.Now()
		if answer := send(t, l.dialFrom("10.0.0.4")); !strings.Contains(answer, " 200 OK") || time.Since(begun) > 0 {
			t.Errorf("answered after %v: %q", time.Since(begun), answer)
		}
		if diff := cmp.Diff([]ended{{"10.0.0.1", 3, true}, {"10.0.0.2", 3, true}}, *list); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if !closed(first) || !closed(second) || closed(third) {
			t.Errorf("ended: %v %v %v, want the two older ones", closed(first), closed(second), closed(third))
		}
		_ = third.SetReadDeadline(time.Time{})
		if answer := send(t, third); !strings.Contains(answer, " 200 OK") {
			t.Errorf("the one that stayed was answered %q", answer)
		}
	})
}

// TestYoungOnesAreNotEnded fills a server with connections that have just come: the next one waits
// until one of them leaves or is a second old, for their requests may be on the way.
func TestYoungOnesAreNotEnded(t *testing.T) {
	for _, test := range []struct {
		name  string
		after time.Duration // the first one is served; zero: it stays idle
		want  time.Duration
	}{
		{"one leaves", 300 * time.Millisecond, 300 * time.Millisecond},
		{"none leaves", 0, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, _, _ := bounded(t, new(recorder), action.Bounds{Open: 2})
				begun := time.Now()
				first := l.dialFrom("10.0.0.1")
				l.dialFrom("10.0.0.2")
				if test.after > 0 {
					go func() {
						time.Sleep(test.after)
						send(t, first)
					}()
				}
				if answer := send(t, l.dialFrom("10.0.0.3")); !strings.Contains(answer, " 200 OK") {
					t.Errorf("answered %q", answer)
				}
				if took := time.Since(begun); took != test.want {
					t.Errorf("served after %v, want %v", took, test.want)
				}
			})
		})
	}
}

// TestIdleOfOneAddress has one address open more than it may while it asks for nothing. Others, proxies
// and what is being answered do not suffer.
func TestIdleOfOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
		l, _, list := bounded(t, h, action.Bounds{Idle: 3, Shared: func(a netip.Addr) bool { return a.String() == "10.0.0.9" }})
		var asked, proxied, others, idle []net.Conn
		open := func(to *[]net.Conn, source string) { *to = append(*to, l.dialFrom(source)) }
		for range 5 {
			open(&asked, "10.0.0.1")
			if _, err := io.WriteString(asked[len(asked)-1], "GET / HTTP/1.0\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			open(&proxied, "::ffff:10.0.0.9")
			open(&others, "10.0.0.2")
			if len(others) == 3 {
				others = others[:0:0] // so many are allowed
			}
		}
		for range 6 {
			open(&idle, "10.0.0.1")
		}
		if len(*list) > 0 {
			t.Errorf("young ones were ended: %v", *list)
		}
		time.Sleep(time.Second)
		*list = nil
		open(&idle, "10.0.0.1")
		want := []ended{{"10.0.0.1", 3, false}, {"10.0.0.1", 3, false}, {"10.0.0.1", 3, false}, {"10.0.0.1", 3, false}}
		if diff := cmp.Diff(want, *list); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		for i, c := range idle {
			if got, want := closed(c), i < 4; got != want {
				t.Errorf("idle %d: ended %v, want %v", i, got, want)
			}
		}
		for _, c := range append(others, proxied...) {
			if closed(c) {
				t.Error("another address's was ended")
			}
		}
		close(release)
		for _, c := range asked {
			_ = c.SetReadDeadline(time.Time{})
			if answer, err := io.ReadAll(c); err != nil || !strings.Contains(string(answer), " 200 OK") {
				t.Errorf("one with a request was answered %q, %v", answer, err)
			}
		}
	})
}

// TestWithRequestIsNotEnded fills a server with connections that are being answered: the next one
// waits for the first that is, however long that takes.
func TestWithRequestIsNotEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		l, _, list := bounded(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }), action.Bounds{Open: 2})
		answers := make(chan string, 3)
		for _, source := range []string{"10.0.0.1", "10.0.0.2"} {
			c := l.dialFrom(source)
			go func() { answers <- send(t, c) }()
		}
		synctest.Wait()
		go func() { answers <- send(t, l.dialFrom("10.0.0.3")) }()
		time.Sleep(5 * time.Second)
		if len(answers) > 0 || len(*list) > 0 {
			t.Errorf("%d were answered, %v were ended", len(answers), *list)
		}
		close(release)
		for range 3 {
			if answer := <-answers; !strings.Contains(answer, " 200 OK") {
				t.Errorf("answered %q", answer)
			}
		}
	})
}

// TestFullServerStops stops a server while it waits for room: it must not wait any longer than for
// what is being answered.
func TestFullServerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		l, stop, _ := bounded(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }), action.Bounds{Open: 1})
		if _, err := io.WriteString(l.dialFrom("10.0.0.1"), "GET / HTTP/1.0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		begun := time.Now()
		if stop(); time.Since(begun) != time.Second {
			t.Errorf("stopped after %v, want the second that it gives", time.Since(begun))
		}
	})
}
