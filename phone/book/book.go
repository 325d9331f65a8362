// Package book is the phone book: which phones are listed and how, and where each phone is.
//
// It keeps one promise: an address belongs to one phone, to that which is listed with it, else to the
// one that used it last. After DHCP swapped two leases a hang-up must not reach the wrong desk. It
// reads the phones file ([ParseFile]) from what it is given; it resolves no names, opens no connection
// and touches no disk.
package book

import (
	"net/netip"
	"sync"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Book tells how phones are listed and where each is. Its methods may be called at the same time.
type Book struct {
	mu       sync.Mutex
	listings map[phone.MAC]Listing
	host     map[phone.MAC]string // where commands go
	owner    map[string]phone.MAC
	sources  map[phone.MAC]netip.Addr // where the newest event came from
	seen     places                   // the same the other way round
	listed   places                   // listed with this address
}

// places are the phones at each address.
type places map[netip.Addr]map[phone.MAC]bool

func (p places) add(at netip.Addr, mac phone.MAC) {
	if p[at] == nil {
		p[at] = make(map[phone.MAC]bool)
	}
	p[at][mac] = true
}

func (p places) remove(at netip.Addr, mac phone.MAC) {
	delete(p[at], mac)
	if len(p[at]) == 0 {
		delete(p, at)
	}
}

// New returns an empty book.
func New() *Book {
	return &Book{
		listings: make(map[phone.MAC]Listing),
		host:     make(map[phone.MAC]string),
		owner:    make(map[string]phone.MAC),
		sources:  make(map[phone.MAC]netip.Addr),
		seen:     make(places),
		listed:   make(places),
	}
}

// List makes these the listed phones, in place of those before, in one step. A listed host belongs to
// its phone for good: who had learned it has no address then. No two may share a MAC or a host. A phone
// that loses its listed host has no address until [Book.Take] gives it one.
func (b *Book) List(listings []Listing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for mac, l := range b.listings {
		if l.Host != "" {
			b.drop(mac)
		}
	}
	clear(b.listings)
	clear(b.listed)
	for _, l := range listings {
		b.listings[l.MAC] = l
		if l.Host == "" {
			continue
		}
		b.drop(l.MAC)
		address := bare(l.Host)
		delete(b.host, b.owner[address])
		b.host[l.MAC], b.owner[address] = l.Host, l.MAC
		if ip := l.Addr(); ip.IsValid() {
			b.listed.add(ip, l.MAC)
		}
	}
}

// Listing is how the phone is listed. Of one that is not there is the zero Listing, and false.
func (b *Book) Listing(mac phone.MAC) (Listing, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.listings[mac]
	return l, ok
}

// Listings counts the listed phones.
func (b *Book) Listings() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.listings)
}

// Admits tells whether a phone's events may come from an address: a strict phone's only from its host.
func (b *Book) Admits(mac phone.MAC, source netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.listings[mac]
	return !l.Strict || l.Addr() == source
}

// Host is the phone's host, empty when none is known.
func (b *Book) Host(mac phone.MAC) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.host[mac]
}

// Saved is what the store keeps of a phone's whereabouts.
func (b *Book) Saved(mac phone.MAC) (address string, source netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.fixed(mac) {
		address = b.host[mac]
	}
	return address, b.sources[mac]
}

// Take gives a phone an address that an event came from, and returns the phone that had it. A listed
// host stays with its phone: who else claims it has no address then. A phone that is listed with its
// host keeps that, and still is where its event came from: nobody else is.
func (b *Book) Take(mac phone.MAC, host string) (loser phone.MAC) {
	b.mu.Lock()
	defer b.mu.Unlock()
	owner := b.owner[host]
	if owner == mac {
		return ""
	}
	if !b.fixed(mac) {
		b.drop(mac)
	}
	if b.fixed(owner) {
		return ""
	}
	b.drop(owner)
	if !b.fixed(mac) {
		b.host[mac], b.owner[host] = host, mac
	}
	return owner
}

// Release leaves a phone without an address, unless it is listed with one: something stands between.
func (b *Book) Release(mac phone.MAC) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unsee(mac)
	if !b.fixed(mac) {
		b.drop(mac)
	}
}

// fixed tells that the phone is listed with its host.
func (b *Book) fixed(mac phone.MAC) bool { return b.listings[mac].Host != "" }

// drop takes the phone's address away.
func (b *Book) drop(mac phone.MAC) {
	if host, ok := b.host[mac]; ok {
		delete(b.owner, bare(host))
		delete(b.host, mac)
	}
}

// Seen notes the source of a phone's newest event; an address that is none changes nothing.
func (b *Book) Seen(mac phone.MAC, source netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if source.IsValid() && b.sources[mac] != source {
		b.unsee(mac)
		b.sources[mac] = source
		b.seen.add(source, mac)
	}
}

func (b *Book) unsee(mac phone.MAC) {
	b.seen.remove(b.sources[mac], mac)
	delete(b.sources, mac)
}

// Only is the phone at an address, by its newest event or by the list, when there is exactly one.
func (b *Book) Only(source netip.Addr) phone.MAC {
	b.mu.Lock()
	defer b.mu.Unlock()
	var only phone.MAC
	for _, there := range []map[phone.MAC]bool{b.seen[source], b.listed[source]} {
		for mac := range there {
			if only != "" && only != mac {
				return ""
			}
			only = mac
		}
	}
	return only
}

// Forget drops all that was learned of where a phone is.
func (b *Book) Forget(mac phone.MAC) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.fixed(mac) {
		b.drop(mac)
	}
	b.unsee(mac)
}
