// Package limit bounds how many events an address may send.
//
// It promises that an address is held to its rate whatever others do, and that invented addresses do
// not fill the memory. It never waits: who sends too much is told so.
package limit

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// burst is how many seconds' worth an address may send at once: a whole office behind one address
	// starts together after a power cut.
	burst = 5

	// mostRemembered addresses are told apart at once.
	mostRemembered = 10_000
)

// Addresses holds each address to the same rate. Its methods may be called at the same time.
type Addresses struct {
	every time.Duration // what one event costs of an address's time; zero: nothing
	begun time.Time

	mu   sync.Mutex
	paid map[netip.Addr]time.Duration // until when, since begun, an address has used its time up
}

// New lets each address send that many events a second, and five times that many at once; any number
// when it is zero.
func New(perSecond int) *Addresses {
	a := &Addresses{begun: time.Now(), paid: make(map[netip.Addr]time.Duration)}
	if perSecond > 0 {
		a.every = time.Second / time.Duration(perSecond)
	}
	return a
}

// Allows takes one event of an address, or tells that it sends too many. One that is refused costs
// nothing.
func (a *Addresses) Allows(source netip.Addr) bool {
	if a.every == 0 {
		return true
	}
	now := time.Since(a.begun)
	a.mu.Lock()
	defer a.mu.Unlock()
	paid, known := a.paid[source]
	if !known {
		a.makeRoom(now)
	}
	paid = max(paid, now) + a.every
	if paid-now > burst*time.Second {
		return false
	}
	a.paid[source] = paid
	return true
}

// makeRoom forgets the addresses that have all their time again, as a new one has, and when that does
// not help all of them.
func (a *Addresses) makeRoom(now time.Duration) {
	if len(a.paid) < mostRemembered {
		return
	}
	for source, paid := range a.paid {
		if paid <= now {
			delete(a.paid, source)
		}
	}
	if len(a.paid) >= mostRemembered {
		clear(a.paid)
	}
}
