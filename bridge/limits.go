package bridge

import (
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

// mostRemembered is how many addresses, or repeating failures, are told apart at once.
const mostRemembered = 10_000

// burst is how many times its rate an address may send at once: a whole office behind one address
// starts together after a power cut.
const burst = 5

// limiter bounds the events of each address.
type limiter struct {
	rate    int // a second; 0: no limit
	mu      sync.Mutex
	buckets map[netip.Addr]*rate.Limiter
}

func newLimiter(perSecond int) limiter {
	return limiter{rate: perSecond, buckets: make(map[netip.Addr]*rate.Limiter)}
}

// allows takes one event of an address, or tells that it sends too many.
func (l *limiter) allows(source netip.Addr) bool {
	if l.rate == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket, ok := l.buckets[source]
	if !ok {
		l.makeRoom()
		bucket = rate.NewLimiter(rate.Limit(l.rate), burst*l.rate)
		l.buckets[source] = bucket
	}
	return bucket.Allow()
}

// makeRoom drops the addresses that have been quiet, whose full bucket a new one would equal.
func (l *limiter) makeRoom() {
	if len(l.buckets) < mostRemembered {
		return
	}
	for source, bucket := range l.buckets {
		if bucket.Tokens() >= float64(burst*l.rate) {
			delete(l.buckets, source)
		}
	}
	if len(l.buckets) >= mostRemembered {
		clear(l.buckets)
	}
}
