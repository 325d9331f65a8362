package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// row is one line of the table. An empty goal is none.
type row struct {
	figure, measured, goal string
	met                    bool
}

func (r row) String() string {
	verdict := ""
	switch {
	case r.goal == "":
	case r.met:
		verdict = "met"
	default:
		verdict = "missed"
	}
	return fmt.Sprintf("| %s | %s | %s | %s |", r.figure, r.measured, r.goal, verdict)
}

// samples are repeated measurements of one thing.
type samples []float64

// at is the value below which this share of them lies, by the nearest rank.
func (s samples) at(share float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

func (s samples) median() float64 { return s.at(0.5) }

// spread is the median with the least and the greatest.
func (s samples) spread(format string) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", s.median(), s.at(0), s.at(1))
}

// milliseconds is d as the samples hold durations.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// machine is the line that tells where the figures come from.
func machine(ctx context.Context, dir string) string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(text), "model name"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			model = strings.Trim(line, ": \t")
		}
	}
	broker := "no mosquitto"
	if program, err := stand.FindMosquitto(); err == nil {
		// It prints its version with the help and ends with an error.
		out, _ := exec.CommandContext(ctx, program, "-h").Output()
		broker, _, _ = strings.Cut(string(out), "\n")
	}
	return fmt.Sprintf("%s, %d cores, %s, %s, fsync %.2f ms, load average before %s",
		model, runtime.NumCPU(), runtime.Version(), broker, fsync(dir).median(), loadAverage())
}

func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// fsync is how long the disk takes for one page, in milliseconds. It stays empty when that cannot be
// measured.
func fsync(dir string) samples {
	file, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	var took samples
	for range 100 {
		begun := time.Now()
		if _, err := file.WriteAt(make([]byte, 4096), 0); err != nil {
			return nil
		}
		if err := file.Sync(); err != nil {
			return nil
		}
		took = append(took, milliseconds(time.Since(begun)))
	}
	return took
}
