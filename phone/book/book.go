// Package book is the phone book: which phone is where.
//
// It keeps one promise: an address belongs to one phone, to that which is listed with it, else to the
// one that used it last. After DHCP swapped two leases a hang-up must not reach the wrong desk. It
// resolves no names and opens no connection.
package book

import (
	"net/netip"
	"strings"
	"sync"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Book tells where each phone is. Its methods may be called at the same time.
type Book struct {
	mu      sync.Mutex
	host    map[phone.MAC]string // where commands go
	owner   map[string]phone.MAC
	fixed   map[phone.MAC]bool       // listed with their host
	sources map[phone.MAC]netip.Addr // where the newest event came from
	at      map[netip.Addr]map[phone.MAC]bool
}

// New returns an empty book.
func New() *Book {
	return &Book{
		host:    make(map[phone.MAC]string),
		owner:   make(map[string]phone.MAC),
		fixed:   make(map[phone.MAC]bool),
		sources: make(map[phone.MAC]netip.Addr),
		at:      make(map[netip.Addr]map[phone.MAC]bool),
	}
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
	if !b.fixed[mac] {
		address = b.host[mac]
	}
	return address, b.sources[mac]
}

// Listed tells whether the phone is listed with its host.
func (b *Book) Listed(mac phone.MAC) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fixed[mac]
}

// List gives a listed phone its host for good; an empty one leaves it to the phone's events.
func (b *Book) List(mac phone.MAC, host string) {
	if host == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fixed[mac] = true
	address := bare(host)
	b.host[mac], b.owner[address] = host, mac
	if ip, err := netip.ParseAddr(address); err == nil {
		b.note(mac, ip)
	} else if withPort, err := netip.ParseAddrPort(address); err == nil {
		b.note(mac, withPort.Addr())
	}
}

// bare is a host as events tell it, who know neither scheme nor port: the usual ones must not hide that
// it is the same address.
func bare(host string) string {
	if rest, ok := strings.CutPrefix(host, "https://"); ok {
		return strings.TrimSuffix(rest, ":443")
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "http://"), ":80")
}

// Take gives a phone an address, and returns the phone that had it. A listed host stays with its
// phone: who else claims it has no address then.
func (b *Book) Take(mac phone.MAC, host string) (loser phone.MAC) {
	b.mu.Lock()
	defer b.mu.Unlock()
	owner := b.owner[host]
	if b.fixed[mac] || owner == mac {
		return ""
	}
	b.drop(mac)
	if b.fixed[owner] {
		return ""
	}
	delete(b.host, owner)
	b.host[mac], b.owner[host] = host, mac
	return owner
}

// Release leaves a phone without an address, unless it is listed with one.
func (b *Book) Release(mac phone.MAC) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(mac)
}

func (b *Book) drop(mac phone.MAC) {
	if host, ok := b.host[mac]; ok && !b.fixed[mac] {
		delete(b.owner, bare(host))
		delete(b.host, mac)
	}
}

// Seen notes the source of a phone's newest event.
func (b *Book) Seen(mac phone.MAC, source netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sources[mac] != source {
		b.note(mac, source)
	}
}

func (b *Book) note(mac phone.MAC, source netip.Addr) {
	if was, ok := b.sources[mac]; ok {
		delete(b.at[was], mac)
		if len(b.at[was]) == 0 {
			delete(b.at, was)
		}
	}
	delete(b.sources, mac)
	if !source.IsValid() {
		return
	}
	b.sources[mac] = source
	if b.at[source] == nil {
		b.at[source] = make(map[phone.MAC]bool)
	}
	b.at[source][mac] = true
}

// Only is the phone at an address when there is exactly one.
func (b *Book) Only(source netip.Addr) phone.MAC {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.at[source]) == 1 {
		for mac := range b.at[source] {
			return mac
		}
	}
	return ""
}

// Forget drops all that is known of where a phone is.
func (b *Book) Forget(mac phone.MAC) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.fixed, mac)
	b.drop(mac)
	b.note(mac, netip.Addr{})
}
