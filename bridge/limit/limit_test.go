package limit

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

var desk, office = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")

// allowed counts how many of so many events at once are taken.
func allowed(a *Addresses, source netip.Addr, of int) (taken int) {
	for range of {
		if a.Allows(source) {
			taken++
		}
	}
	return taken
}

// TestAllows sends a thousand events at once, again and again.
func TestAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, rate := range []int{1, 3, 20, 1000} {
			a := New(rate)
			for _, tt := range []struct {
				pause time.Duration
				want  int
			}{
				{0, 5 * rate},
				{0, 0},
				{time.Second, rate},
				{2 * time.Second, 2 * rate},
				{time.Hour, 5 * rate},
			} {
				time.Sleep(tt.pause)
				if got := allowed(a, desk, 10_000); got != tt.want {
					t.Errorf("%d a second, after %s: %d taken, want %d", rate, tt.pause, got, tt.want)
				}
			}
		}
	})
}

// TestAddressesAreApart has one address send too much: another one does not notice.
func TestAddressesAreApart(t *testing.T) {
	a := New(10)
	allowed(a, desk, 1000)
	if got := allowed(a, office, 50); got != 50 {
		t.Errorf("%d of 50 taken from the other address", got)
	}
}

func TestNoLimit(t *testing.T) {
	if got := allowed(New(0), desk, 100_000); got != 100_000 {
		t.Errorf("%d of 100,000 taken", got)
	}
}

// TestBounded has somebody invent addresses: they must not fill the memory, and who is still over its
// rate is not let off by those that have been quiet.
func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(1)
		address := netip.MustParseAddr("10.0.0.0")
		for range mostRemembered - 1 {
			a.Allows(address)
			address = address.Next()
		}
		time.Sleep(time.Second)
		allowed(a, desk, 5)
		if a.Allows(address); len(a.paid) > 2 {
			t.Errorf("%d addresses are remembered, want those that count", len(a.paid))
		}
		if a.Allows(desk) {
			t.Error("an address over its rate was forgotten")
		}
		for range 3 * mostRemembered {
			a.Allows(address)
			address = address.Next()
			if len(a.paid) > mostRemembered {
				t.Fatalf("%d addresses are remembered", len(a.paid))
			}
		}
	})
}
