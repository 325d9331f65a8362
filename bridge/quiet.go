package bridge

import (
	"sync"
	"time"
)

const (
	// firstSilence is how long a failure is not logged again; each time it is, the silence doubles up to
	// longestSilence.
	firstSilence   = time.Minute
	longestSilence = time.Hour
)

// quiet decides which occurrences of failures are logged: the first of each, then one after growing
// silences, with how many there were. A failure that stayed away for longestSilence is a new one.
type quiet struct {
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

// says counts an occurrence and tells whether to log it, with how many there were by now.
func (q *quiet) says(failure string) (times int, ok bool) {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	r, known := q.failures[failure]
	if !known || now.Sub(r.seen) >= longestSilence {
		q.makeRoom(now)
		r = &repetition{next: now, silence: firstSilence}
		q.failures[failure] = r
	}
	r.times++
	r.seen = now
	if now.Before(r.next) {
		return r.times, false
	}
	r.next = now.Add(r.silence)
	r.silence = min(2*r.silence, longestSilence)
	return r.times, true
}

// makeRoom drops the failures that are over, and when that does not help all of them: then their next
// occurrences are logged as first ones.
func (q *quiet) makeRoom(now time.Time) {
	if q.failures == nil {
		q.failures = make(map[string]*repetition)
	}
	if len(q.failures) < mostRemembered {
		return
	}
	for failure, r := range q.failures {
		if now.Sub(r.seen) >= longestSilence {
			delete(q.failures, failure)
		}
	}
	if len(q.failures) >= mostRemembered {
		clear(q.failures)
	}
}
