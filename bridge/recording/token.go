package recording

import (
	"net/url"
	"strings"
)

// inPlaceOfToken is what stands where a token was found that is no path word by itself.
const inPlaceOfToken = "TOKEN"

// hideInPath takes the tokens out of a path. A word that is one leaves an empty word behind, which means
// nothing.
func hideInPath(path string, tokens []string) string {
	words := strings.Split(path, "/")
	for i, word := range words {
		for _, token := range tokens {
			if strings.TrimSpace(percentDecoded(word)) == token {
				words[i] = ""
				break
			}
			words[i] = hide(words[i], token)
		}
	}
	return strings.Join(words, "/")
}

// hideInQuery takes the tokens out of a query: somebody may have put them there.
func hideInQuery(query string, tokens []string) string {
	parts := strings.Split(query, "&")
	for i := range parts {
		for _, token := range tokens {
			parts[i] = hide(parts[i], token)
		}
	}
	return strings.Join(parts, "&")
}

// hide takes a token out of a text, as it is and in escapes.
func hide(text, token string) string {
	text = strings.ReplaceAll(text, token, inPlaceOfToken)
	if strings.Contains(percentDecoded(text), token) {
		return inPlaceOfToken
	}
	return text
}

// percentDecoded undoes what percent escapes there are, and leaves other percent signs alone.
func percentDecoded(text string) string {
	pieces := strings.Split(text, "%")
	for i, piece := range pieces[1:] {
		if octet, err := url.PathUnescape("%" + piece[:min(2, len(piece))]); err == nil {
			pieces[i+1] = octet + piece[2:]
		} else {
			pieces[i+1] = "%" + piece
		}
	}
	return strings.Join(pieces, "")
}
