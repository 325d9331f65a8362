package action_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/rs/zerolog"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// seen is what a handler saw of one request.
type seen struct {
	Method, Path, Query string
	Status              int
	Reason              string
}

// recorder answers what it is told to and keeps what it saw.
type recorder struct {
	mu   sync.Mutex
	all  []seen
	last *http.Request
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s := seen{Method: req.Method, Path: req.URL.Path, Query: req.URL.RawQuery}
	if refused := action.Refused(req); refused != nil {
		s.Status, s.Reason = refused.Status, refused.Reason
	}
	r.mu.Lock()
	r.all = append(r.all, s)
	r.last = req
	r.mu.Unlock()
	if s.Status != 0 {
		http.Error(w, s.Reason, s.Status)
		return
	}
	_, _ = fmt.Fprintf(w, "%q %q\n", s.Path, s.Query)
}

func (r *recorder) seen() []seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

// serve runs a server with the handler on l until the test ends.
func serve(t testing.TB, l net.Listener, h http.Handler) {
	t.Helper()
	begin(t, l, action.Server{Handler: h, Log: zerolog.Nop()})
}

// begin has a server serve l until the test ends, or stop is called, which returns then.
func begin(t testing.TB, l net.Listener, server action.Server) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// exchange sends raw bytes and gives everything that comes back.
func exchange(t testing.TB, address, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	// A server that has seen enough may close its side while a long request is still being written.
	_, _ = io.WriteString(c, request)
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("answer lost after %q: %v", answer, err)
	}
	return string(answer)
}

type requestCase struct{ name, request, path, query string }

func corpus(t testing.TB) []requestCase {
	t.Helper()
	text, err := os.ReadFile("testdata/requests.txt")
	if err != nil {
		t.Fatal(err)
	}
	var cases []requestCase
	for i, block := range strings.Split(string(text), "\n\n") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		if strings.HasPrefix(lines[0], "#") {
			continue
		}
		if len(lines) != 4 {
			t.Fatalf("block %d: %d lines, want 4: %q", i, len(lines), block)
		}
		c := requestCase{name: lines[0]}
		for j, to := range []*string{&c.request, &c.path, &c.query} {
			if *to, err = strconv.Unquote(lines[j+1]); err != nil {
				t.Fatalf("block %q, line %d: %v", c.name, j+1, err)
			}
		}
		if !strings.HasSuffix(c.request, "\n") {
			c.request += "\r\n\r\n"
		}
		cases = append(cases, c)
	}
	return cases
}

func TestServerRepairsWhatPhonesSend(t *testing.T) {
	for _, c := range corpus(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := new(recorder)
			l := listen(t)
			serve(t, l, h)
			answer := exchange(t, l.Addr().String(), c.request)

			method, _, _ := strings.Cut(strings.TrimLeft(c.request, "\r\n"), " ")
			want := []seen{{Method: method, Path: c.path, Query: c.query}}
			if diff := cmp.Diff(want, h.seen()); diff != "" {
				t.Errorf("handler (-want +got):\n%s", diff)
			}
			if want := fmt.Sprintf("%q %q\n", c.path, c.query); !strings.HasSuffix(answer, want) || !strings.Contains(answer, " 200 OK\r\n") {
				t.Errorf("answer %q, want 200 with %q", answer, want)
			}
		})
	}
}

