package action

// forwardedFor is the header in which proxies tell where a request came from, each adding to its end.
const forwardedFor = "X-Forwarded-For"

// appendForwarded writes the lines of X-Forwarded-For as one, in their order, so that the last entry is
// the one that the nearest proxy wrote, whatever the client sent before it. For the same reason no line
// is left out for a control character, which becomes a question mark and makes its own entry unreadable;
// but one whose name a proxy cannot have taken for this one is, or it might stand behind the proxy's.
func (h head) appendForwarded(text []byte) []byte {
	before := "\r\n" + forwardedFor + ": "
	for _, f := range h.fields {
		if f.odd || !f.is(forwardedFor) {
			continue
		}
		text = append(text, before...)
		before = ", "
		for _, c := range f.value {
			if isControl(c) {
				c = '?'
			}
			text = append(text, c)
		}
	}
	return text
}
