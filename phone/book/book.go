// Package book is the phone book: which phones are listed and how, and where each phone is.
//
// It keeps one promise: an address belongs to one phone, to that which is listed with it, else to the
// one that used it last. After DHCP swapped two leases a hang-up must not reach the wrong desk. It
// reads the phones file ([ParseFile]) from what it is given; it resolves no names, opens no connection
// and touches no disk.
package book

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Book tells how phones are listed and where each is. Its methods may be called at the same time.
type Book struct {
	mu       sync.Mutex
	listings int
	cards    map[phone.MAC]*card
	owner    map[string]phone.MAC       // whose commands go to a host
	there    map[netip.Addr][]phone.MAC // who is listed with an address, or was heard from it last
}

// card is what the book knows of one phone.
type card struct {
	listing *Listing   // nil: not listed
	listed  netip.Addr // of the listing, where its host is an address
	host    string     // where commands go
	source  netip.Addr // where the newest event came from
}

// fixed tells that the phone is listed with its host.
func (c *card) fixed() bool { return c.listing != nil && c.listing.Host != "" }

// New returns an empty book.
func New() *Book {
	return &Book{
		cards: make(map[phone.MAC]*card),
		owner: make(map[string]phone.MAC),
		there: make(map[netip.Addr][]phone.MAC),
	}
}

// List makes these the listed phones, in place of those before, in one step. They are kept as they
// are and must not be changed afterwards. A listed host belongs to its phone for good: who had learned
// it has no address then. No two may share a MAC or a host. A phone that loses its listed host has no
// address until [Book.Take] gives it one.
func (b *Book) List(listings []Listing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for mac, c := range b.cards {
		if c.listing != nil {
			b.unlist(mac, c)
		}
	}
	b.listings = len(listings)
	for i := range listings {
		b.list(&listings[i])
	}
}

func (b *Book) list(l *Listing) {
	c := b.make(l.MAC)
	c.listing = l
	if l.Host == "" {
		return
	}
	b.drop(c)
	host := bare(l.Host)
	if loser, owned := b.owner[host]; owned {
		b.cards[loser].host = ""
	}
	c.host, b.owner[host] = l.Host, l.MAC
	c.listed = l.Addr()
	b.locate(l.MAC, c, c.listed)
}

func (b *Book) unlist(mac phone.MAC, c *card) {
	if c.fixed() {
		b.drop(c)
	}
	was := c.listed
	c.listing, c.listed = nil, netip.Addr{}
	b.locate(mac, c, was)
}

// make finds the card of a phone or makes it.
func (b *Book) make(mac phone.MAC) *card {
	c, known := b.cards[mac]
	if !known {
		c = new(card)
		b.cards[mac] = c
	}
	return c
}

// find is the card of a phone to look at: an empty one when there is none.
func (b *Book) find(mac phone.MAC) card {
	if c, known := b.cards[mac]; known {
		return *c
	}
	return card{}
}

// locate notes whether a phone is at an address, after that may have changed.
func (b *Book) locate(mac phone.MAC, c *card, at netip.Addr) {
	there := b.there[at]
	noted := slices.Index(there, mac)
	switch is := c.source == at || c.listed == at; {
	case !at.IsValid(), is == (noted >= 0):
		return
	case is:
		b.there[at] = append(there, mac)
	case len(there) == 1:
		delete(b.there, at)
	default:
		b.there[at] = slices.Delete(there, noted, noted+1)
	}
}

// Listing is how the phone is listed. Of one that is not there is the zero Listing, and false.
func (b *Book) Listing(mac phone.MAC) (Listing, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.find(mac).listing; l != nil {
		return *l, true
	}
	return Listing{}, false
}

// Listings counts the listed phones.
func (b *Book) Listings() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.listings
}

// Admits tells whether a phone's events may come from an address: a strict phone's only from its host.
func (b *Book) Admits(mac phone.MAC, source netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.find(mac)
	return c.listing == nil || !c.listing.Strict || c.listed == source
}

// Host is the phone's host, empty when none is known.
func (b *Book) Host(mac phone.MAC) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.find(mac).host
}

// Saved is what the store keeps of a phone's whereabouts.
func (b *Book) Saved(mac phone.MAC) (address string, source netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.find(mac)
	if !c.fixed() {
		address = c.host
	}
	return address, c.source
}

// Take gives a phone an address that an event came from, and returns the phone that had it. A listed
// host stays with its phone: who else claims it has no address then. A phone that is listed with its
// host keeps that, and still is where its event came from: nobody else is.
func (b *Book) Take(mac phone.MAC, host string) (loser phone.MAC) {
	b.mu.Lock()
	defer b.mu.Unlock()
	owner, owned := b.owner[host]
	if owned && owner == mac {
		return ""
	}
	c := b.make(mac)
	if !c.fixed() {
		b.drop(c)
	}
	if owned {
		had := b.cards[owner]
		if had.fixed() {
			return ""
		}
		b.drop(had)
	}
	if !c.fixed() {
		c.host, b.owner[host] = host, mac
	}
	return owner
}

// drop takes a phone's address away.
func (b *Book) drop(c *card) {
	if c.host != "" {
		delete(b.owner, bare(c.host))
		c.host = ""
	}
}

// Seen notes the source of a phone's newest event; an address that is none changes nothing.
func (b *Book) Seen(mac phone.MAC, source netip.Addr) {
	if !source.IsValid() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.see(mac, b.make(mac), source)
}

func (b *Book) see(mac phone.MAC, c *card, source netip.Addr) {
	was := c.source
	c.source = source
	b.locate(mac, c, was)
	b.locate(mac, c, source)
}

// Only is the phone at an address, by its newest event or by the list, when there is exactly one.
func (b *Book) Only(source netip.Addr) phone.MAC {
	b.mu.Lock()
	defer b.mu.Unlock()
	if there := b.there[source]; len(there) == 1 {
		return there[0]
	}
	return ""
}

// Forget drops all that was learned of where a phone is, its address too, unless that is listed.
func (b *Book) Forget(mac phone.MAC) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, known := b.cards[mac]
	if !known {
		return
	}
	b.see(mac, c, netip.Addr{})
	if !c.fixed() {
		b.drop(c)
	}
	if *c == (card{}) {
		delete(b.cards, mac)
	}
}
