package gate

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// FuzzSource holds that a header moves nobody who is not a trusted proxy, and moves a proxy's request to
// no further than the first address, from the right, that nobody trusted answers for.
func FuzzSource(f *testing.F) {
	for _, seed := range [][3]string{
		{"10.0.0.1:80", "192.168.0.5", ""},
		{"10.0.0.1:80", "1.2.3.4, 10.0.0.2", "[fe80::1%eth0]:80, 10.0.0.3"},
		{"[::ffff:10.0.0.1]:1", "::ffff:10.0.0.2", ","},
		{"192.168.0.1:80", "127.0.0.1", "127.0.0.1"},
		{"10.0.0.1:80", "unknown, _hidden, 1.2.3.4:80", "[::1"},
		{"@", "", "x"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	g := Gate{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	f.Fuzz(func(t *testing.T, remote, one, two string) {
		none, got := g.Source(remote, nil), g.Source(remote, []string{one, two})
		switch {
		case got != g.Source(remote, []string{one + "," + two}):
			t.Errorf("%q: two lines are not the same as one", []string{remote, one, two})
		case got == none:
		case !none.IsValid() || !g.Trusts(none):
			t.Errorf("%q: believed for %v", []string{remote, one, two}, none)
		case !got.IsValid() || got.Zone() != "" || got.Is4In6():
			t.Errorf("%q: source %v", []string{remote, one, two}, got)
		}
		// What stands further left changes nothing once the search has an end that is not trusted.
		if got != none && !g.Trusts(got) && g.Source(remote, []string{"6.6.6.6", one, two}) != got {
			t.Errorf("%q: %v, or whatever a client writes before it", []string{remote, one, two}, got)
		}
	})
}

// FuzzEnter holds that nobody comes in without a token among the path words, and speaks for no other
// phone than the one that his token was made for; and that a recording has none of them.
func FuzzEnter(f *testing.F) {
	for _, target := range []string{
		"/" + first + "/off_hook?mac=001fc11a8b6c", "/" + PhoneToken(first, kitchen) + "/off_hook?mac=001fc11a8b6c", "/" + PhoneToken(second, hall) + "/001fc11a8b6d?display_remote=&mac=001fc11a8b6c",
		"/%66irst-token_0123456789/x", "/off_hook?mac=001fc11a8b6c&token=" + first, "//" + second + "//" + first, "/off_hook?MAC=00%3a1f%3ac1%3a1a%3a8b%3a6c", "",
	} {
		f.Add(target)
	}
	tokens := []string{first, second}
	held := []secret.Text{secret.New(first), secret.New(second)}
	f.Fuzz(func(t *testing.T, target string) {
		path, query, _ := strings.Cut(target, "?")
		words := phone.SplitWords(path)
		for _, g := range []*Gate{{Tokens: held}, {Tokens: held, PerPhone: true}} {
			pass, rest, err := g.Enter(slices.Clone(words), query)
			if err != nil {
				if len(rest) > 0 || strings.Contains(err.Error(), first) || strings.Contains(err.Error(), second) {
					t.Fatalf("%q: %q, %v", target, rest, err)
				}
				continue
			}
			own := []string{PhoneToken(first, pass.Phone()), PhoneToken(second, pass.Phone())}
			carries := func(tokens []string) bool {
				return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(tokens, word) })
			}
			switch {
			case pass.Phone() == "" && (g.PerPhone || !carries(tokens)):
				t.Fatalf("%q: in for everybody", target)
			case pass.Phone() != "" && !carries(own):
				t.Fatalf("%q: in for %s", target, pass.Phone())
			case pass.Phone() != "" && (pass.For("") == nil || pass.For(kitchen) == nil && pass.Phone() != kitchen):
				t.Fatalf("%q: the pass of %s speaks for another", target, pass.Phone())
			}
			if pass.Phone() == "" {
				continue
			}
			hiddenPath, hiddenQuery := pass.Hide(path, query)
			if text := hiddenPath + "?" + hiddenQuery; strings.Contains(text, own[0]) || strings.Contains(text, own[1]) ||
				slices.ContainsFunc(phone.SplitWords(hiddenPath), func(word string) bool { return slices.Contains(own, word) }) {
				t.Fatalf("%q is recorded as %q", target, text)
			}
		}
	})
}
