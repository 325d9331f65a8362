package action_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// once sends bytes over a pipe to a server of their own and gives what the handler saw.
func once(t *testing.T, request string) (*recorder, string) {
	t.Helper()
	h, l := new(recorder), newPipes()
	serve(t, l, h)
	c := l.dial()
	defer c.Close()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(c, request)
		// What a pipe has instead of half-closing: an end that the server takes for a blank line.
		_, _ = io.WriteString(c, "\n\n\n\n\n\n\n\n\n\n")
	}()
	answer, _ := io.ReadAll(c)
	_ = c.Close()
	<-written
	return h, string(answer)
}

func FuzzServer(f *testing.F) {
	for _, c := range corpus(f) {
		f.Add(c.request)
	}
	f.Add("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n5\r\nGET /")
	f.Add("POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n")
	f.Add("\x16\x03\x01")
	f.Fuzz(func(t *testing.T, request string) {
		h, answer := once(t, request)
		if len(h.seen()) != 1 {
			t.Fatalf("handler saw %v of %q", h.seen(), request)
		}
		if n := strings.Count(answer, "HTTP/1."); n < 1 {
			t.Fatalf("no answer to %q: %q", request, answer)
		}
		if s := h.seen()[0]; s.Status == 0 && !strings.HasPrefix(s.Path, "/") {
			t.Fatalf("path %q of %q", s.Path, request)
		}
	})
}

func FuzzTarget(f *testing.F) {
	for _, c := range corpus(f) {
		f.Add(c.path, c.query)
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		path = "/" + strings.NewReplacer("?", "", "\n", "").Replace(path)
		query = strings.ReplaceAll(query, "\n", "")
		if len(path)+len(query) > 8000 {
			t.Skip()
		}
		h, _ := once(t, "GET "+path+"?"+query+" HTTP/1.1\r\nHost: h\r\n\r\n")
		want := seen{Method: http.MethodGet, Path: path, Query: query}
		if got := h.seen(); len(got) != 1 || got[0] != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}
