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
	live, resident          int64 // bytes: what the last collection left of the heap, and all that is in memory
}

// How much more may be held after an attack than before the first of its subject. Phones that were learned
// stay. Resident memory is no measure of a leak in the heap: with few phones the program lets garbage
// gather up to three times what lives, and Go gives memory back by and by. It is one of what is not heap,
// such as the mapped store.
const (
	moreGoroutines  = 20
	moreDescriptors = 16
	moreLive        = 10 << 20
	moreResident    = 64 << 20
)

// mostResident is what the daemon may take while it is attacked.
const mostResident = 160 << 20

func (h holdings) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d MiB (%d live)", h.goroutines, h.descriptors, h.resident>>20, h.live>>20)
}

func (h holdings) near(before holdings) bool {
	return h.goroutines <= before.goroutines+moreGoroutines && h.descriptors <= before.descriptors+moreDescriptors &&
		h.live <= before.live+moreLive && h.resident <= before.resident+moreResident
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
	h := holdings{
		goroutines:  int(figure("go_goroutines")),
		descriptors: int(figure("process_open_fds")),
		// The next collection comes when GOGC percent more than what lives is there.
		live:     figure("go_memstats_next_gc_bytes") * 100 / (100 + figure("go_gc_gogc_percent")),
		resident: figure("process_resident_memory_bytes"),
	}
	if h.goroutines == 0 || h.descriptors == 0 || h.live == 0 || h.resident == 0 {
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
