package main

import (
	"net/netip"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// hostOf waits until a phone's state shows a host, as JSON.
func (s *scene) hostOf(t *testing.T, mac phone.MAC, want string) {
	t.Helper()
	s.last(t, string(mac)+"/state", "has the host "+want, func(m message) bool { return m.member("host") == want })
}

const (
	first  phone.MAC = "001fc1000001"
	second phone.MAC = "001fc1000002"
)

// TestAddress learns where a phone is from its newest event.
func TestAddress(t *testing.T) {
	s := startScene(t, window(0))
	for _, step := range []struct {
		source string
		more   []string
		want   string
	}{
		{"127.0.0.2", nil, `"127.0.0.2"`},
		{"127.0.0.3", []string{"ip=127.0.0.3"}, `"127.0.0.3"`},
		{"127.0.0.3", []string{"ip=192.168.0.157"}, `null`}, // something stands between
		{"127.0.0.3", nil, `"127.0.0.3"`},
		{"127.0.0.3", []string{"ip=$ip"}, `"127.0.0.3"`},
	} {
		s.tellFrom(t, step.source, vendor, "off_hook", step.more...)
		s.hostOf(t, vendor, step.want)
	}
	state := s.state(t, vendor, "says an ip", func(m message) bool { return m.member("ip") != "null" })
	if got := state.text("ip"); got != "192.168.0.157" {
		t.Errorf("ip is %s, want what the phone said last", got)
	}
}

// TestAddressWithToken believes a phone's own word when the event carries the token and HTTP_ALLOW
// holds the address.
func TestAddressWithToken(t *testing.T) {
	s := startScene(t, func(c *bridge.Config) {
		c.Tokens = []secret.Text{secret.New(firstToken)}
		c.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Limits.Repeat = 0
	})
	s.tellFrom(t, "127.0.0.2", vendor, firstToken+"/off_hook", "ip=127.0.0.9")
	s.hostOf(t, vendor, `"127.0.0.9"`)
	s.tellFrom(t, "127.0.0.2", vendor, firstToken+"/off_hook", "ip=192.168.0.157")
	s.hostOf(t, vendor, `null`)
	s.tellFrom(t, "127.0.0.2", vendor, firstToken+"/off_hook")
	s.hostOf(t, vendor, `"127.0.0.2"`)
}

// TestSwappedAddresses lets DHCP swap the addresses of two phones: a hang-up never reaches the wrong
// desk, not even before both have spoken.
func TestSwappedAddresses(t *testing.T) {
	s := startScene(t, window(0))
	s.tellFrom(t, "127.0.0.2", first, "registered")
	s.tellFrom(t, "127.0.0.3", second, "registered")
	s.hostOf(t, first, `"127.0.0.2"`)
	s.hostOf(t, second, `"127.0.0.3"`)
	s.tellFrom(t, "127.0.0.3", first, "registered")
	s.hostOf(t, first, `"127.0.0.3"`)
	s.hostOf(t, second, `null`)
	if result := s.do(t, second, "hangup", "{}"); outcome(result) != "error address" {
		t.Errorf("the one that lost its address: %s", result.payload)
	}
	s.tellFrom(t, "127.0.0.2", second, "registered")
	s.hostOf(t, first, `"127.0.0.3"`)
	s.hostOf(t, second, `"127.0.0.2"`)
}

// TestSwappedDesks is the same at the phones' own web pages.
func TestSwappedDesks(t *testing.T) {
	s := startScene(t, window(0))
	atTwo := deskAt(t, "127.0.0.32", first)
	atThree := deskAt(t, "127.0.0.33", second)
	s.tellFrom(t, "127.0.0.32", first, "registered")
	s.tellFrom(t, "127.0.0.33", second, "registered")
	s.tellFrom(t, "127.0.0.33", first, "registered")
	s.do(t, first, "line", "1")
	s.do(t, second, "line", "2")
	s.tellFrom(t, "127.0.0.32", second, "registered")
	s.do(t, second, "line", "3")
	if got := lines(atThree); len(got) != 1 || got[0] != "key=L1" {
		t.Errorf("at the first one's new desk: %v, want key=L1", got)
	}
	if got := lines(atTwo); len(got) != 1 || got[0] != "key=L3" {
		t.Errorf("at the second one's new desk: %v, want key=L3", got)
	}
}

// TestListedHost keeps a listed host with its phone, whoever sends from there.
func TestListedHost(t *testing.T) {
	for name, host := range map[string]string{
		"an address":          "127.0.0.5",
		"with the usual port": "127.0.0.5:80",
		"https":               "https://127.0.0.5",
		"http":                "http://127.0.0.5",
		"another port":        "127.0.0.5:8080",
	} {
		t.Run(name, func(t *testing.T) {
			host, err := book.ParseHost(host)
			if err != nil {
				t.Fatal(err)
			}
			s := startScene(t, func(c *bridge.Config) {
				c.Phones = append(c.Phones, book.Listing{MAC: first, Host: host})
				c.Limits.Repeat = 0
			})
			shown := s.last(t, string(first)+"/state", "is there", func(message) bool { return true }).member("host")
			if shown == "null" {
				t.Fatal("the listed host is not shown")
			}
			s.tellFrom(t, "127.0.0.5", second, "off_hook")
			s.tellFrom(t, "127.0.0.6", first, "off_hook", "ip=127.0.0.6")
			s.until(t, second)
			s.until(t, first)
			s.hostOf(t, first, shown)
			if host == "127.0.0.5:8080" {
				return // another web page of that address, which may be another phone's
			}
			// Another phone there has no address: a command for it would reach the listed one.
			s.tellFrom(t, "127.0.0.5", second, "on_hook")
			m := s.last(t, string(second)+"/state", "tells on_hook", func(m message) bool { return m.text("last_event") == "on_hook" })
			if got := m.member("host"); got != "null" {
				t.Errorf("the other phone has the host %s, want none", got)
			}
		})
	}
}

// TestListedHostIsNotRobbed lists a phone where a learned one was before.
func TestListedHostIsNotRobbed(t *testing.T) {
	dir := t.TempDir()
	s := startSceneIn(t, dir, nil)
	s.tellFrom(t, "127.0.0.5", second, "off_hook")
	s.hostOf(t, second, `"127.0.0.5"`)
	s.stop()
	s = startSceneIn(t, dir, func(c *bridge.Config) {
		c.Phones = append(c.Phones, book.Listing{MAC: first, Host: "127.0.0.5"})
	})
	s.hostOf(t, first, `"127.0.0.5"`)
	s.hostOf(t, second, `null`)
}

// TestAddressIsKept brings a learned phone's address back after a restart.
func TestAddressIsKept(t *testing.T) {
	dir := t.TempDir()
	s := startSceneIn(t, dir, nil)
	s.tellFrom(t, "127.0.0.5", second, "off_hook")
	s.tellFrom(t, "127.0.0.6", first, "off_hook", "ip=192.168.0.157")
	s.hostOf(t, first, `null`)
	s.stop()
	s = startSceneIn(t, dir, nil)
	s.hostOf(t, second, `"127.0.0.5"`)
	s.hostOf(t, first, `null`)
	if status, body := s.askFrom(t, "127.0.0.5", "GET /on_hook HTTP/1.1\r\n\r\n"); status != 200 {
		t.Errorf("an event without a MAC from there: %d %s", status, body)
	}
}

// TestAnonymousFromListedHost takes an event without a MAC from where a phone is listed.
func TestAnonymousFromListedHost(t *testing.T) {
	s := startScene(t, func(c *bridge.Config) {
		c.Phones = append(c.Phones, book.Listing{MAC: first, Host: "127.0.0.7"})
	})
	if status, body := s.askFrom(t, "127.0.0.7", "GET /off_hook HTTP/1.1\r\n\r\n"); status != 200 {
		t.Fatalf("answered %d %s", status, body)
	}
	s.state(t, first, "is off hook", func(m message) bool { return m.member("off_hook") == "true" })
}

// TestAnonymousFromGateway has something stand between the phones and us: its address is no phone's,
// so an event without a MAC that comes from there is nobody's.
func TestAnonymousFromGateway(t *testing.T) {
	s := startScene(t, nil)
	s.tellFrom(t, "127.0.0.8", first, "registered", "ip=192.168.0.157")
	s.hostOf(t, first, `null`)
	if status, body := s.askFrom(t, "127.0.0.8", "GET /incoming_call HTTP/1.1\r\n\r\n"); status != 400 {
		t.Errorf("answered %d %s, want 400: it may be another phone's", status, body)
	}
}
