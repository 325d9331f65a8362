package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// holdings are what a process costs while nobody asks it for anything.
type holdings struct {
	goroutines, descriptors int
	resident                int64 // bytes
}

// How much more may be held after all attacks of a subject than before the first. Go gives memory back
// by and by, and phones that were learned stay.
const (
	moreGoroutines  = 20
	moreDescriptors = 16
	moreResident    = 32 << 20
)

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
