// Package quiet decides which occurrences of failures are logged: the first of each, then one after
// growing silences, with how many there were.
//
// It promises that a failure that goes on is told of again, and that whoever causes failures cannot
// fill the log or the memory with one kind of them. It never logs anything itself.
package quiet

import (
	"sync"
	"time"
)

const (
	// first is how long a failure is not logged again; each time it is, the silence doubles up to longest.
	first   = time.Minute
	longest = time.Hour

	// mostTold failures are told apart at once.
	mostTold = 10_000
)

// Failures are told apart by a text each. The zero value has none; its methods may be called at the
// same time.
type Failures struct {
	mu       sync.Mutex
	failures map[string]*repetition
}

// repetition is one failure that repeats.
type repetition struct {
	times   int
	seen    time.Time
	next    time.Time // not before this it is logged again
	silence time.Duration
}

// Says counts an occurrence and tells whether to log it, with how many there were by now. A failure
// that stayed away for an hour is a new one.
func (f *Failures) Says(failure string) (times int, ok bool) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	r, known := f.failures[failure]
	if !known || now.Sub(r.seen) >= longest {
		f.makeRoom(now)
		r = &repetition{next: now, silence: first}
		f.failures[failure] = r
	}
	r.times++
	r.seen = now
	if now.Before(r.next) {
		return r.times, false
	}
	r.next = now.Add(r.silence)
	r.silence = min(2*r.silence, longest)
	return r.times, true
}

// makeRoom drops the failures that are over, and when that does not help all of them: then their next
// occurrences are logged as first ones.
func (f *Failures) makeRoom(now time.Time) {
	if f.failures == nil {
		f.failures = make(map[string]*repetition)
	}
	if len(f.failures) < mostTold {
		return
	}
	for failure, r := range f.failures {
		if now.Sub(r.seen) >= longest {
			delete(f.failures, failure)
		}
	}
	if len(f.failures) >= mostTold {
		clear(f.failures)
	}
}
