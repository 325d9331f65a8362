package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// part of the world that a fault has in hand. Two faults of a pair have different ones.
type part string

const (
	theDaemon part = "daemon"
	theBroker part = "broker"
	theLink   part = "network"
	theDisk   part = "disk"
	theClock  part = "clock"
	thePhones part = "phones"
	theLoad   part = "load"
)

// fault is something that breaks, and is whole again when strike returns.
type fault struct {
	name   string
	part   part
	long   bool // over 15 s
	plan   plan
	limit  time.Duration // for an event sent after it to be acknowledged; 0: usual
	alone  bool          // it does not go with another one
	ends   bool          // the daemon does not outlive it
	sign   string        // what the daemon's log says when it was struck; empty: nothing
	strike func(context.Context, *strike) error
}

// usual is how soon events go out again: the pause between two tries is at most 2 s in the first minute
// of an outage, and a busy machine is given as much again.
const usual = 5 * time.Second

// silent is the same where the link died without a word, which takes a keep-alive to find out.
const silent = 32 * time.Second

// strike is one stroke of a fault, with its own chance.
type strike struct {
	*world
	random *rand.Rand
}

// upTo waits for a time that chance decides.
func (s *strike) upTo(ctx context.Context, longest time.Duration) error {
	return stand.Pause(ctx, time.Duration(s.random.Int64N(int64(longest))))
}

// faults in the order of the table.
func faults() []fault {
	var all []fault
	for _, group := range [][]fault{daemonFaults, brokerFaults, networkFaults, diskFaults, clockFaults, phoneFaults, floods} {
		all = append(all, group...)
	}
	return all
}
