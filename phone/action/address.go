package action

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Address is where a phone's web server listens.
type Address struct {
	Scheme string      // http or https
	Host   string      // a name or an IP address, with a port where it is not the scheme's own; IPv6 in brackets
	TLS    *tls.Config // for https: nil verifies with the system's roots
}

// ErrAddress says that a text is no address of a phone.
var ErrAddress = errors.New("expected host, host:port or https://host[:port]")

// ParseAddress reads `host`, `host:port`, either with `http://` or `https://` before it; an IPv6
// address may stand without brackets when no port follows. Anything more, a path or a login, is
// [ErrAddress], which does not repeat the text: a password may stand in it.
func ParseAddress(text string) (Address, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Is6() {
		text = "[" + strings.Replace(text, "%", "%25", 1) + "]"
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return Address{}, ErrAddress
	}
	a := Address{Scheme: strings.ToLower(u.Scheme), Host: u.Host}
	if !a.valid(u) {
		return Address{}, ErrAddress
	}
	return a, nil
}

func (a Address) valid(u *url.URL) bool {
	if _, err := strconv.ParseUint(a.port(), 10, 16); err != nil || a.port() == "0" || strings.HasSuffix(u.Host, ":") {
		return false
	}
	host := a.hostname()
	if host == "" || strings.ContainsAny(host, " \t,;\"'<>\\") {
		return false
	}
	return a.Scheme == "http" || a.Scheme == "https"
}

// String is the address as a URL without a path.
func (a Address) String() string { return a.Scheme + "://" + a.Host }

func (a Address) url() *url.URL { return &url.URL{Scheme: a.Scheme, Host: a.Host} }

// hostname is the host without port and brackets; an IPv6 zone stays.
func (a Address) hostname() string { return a.url().Hostname() }

func (a Address) port() string {
	if port := a.url().Port(); port != "" {
		return port
	}
	if a.Scheme == "https" {
		return "443"
	}
	return "80"
}

// dial is the address as package net takes it.
func (a Address) dial() string { return net.JoinHostPort(a.hostname(), a.port()) }

// tlsConfig is what to shake hands with, naming the host that is expected to answer.
func (a Address) tlsConfig() *tls.Config {
	config := a.TLS.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	if config.ServerName == "" {
		config.ServerName = a.hostname()
	}
	return config
}
