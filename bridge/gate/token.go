package gate

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// phoneTokenBytes are kept of a phone's token: 128 bits, which nobody guesses.
const phoneTokenBytes = 16

// PhoneToken is a phone's own token under a token of everybody's: the first 32 hex digits, in lower
// case, of HMAC-SHA256 (RFC 2104) with the token as the key over the twelve digits of the MAC. It does
// not give the token away, nor that of another phone; and it can be taken for no MAC, address or event.
func PhoneToken(token string, mac phone.MAC) string {
	sum := hmac.New(sha256.New, []byte(token))
	_, _ = sum.Write([]byte(mac)) // a hash takes everything
	return hex.EncodeToString(sum.Sum(nil)[:phoneTokenBytes])
}

// without takes the tokens out of the words. Every word is compared with every token, whatever was
// found before.
func without(words, tokens []string) []string {
	rest := make([]string, 0, len(words))
	for _, word := range words {
		equal := 0
		for _, token := range tokens {
			equal |= subtle.ConstantTimeCompare([]byte(token), []byte(word))
		}
		if equal == 0 {
			rest = append(rest, word)
		}
	}
	return rest
}

// claimed is the phone that a request says it is of: the variable mac, else the first word that is one.
// It decides nothing but which token to compare with, so it may err where the reader of events, who
// knows more, does not; then the event is refused.
func claimed(words []string, query string) phone.MAC {
	if mac := claimedByVariable(query); mac != "" {
		return mac
	}
	digits := phone.MAC("") // maybe a telephone number
	for _, word := range words {
		mac, err := phone.ParseMAC(word)
		if err == nil && strings.Trim(word, "0123456789") != "" {
			return mac
		}
		digits = cmp.Or(digits, mac)
	}
	return digits
}

// claimedByVariable looks at no more of the query than has to be: who has no token must not make work.
func claimedByVariable(query string) phone.MAC {
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		switch {
		case strings.EqualFold(name, string(phone.VarDisplayLocal)), strings.EqualFold(name, string(phone.VarDisplayRemote)):
			return "" // from here on it may be what a caller typed
		case strings.EqualFold(name, string(phone.VarMAC)) && len(name) < len(part):
			for _, word := range phone.SplitWords(value) { // undoes escapes
				mac, _ := phone.ParseMAC(word)
				return mac
			}
			return ""
		}
	}
	return ""
}

// hidden stands where a token was that is no path word by itself.
const hidden = "TOKEN"

// Hide takes a phone's own tokens out of a request's path and query, for a recording. A word that is
// one leaves an empty word behind, which means nothing.
func (p Pass) Hide(path, query string) (string, string) {
	if len(p.tokens) == 0 {
		return path, query
	}
	words := strings.Split(path, "/")
	for i, word := range words {
		if plain := phone.SplitWords(word); len(plain) == 1 && slices.Contains(p.tokens, plain[0]) {
			words[i] = ""
		}
	}
	path = strings.Join(words, "/")
	for _, token := range p.tokens {
		path, query = strings.ReplaceAll(path, token, hidden), strings.ReplaceAll(query, token, hidden)
	}
	return path, query
}
