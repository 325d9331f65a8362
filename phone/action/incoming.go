package action

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// repaired writes the request as net/http takes it. Headers that rule a connection or a body are left
// out: there is one request per connection and its body is ignored, so nothing is left over which a
// proxy and this program could disagree.
func (h head) repaired() []byte {
	target, authority := originForm(h.target)
	path, query, asks := bytes.Cut(target, []byte("?"))

	text := make([]byte, 0, h.size())
	text = append(append(text, h.method...), " /"...)
	text = appendEscaped(text, path, &pathSafe)
	if asks {
		text = appendEscaped(append(text, '?'), query, &querySafe)
	}
	text = append(text, " HTTP/1."...)
	text = append(text, h.minor)
	text = append(text, "\r\nHost: "...)
	text = append(text, h.host(authority)...)
	for _, f := range h.fields {
		if f.passes() {
			text = append(append(append(append(text, "\r\n"...), f.name...), ": "...), f.value...)
		}
	}
	text = h.appendForwarded(text)
	return append(text, "\r\nConnection: close\r\n\r\n"...)
}

// size is what a request takes of which few bytes have to be escaped.
func (h head) size() int {
	size := 128 + len(h.method) + len(h.target)
	for _, f := range h.fields {
		size += len(f.name) + len(f.value) + len(": \r\n")
	}
	return size
}

// originForm gives the target without its leading slash, and the authority that an absolute one names.
func originForm(target []byte) (origin, authority []byte) {
	for _, scheme := range []string{"http://", "https://"} {
		if len(target) < len(scheme) || !strings.EqualFold(string(target[:len(scheme)]), scheme) {
			continue
		}
		target = target[len(scheme):]
		end := bytes.IndexAny(target, "/?")
		if end < 0 {
			end = len(target)
		}
		authority, target = target[:end], target[end:]
		break
	}
	return bytes.TrimPrefix(target, []byte("/")), authority
}

// safe are the bytes that stand for themselves. The percent sign is never among them, so that one
// unescape gives back what was sent, byte by byte.
type safe [256]bool

func letters(and string) (s safe) {
	for c := range s {
		s[c] = '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.ContainsRune(and, rune(c))
	}
	return s
}

var (
	pathSafe  = letters("-._~/")
	querySafe = letters("-._~/&=$:,")
)

func appendEscaped(to, raw []byte, safe *safe) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range raw {
		if safe[c] {
			to = append(to, c)
			continue
		}
		to = append(to, '%', hex[c>>4], hex[c&15])
	}
	return to
}

// host is what the request was sent to: an absolute target's authority before the header (RFC 9112,
// section 3.2.2), empty when neither can stand in a header.
func (h head) host(authority []byte) []byte {
	for _, f := range h.fields {
		if len(authority) == 0 && f.is("Host") {
			authority = f.value
		}
	}
	if !httpguts.ValidHostHeader(string(authority)) {
		return nil
	}
	return authority
}

// ours are the headers that concern this connection and its body; Host and X-Forwarded-For are written
// apart.
var ours = []string{
	"Host",
	"Connection",
	"Keep-Alive",
	"Proxy-Connection",
	"Content-Length",
	"Transfer-Encoding",
	"TE",
	"Trailer",
	"Expect",
	"Upgrade",
	"HTTP2-Settings",
	forwardedFor,
}

// passes tells whether a field goes on: not ours, and without a control character, which no value may
// hold (RFC 9110, section 5.5).
func (f field) passes() bool {
	return !slices.ContainsFunc(ours, f.is) && !slices.ContainsFunc(f.value, isControl)
}

func isControl(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }
