package action

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// request is what a handler sees. Headers that rule a connection or a body are left out: there is one
// request per connection and its body is ignored.
func (h head) request(ctx context.Context, from net.Addr) *http.Request {
	target, authority := originForm(h.target)
	path, query, _ := strings.Cut("/"+string(target), "?")
	r := http.Request{
		Method:     string(h.method),
		URL:        &url.URL{Path: path, RawQuery: query},
		Proto:      "HTTP/1." + string(h.minor),
		ProtoMajor: 1,
		ProtoMinor: int(h.minor - '0'),
		Header:     make(http.Header),
		Body:       http.NoBody,
		Close:      true,
		Host:       h.host(authority),
		RemoteAddr: from.String(),
	}
	for _, f := range h.fields {
		if f.passes() {
			r.Header.Add(string(f.name), string(f.value))
		}
	}
	if chain := h.forwarded(); chain != nil {
		r.Header[forwardedFor] = []string{string(chain)}
	}
	return r.WithContext(ctx)
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

// host is what the request was sent to: an absolute target's authority before the header (RFC 9112,
// section 3.2.2), empty when neither can stand in a header.
func (h head) host(authority []byte) string {
	for _, f := range h.fields {
		if len(authority) == 0 && f.is("Host") {
			authority = f.value
		}
	}
	if !httpguts.ValidHostHeader(string(authority)) {
		return ""
	}
	return string(authority)
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
