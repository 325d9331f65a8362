package metrics

import (
	"bytes"
	"net/http"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapes answers scrapes with pages that they share: one page is made at a time, and whoever asks
// meanwhile gets the next one, all of them the same. So thousands who ask at once cost what one costs,
// and none gets a page that was begun before it asked. Pages are text, whatever else is asked for: they
// could not be shared otherwise.
type scrapes struct {
	making http.Handler
	turn   chan struct{} // holds one while a page is made

	mu   sync.Mutex
	next *page // nil: nobody waits for one
}

// page is one answer.
type page struct {
	made   chan struct{} // closed then
	header http.Header
	status int
	text   bytes.Buffer
}

var _ http.ResponseWriter = (*page)(nil)

func newScrapes(from prometheus.Gatherer) *scrapes {
	return &scrapes{
		making: promhttp.HandlerFor(from, promhttp.HandlerOpts{DisableCompression: true}),
		turn:   make(chan struct{}, 1),
	}
}

func (s *scrapes) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p := s.await()
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(p.text.Len()))
	w.WriteHeader(p.status)
	// Who has gone misses it.
	_, _ = w.Write(p.text.Bytes())
}

// await returns a page that is begun after the call.
func (s *scrapes) await() *page {
	s.mu.Lock()
	p := s.next
	if p != nil {
		s.mu.Unlock()
		<-p.made
		return p
	}
	p = &page{made: make(chan struct{}), header: make(http.Header), status: http.StatusOK}
	s.next = p
	s.mu.Unlock()
	s.make(p)
	return p
}

func (s *scrapes) make(p *page) {
	s.turn <- struct{}{}
	defer func() {
		<-s.turn
		close(p.made)
	}()
	s.mu.Lock()
	s.next = nil
	s.mu.Unlock()
	s.making.ServeHTTP(p, &http.Request{Method: http.MethodGet, Header: make(http.Header)})
}

// Header is that of every answer with this page.
func (p *page) Header() http.Header { return p.header }

// WriteHeader keeps the status.
func (p *page) WriteHeader(status int) { p.status = status }

// Write keeps the text.
func (p *page) Write(text []byte) (int, error) { return p.text.Write(text) }
