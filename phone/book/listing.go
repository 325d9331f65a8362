package book

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
)

// LongestName is how many characters a phone's name and its area may have: a state in Home Assistant
// has 255, and the name stands before others.
const LongestName = 100

// Listing is how a user lists one phone; all but MAC and Source may be empty. Two are equal (==) when
// they say the same.
type Listing struct {
	MAC    phone.MAC
	Source string // where it is listed: a variable, or a file

	Host    string // as [ParseHost] gives it; empty: where its events come from
	Name    string // wins over the phone's own
	Area    string // where it stands, for Home Assistant
	Login   action.Login
	Charset phone.Charset

	Authorities string // PEM certificates that an https host is verified with; empty: the system's
	Insecure    bool   // an https host is not verified
	Strict      bool   // events only from Host, which is an IP address then
	Ring        bool   // also an entity like a doorbell in Home Assistant
}

// TLS is what to shake hands with an https host with; nil verifies with the system's roots.
func (l Listing) TLS() *tls.Config {
	switch {
	case l.Insecure:
		return &tls.Config{InsecureSkipVerify: true}
	case l.Authorities != "":
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(l.Authorities))
		return &tls.Config{RootCAs: pool}
	}
	return nil
}

// Addr is the host as an IP address, as a connection's source shows it; the zero one when the host is a
// name or there is none.
func (l Listing) Addr() netip.Addr {
	host := bare(l.Host)
	if withPort, err := netip.ParseAddrPort(host); err == nil {
		host = withPort.Addr().String()
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return ip.Unmap().WithZone("")
}

// ParseHost reads a phone's host in the forms of [action.ParseAddress], and gives it in one spelling:
// `host`, `host:port` or `https://host[:port]`, in lower case, without the usual port. Hosts are compared
// with each other and with the addresses that events come from.
func ParseHost(text string) (string, error) {
	address, err := action.ParseAddress(text)
	if err != nil {
		return "", err
	}
	host := strings.ToLower(address.Host)
	if address.Scheme == "https" {
		return "https://" + strings.TrimSuffix(host, ":443"), nil
	}
	return unbracketed(strings.TrimSuffix(host, ":80")), nil
}

// bare is a host as events tell it, who know neither scheme nor port: the usual ones must not hide that
// it is the same address. One that was not made by ParseHost is understood too.
func bare(host string) string {
	if spelled, err := ParseHost(host); err == nil {
		host = spelled
	}
	if rest, ok := strings.CutPrefix(host, "https://"); ok {
		return unbracketed(rest)
	}
	return host
}

// unbracketed is a lone IPv6 address in its shortest form, and everything else as it is.
func unbracketed(host string) string {
	inside := strings.Trim(host, "[]")
	ip, err := netip.ParseAddr(inside)
	switch {
	case err != nil:
		return host
	case ip.Is4(): // which has but one form
		return inside
	}
	return ip.String()
}

// Bare is the host as it is compared with others: without https:// and the usual port.
func (l Listing) Bare() string { return bare(l.Host) }