func TestServerPassesOrdinaryHeaders(t *testing.T) {
	h := new(recorder)
	l := listen(t)
	serve(t, l, h)
	exchange(t, l.Addr().String(), "GET http://named.example:81/metrics HTTP/1.1\r\nhost: 10.0.0.1:8090\r\n"+
		"User-Agent : Prometheus\r\nAccept: text/plain;q=0.5,\r\n */*\r\nX-Forwarded-For: 10.0.0.7\r\nAuthorization: Basic eDp5\r\n"+
		"X-Bad: a\x01b\r\nTE: trailers\r\nContent-Length: 3\r\n\r\nabc")
	want := http.Header{
		"User-Agent":      {"Prometheus"},
		"Accept":          {"text/plain;q=0.5, */*"},
		"X-Forwarded-For": {"10.0.0.7"},
		"Authorization":   {"Basic eDp5"},
	}
	if diff := cmp.Diff(want, h.last.Header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if h.last.Host != "named.example:81" || h.last.ContentLength != 0 || h.last.Proto != "HTTP/1.1" {
		t.Errorf("host %q, length %d, %s", h.last.Host, h.last.ContentLength, h.last.Proto)
	}
}

func TestServerRefuses(t *testing.T) {
	line := func(n int) string { return "GET /" + strings.Repeat("a", n-len("GET / HTTP/1.1")) + " HTTP/1.1" }
	fields := func(n int) string { return strings.Repeat("X-A: "+strings.Repeat("b", 1017)+"\r\n", n) }
	for _, tt := range []struct {
		name, request string
		status        int
		reason        string
	}{
		{"longest line", line(8<<10) + "\r\n\r\n", 0, ""},
		{"line too long", line(8<<10+1) + "\r\n\r\n", 414, "request line over 8 KiB"},
		// As much as a connection holds that nobody reads: the server waits half a second for the rest, and a client
		// that had to send on might not get to it in that time.
		{"line without end", strings.Repeat("GET /", 6<<10), 414, "request line over 8 KiB"},
		{"most headers", "GET / HTTP/1.1\r\n" + fields(16) + "\r\n", 0, ""},
		{"too many headers", "GET / HTTP/1.1\r\n" + fields(16) + "X: 1\r\n\r\n", 431, "headers over 16 KiB"},
		{"very many header lines", "GET / HTTP/1.1\r\n" + strings.Repeat("a:\n", 4000) + "\n", 0, ""},
		{"most folded lines", "GET / HTTP/1.1\r\na: b\r\n" + strings.Repeat(" c\r\n", 100) + "\r\n", 0, ""},
		{"too many folded lines", "GET / HTTP/1.1\r\na: b\r\n" + strings.Repeat(" c\r\n", 101) + "\r\n", 431, "over 100 header lines of a kind"},
		{"too many hosts", "GET / HTTP/1.1\r\n" + strings.Repeat("Host: h\r\n", 101) + "\r\n", 431, "over 100 header lines of a kind"},
		{"a long body behind many lines", "GET / HTTP/1.1\r\n" + strings.Repeat("a:\n", 1000) + "Content-Length: 5000\r\n\r\n", 413, "body over 4 KiB"},
		{"header without end", "GET / HTTP/1.1\r\nX: " + strings.Repeat("b", 32<<10), 431, "headers over 16 KiB"},
		{"longest body", "POST / HTTP/1.1\r\nContent-Length: 4096\r\n\r\n" + strings.Repeat("b", 4096), 0, ""},
		{"body too long", "POST / HTTP/1.1\r\nContent-Length: 4097\r\n\r\n" + strings.Repeat("b", 4097), 413, "body over 4 KiB"},
		{"body far too long", "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413, "body over 4 KiB"},
		{"second length too long, folded", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length:\r\n 5000\r\n\r\n", 413, "body over 4 KiB"},
		{"no target", "GET\r\n\r\n", 400, "not an HTTP request"},
		{"nothing but a version", "GET HTTP/1.1\r\n\r\n", 400, "not an HTTP request"},
		{"no method", " /incoming_call HTTP/1.1\r\n\r\n", 400, "not an HTTP request"},
		{"TLS on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 \n", 400, "not an HTTP request"},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "not HTTP/1.0 or HTTP/1.1"},
		{"HTTP/1.10", "GET / HTTP/1.10\r\n\r\n", 400, "not HTTP/1.0 or HTTP/1.1"},
		{"blank lines only", strings.Repeat("\r\n", 20), 400, "not an HTTP request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := new(recorder)
			l := listen(t)
			serve(t, l, h)
			answer := exchange(t, l.Addr().String(), tt.request)
			if got := h.seen(); len(got) != 1 || got[0].Status != tt.status || got[0].Reason != tt.reason {
				t.Errorf("handler saw %+v, want status %d, %q", got, tt.status, tt.reason)
			}
			status := " " + strconv.Itoa(max(tt.status, 200)) + " "
			if first, _, _ := strings.Cut(answer, "\r\n"); !strings.Contains(first, status) {
				t.Errorf("answer %q, want status%s", first, status)
			}
		})
	}
}

func TestServerRefusesRequestsCutShort(t *testing.T) {
	for _, request := range []string{"GET /incoming_call?remote=20", "GET / HTTP/1.1", "GET / HTTP/1.1\r\nHost: h\r\n", "GET / HTTP/1.1\r\nHo"} {
		h := new(recorder)
		l := listen(t)
		serve(t, l, h)
		answer := halfClosed(t, l.Addr().String(), request)
		want := []seen{{Method: "GET", Path: "/", Status: 400, Reason: "request cut short"}}
		if diff := cmp.Diff(want, h.seen()); diff != "" || !strings.Contains(answer, " 400 ") {
			t.Errorf("%q: answer %q, handler (-want +got):\n%s", request, answer, diff)
		}
	}
}

// halfClosed sends a request, says that nothing more will come, and gives the answer.
func halfClosed(t *testing.T, address, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	half, ok := c.(*net.TCPConn)
	if !ok {
		t.Fatalf("%T", c)
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func TestServerAnswersAfterHalfClose(t *testing.T) {
	canceled := make(chan bool, 1)
	l := listen(t)
	serve(t, l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			canceled <- true
		case <-time.After(200 * time.Millisecond):
			canceled <- false
		}
	}))
	answer := halfClosed(t, l.Addr().String(), "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if !strings.Contains(answer, " 200 OK") || <-canceled {
		t.Errorf("answer %q, or the request was canceled", answer)
	}
}

