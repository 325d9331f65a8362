package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// usage is the daemon's memory, in bytes.
type usage struct {
	Most int64 `json:"most"`
	Last int64 `json:"last"`
	Own  int64 `json:"own"` // the most without files that are mapped, of which the store is one
}

// sample looks at the daemon's memory until ctx ends.
func (w *world) sample(ctx context.Context) {
	for stand.Pause(ctx, 100*time.Millisecond) == nil {
		w.sampleOnce()
	}
}

func (w *world) sampleOnce() {
	rss, own := residentSet(w.running())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.usage = usage{max(w.usage.Most, rss), rss, max(w.usage.Own, own)}
}

// residentSet is RSS in bytes, and how much of it is the process' own; 0 for one that has ended.
func residentSet(p *stand.Process) (rss, own int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	find := func(name string) int64 {
		_, rest, _ := strings.Cut(string(text), name+":")
		var kilobytes int64
		_, _ = fmt.Sscan(rest, &kilobytes)
		return kilobytes << 10
	}
	return find("VmRSS"), find("RssAnon")
}

// readFigures reads Prometheus' text form: lines without a label.
func readFigures(page io.Reader) (map[string]float64, error) {
	found := make(map[string]float64)
	lines := bufio.NewScanner(page)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			found[name] = n
		}
	}
	return found, lines.Err()
}
