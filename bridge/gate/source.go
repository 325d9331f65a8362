package gate

import (
	"net/netip"
	"strings"
)

// Source is the address that a request came from: remote, as [net/http.Request] has it, unless that is
// a trusted proxy. Then it is the right-most address of X-Forwarded-For that is not itself a trusted
// proxy's: what stands left of it may be anybody's invention. An entry that cannot be read ends the
// search, and the last proxy that was reached counts: it alone is known to have sent the request. The
// zero Addr is that of a remote that cannot be read.
func (g *Gate) Source(remote string, forwarded []string) netip.Addr {
	connected, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	source := plain(connected.Addr())
	if len(g.Proxies) == 0 || len(forwarded) == 0 {
		return source
	}
	list := strings.Join(forwarded, ",")
	for more := true; more && holds(g.Proxies, source); {
		entry := list
		at := strings.LastIndexByte(list, ',')
		if more = at >= 0; more {
			list, entry = list[:at], list[at+1:]
		}
		address, ok := parseEntry(strings.TrimSpace(entry))
		if !ok {
			return source
		}
		source = address
	}
	return source
}

// Trusts tells whether an address is a trusted proxy's.
func (g *Gate) Trusts(address netip.Addr) bool { return holds(g.Proxies, plain(address)) }

// parseEntry reads an address as proxies write it: with or without a port, one of IPv6 also in brackets.
func parseEntry(entry string) (netip.Addr, bool) {
	if address, err := netip.ParseAddrPort(entry); err == nil {
		return plain(address.Addr()), true
	}
	if inner, ok := strings.CutPrefix(entry, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); !ok || !strings.Contains(inner, ":") {
			return netip.Addr{}, false
		}
		entry = inner
	}
	address, err := netip.ParseAddr(entry)
	return plain(address), err == nil
}

// plain is an address as it is compared: one of IPv4 in its own form, none with the name of an interface.
func plain(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }
