package action_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
	"github.com/rs/zerolog"
)

// TestAnswers shows what is sent for what a handler writes, byte by byte.
func TestAnswers(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	write := func(pieces ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for _, piece := range pieces {
				_, _ = io.WriteString(w, piece)
			}
		}
	}
	head := func(status string, lines ...string) string {
		return "HTTP/1.1 " + status + "\r\nDate: \r\nConnection: close\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
	}
	for _, test := range []struct {
		name    string
		request string // without its end
		handler http.HandlerFunc
		want    string
	}{
		{"nothing", "GET / HTTP/1.1", write(), head("200 OK", "Content-Length: 0")},
		{"a status", "GET / HTTP/1.1", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, head("503 Service Unavailable", "Content-Length: 0")},
		{"a text", "GET / HTTP/1.1", write("o", "k"), head("200 OK", "Content-Length: 2") + "ok"},
		{"to HTTP/1.0", "GET / HTTP/1.0", write("ok"), strings.Replace(head("200 OK", "Content-Length: 2"), "1.1", "1.0", 1) + "ok"},
		{"to HEAD", "HEAD / HTTP/1.1", write("ok"), head("200 OK", "Content-Length: 2")},
		{"one that has no body", "GET / HTTP/1.1", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			_, _ = io.WriteString(w, "ok")
		}, head("204 No Content")},
		{"the first status counts, and none in between", "GET / HTTP/1.1", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(103)
			w.WriteHeader(404)
			w.WriteHeader(200)
		}, head("404 Not Found", "Content-Length: 0")},
		{"headers, with a line end in one", "GET / HTTP/1.1", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Name", "Bob\r\nX-Evil: 1")
			w.Header().Set("Content-Type", "text/plain")
		}, head("200 OK", "Content-Length: 0", "Content-Type: text/plain", "X-Name: Bob  X-Evil: 1")},
		{"a long text", "GET / HTTP/1.1", write("first ", long), head("200 OK", "Transfer-Encoding: chunked") + "6\r\nfirst \r\n2710\r\n" + long + "\r\n0\r\n\r\n"},
		{"a long text at once", "GET / HTTP/1.1", write(long), head("200 OK", "Transfer-Encoding: chunked") + "2710\r\n" + long + "\r\n0\r\n\r\n"},
		{"a long text to HTTP/1.0", "GET / HTTP/1.0", write("first ", long), strings.Replace(head("200 OK"), "1.1", "1.0", 1) + "first " + long},
		{"a long text to HEAD", "HEAD / HTTP/1.1", write(long, long), head("200 OK")},
		{"a long text of known length", "GET / HTTP/1.1", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10000")
			_, _ = io.WriteString(w, long)
		}, head("200 OK", "Content-Length: 10000") + long},
		{"broken off", "GET / HTTP/1.1", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, long)
			panic(http.ErrAbortHandler)
		}, head("200 OK", "Transfer-Encoding: chunked") + "2710\r\n" + long + "\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := listen(t)
			serve(t, l, test.handler)
			date := regexp.MustCompile(`(?m)^Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT`)
			got := date.ReplaceAllString(exchange(t, l.Addr().String(), test.request+"\r\nHost: h\r\n\r\n"), "Date: ")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestChunksAreRead has a real client tell a long answer from one that broke off.
func TestChunksAreRead(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	for _, breaks := range []bool{false, true} {
		l := listen(t)
		serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, long)
			if breaks {
				panic(http.ErrAbortHandler)
			}
		}))
		answer, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if string(body) != long || breaks != errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("breaks off: %v; %d bytes, %v", breaks, len(body), err)
		}
	}
}

// TestPanicIsOneRequests has a handler fail: its client gets nothing, the log all, and others their answer.
func TestPanicIsOneRequests(t *testing.T) {
	var log bytes.Buffer
	l := listen(t)
	stop := begin(t, l, action.Server{Log: zerolog.New(&log), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			_, _ = io.WriteString(w, "half an ")
			panic("a mistake")
		}
		_, _ = io.WriteString(w, "fine")
	})})
	if answer := exchange(t, l.Addr().String(), "GET /bad HTTP/1.1\r\n\r\n"); answer != "" {
		t.Errorf("answer %q", answer)
	}
	if answer := exchange(t, l.Addr().String(), "GET /good HTTP/1.1\r\n\r\n"); !strings.HasSuffix(answer, "\r\n\r\nfine") {
		t.Errorf("answer %q after it", answer)
	}
	stop()
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, `"panic":"a mistake"`) || !strings.Contains(text, "server_test.go") {
		t.Errorf("log %q", text)
	}
}

// TestLongAnswerNobodyReads ends a connection whose client takes nothing.
func TestLongAnswerNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, wrote := newPipes(), make(chan error, 1)
		serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(make([]byte, 1<<20))
			wrote <- err
		}))
		c, begun := l.dial(), time.Now()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := <-wrote; err == nil || time.Since(begun) != 40*time.Second {
			t.Errorf("written until %v: %v", time.Since(begun), err)
		}
		synctest.Wait()
		if !closed(c) {
			t.Error("still open")
		}
	})
}

// TestServerStops lets what is being answered come to its end, ends who asks for nothing a second later,
// and takes nobody any more.
func TestServerStops(t *testing.T) {
	for _, idle := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := newPipes()
			stop := begin(t, l, action.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-time.After(600 * time.Millisecond):
				case <-r.Context().Done():
				}
			})})
			c, answer := l.dial(), make(chan string, 1)
			go func() { answer <- send(t, c) }()
			if idle {
				c := l.dial()
				defer c.Close()
			}
			synctest.Wait()
			begun, want := time.Now(), 600*time.Millisecond
			if idle {
				want = time.Second
			}
			if stop(); time.Since(begun) != want {
				t.Errorf("idle %v: stopped after %v, want %v", idle, time.Since(begun), want)
			}
			if got := <-answer; !strings.Contains(got, " 200 OK") {
				t.Errorf("idle %v: answered %q", idle, got)
			}
			select {
			case <-l.closed:
			default:
				t.Error("still listens")
			}
		})
	}
}

// TestWorkersRest asks a hundred times at once, then a hundred times one after the other: what was made
// for the former is not kept for longer than a second by the latter.
func TestWorkersRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		serve(t, l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Millisecond) }))
		synctest.Wait()
		before := runtime.NumGoroutine()
		answers := make(chan string)
		for range 100 {
			go func() { answers <- send(t, l.dial()) }()
		}
		for range 100 {
			if answer := <-answers; !strings.Contains(answer, " 200 OK") {
				t.Errorf("answered %q", answer)
			}
		}
		synctest.Wait()
		if most := before + 64; runtime.NumGoroutine() > most {
			t.Errorf("%d goroutines rest, want %d at most", runtime.NumGoroutine(), most)
		}
		for range 100 { // one after the other, as they always come
			time.Sleep(10 * time.Millisecond)
			send(t, l.dial())
		}
		synctest.Wait()
		if after := runtime.NumGoroutine(); after > before+1 {
			t.Errorf("%d goroutines for one at a time, where there were %d", after, before)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("%d goroutines are left of %d", after, before)
		}
	})
}

// failing is a listener that fails before it gives connections.
type failing struct {
	*pipes
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) == 0 {
		return f.pipes.Accept()
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return nil, err
}

// TestAcceptIsTriedAgain has the system give no connection, for a while or for good.
func TestAcceptIsTriedAgain(t *testing.T) {
	none := &net.OpError{Op: "accept", Net: "tcp", Err: fmt.Errorf("accept4: %w", syscall.EMFILE)}
	for _, test := range []struct {
		name string
		errs []error
		wait time.Duration // until somebody is answered; 0: never
	}{
		{"for a while", []error{none, none, none}, (5 + 10 + 20) * time.Millisecond},
		{"a client that left", []error{syscall.ECONNABORTED}, 5 * time.Millisecond},
		{"for long", []error{none, none, none, none, none, none, none, none, none, none}, 3275 * time.Millisecond},
		{"for good", []error{none, syscall.EBADF}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				l := &failing{newPipes(), test.errs}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				begun := time.Now()
				go func() {
					ended <- (&action.Server{Handler: new(recorder), Bounds: action.Bounds{Open: 1}, Log: zerolog.New(&log)}).Serve(ctx, l)
				}()
				if test.wait == 0 {
					if err := <-ended; !errors.Is(err, syscall.EBADF) {
						t.Errorf("ended with %v", err)
					}
					cancel()
					return
				}
				if answer := send(t, l.dial()); !strings.Contains(answer, " 200 OK") || time.Since(begun) != test.wait {
					t.Errorf("after %v: %q, want it after %v", time.Since(begun), answer, test.wait)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Errorf("ended with %v", err)
				}
				if lines := strings.Count(log.String(), "the system gives no connection"); lines != len(test.errs) {
					t.Errorf("%d lines in the log, want %d", lines, len(test.errs))
				}
			})
		})
	}
}

// TestOrdinaryClientsAnswer is what a client library makes of an answer.
func TestOrdinaryClientsAnswer(t *testing.T) {
	l := listen(t)
	serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(exchange(t, l.Addr().String(), "HEAD / HTTP/1.1\r\n\r\n"))),
		&http.Request{Method: http.MethodHead})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	sent, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil || time.Since(sent).Abs() > time.Minute || answer.StatusCode != http.StatusTeapot || !answer.Close {
		t.Errorf("%s, close %v, sent %v, %v", answer.Status, answer.Close, sent, err)
	}
}

// mined is a connection on which reading goes wrong in a way that nobody thought of.
type mined struct{ net.Conn }

func (mined) Read([]byte) (int, error) { panic("a mistake below") }

// TestPanicBelowTheHandler has a mistake strike before there is a request: the server goes on.
func TestPanicBelowTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		l := newPipes()
		stop := begin(t, l, action.Server{Handler: new(recorder), Bounds: action.Bounds{Open: 1}, Log: zerolog.New(&log)})
		here, there := net.Pipe()
		l.queue <- mined{there}
		if answer := send(t, l.dial()); !strings.Contains(answer, " 200 OK") || !closed(here) {
			t.Errorf("the next one was answered %q", answer)
		}
		stop()
		if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, `"panic":"a mistake below"`) {
			t.Errorf("log %q", text)
		}
	})
}
