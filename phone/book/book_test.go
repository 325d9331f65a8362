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
			b.List(kitchen, "10.0.0.1:80")
			if loser := b.Take(office, "10.0.0.1"); loser != "" {
				t.Errorf("%q lost its address, want nobody", loser)
			}
			b.Take(kitchen, "10.0.0.9")
			b.Release(kitchen)
		}, map[phone.MAC]string{kitchen: "10.0.0.1:80", office: "", hall: ""}},
		"who claims a listed host has none": {func(_ *testing.T, b *Book) {
			b.List(kitchen, "10.0.0.1")
			b.Take(office, "10.0.0.2")
			b.Take(office, "10.0.0.1")
			b.Take(hall, "10.0.0.2")
		}, map[phone.MAC]string{kitchen: "10.0.0.1", office: "", hall: "10.0.0.2"}},
		"released and forgotten": {func(t *testing.T, b *Book) {
			b.Take(kitchen, "10.0.0.1")
			b.Release(kitchen)
			if loser := b.Take(hall, "10.0.0.1"); loser != "" {
				t.Errorf("%q lost an address that was free", loser)
			}
			b.List(office, "10.0.0.2")
			b.Forget(office)
		}, map[phone.MAC]string{kitchen: "", office: "", hall: "10.0.0.1"}},
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
	b.List(hall, "10.0.0.1:8080")
	only(here, hall)
}

func TestSaved(t *testing.T) {
	b := New()
	here := netip.MustParseAddr("10.0.0.1")
	b.List(kitchen, "10.0.0.7")
	b.Seen(kitchen, here)
	b.Take(office, "10.0.0.2")
	if address, source := b.Saved(kitchen); address != "" || source != here {
		t.Errorf("a listed host is the list's to keep: got %q, %s", address, source)
	}
	if address, source := b.Saved(office); address != "10.0.0.2" || source.IsValid() {
		t.Errorf("got %q, %s", address, source)
	}
	if !b.Listed(kitchen) || b.Listed(office) {
		t.Error("who is listed got mixed up")
	}
}
