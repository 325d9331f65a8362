package mqtt

import "time"

const (
	// firstSilence is how long a failure is not logged again; each time it is,
	// the silence doubles up to longestSilence.
	firstSilence   = time.Minute
	longestSilence = time.Hour
)

// repetition decides which occurrences of a failure are logged: the first of
// each kind, then one after growing silences, with how many there were. A
// failure that stayed away for longestSilence is a new one. It has no lock.
//
// Every occurrence has to be counted, not only the changes: else a failure that
// comes back within a silence and stays would never be logged.
type repetition struct {
	kind    string
	times   int
	seen    time.Time
	next    time.Time // not before this it is logged again
	silence time.Duration
	told    bool // the log said last that it fails
}

// occurs counts an occurrence and tells whether to log it.
func (r *repetition) occurs(kind string, now time.Time) (times int, logs bool) {
	if r.times == 0 || kind != r.kind || now.Sub(r.seen) >= longestSilence {
		*r = repetition{kind: kind, next: now, silence: firstSilence, told: r.told}
	}
	r.times++
	r.seen = now
	if now.Before(r.next) {
		return r.times, false
	}
	r.next = now.Add(r.silence)
	r.silence = min(2*r.silence, longestSilence)
	r.told = true
	return r.times, true
}

// ends tells whether to log that the failure is over, which is news only to
// whom it was told.
func (r *repetition) ends() (logs bool) {
	logs, r.told = r.told, false
	return logs
}
