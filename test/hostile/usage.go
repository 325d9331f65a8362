package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// holdings are what a process costs while nobody asks it for anything.
type holdings struct {
	goroutines, descriptors int
	resident                int64 // bytes
}

// How much more may be held after an attack than before the first of its subject. Go gives memory back by
// and by, and phones that were learned stay.
const (
	moreGoroutines  = 20
	moreDescriptors = 16
	moreResident    = 32 << 20
)

// mostResident is what the daemon may take while it is attacked.
const mostResident = 160 << 20

func (h holdings) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d MiB", h.goroutines, h.descriptors, h.resident>>20)
}

func (h holdings) near(before holdings) bool {
	return h.goroutines <= before.goroutines+moreGoroutines && h.descriptors <= before.descriptors+moreDescriptors &&
		h.resident <= before.resident+moreResident
}

// holds asks the daemon's metrics.
func (w *world) holds(ctx context.Context) (holdings, error) {
	page, err := w.metrics(ctx)
	if err != nil {
		return holdings{}, err
	}
	figure := func(name string) int64 {
		for line := range strings.Lines(page) {
			if value, ok := strings.CutPrefix(line, name+" "); ok {
				f, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
				return int64(f)
			}
		}
		return 0
	}
	h := holdings{int(figure("go_goroutines")), int(figure("process_open_fds")), figure("process_resident_memory_bytes")}
	if h.goroutines == 0 || h.descriptors == 0 || h.resident == 0 {
		return h, fmt.Errorf("the metrics do not tell: %s", h)
	}
	return h, nil
}

// leftBehind compares what the daemon holds with what it held before the first attack. Connections that
// were left idle are ended after ten seconds, so it is given some time.
func (w *world) leftBehind(ctx context.Context) (harm []string) {
	const patience = 25 * time.Second
	for begun := time.Now(); ; {
		now, err := w.holds(ctx)
		switch {
		case err != nil:
			return []string{err.Error()}
		case now.near(w.before):
			return nil
		case time.Since(begun) > patience:
			return []string{fmt.Sprintf("it held %s before any attack, and %s after this one: %s", w.before, patience, now)}
		}
		// Garbage is collected when new garbage comes, and every page that is asked for is some.
		_ = inParallel(4, 100, func(int) error {
			_, err := w.metrics(ctx)
			return err
		})
		if err := stand.Pause(ctx, 200*time.Millisecond); err != nil {
			return []string{err.Error()}
		}
	}
}

// resetPeak has the system forget how much memory the daemon ever took.
func (w *world) resetPeak() {
	const peakOfMemory = "5"
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", w.daemon.PID()), []byte(peakOfMemory), 0)
}

// peak is the most memory, in bytes, that the daemon took since then. One that was started again counts
// from its start; 0: it does not run.
func (w *world) peak() int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.daemon.PID()))
	_, rest, _ := strings.Cut(string(text), "\nVmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, _ := strconv.ParseInt(kib, 10, 64)
	return n << 10
}

func (w *world) metrics(ctx context.Context) (string, error) {
	at := w.intake
	if w.admin {
		at = w.adminAt
	}
	a, err := w.askAt(ctx, w.honest.ip, at, "GET /metrics HTTP/1.0\r\n\r\n")
	if err == nil && a.status != 200 {
		err = fmt.Errorf("metrics: %s", a)
	}
	return a.body, err
}
