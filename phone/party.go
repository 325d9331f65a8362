package phone

import (
	"cmp"
	"slices"
	"strings"
)

// Party is one side of a call. What is not known of it is empty.
type Party struct {
	Number string `json:"number,omitempty"` // the user part of the address; none for a withheld one
	Name   string `json:"name,omitempty"`
	URI    string `json:"uri,omitempty"` // without parameters and headers, never with a password
}

// withheld are the users of an address that stand for no number (RFC 3323, 4.1.1.3, and practice).
var withheld = []string{"anonymous", "unknown", "private", "restricted", "withheld"}

// ParseParty reads who $remote or $local names, with the display name beside it. The address may be a
// SIP, SIPS or tel URI, `206@host`, a bare number, or any of them as `"Name" <address>;parameters`.
// The display name wins over one in the address; a caller who is withheld has the word as name when
// nothing better is told. It takes any text.
func ParseParty(address, display string) Party {
	name, address := splitNameAddress(address)
	p := parseAddress(address)
	if slices.Contains(withheld, strings.ToLower(p.Number)) {
		name = cmp.Or(name, p.Number)
		p.Number = ""
	}
	p.Name = cmp.Or(unquote(display), name, p.Name)
	return p
}

// over is the party as a newer event tells it: what that leaves out stays, unless it names another.
func (p Party) over(older Party) Party {
	if p.Number != "" && older.Number != "" && p.Number != older.Number {
		return p
	}
	return p.or(older)
}

// or is the party with what is not known of it taken from other.
func (p Party) or(other Party) Party {
	return Party{
		Number: cmp.Or(p.Number, other.Number),
		Name:   cmp.Or(p.Name, other.Name),
		URI:    cmp.Or(p.URI, other.URI),
	}
}

// splitNameAddress takes `Name <address>;tag=x` apart (RFC 3261, name-addr). The last `<` counts, an
// unquoted name may hold others; a `>` cut off is done without.
func splitNameAddress(s string) (name, address string) {
	open := strings.LastIndexByte(s, '<')
	if open < 0 {
		return "", strings.TrimSpace(s)
	}
	address, _, _ = strings.Cut(s[open+1:], ">")
	return unquote(s[:open]), strings.TrimSpace(address)
}

// unquote takes the quotes off a SIP quoted-string. Quotes that are part of a name stay.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	inner := s[1 : len(s)-1]
	plain := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); i++ {
		switch {
		case inner[i] == '"':
			return s
		case inner[i] == '\\' && i+1 < len(inner):
			i++
		}
		plain = append(plain, inner[i])
	}
	return strings.TrimSpace(string(plain))
}

// parseAddress reads an address without a name around it.
func parseAddress(s string) Party {
	scheme, rest, _ := strings.Cut(s, ":")
	switch scheme = strings.ToLower(scheme); scheme {
	case "sip", "sips":
		return parseSIP(scheme, rest)
	case "tel":
		return parseTel(rest)
	}
	_, isHost := parseIP(s)
	switch {
	case isHost || strings.Contains(s, "@"):
		return parseSIP("sip", s)
	case strings.ContainsAny(s, " \t") && !isNumber(s):
		return Party{Name: unquote(s)}
	}
	return Party{Number: s}
}

// parseSIP reads `user:password;parameters@host;parameters?headers` (RFC 3261, 19.1.1).
func parseSIP(scheme, rest string) Party {
	userinfo, host := splitAtHost(rest)
	user, host := cutAny(userinfo, ":;"), cutAny(host, ";? \t")
	switch {
	case host == "":
		return Party{Number: user}
	case user == "" && isDialable(host):
		return Party{Number: host, URI: scheme + ":" + host}
	case user == "":
		return Party{URI: scheme + ":" + host}
	}
	return Party{Number: user, URI: scheme + ":" + user + "@" + host}
}

// splitAtHost finds the `@` before the host. It is the last one before the host's parameters: there
// may be one in them, and one in a password, of which nothing must get into the host.
func splitAtHost(s string) (userinfo, host string) {
	first := strings.IndexByte(s, '@')
	if first < 0 {
		return "", s
	}
	address := s[:first] + cutAny(s[first:], ";?")
	last := strings.LastIndexByte(address, '@')
	return address[:last], address[last+1:]
}

// parseTel reads `number;parameters`, where separators between digits mean nothing (RFC 3966, 5.1.1).
func parseTel(rest string) Party {
	written, _, _ := strings.Cut(rest, ";")
	number := dropVisualSeparators(written)
	if number == "" {
		return Party{}
	}
	return Party{Number: number, URI: "tel:" + written}
}

// cutAny is s up to the first of these bytes.
func cutAny(s, bytes string) string {
	if end := strings.IndexAny(s, bytes); end >= 0 {
		return s[:end]
	}
	return s
}

// isDialable tells that a text is a telephone number and nothing else.
func isDialable(s string) bool {
	return strings.ContainsAny(s, "0123456789*#") && strings.Trim(s, "0123456789*#+") == ""
}

// isNumber tells a telephone number as people write it from a name.
func isNumber(s string) bool { return isDialable(dropVisualSeparators(s)) }

// visualSeparators are what people type between digits.
const visualSeparators = " -./()"

func dropVisualSeparators(number string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(visualSeparators, r) {
			return -1
		}
		return r
	}, number)
}
