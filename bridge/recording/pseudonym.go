package recording

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// mask makes pseudonyms: the same for the same text, as long as the key is the same, and of the same
// kind. Different numbers and MACs have different pseudonyms, for else two calls would become one.
type mask struct {
	key        []byte
	vocabulary map[string]bool // the words that names of events consist of, in lower case
}

func newMask(key []byte) mask {
	m := mask{key, make(map[string]bool)}
	for _, row := range phone.Events() {
		for _, name := range append([]string{row.Slug, row.Label, row.Field}, row.Aliases...) {
			for _, word := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !isLetter(r) }) {
				m.vocabulary[word] = true
			}
		}
	}
	return m
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

// bytes are n pseudo-random bytes that follow from the key, what they are for and a text.
func (m mask) bytes(purpose string, text []byte, n int) []byte {
	var made []byte
	for block := uint32(0); len(made) < n; block++ {
		mac := hmac.New(sha256.New, m.key)
		_, _ = fmt.Fprintf(mac, "%s %d ", purpose, block)
		_, _ = mac.Write(text)
		made = mac.Sum(made)
	}
	return made[:n]
}

// rounds of the permutation, two steps each: NIST SP 800-38G has ten for format-preserving encryption.
const rounds = 5

// permute replaces the digits of a number in that base by those of another one of the same length; no
// two become the same. It is a Feistel network whose halves are numbers.
func (m mask) permute(digits []byte, base int) {
	left, right := digits[:len(digits)/2], digits[len(digits)/2:]
	for round := range rounds {
		purpose := fmt.Sprintf("digits %d of %d, round %d", base, len(digits), round)
		for i, b := range m.bytes(purpose, left, len(right)) {
			right[i] = byte((int(right[i]) + int(b)) % base)
		}
		for i, b := range m.bytes(purpose+", back", right, len(left)) {
			left[i] = byte((int(left[i]) + int(b)) % base)
		}
	}
}

// number replaces the digits of a telephone number where they stand; zeros at its begin stay, since
// they tell a national and an international number apart.
func (m mask) number(text string) string {
	masked := []byte(text)
	var at []int
	var digits []byte
	for i, c := range masked {
		if c < '0' || c > '9' || c == '0' && len(digits) == 0 {
			continue
		}
		at, digits = append(at, i), append(digits, c-'0')
	}
	if len(digits) == 0 {
		return text
	}
	for begun := false; !begun || digits[0] == 0; begun = true {
		m.permute(digits, 10)
	}
	for i, digit := range digits {
		masked[at[i]] = '0' + digit
	}
	return string(masked)
}

// word replaces a name, or what is neither a number nor an address.
func (m mask) word(kind, text string) string {
	return fmt.Sprintf("%s%08d", kind, binary.BigEndian.Uint64(m.bytes("word", []byte(text), 8))%1e8)
}

// vendorDigits are how many hex digits of a MAC are the vendor's, which stay: they tell what phone it is.
const vendorDigits = 6

// mac replaces what tells a phone from others of its vendor.
func (m mask) mac(mac phone.MAC) phone.MAC {
	if mac == "" {
		return ""
	}
	const hex = "0123456789abcdef"
	own := []byte(mac[vendorDigits:])
	for i, c := range own {
		own[i] = byte(strings.IndexByte(hex, c))
	}
	m.permute(own, len(hex))
	for i, digit := range own {
		own[i] = hex[digit]
	}
	return mac[:vendorDigits] + phone.MAC(own)
}

// macText replaces a MAC in the spelling that it has.
func (m mask) macText(text string, mac phone.MAC) string {
	digits := string(m.mac(mac))
	if text != strings.ToLower(text) {
		digits = strings.ToUpper(digits)
	}
	masked := []byte(text)
	for i, c := range masked {
		if slices.Contains([]byte("0123456789abcdefABCDEF"), c) {
			masked[i], digits = digits[0], digits[1:]
		}
	}
	return string(masked)
}

// ip replaces an address by a private one; that of the machine itself stays.
func (m mask) ip(ip netip.Addr) netip.Addr {
	switch {
	case !ip.IsValid() || ip.IsLoopback() || ip.IsUnspecified():
		return ip
	case ip.Is4():
		host := m.bytes("ip", ip.AsSlice(), 3)
		return netip.AddrFrom4([4]byte{10, host[0], host[1], host[2]})
	}
	masked := [16]byte{0xfd}
	copy(masked[8:], m.bytes("ip", ip.AsSlice(), 8))
	return netip.AddrFrom16(masked)
}

// address replaces a host, with or without a port, which stays.
func (m mask) address(host string) string {
	if masked, ok := m.ipText(host); ok {
		return masked
	}
	return m.host(host)
}

// ipText replaces an IP address, with or without a port.
func (m mask) ipText(text string) (masked string, ok bool) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return m.ip(ip.Unmap()).String(), true
	}
	if both, err := netip.ParseAddrPort(text); err == nil {
		return netip.AddrPortFrom(m.ip(both.Addr().Unmap()), both.Port()).String(), true
	}
	return "", false
}
