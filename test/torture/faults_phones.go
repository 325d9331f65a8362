package main

import (
	"context"
	"sync"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

var phoneFaults = []fault{
	{name: "phones-hang", part: thePhones, strike: misbehave(hangs)},
	{name: "phones-reset", part: thePhones, strike: misbehave(resets)},
	{name: "phones-endless", part: thePhones, strike: misbehave(neverEnds)},
	{name: "phones-401", part: thePhones, strike: misbehave(refuses)},
	{name: "phones-all", part: thePhones, plan: plan{more: 160}, strike: misbehaveAll},
}

var floods = []fault{
	{name: "flood-events", part: theLoad, plan: plan{more: 32}, strike: floodEvents},
	{name: "flood-events-outage", part: theLoad, alone: true, plan: plan{more: 32}, strike: floodWithoutBroker},
	{name: "store-max", part: theLoad, alone: true, plan: plan{more: 32, settings: []string{"STORE_MAX=1MiB"}}, sign: `"status":503`, strike: floodWithoutBroker},
	// 10,000 results take turns with what waits, since somebody waits for them.
	{name: "flood-commands", part: theLoad, limit: 15 * time.Second, plan: plan{more: 1}, strike: floodCommands},
	{name: "flood-little-memory", part: theLoad, plan: plan{more: 32, limits: "export GOMEMLIMIT=24MiB"}, strike: floodEvents},
	// The limit is of the kernel: a daemon that wanted more would end. Go takes what it may use in pieces
	// of 64 MiB, two of which fit in.
	{name: "flood-outage-ulimit", part: theLoad, alone: true, plan: plan{more: 32, limits: "ulimit -d 200000; export GOMEMLIMIT=24MiB"}, strike: floodWithoutBroker},
}

// misbehave has half of the phones' web servers act so for a while.
func misbehave(how manner) func(context.Context, *strike) error {
	return func(ctx context.Context, s *strike) error {
		for _, i := range s.random.Perm(len(s.desks))[:len(s.desks)/2] {
			s.desks[i].manner.Store(int32(how))
			defer s.desks[i].manner.Store(int32(obeys))
		}
		return stand.Pause(ctx, 3*time.Second)
	}
}

// misbehaveAll has the web servers of all phones act in one bad way or another, while all others than
// those that talk anyway have a call at once, and each is sent commands.
func misbehaveAll(ctx context.Context, s *strike) error {
	bad := []manner{hangs, resets, neverEnds, refuses}
	for _, d := range s.phones() {
		d.manner.Store(int32(bad[s.random.IntN(len(bad))]))
		defer d.manner.Store(int32(obeys))
	}
	var all sync.WaitGroup
	for _, d := range s.extras {
		all.Go(func() {
			for _, kind := range scripts[0] {
				d.send(ctx, s.intake, kind, "call-at-once")
			}
		})
	}
	c := &commander{w: s.world}
	defer c.leave()
	for range 3 {
		for _, d := range s.phones() {
			c.dial(d)
		}
	}
	all.Wait()
	return stand.Pause(ctx, 3*time.Second)
}

// floodEvents has many phones send as fast as they are answered.
func floodEvents(ctx context.Context, s *strike) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	s.flood(ctx, s.extras)
	return nil
}

func floodWithoutBroker(ctx context.Context, s *strike) error {
	defer s.notary.leave()()
	return floodEvents(ctx, s)
}

// floodCommands sends one phone far more commands than it can take.
func floodCommands(ctx context.Context, s *strike) error {
	const commands, clients = 10_000, 4
	var all sync.WaitGroup
	for range clients {
		c := &commander{w: s.world}
		all.Go(func() {
			defer c.leave()
			for range commands / clients {
				if ctx.Err() == nil {
					c.dial(s.extras[0])
				}
			}
			c.flush()
		})
	}
	all.Wait()
	return ctx.Err()
}
