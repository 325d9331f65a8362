package recording

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// text replaces the numbers, names and addresses in a text and leaves everything between them: that
// decides how it is read. Nothing is recognised as private; a word stays when it is known to be none.
func (m mask) text(text string) string { return m.replace(text, false, isHarmless) }

// host does it for a text that is a host.
func (m mask) host(text string) string { return m.replace(text, true, isHarmless) }

// path does it for a word of a path, where half a name of an event may stand that a phone mistook.
func (m mask) path(text string) string {
	return m.replace(text, false, func(word string, before, after byte) bool {
		return m.vocabulary[strings.ToLower(word)] || isHarmless(word, before, after)
	})
}

func (m mask) replace(text string, inHost bool, stays func(word string, before, after byte) bool) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		found, masked := m.first(text[i:])
		if found == 0 && !isWord(text[i]) {
			inHost = text[i] == '@' || inHost && strings.IndexByte(".-:[]", text[i]) >= 0
			b.WriteByte(text[i])
			i++
			continue
		}
		if found == 0 {
			word := text[i : i+wordEnd(text[i:])]
			found = len(word)
			switch {
			case stays(word, byteAt(text, i-1), byteAt(text, i+found)):
				masked = word
			case inHost:
				masked = m.word("host", word)
			default:
				masked = m.word("Name", word)
			}
		}
		b.WriteString(masked)
		i += found
	}
	return b.String()
}

// first replaces an address or a number at the begin of a text. It tells how long that was.
func (m mask) first(text string) (length int, masked string) {
	if n := ipv4End(text); n > 0 {
		ip, _ := netip.ParseAddr(text[:n])
		return n, m.ip(ip).String()
	}
	if inner, _, ok := strings.Cut(strings.TrimPrefix(text, "["), "]"); ok && text[0] == '[' {
		if ip, err := netip.ParseAddr(inner); err == nil {
			return len(inner) + len("[]"), "[" + m.ip(ip).String() + "]"
		}
	}
	if n := numberEnd(text); n > 0 {
		return n, m.number(text[:n])
	}
	return 0, ""
}

// isHarmless tells words that decide how a text is read and are nobody's name.
func isHarmless(word string, before, after byte) bool {
	word = strings.ToLower(word)
	switch {
	case after == ':' && slices.Contains([]string{"sip", "sips", "tel"}, word):
		return true
	case before == '$' && isVariable(word):
		return true
	}
	return slices.Contains([]string{"anonymous", "unknown", "private", "restricted", "withheld"}, word)
}

// isVariable tells the vendor's names of variables; other vendors write call-id.
func isVariable(name string) bool {
	name = strings.ToLower(name)
	return name == "call-id" || slices.Contains(variables, phone.Variable(name))
}

// variables are the vendor's, clause 1.2 of its document.
var variables = []phone.Variable{
	phone.VarMAC, phone.VarIP, phone.VarModel, phone.VarFirmware, phone.VarActiveURL, phone.VarActiveUser, phone.VarActiveHost,
	phone.VarLocal, phone.VarRemote, phone.VarDisplayLocal, phone.VarDisplayRemote, phone.VarCallID,
}

// isWord tells the bytes that words consist of; every character beyond ASCII is taken for a letter.
func isWord(c byte) bool {
	return isLetter(rune(c)) || isDigit(c) || c == '_' || c >= 0x80
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func wordEnd(text string) int {
	for i := range len(text) {
		if !isWord(text[i]) {
			return i
		}
	}
	return len(text)
}

// numberEnd is where a number ends that a text begins with, 0 when it begins with none. What people type
// between digits belongs to it, for it is left out when numbers are compared.
func numberEnd(text string) int {
	end := 0
	for i := 0; i < len(text); {
		word := text[i : i+wordEnd(text[i:])]
		if word == "" || strings.Trim(word, "0123456789") != "" {
			break
		}
		end = i + len(word)
		i = end
		for i < len(text) && strings.IndexByte(" -./()*#+", text[i]) >= 0 {
			i++
		}
	}
	return end
}

// ipv4End is where an IPv4 address ends that a text begins with, 0 when it begins with none.
func ipv4End(text string) int {
	end := 0
	for end < len(text) && (isDigit(text[end]) || text[end] == '.') {
		end++
	}
	address := strings.TrimRight(text[:end], ".")
	ip, err := netip.ParseAddr(address)
	if err != nil || !ip.Is4() || isWord(byteAt(text, len(address))) {
		return 0
	}
	return len(address)
}

// byteAt is a byte of a text, a blank beyond its ends.
func byteAt(text string, i int) byte {
	if i < 0 || i >= len(text) {
		return ' '
	}
	return text[i]
}
