package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// noSession is what the daemon says when it has lost its broker.
const noSession = "no session with the broker"

var brokerFaults = []fault{
	{name: "broker-kill", part: theBroker, sign: noSession, strike: killBroker},
	{name: "broker-kill-persistent", part: theBroker, plan: plan{persistent: true}, sign: noSession, strike: killBroker},
	{name: "broker-emptied", part: theBroker, plan: plan{persistent: true}, sign: noSession, strike: emptyBroker},
	{name: "broker-freeze", part: theBroker, strike: freezeBroker(3 * time.Second)},
	{name: "broker-freeze-30s", part: theBroker, long: true, limit: silent, sign: noSession, strike: freezeBroker(30 * time.Second)},
	{name: "broker-login", part: theBroker, sign: "not Authorized", strike: refuseLogin},
	{name: "broker-subscriptions", part: theBroker, alone: true, sign: "subscriptions refused", strike: refuseSubscriptions},
	{name: "broker-quota", part: theBroker, alone: true, plan: plan{more: 1}, sign: "message set aside", strike: refuseLarge},
	{name: "broker-flapping", part: theBroker, sign: noSession, strike: restartEverySecond(5)},
	// All that is one outage, and an old one at its end.
	{name: "broker-flapping-60s", part: theBroker, long: true, limit: silent, sign: noSession, strike: restartEverySecond(60)},
}

// killBroker ends it without a warning. Without persistence it then knows nothing any more.
func killBroker(ctx context.Context, s *strike) error {
	s.broker.Kill()
	if err := s.upTo(ctx, time.Second); err != nil {
		return err
	}
	return s.startBroker(ctx)
}

// emptyBroker stops it in order and takes away what it kept.
func emptyBroker(ctx context.Context, s *strike) error {
	s.broker.Stop()
	if err := os.Remove(filepath.Join(s.dir, "mosquitto.db")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return s.startBroker(ctx)
}

func freezeBroker(length time.Duration) func(context.Context, *strike) error {
	return func(ctx context.Context, s *strike) error {
		from := time.Now()
		if err := s.broker.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		err := stand.Pause(ctx, length)
		err = errors.Join(err, s.broker.Signal(syscall.SIGCONT))
		s.journal.hampers(from)
		return err
	}
}

// refuseLogin has it let nobody in for a while.
func refuseLogin(ctx context.Context, s *strike) error {
	s.broker.Stop()
	if err := s.startBroker(ctx, "allow_anonymous false"); err != nil {
		return err
	}
	if err := stand.Pause(ctx, 3*time.Second); err != nil {
		return err
	}
	s.broker.Stop()
	return s.startBroker(ctx)
}

// refuseSubscriptions lets events pass and nothing else. mosquitto itself never refuses one.
func refuseSubscriptions(ctx context.Context, s *strike) error {
	s.notary.set(func(c *conditions) { c.noFilters = true })
	s.notary.cut()
	err := stand.Pause(ctx, 3*time.Second)
	s.notary.set(func(c *conditions) { c.noFilters = false })
	s.notary.cut()
	return err
}

// refuseLarge has the broker end the connection on a message that is larger than others.
func refuseLarge(ctx context.Context, s *strike) error {
	const most = 1350
	s.notary.set(func(c *conditions) { c.mostPublish = most })
	defer s.notary.set(func(c *conditions) { c.mostPublish = 0 })
	s.extras[0].send(ctx, s.intake, "incoming_call", largeCall)
	// Each of its two messages has to end three sessions.
	return stand.Pause(ctx, 8*time.Second)
}

func restartEverySecond(times int) func(context.Context, *strike) error {
	return func(ctx context.Context, s *strike) error {
		for range times {
			s.broker.Stop()
			if err := s.startBroker(ctx); err != nil {
				return err
			}
			if err := stand.Pause(ctx, 900*time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	}
}
