package bridge

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
)

// List makes these the listed phones, in place of those before; no two may have the same MAC or host.
// What is known of a phone stays, also of one that is no longer listed, which goes on as a learned one
// if it was ever heard and learning is on; otherwise its topics are cleared. What changes is published.
func (b *Bridge) List(phones []book.Listing) {
	b.listing.Lock()
	defer b.listing.Unlock()
	before := b.places()
	added := 0
	// A new phone is there before it is listed, so that its event is not refused in between.
	for _, l := range phones {
		if !before[l.MAC].listed {
			b.adopt(l.MAC, math.MaxInt)
			added++
		}
	}
	b.phones.book.List(phones)
	changed, removed := 0, 0
	for mac, now := range b.places() {
		was := before[mac]
		if now == was {
			continue
		}
		d := b.phones.find(mac)
		switch {
		case was.listed && !now.listed:
			removed++
			b.unlist(d)
			continue
		case was.listed && was.listing != now.listing:
			changed++
		}
		b.refresh(d)
		if was.host != now.host {
			b.probeSoon(d)
		}
	}
	b.publishInfo()
	b.log.Info().Int("phones", len(phones)).Int("added", added).Int("changed", changed).Int("removed", removed).Msg("the phones are listed anew")
}

// place is what the phone book says of a phone.
type place struct {
	listing book.Listing
	listed  bool
	host    string
}

func (b *Bridge) places() map[phone.MAC]place {
	all := make(map[phone.MAC]place)
	for _, d := range b.phones.all() {
		listing, listed := b.phones.book.Listing(d.mac)
		all[d.mac] = place{listing, listed, b.phones.book.Host(d.mac)}
	}
	return all
}

// unlist keeps a phone that is no longer listed as a learned one, or forgets it: as [Bridge.restore]
// would at the next start.
func (b *Bridge) unlist(d *device) {
	d.mu.Lock()
	stays := b.cfg.Learn && d.heard()
	if stays {
		b.publish(d, nil)
	} else {
		b.clearAll(d)
	}
	d.mu.Unlock()
	if !stays {
		b.drop(d)
	}
}

// probeSoon probes a phone that has a new host, at a time left to chance: thousands may be listed at
// once.
func (b *Bridge) probeSoon(d *device) {
	time.AfterFunc(rand.N(min(firstRound, b.cfg.ProbeInterval)), func() { b.probeNext(d) })
}
