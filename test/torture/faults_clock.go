package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// year is how far the wall clock of the daemon jumps, see movedClock.
const year = 365 * 24 * time.Hour

const (
	yearForth = syscall.SIGUSR1
	yearBack  = syscall.SIGUSR2
)

var clockFaults = []fault{
	{name: "clock-jumps", part: theClock, plan: plan{variant: movedClock}, strike: jumpAbout},
	{name: "clock-restart", part: theClock, alone: true, plan: plan{variant: movedClock}, ends: true, strike: restartInAnotherYear},
}

// jumpAbout has the wall clock be a year ahead, right, a year behind and right again. The daemon goes
// by the monotonic one: no event may count as old because of it.
func jumpAbout(ctx context.Context, s *strike) error {
	s.journal.note(func(h *history) { h.alwaysFresh, h.yearsDiffer = true, true })
	for _, jump := range []syscall.Signal{yearForth, yearBack, yearBack, yearForth} {
		if err := errors.Join(s.running().Signal(jump), s.upTo(ctx, 2*time.Second)); err != nil {
			return err
		}
	}
	return nil
}

// restartInAnotherYear kills the daemon, while events wait, in a year that is not the one in which it
// starts again: it has to go by the wall clock, which lies.
func restartInAnotherYear(ctx context.Context, s *strike) error {
	defer s.notary.leave()()
	err := s.running().Signal([]syscall.Signal{yearForth, yearBack}[s.random.IntN(2)])
	if err == nil {
		err = stand.Pause(ctx, time.Second)
	}
	if err != nil {
		return err
	}
	s.killDaemon()
	s.journal.note(func(h *history) { h.yearChanged, h.yearsDiffer = time.Now(), true })
	return s.startDaemon(ctx)
}

// asOf takes the years by which the daemon's clock was off from the times that it gave, and tells whether
// there were any.
func (s *said) asOf(now time.Time) (otherYear bool) {
	for _, t := range []*time.Time{&s.Time, &s.LastSeen} {
		if off := now.Sub(*t).Round(year); off != 0 && !t.IsZero() {
			*t, otherYear = t.Add(off), true
		}
	}
	return otherYear
}
