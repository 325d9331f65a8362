package action

import "bytes"

// forwardedFor is the header in which proxies tell where a request came from, each adding to its end.
const forwardedFor = "X-Forwarded-For"

// forwarded are the lines of X-Forwarded-For as one, in their order, so that the last entry is the one
// that the nearest proxy wrote, whatever the client sent before it; nil when they say nothing. For the same
// reason no line is left out for a control character, which becomes a question mark and makes its own
// entry unreadable; but one whose name a proxy cannot have taken for this one is, or it might stand behind
// the proxy's.
func (h head) forwarded() (chain []byte) {
	for _, f := range h.fields {
		if f.odd || !f.is(forwardedFor) {
			continue
		}
		if chain == nil {
			chain = make([]byte, 0, len(f.value))
		} else {
			chain = append(chain, ", "...)
		}
		for _, c := range f.value {
			if isControl(c) {
				c = '?'
			}
			chain = append(chain, c)
		}
	}
	return bytes.TrimSpace(chain)
}
