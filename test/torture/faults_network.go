package main

import (
	"context"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

var networkFaults = []fault{
	{name: "net-cut", part: theLink, sign: noSession, strike: cutOften},
	{name: "net-cable", part: theLink, long: true, limit: silent, sign: noSession, strike: stall(up, down)},
	{name: "net-deaf-broker", part: theLink, long: true, limit: silent, sign: noSession, strike: stall(up)},
	{name: "net-deaf-daemon", part: theLink, long: true, limit: silent, sign: noSession, strike: stall(down)},
	// Results are given up after 60 s of it.
	{name: "net-gone-90s", part: theLink, long: true, limit: silent, sign: noSession, strike: leaveAlone(90 * time.Second)},
	{name: "net-delay", part: theLink, strike: during(4*time.Second, func(_ *strike, c *conditions) {
		c.delay, c.jitter = 200*time.Millisecond, 200*time.Millisecond
	})},
	{name: "net-slow", part: theLink, limit: silent, strike: during(6*time.Second, func(_ *strike, c *conditions) { c.rate = 1000 })},
	// After a byte too many a side may wait for the rest of a packet that never comes.
	{name: "net-garbage", part: theLink, limit: silent, sign: noSession, strike: garble},
	{name: "net-bytes", part: theLink, sign: noSession, strike: cutAfterBytes},
}

// leaveAlone lets no connection come about for a while.
func leaveAlone(length time.Duration) func(context.Context, *strike) error {
	return func(ctx context.Context, s *strike) error {
		defer s.notary.leave()()
		return stand.Pause(ctx, length)
	}
}

// cutOften ends the connection at moments that chance decides.
func cutOften(ctx context.Context, s *strike) error {
	for range 10 {
		if err := s.upTo(ctx, 400*time.Millisecond); err != nil {
			return err
		}
		s.notary.cut()
	}
	return nil
}

// stall lets nothing pass in some directions, without an end of the connection. What was on its way
// then never comes; new connections are whole when it is over.
func stall(directions ...direction) func(context.Context, *strike) error {
	return during(2*time.Second, func(_ *strike, c *conditions) {
		for _, d := range directions {
			c.stalled[d] = true
		}
	})
}

// during has the network be in some condition for a while.
func during(length time.Duration, worsen func(*strike, *conditions)) func(context.Context, *strike) error {
	return func(ctx context.Context, s *strike) error {
		from := time.Now()
		s.notary.set(func(c *conditions) { worsen(s, c) })
		err := stand.Pause(ctx, length)
		s.notary.set(func(c *conditions) { *c = conditions{} })
		s.journal.hampers(from)
		return err
	}
}

func garble(ctx context.Context, s *strike) error {
	for range 8 {
		s.notary.garble(direction(s.random.IntN(2)))
		if err := s.upTo(ctx, 800*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// cutAfterBytes cuts every connection, in the middle of a packet, after so many bytes as chance decides.
func cutAfterBytes(ctx context.Context, s *strike) error {
	s.notary.set(func(c *conditions) { c.cutAfter = func() int { return 50 + s.random.IntN(20_000) } })
	s.notary.cut()
	err := stand.Pause(ctx, 4*time.Second)
	s.notary.set(func(c *conditions) { c.cutAfter = nil })
	s.notary.cut()
	return err
}
