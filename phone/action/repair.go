package action

import (
	"bytes"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// repaired writes the request as net/http takes it. Headers that rule a connection or a body are left
// out: there is one request per connection and its body is ignored, so nothing is left over which a
// proxy and this program could disagree.
func (h head) repaired() []byte {
	target, authority := originForm(h.target)
	path, query, asks := bytes.Cut(target, []byte("?"))

	var b bytes.Buffer
	b.WriteString(h.method + " ")
	escape(&b, path, pathSafe)
	if asks {
		b.WriteByte('?')
		escape(&b, query, querySafe)
	}
	b.WriteString(" HTTP/1." + string(h.minor) + "\r\n")
	b.WriteString("Host: " + h.host(authority) + "\r\n")
	for _, f := range h.fields {
		if f.passes() {
			b.WriteString(f.name + ": ")
			b.Write(f.value)
			b.WriteString("\r\n")
		}
	}
	b.WriteString("Connection: close\r\n\r\n")
	return b.Bytes()
}

// originForm gives the target with a leading slash, and the authority that an absolute one names.
func originForm(target []byte) (origin []byte, authority string) {
	for _, scheme := range []string{"http://", "https://"} {
		if len(target) < len(scheme) || !strings.EqualFold(string(target[:len(scheme)]), scheme) {
			continue
		}
		target = target[len(scheme):]
		end := bytes.IndexAny(target, "/?")
		if end < 0 {
			end = len(target)
		}
		authority, target = string(target[:end]), target[end:]
		break
	}
	if !bytes.HasPrefix(target, []byte("/")) {
		target = append([]byte("/"), target...)
	}
	return target, authority
}

// Bytes that stand for themselves, letters and digits aside. The percent sign is never among them, so
// that one unescape gives back what was sent, byte by byte.
const (
	pathSafe  = "-._~/"
	querySafe = "-._~/&=$:,"
)

func escape(b *bytes.Buffer, raw []byte, safe string) {
	const hex = "0123456789ABCDEF"
	for _, c := range raw {
		if isAlphanumeric(c) || strings.IndexByte(safe, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// host is what the request was sent to: an absolute target's authority before the header (RFC 9112,
// section 3.2.2), empty when neither can stand in a header.
func (h head) host(authority string) string {
	for _, f := range h.fields {
		if authority == "" && f.is("Host") {
			authority = string(f.value)
		}
	}
	if !httpguts.ValidHostHeader(authority) {
		return ""
	}
	return authority
}

// ours are the headers that concern this connection and its body; Host is written apart.
var ours = map[string]bool{
	"Host":              true,
	"Connection":        true,
	"Keep-Alive":        true,
	"Proxy-Connection":  true,
	"Content-Length":    true,
	"Transfer-Encoding": true,
	"Te":                true,
	"Trailer":           true,
	"Expect":            true,
	"Upgrade":           true,
	"Http2-Settings":    true,
}

func (f field) passes() bool {
	return !ours[textproto.CanonicalMIMEHeaderKey(f.name)] && httpguts.ValidHeaderFieldValue(string(f.value))
}

func (f field) is(name string) bool { return strings.EqualFold(f.name, name) }
