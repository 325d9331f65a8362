package phone

import (
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"
)

// Variables are the values of an Action URL's query by their names, byte for byte as the phone sent
// them. A value that the phone left empty or did not fill in is not there.
type Variables map[Variable]string

// variables are the twelve of clause 1.2.
var variables = [...]Variable{
	VarMAC, VarIP, VarModel, VarFirmware, VarActiveURL, VarActiveUser, VarActiveHost,
	VarLocal, VarRemote, VarDisplayLocal, VarDisplayRemote, VarCallID,
}

// SplitVariables takes a query apart that phones send unescaped. The first occurrence of a name
// counts, and names that are not the vendor's are passed over. A value ends at the next `&`, only the
// two display names are free text: they end at the `&` before a known name that was not there yet.
//
// After the first display name mac and ip are text or nothing, for whoever calls types a display
// name and must not become a phone.
func SplitVariables(query string) Variables {
	found := make(Variables, len(variables))
	seen := make([]Variable, 0, len(variables))
	shown := false // a display name has begun
	for query != "" {
		name, value, known := cutName(query)
		if !known {
			_, query, _ = strings.Cut(query, "&")
			continue
		}
		isNew := !slices.Contains(seen, name)
		first := isNew && (!shown || !isIdentity(name))
		if isNew {
			seen = append(seen, name)
		}
		if first && isFreeText(name) {
			shown = true
			value, query = cutFreeText(value, seen)
		} else {
			value, query, _ = strings.Cut(value, "&")
		}
		if first && value != "" && !isPlaceholder(value) {
			found[name] = value
		}
	}
	return found
}

// cutName splits `name=rest` where the name is one of the vendor's.
func cutName(s string) (name Variable, rest string, known bool) {
	word, rest, ok := strings.Cut(s, "=")
	if !ok {
		return "", s, false
	}
	name, known = lookupVariable(word)
	return name, rest, known
}

// lookupVariable finds a variable by its name in any case; other vendors write call-id.
func lookupVariable(word string) (Variable, bool) {
	if strings.EqualFold(word, "call-id") {
		return VarCallID, true
	}
	for _, v := range variables {
		if strings.EqualFold(word, string(v)) {
			return v, true
		}
	}
	return "", false
}

// cutFreeText splits a display name from the variables after it.
func cutFreeText(s string, seen []Variable) (text, rest string) {
	for i := range len(s) {
		if s[i] != '&' {
			continue
		}
		name, _, known := cutName(s[i+1:])
		if known && !slices.Contains(seen, name) && !isIdentity(name) {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

func isFreeText(v Variable) bool { return v == VarDisplayLocal || v == VarDisplayRemote }

func isIdentity(v Variable) bool { return v == VarMAC || v == VarIP }

// isPlaceholder tells a `$remote` that the phone did not fill in.
func isPlaceholder(value string) bool {
	name, dollar := strings.CutPrefix(value, "$")
	_, known := lookupVariable(name)
	return dollar && known
}

// longestText is how many characters of a value are kept: a state in Home Assistant has no more, and a
// request line has room for thousands.
const longestText = 255

// text is a variable's value as a person typed it, empty when it is absent.
func (v Variables) text(name Variable, c Charset) string {
	text := c.Decode(unescape(v[name]))
	if len(text) > longestText {
		if characters := []rune(text); len(characters) > longestText {
			return string(characters[:longestText])
		}
	}
	return text
}

// unescape undoes percent encoding where there can be no doubt that it is one: every `%` begins two
// hex digits and the result is UTF-8. A `+` stays, it begins telephone numbers.
func unescape(value string) string {
	if !strings.Contains(value, "%") {
		return value
	}
	pieces := strings.Split(value, "%")
	plain := []byte(pieces[0])
	for _, piece := range pieces[1:] {
		if len(piece) < 2 {
			return value
		}
		octet, err := hex.DecodeString(piece[:2])
		if err != nil {
			return value
		}
		plain = append(append(plain, octet...), piece[2:]...)
	}
	if !utf8.Valid(plain) {
		return value
	}
	return string(plain)
}
