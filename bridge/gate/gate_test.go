package gate

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

const (
	first, second           = "first-token_0123456789", "second-token_987654321"
	kitchen, hall phone.MAC = "001fc11a8b6c", "001fc11a8b6d"
)

// outcome is who a request may speak for, and the words that are left.
type outcome struct {
	In    bool
	Phone phone.MAC
	Rest  string
}

func enter(g *Gate, target string) outcome {
	path, query, _ := strings.Cut(target, "?")
	pass, rest, err := g.Enter(phone.SplitWords(path), query)
	return outcome{err == nil, pass.Phone(), strings.Join(rest, " ")}
}

// TestPhoneToken holds a phone's token to what other programs may make it by, such as
//
//	printf 001fc11a8b6c | openssl dgst -sha256 -hmac first-token_0123456789
func TestPhoneToken(t *testing.T) {
	if got, want := PhoneToken(first, kitchen), "a5b743af10a8f863acb321aa3dc27341"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	seen := make(map[string]bool)
	for _, token := range []string{first, second} {
		for _, mac := range []phone.MAC{kitchen, hall} {
			own := PhoneToken(token, mac)
			if _, err := phone.ParseMAC(own); err == nil || seen[own] || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(own) {
				t.Errorf("the token of %s under %s is %s", mac, token, own)
			}
			seen[own] = true
		}
	}
	for _, row := range phone.Events() {
		if regexp.MustCompile(`^[0-9a-f._-]*$`).MatchString(row.Slug) {
			t.Errorf("%s could be a phone's token", row.Slug)
		}
	}
}

func TestEnter(t *testing.T) {
	own, older, others := PhoneToken(first, kitchen), PhoneToken(second, kitchen), PhoneToken(first, hall)
	ours := outcome{true, kitchen, "off_hook"}
	out := outcome{}
	for _, test := range []struct {
		name, target   string
		shared, single outcome // without and with PerPhone
	}{
		{"the token", "/" + first + "/off_hook?mac=001fc11a8b6c", outcome{true, "", "off_hook"}, out},
		{"an older token, somewhere else", "/off_hook/x/" + second, outcome{true, "", "off_hook x"}, out},
		{"both", "/" + second + "/off_hook/" + first, outcome{true, "", "off_hook"}, out},
		{"the phone's own", "/" + own + "/off_hook?mac=001fc11a8b6c&ip=10.0.0.1", ours, ours},
		{"the token and the phone's own", "/" + first + "/" + own + "/off_hook?mac=001fc11a8b6c", outcome{true, "", "off_hook"}, ours},
		{"made of the older one", "/off_hook/" + older + "?ip=10.0.0.1&MAC=00:1F:C1:1A:8B:6C", ours, ours},
		{"both of the phone's own", "/" + own + "/off_hook/" + older + "?mac=001fc11a8b6c", ours, ours},
		{"MAC in escapes", "/" + own + "/off_hook?mac=00%3a1f%3ac1%3a1a%3a8b%3a6c", ours, ours},
		{"MAC as a word", "/" + own + "/off_hook/001FC11A8B6C", outcome{true, kitchen, "off_hook 001FC11A8B6C"}, outcome{true, kitchen, "off_hook 001FC11A8B6C"}},
		{"not filled in, MAC as a word", "/" + own + "/off_hook/001fc11a8b6c?mac=$mac", outcome{true, kitchen, "off_hook 001fc11a8b6c"}, outcome{true, kitchen, "off_hook 001fc11a8b6c"}},
		{"behind a telephone number", "/" + own + "/491711234567/001fc11a8b6c", outcome{true, kitchen, "491711234567 001fc11a8b6c"}, outcome{true, kitchen, "491711234567 001fc11a8b6c"}},
		{"MAC of digits", "/" + PhoneToken(first, "001565123456") + "/off_hook/001565123456", outcome{true, "001565123456", "off_hook 001565123456"}, outcome{true, "001565123456", "off_hook 001565123456"}},
		{"of another phone", "/" + others + "/off_hook?mac=001fc11a8b6c", out, out},
		{"its phone only as a word", "/" + own + "/off_hook/001fc11a8b6c?mac=001fc11a8b6d", out, out},
		{"its phone only as a second variable", "/" + own + "/off_hook?mac=001fc11a8b6d&mac=001fc11a8b6c", out, out},
		{"its phone only behind a name", "/" + own + "/off_hook?display_remote=x&mac=001fc11a8b6c", out, out},
		{"no phone", "/" + own + "/off_hook", out, out},
		{"in other letters", "/" + strings.ToUpper(own) + "/off_hook?mac=001fc11a8b6c", out, out},
		{"too short", "/" + own[:31] + "/off_hook?mac=001fc11a8b6c", out, out},
		{"too long", "/" + own + "0/off_hook?mac=001fc11a8b6c", out, out},
		{"in the query", "/off_hook?mac=001fc11a8b6c&token=" + own, out, out},
		{"nothing", "/", out, out},
	} {
		g := Gate{Tokens: []secret.Text{secret.New(first), secret.New(second)}}
		if diff := cmp.Diff(test.shared, enter(&g, test.target)); diff != "" {
			t.Errorf("%s, for all (-want +got):\n%s", test.name, diff)
		}
		g.PerPhone = true
		if diff := cmp.Diff(test.single, enter(&g, test.target)); diff != "" {
			t.Errorf("%s, per phone (-want +got):\n%s", test.name, diff)
		}
	}
	if got := enter(&Gate{}, "/off_hook/x"); !cmp.Equal(got, outcome{true, "", "off_hook x"}) {
		t.Errorf("without tokens: %+v", got)
	}
}

