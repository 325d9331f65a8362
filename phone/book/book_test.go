package book

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

const (
	kitchen phone.MAC = "001fc1000001"
	office  phone.MAC = "001fc1000002"
	hall    phone.MAC = "001fc1000003"
)

// at is a list of one phone.
func at(mac phone.MAC, host string) []Listing { return []Listing{{MAC: mac, Host: host}} }

// hosts are where the book sees the three phones.
func hosts(b *Book) map[phone.MAC]string {
	return map[phone.MAC]string{kitchen: b.Host(kitchen), office: b.Host(office), hall: b.Host(hall)}
}

func TestAddressesBelongToOnePhone(t *testing.T) {
	tests := map[string]struct {
		happens func(t *testing.T, b *Book)
		want    map[phone.MAC]string
	}{
		"each its own": {func(_ *testing.T, b *Book) {
			b.Take(kitchen, "10.0.0.1")
			b.Take(office, "10.0.0.2")
		}, map[phone.MAC]string{kitchen: "10.0.0.1", office: "10.0.0.2", hall: ""}},
		"two leases are swapped": {func(t *testing.T, b *Book) {
			b.Take(kitchen, "10.0.0.1")
			b.Take(office, "10.0.0.2")
			if loser := b.Take(kitchen, "10.0.0.2"); loser != office {
				t.Errorf("%q lost its address, want the office", loser)
			}
		}, map[phone.MAC]string{kitchen: "10.0.0.2", office: "", hall: ""}},
		"the swap is complete": {func(_ *testing.T, b *Book) {
			b.Take(kitchen, "10.0.0.1")
			b.Take(office, "10.0.0.2")
			b.Take(kitchen, "10.0.0.2")
			b.Take(office, "10.0.0.1")
		}, map[phone.MAC]string{kitchen: "10.0.0.2", office: "10.0.0.1", hall: ""}},
		"a listed host stays": {func(t *testing.T, b *Book) {
			b.List(at(kitchen, "10.0.0.1"))
			if loser := b.Take(office, "10.0.0.1"); loser != "" {
				t.Errorf("%q lost its address, want nobody", loser)
			}
			b.Take(kitchen, "10.0.0.9")
			b.Forget(kitchen)
		}, map[phone.MAC]string{kitchen: "10.0.0.1", office: "", hall: ""}},
		"who claims a listed host has none": {func(_ *testing.T, b *Book) {
			b.List(at(kitchen, "10.0.0.1"))
			b.Take(office, "10.0.0.2")
			b.Take(office, "10.0.0.1")
			b.Take(hall, "10.0.0.2")
		}, map[phone.MAC]string{kitchen: "10.0.0.1", office: "", hall: "10.0.0.2"}},
		"forgotten": {func(t *testing.T, b *Book) {
			b.Take(kitchen, "10.0.0.1")
			b.Forget(kitchen)
			if loser := b.Take(hall, "10.0.0.1"); loser != "" {
				t.Errorf("%q lost an address that was free", loser)
			}
			b.Take(office, "10.0.0.2")
			b.Forget(office)
		}, map[phone.MAC]string{kitchen: "", office: "", hall: "10.0.0.1"}},
		"a listed phone moved to where another was": {func(t *testing.T, b *Book) {
			b.List(at(kitchen, "kitchen.lan"))
			b.Take(office, "10.0.0.5")
			if loser := b.Take(kitchen, "10.0.0.5"); loser != office {
				t.Errorf("%q lost its address, want the office", loser)
			}
		}, map[phone.MAC]string{kitchen: "kitchen.lan", office: "", hall: ""}},
		"a listed one is not forgotten": {func(_ *testing.T, b *Book) {
			b.List(at(kitchen, "10.0.0.1"))
			b.Forget(kitchen)
		}, map[phone.MAC]string{kitchen: "10.0.0.1", office: "", hall: ""}},
		"listed where another was": {func(_ *testing.T, b *Book) {
			b.Take(kitchen, "10.0.0.1")
			b.Take(office, "10.0.0.2")
			b.List(at(office, "https://10.0.0.1"))
			b.Take(hall, "10.0.0.2")
		}, map[phone.MAC]string{kitchen: "", office: "https://10.0.0.1", hall: "10.0.0.2"}},
		"two listed hosts are swapped": {func(_ *testing.T, b *Book) {
			b.List(append(at(kitchen, "10.0.0.1"), at(office, "10.0.0.2")...))
			b.List(append(at(kitchen, "10.0.0.2"), at(office, "10.0.0.1")...))
			b.Take(hall, "10.0.0.1")
		}, map[phone.MAC]string{kitchen: "10.0.0.2", office: "10.0.0.1", hall: ""}},
		"no longer listed": {func(_ *testing.T, b *Book) {
			b.List(append(at(kitchen, "10.0.0.1"), at(office, "10.0.0.2")...))
			b.List(at(office, "10.0.0.2"))
			b.Take(hall, "10.0.0.1")
		}, map[phone.MAC]string{kitchen: "", office: "10.0.0.2", hall: "10.0.0.1"}},
		"no longer listed, heard again": {func(_ *testing.T, b *Book) {
			b.List(at(kitchen, "10.0.0.1:8080"))
			b.List(nil)
			b.Take(kitchen, "10.0.0.1")
		}, map[phone.MAC]string{kitchen: "10.0.0.1", office: "", hall: ""}},
		"listed without its host": {func(_ *testing.T, b *Book) {
			b.Take(kitchen, "10.0.0.1")
			b.List(at(kitchen, ""))
			b.Take(office, "10.0.0.1")
		}, map[phone.MAC]string{kitchen: "", office: "10.0.0.1", hall: ""}},
		"what was learned stays with the unlisted": {func(_ *testing.T, b *Book) {
			b.Take(kitchen, "10.0.0.1")
			b.List(at(kitchen, ""))
			b.List(at(office, "10.0.0.2"))
		}, map[phone.MAC]string{kitchen: "10.0.0.1", office: "10.0.0.2", hall: ""}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := New()
			tt.happens(t, b)
			if diff := cmp.Diff(tt.want, hosts(b)); diff != "" {
				t.Errorf("hosts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnly(t *testing.T) {
	b := New()
	here, there := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	only := func(at netip.Addr, want phone.MAC) {
		t.Helper()
		if got := b.Only(at); got != want {
			t.Errorf("at %s: got %q, want %q", at, got, want)
		}
	}
	only(here, "")
	b.Seen(kitchen, here)
	only(here, kitchen)
	b.Seen(office, here)
	only(here, "") // two phones behind one address
	b.Seen(office, there)
	only(here, kitchen)
	only(there, office)
	b.Forget(kitchen)
	only(here, "")
	b.List(at(hall, "10.0.0.1:8080"))
	only(here, hall)
	b.Seen(hall, here)
	only(here, hall)
	b.Seen(hall, netip.Addr{}) // nothing was heard: the list still tells where it is
	only(here, hall)
	only(netip.Addr{}, "")
	b.Seen(kitchen, here)
	only(here, "")
	b.List(nil)
	b.Forget(hall)
	only(here, kitchen)
}

func TestSaved(t *testing.T) {
	b := New()
	here := netip.MustParseAddr("10.0.0.1")
	b.List(at(kitchen, "10.0.0.7"))
	b.Seen(kitchen, here)
	b.Take(office, "10.0.0.2")
	if address, source := b.Saved(kitchen); address != "" || source != here {
		t.Errorf("a listed host is the list's to keep: got %q, %s", address, source)
	}
	if address, source := b.Saved(office); address != "10.0.0.2" || source.IsValid() {
		t.Errorf("got %q, %s", address, source)
	}
}

func TestListing(t *testing.T) {
	b := New()
	want := Listing{MAC: kitchen, Host: "10.0.0.7", Name: "Kitchen"}
	b.List([]Listing{want, {MAC: office}})
	if got, ok := b.Listing(kitchen); got != want || !ok {
		t.Errorf("got %v, %v, want %v", got, ok, want)
	}
	if got, ok := b.Listing(hall); got != (Listing{}) || ok {
		t.Errorf("not listed: got %v, %v", got, ok)
	}
	if got := b.Listings(); got != 2 {
		t.Errorf("got %d listings, want 2", got)
	}
}

func TestAdmits(t *testing.T) {
	tests := []struct {
		listing Listing
		source  string
		want    bool
	}{
		{Listing{Host: "10.0.0.1"}, "10.0.0.2", true},
		{Listing{Host: "10.0.0.1", Strict: true}, "10.0.0.2", false},
		{Listing{Host: "10.0.0.1", Strict: true}, "10.0.0.1", true},
		{Listing{Host: "10.0.0.1:8080", Strict: true}, "10.0.0.1", true},
		{Listing{Host: "https://10.0.0.1:8443", Strict: true}, "10.0.0.1", true},
		{Listing{Host: "fd00::7:80", Strict: true}, "fd00::7:80", true},
		{Listing{Host: "https://[fd00::7]", Strict: true}, "fd00::7", true},
		{Listing{Host: "[fd00::7]:8080", Strict: true}, "fd00::7", true},
		{Listing{Host: "fe80::1%eth0", Strict: true}, "fe80::1", true},
		{Listing{Host: "::ffff:10.0.0.1", Strict: true}, "10.0.0.1", true},
	}
	for _, tt := range tests {
		b := New()
		tt.listing.MAC = kitchen
		b.List([]Listing{tt.listing})
		if got := b.Admits(kitchen, netip.MustParseAddr(tt.source)); got != tt.want {
			t.Errorf("%v from %s: got %v, want %v", tt.listing, tt.source, got, tt.want)
		}
		if !b.Admits(office, netip.MustParseAddr(tt.source)) {
			t.Error("a phone that is not listed is not strict")
		}
	}
}
