package action

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestSilence waits for what ends it, which may be set before or while somebody waits.
func TestSilence(t *testing.T) {
	in := func(d time.Duration) time.Time { return time.Now().Add(d) }
	for _, tt := range []struct {
		name   string
		before func(s *silence)
		while  func(s *silence) // a second later
		after  time.Duration
		want   error
	}{
		{"ended", (*silence).end, nil, 0, net.ErrClosed},
		{"ended meanwhile", nil, (*silence).end, time.Second, net.ErrClosed},
		{"deadline over", func(s *silence) { s.until(in(-time.Hour)) }, nil, 0, os.ErrDeadlineExceeded},
		{"deadline", func(s *silence) { s.until(in(time.Minute)) }, nil, time.Minute, os.ErrDeadlineExceeded},
		{"deadline set meanwhile", nil, func(s *silence) { s.until(in(0)) }, time.Second, os.ErrDeadlineExceeded},
		{"deadline put off", func(s *silence) { s.until(in(time.Minute)) }, func(s *silence) { s.until(in(time.Hour)) }, time.Hour + time.Second, os.ErrDeadlineExceeded},
		{"deadline taken back", func(s *silence) { s.until(in(time.Minute)) }, func(s *silence) {
			s.until(time.Time{})
			time.AfterFunc(time.Hour, s.end)
		}, time.Hour + time.Second, net.ErrClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s silence
				if tt.before != nil {
					tt.before(&s)
				}
				if tt.while != nil {
					time.AfterFunc(time.Second, func() { tt.while(&s) })
				}
				begun := time.Now()
				if err := s.wait(); !errors.Is(err, tt.want) || time.Since(begun) != tt.after {
					t.Errorf("%v after %s, want %v after %s", err, time.Since(begun), tt.want, tt.after)
				}
			})
		})
	}
}