func TestServerClosesAfterEveryAnswer(t *testing.T) {
	l := listen(t)
	serve(t, l, new(recorder))
	for _, version := range []string{"1.0", "1.1"} {
		// io.ReadAll in exchange comes back only when the server closes.
		answer := exchange(t, l.Addr().String(), "GET / HTTP/"+version+"\r\nHost: h\r\nConnection: keep-alive\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if !response.Close || response.Proto != "HTTP/"+version {
			t.Errorf("HTTP/%s: %s, close %v", version, response.Proto, response.Close)
		}
	}
}

func TestServerTakesAHundredAtOnce(t *testing.T) {
	h := new(recorder)
	l := listen(t)
	serve(t, l, h)
	var clients sync.WaitGroup
	for i := range 100 {
		clients.Go(func() {
			path := fmt.Sprintf("/incoming call/%d", i)
			answer := exchange(t, l.Addr().String(), "GET "+path+" HTTP/1.1\r\n\r\n")
			if !strings.HasSuffix(answer, fmt.Sprintf("%q \"\"\n", path)) {
				t.Errorf("%s: answer %q", path, answer)
			}
		})
	}
	clients.Wait()
	if got := len(h.seen()); got != 100 {
		t.Errorf("handler saw %d requests, want 100", got)
	}
}

func TestServerTakesASimulatedPhonesEvents(t *testing.T) {
	h := new(recorder)
	l := listen(t)
	serve(t, l, h)
	p := phonetest.New(phonetest.Options{Server: "http://" + l.Addr().String() + "/token", Charset: simplifiedchinese.GBK})
	status, err := p.Send(t.Context(), phone.DNDOn, nil)
	if status != 200 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
	status, err = p.Send(t.Context(), phone.MissedCall, map[phone.Variable]string{phone.VarDisplayRemote: `张三 & "Bob" <50% +1> HTTP/1.1 `})
	if status != 200 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
	want := []seen{
		{Method: "GET", Path: "/token/dnd_on", Query: "mac=001fc1000001&ip=127.0.0.1&model=UC926U&firmware=2.0.4.2"},
		{Method: "GET", Path: "/token/missed_call", Query: "mac=001fc1000001&ip=127.0.0.1&call_id=&remote=&active_user=201" +
			"&local=sip:201@192.168.0.1&model=UC926U&firmware=2.0.4.2&display_remote=\xd5\xc5\xc8\xfd & \"Bob\" <50% +1> HTTP/1.1 "},
	}
	if diff := cmp.Diff(want, h.seen()); diff != "" {
		t.Errorf("handler (-want +got):\n%s", diff)
	}
}
