package phone

import (
	"errors"
	"strings"
)

// MAC is a phone's identity: twelve lower-case hex digits without separators, or empty. Make one with
// [ParseMAC].
type MAC string

// ErrMAC says that something is no MAC address.
var ErrMAC = errors.New("not a MAC address: expected twelve hex digits such as 001fc11a8b6c or 00:1f:c1:1a:8b:6c")

// ParseMAC reads a MAC in any spelling in use: plain, in pairs between colons, hyphens or dots, or in
// Cisco's groups of four; in any case, with blanks around it. Anything else is [ErrMAC].
func ParseMAC(word string) (MAC, error) {
	digits := strings.ToLower(strings.TrimSpace(word))
	if len(digits) != 12 {
		digits = ungroup(digits)
	}
	if len(digits) != 12 || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", ErrMAC
	}
	return MAC(digits), nil
}

// ungroup takes the separators out of six pairs or three fours; it is empty when the groups differ.
// One and the same separator throughout is asked for, so that a telephone number written with blanks
// and hyphens is not taken for a phone.
func ungroup(word string) string {
	for _, separator := range []string{":", "-", "."} {
		groups := strings.Split(word, separator)
		size := 2
		if len(groups) == 3 {
			size = 4
		}
		if allOfSize(groups, size) {
			return strings.Join(groups, "")
		}
	}
	return ""
}

func allOfSize(groups []string, size int) bool {
	for _, group := range groups {
		if len(group) != size {
			return false
		}
	}
	return true
}

// Colons is the spelling that people and Home Assistant's device registry use: 00:1f:c1:1a:8b:6c.
func (m MAC) Colons() string {
	var b strings.Builder
	for i := 0; i < len(m); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(string(m[i:min(i+2, len(m))]))
	}
	return b.String()
}
