package phonetest

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Traffic lets phones of one exchange call each other, for the demo and for load.
type Traffic struct {
	Phones         []*Phone // at least two
	CallsPerMinute float64
	Ring           time.Duration // before it is answered or given up
	Talk           time.Duration // before somebody hangs up
	Seed           uint64
}

// Of all calls so many are answered; the others are given up by the caller or rejected, in equal
// parts.
const answeredShare = 0.8

// Run makes calls until ctx ends, then ends those that are up. A call is left out when no two phones
// are free.
func (t Traffic) Run(ctx context.Context) error {
	random := rand.New(rand.NewPCG(t.Seed, 0))
	var calls sync.WaitGroup
	defer calls.Wait()
	every := time.NewTicker(time.Duration(float64(time.Minute) / t.CallsPerMinute))
	defer every.Stop()
	for {
		caller, called := t.freePair(random)
		fate := random.Float64()
		if caller != nil && caller.Dial(called.Number()) {
			calls.Go(func() { t.goOn(ctx, caller, called, fate) })
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// freePair picks two phones that have no call; nil when there are no two.
func (t Traffic) freePair(random *rand.Rand) (caller, called *Phone) {
	for _, i := range random.Perm(len(t.Phones)) {
		p := t.Phones[i]
		if p.exchange.inCall(p) {
			continue
		}
		if caller != nil {
			return caller, p
		}
		caller = p
	}
	return nil, nil
}

// goOn lets a call that was dialled take its course.
func (t Traffic) goOn(ctx context.Context, caller, called *Phone, fate float64) {
	defer caller.HangUp()
	if !pause(ctx, t.Ring) {
		return
	}
	switch {
	case fate < answeredShare:
		if called.Answer() {
			pause(ctx, t.Talk)
		}
	case fate < (1+answeredShare)/2:
		called.HangUp()
	}
}

func (x *Exchange) inCall(p *Phone) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sides[p] != nil
}
