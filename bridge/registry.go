package bridge

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
)

// mostLearned is how many phones are taken in that nobody listed: whoever may send events could
// otherwise fill memory and store with invented ones.
const mostLearned = 1000

var (
	errUnidentified = errors.New("no phone can be identified: the Action URL carries no $mac, and not exactly one known phone has this address")
	errUnknownPhone = errors.New("unknown phone")
)

// registry is the phones that the bridge knows.
type registry struct {
	book *book.Book

	mu      sync.RWMutex
	devices map[phone.MAC]*device
}

func newRegistry() registry {
	return registry{book: book.New(), devices: make(map[phone.MAC]*device)}
}

func (r *registry) find(mac phone.MAC) *device {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.devices[mac]
}

func (r *registry) all() []*device {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Collect(maps.Values(r.devices))
}

func (r *registry) count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.devices)
}

func (r *registry) add(d *device) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.devices[d.mac] = d
}

func (r *registry) remove(d *device) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.devices[d.mac] != d {
		return
	}
	delete(r.devices, d.mac)
	r.book.Forget(d.mac)
}

// deviceOf finds the phone that an event is of: by its MAC, or without one by the address that it came
// from. A phone seen for the first time is learned, where that is wanted and there is room.
func (b *Bridge) deviceOf(mac phone.MAC, source netip.Addr) (*device, error) {
	if mac == "" {
		if mac = b.phones.book.Only(source); mac == "" {
			return nil, errUnidentified
		}
	}
	if d := b.phones.find(mac); d != nil {
		return d, nil
	}
	if !b.cfg.Learn {
		return nil, fmt.Errorf("phone %s is not listed and LEARN is off: %w", mac, errUnknownPhone)
	}
	// The text of the request that the MAC stands in is not kept with it.
	d, isNew := b.adopt(phone.MAC(strings.Clone(string(mac))), mostLearned)
	if d == nil {
		return nil, fmt.Errorf("phone %s is not listed and %d phones are learned already: %w", mac, mostLearned, errUnknownPhone)
	}
	if isNew {
		b.publishInfo()
	}
	return d, nil
}

// adopt finds a phone or makes it. There is none when it would be new and that many are learned.
func (b *Bridge) adopt(mac phone.MAC, most int) (d *device, isNew bool) {
	r := &b.phones
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.devices[mac]; d != nil {
		return d, false
	}
	if len(r.devices)-r.book.Listings() >= most {
		return nil, false
	}
	d = b.newDevice(mac, payload.Record{})
	r.devices[d.mac] = d
	return d, true
}

// forget removes a phone and all that is kept of it.
func (b *Bridge) forget(d *device) {
	d.mu.Lock()
	b.clearAll(d)
	d.mu.Unlock()
	b.drop(d)
	b.publishInfo()
}

// drop ends what a phone that was cleared still does.
func (b *Bridge) drop(d *device) {
	b.phones.remove(d)
	b.stopQueue(d)
	b.announcer.Changed(d.mac)
}

// clearAll takes what broker and store keep of a phone away, for good. The device is locked.
func (b *Bridge) clearAll(d *device) {
	d.removed = true
	d.stopExpiry()
	b.broker.Publish(b.clearing(d.mac))
}

// locate notes where an event came from. It returns the phone that lost its address to this one.
//
// A trusted proxy's address, and one that differs from what the phone says of itself, is that of
// something in between: a command must not go there. The phone's own word counts only with the token.
func (b *Bridge) locate(d *device, e *phone.Event, from origin) (robbed *device) {
	address := from.source
	if b.gate.Trusts(from.source) || e.IP.IsValid() && e.IP != from.source {
		if !from.token || !b.gate.Allows(e.IP) {
			b.phones.book.Forget(d.mac)
			return nil
		}
		address = e.IP
	}
	b.phones.book.Seen(d.mac, address)
	if loser := b.phones.book.Take(d.mac, address.String()); loser != "" {
		return b.phones.find(loser)
	}
	return nil
}
