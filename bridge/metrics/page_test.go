package metrics

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
)

// slowCounter tells of each time that it is read, and waits for leave to answer.
type slowCounter struct {
	prometheus.Counter
	begun, leave chan struct{}
}

func (c slowCounter) Collect(to chan<- prometheus.Metric) {
	c.begun <- struct{}{}
	<-c.leave
	c.Counter.Collect(to)
}

// TestScrapesShareAPage: however many ask while a page is made, one more is made for all of them, and it
// shows what was counted before they asked.
func TestScrapesShareAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		counted := slowCounter{
			prometheus.NewCounter(prometheus.CounterOpts{Name: "counted_total", Help: "For this test."}),
			make(chan struct{}, 10), make(chan struct{}),
		}
		registry.MustRegister(counted)
		s := newScrapes(registry)
		ask := func() *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			return w
		}

		first := make(chan *httptest.ResponseRecorder, 1)
		go func() { first <- ask() }()
		<-counted.begun
		counted.Inc()
		var asking sync.WaitGroup
		for range 1000 {
			asking.Go(func() {
				w := ask()
				if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "\ncounted_total 1\n") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
					t.Errorf("got %d %v %q", w.Code, w.Header(), w.Body)
				}
			})
		}
		synctest.Wait()
		if len(counted.begun) > 0 {
			t.Fatal("two pages are made at once")
		}
		counted.leave <- struct{}{}
		<-counted.begun
		close(counted.leave)
		asking.Wait()
		<-first
		if more := len(counted.begun); more > 0 {
			t.Errorf("%d more pages were made", more)
		}
	})
}

// brokenCounter cannot be read.
type brokenCounter struct{ prometheus.Counter }

func (c brokenCounter) Collect(to chan<- prometheus.Metric) {
	to <- prometheus.NewInvalidMetric(c.Desc(), http.ErrAbortHandler)
}

// TestScrapesTellOfErrors: a page that cannot be made is no page without figures.
func TestScrapesTellOfErrors(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(brokenCounter{prometheus.NewCounter(prometheus.CounterOpts{Name: "broken_total", Help: "For this test."})})
	w := httptest.NewRecorder()
	newScrapes(registry).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusInternalServerError {
		t.Errorf("got %d %q, want 500", w.Code, w.Body)
	}
}