// TestPass asks for whom a token speaks: one of everybody's for all, a phone's own for that phone, and
// not for one that is known by its address only.
func TestPass(t *testing.T) {
	g := Gate{Tokens: []secret.Text{secret.New(first)}}
	everybody, _, _ := g.Enter([]string{first}, "")
	own, _, _ := g.Enter([]string{PhoneToken(first, kitchen)}, "mac=001fc11a8b6c")
	for _, mac := range []phone.MAC{kitchen, hall, ""} {
		if everybody.For(mac) != nil {
			t.Errorf("everybody's does not speak for %q", mac)
		}
		if got := own.For(mac) == nil; got != (mac == kitchen) {
			t.Errorf("the kitchen's speaks for %q: %v", mac, got)
		}
	}
}

// TestHide takes a phone's token out of what is recorded, however it was written.
func TestHide(t *testing.T) {
	g := Gate{Tokens: []secret.Text{secret.New(first), secret.New(second)}, PerPhone: true}
	own, older := PhoneToken(first, kitchen), PhoneToken(second, kitchen)
	escaped := "%" + hexOf(own[0]) + own[1:]
	pass, _, err := g.Enter([]string{own, "off_hook"}, "mac=001fc11a8b6c")
	if err != nil {
		t.Fatal(err)
	}
	path, query := pass.Hide("/"+own+"/off_hook/ "+escaped+" /x"+older, "mac=001fc11a8b6c&x="+own)
	if diff := cmp.Diff([]string{"//off_hook//xTOKEN", "mac=001fc11a8b6c&x=TOKEN"}, []string{path, query}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if path, query := (Pass{}).Hide("/"+first+"/x", first); path != "/"+first+"/x" || query != first {
		t.Errorf("a pass for all hides %s %s", path, query)
	}
}

func hexOf(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}

func networks(list ...string) (all []netip.Prefix) {
	for _, n := range list {
		all = append(all, netip.MustParsePrefix(n))
	}
	return all
}

func TestSource(t *testing.T) {
	g := Gate{Proxies: networks("10.0.0.0/24", "fd00::/64", "127.0.0.0/8")}
	for _, test := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"no proxy", "192.0.2.1:4711", nil, "192.0.2.1"},
		{"no proxy, but it says so", "192.0.2.1:4711", []string{"10.0.0.7"}, "192.0.2.1"},
		{"a proxy that says nothing", "10.0.0.1:4711", nil, "10.0.0.1"},
		{"a proxy", "10.0.0.1:4711", []string{"203.0.113.9"}, "203.0.113.9"},
		{"a proxy, in the form of IPv6", "[::ffff:10.0.0.1]:4711", []string{"203.0.113.9"}, "203.0.113.9"},
		{"a proxy of IPv6", "[fd00::1%eth0]:4711", []string{"2001:db8::9"}, "2001:db8::9"},
		{"what the client said before", "10.0.0.1:4711", []string{"10.0.0.7, 192.168.0.9, 203.0.113.9"}, "203.0.113.9"},
		{"in a line of its own", "10.0.0.1:4711", []string{"192.168.0.9", "203.0.113.9"}, "203.0.113.9"},
		{"two proxies", "10.0.0.1:4711", []string{"192.168.0.9,203.0.113.9 ,10.0.0.2"}, "203.0.113.9"},
		{"proxies alone", "10.0.0.1:4711", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"the client takes a proxy's name", "10.0.0.1:4711", []string{"10.0.0.3, 203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		{"with a port", "10.0.0.1:4711", []string{"203.0.113.9:80"}, "203.0.113.9"},
		{"in brackets", "10.0.0.1:4711", []string{"[2001:db8::9]"}, "2001:db8::9"},
		{"in brackets with a port", "10.0.0.1:4711", []string{"[2001:db8::9]:80"}, "2001:db8::9"},
		{"IPv4 in the form of IPv6", "10.0.0.1:4711", []string{"::ffff:203.0.113.9, [::ffff:10.0.0.2]:80"}, "203.0.113.9"},
		{"with an interface", "10.0.0.1:4711", []string{"fe80::9%eth0"}, "fe80::9"},
		{"garbage", "10.0.0.1:4711", []string{"192.168.0.9, unknown"}, "10.0.0.1"},
		{"garbage behind a proxy", "10.0.0.1:4711", []string{"192.168.0.9, _hidden, 10.0.0.2"}, "10.0.0.2"},
		{"garbage that nobody looks at", "10.0.0.1:4711", []string{"garbage\x01, 203.0.113.9"}, "203.0.113.9"},
		{"two in one", "10.0.0.1:4711", []string{"203.0.113.9 192.168.0.9"}, "10.0.0.1"},
		{"a name", "10.0.0.1:4711", []string{"localhost"}, "10.0.0.1"},
		{"IPv4 in brackets", "10.0.0.1:4711", []string{"[203.0.113.9]"}, "10.0.0.1"},
		{"half a bracket", "10.0.0.1:4711", []string{"[2001:db8::9"}, "10.0.0.1"},
		{"a port that is none", "10.0.0.1:4711", []string{"203.0.113.9:x"}, "10.0.0.1"},
		{"a zero too many", "10.0.0.1:4711", []string{"203.0.113.09"}, "10.0.0.1"},
		{"nothing at the end", "10.0.0.1:4711", []string{"192.168.0.9,"}, "10.0.0.1"},
		{"nothing", "10.0.0.1:4711", []string{""}, "10.0.0.1"},
		{"no address", "pipe", []string{"203.0.113.9"}, "invalid IP"},
	} {
		if got := g.Source(test.remote, test.forwarded).String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if got := (&Gate{}).Source("127.0.0.1:1", []string{"203.0.113.9"}).String(); got != "127.0.0.1" {
		t.Errorf("without proxies: %s", got)
	}
	if !g.Trusts(netip.MustParseAddr("::ffff:10.0.0.1")) || g.Trusts(netip.MustParseAddr("10.0.1.1")) || g.Trusts(netip.Addr{}) {
		t.Error("trusts others than its proxies")
	}
}

func TestAllows(t *testing.T) {
	g := Gate{Allow: networks("10.0.0.0/24", "fd00::/64")}
	for address, want := range map[string]bool{"10.0.0.9": true, "10.0.1.9": false, "fd00::9": true, "fd01::9": false} {
		if got := g.Allows(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
	if g.Allows(netip.Addr{}) {
		t.Error("an unknown address is allowed")
	}
}
