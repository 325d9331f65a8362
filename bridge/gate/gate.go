// Package gate judges who may send events: by the token in the Action URL, and by the address that a
// request came from, also where proxies stand between.
//
// It promises that all tokens are compared in constant time, that a token made for one phone speaks for
// no other, and that an address which a header claims counts only when a trusted proxy says so. It is
// pure: it knows no request, waits for nothing and logs nothing.
package gate

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// Gate is who may come in. Its methods may be called at the same time.
type Gate struct {
	Tokens   []secret.Text  // none: no token is asked for
	PerPhone bool           // only the tokens that [PhoneToken] makes of these count
	Allow    []netip.Prefix // where events may come from
	Proxies  []netip.Prefix // whose word on where a request came from is taken
}

// Allows tells whether events may come from an address.
func (g *Gate) Allows(source netip.Addr) bool { return holds(g.Allow, source) }

// Why nobody was let in. Neither tells more than who asks knows already.
var (
	errToken      = errors.New("the Action URL carries no valid token (HTTP_TOKEN) as a path word")
	errPhoneToken = errors.New("the Action URL carries no valid token of the phone that it names (HTTP_TOKEN_PER_PHONE) as a path word")
)

// Pass is what a valid token entitles to.
type Pass struct {
	phone  phone.MAC // empty: any
	tokens []string  // of that phone
}

// Phone is the only phone that the pass speaks for, empty for any.
func (p Pass) Phone() phone.MAC { return p.phone }

// For refuses a phone that the pass does not speak for. One that is not known by its MAC is none that a
// phone's own token speaks for.
func (p Pass) For(mac phone.MAC) error {
	if p.phone != "" && p.phone != mac {
		return errPhoneToken
	}
	return nil
}

// Enter judges the token among the path words, and returns the words without it. The query is looked
// into only for the MAC by which a phone's own token is known: when the event is understood, ask
// [Pass.For] of whom it really is. A phone's own token is good without PerPhone too, so that it can be
// switched on when all phones have theirs.
//
// Who is not let in learns nothing by how long that took but what he sent himself: every word is
// compared with every token.
func (g *Gate) Enter(words []string, query string) (Pass, []string, error) {
	if len(g.Tokens) == 0 {
		return Pass{}, words, nil
	}
	everybodys := secret.Reveal(g.Tokens)
	shared := without(words, everybodys)
	mac := claimed(shared, query)
	own := tokensOf(mac, everybodys)
	// Without any of them, whichever opens: no secret is to be read on as a word.
	rest := without(shared, own)
	switch {
	case len(shared) < len(words) && !g.PerPhone:
		return Pass{}, rest, nil
	case len(rest) < len(shared):
		return Pass{mac, own}, rest, nil
	case g.PerPhone:
		return Pass{}, nil, errPhoneToken
	}
	return Pass{}, nil, errToken
}

// tokensOf are a phone's own tokens under everybody's, none for no phone.
func tokensOf(mac phone.MAC, everybodys []string) []string {
	if mac == "" {
		return nil
	}
	own := make([]string, 0, len(everybodys))
	for _, token := range everybodys {
		own = append(own, PhoneToken(token, mac))
	}
	return own
}

func holds(networks []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(address) })
}
