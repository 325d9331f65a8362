package phone

import "time"

// Span is a length of time that may be unknown: no answer, or a clock that cannot be believed.
type Span struct {
	Known  bool
	Length time.Duration
}

// IsZero tells that the span is unknown.
func (s Span) IsZero() bool { return !s.Known }

// earliest is the oldest wall clock that is believed: small computers start in 1970 and jump.
var earliest = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

// longest is the most that is believed between two readings of the wall clock: no call lasts for a
// week, but a clock that was wrong for years is set right in one step.
const longest = 7 * 24 * time.Hour

// between measures from one time to a later one: by the monotonic clock when both were taken in this
// process, otherwise by the wall clock, which is believed neither backwards nor before 2020 nor over
// a week.
func between(from, to time.Time) Span {
	length := to.Sub(from)
	if from.IsZero() || to.IsZero() || length < 0 {
		return Span{}
	}
	if (wallOnly(from) || wallOnly(to)) && (from.Before(earliest) || to.Before(earliest) || length > longest) {
		return Span{}
	}
	return Span{Known: true, Length: length}
}

// wallOnly tells that a time carries no monotonic reading: it was stored and read back. Equal would not
// see the difference.
func wallOnly(t time.Time) bool { return t == t.Round(0) } //nolint:staticcheck // QF1009: the reading is asked for

// older tells whether limit or more lies between two times. What cannot be measured counts as too
// old: a call of which nobody knows the age must not stay forever.
func older(from, to time.Time, limit time.Duration) bool {
	age := between(from, to)
	return !age.Known || age.Length >= limit
}
