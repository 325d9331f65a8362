package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// ticks is USER_HZ: the unit of CPU time in /proc/PID/stat.
const ticks = 100

// usage is what a process has used so far.
type usage struct {
	cpu     time.Duration
	waits   int   // voluntary context switches of all threads: each is followed by a wake-up
	rss     int64 // bytes, now
	rssPeak int64
}

func usageOf(p *stand.Process) (usage, error) {
	var u usage
	root := fmt.Sprintf("/proc/%d/", p.PID())
	stat, err := os.ReadFile(root + "stat")
	if err != nil {
		return u, err
	}
	// The name in brackets may hold blanks; fields 14 and 15 are user and system time.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, errUser := strconv.Atoi(fields[11])
	system, errSystem := strconv.Atoi(fields[12])
	if err := errors.Join(errUser, errSystem); err != nil {
		return u, err
	}
	u.cpu = time.Duration(user+system) * time.Second / ticks
	status, err := os.ReadFile(root + "status")
	if err != nil {
		return u, err
	}
	u.rss, u.rssPeak = number(status, "VmRSS:")<<10, number(status, "VmHWM:")<<10
	threads, err := filepath.Glob(root + "task/*/status")
	for _, thread := range threads {
		// A thread may have ended meanwhile.
		if status, err := os.ReadFile(thread); err == nil {
			u.waits += int(number(status, "\nvoluntary_ctxt_switches:"))
		}
	}
	return u, err
}

// number is the number after a label, 0 without one.
func number(text []byte, label string) int64 {
	_, rest, _ := strings.Cut(string(text), label)
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(fields[0], 10, 64)
	return n
}
