package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// items are the members of a comma list. Blanks around them and a comma too many are a matter of
// taste.
func items(list string) []string {
	var found []string
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item != "" {
			found = append(found, item)
		}
	}
	return found
}

// tokens are the words of which every Action URL must carry one; the first is printed.
type tokens []secret.Text

// goodToken tells how to make one.
const goodToken = "`openssl rand -hex 16` makes a good one"

// Decode tells the place of a bad token and never the token.
func (t *tokens) Decode(value string) error {
	const (
		shortest, longest = 16, 64
		allowed           = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	)
	found := items(value)
	if len(found) == 0 {
		return fmt.Errorf("no token, expected %d to %d of A-Z a-z 0-9 _ -; %s", shortest, longest, goodToken)
	}
	for i, token := range found {
		n := i + 1
		if len(token) < shortest || len(token) > longest {
			return fmt.Errorf("token %d has %d characters, expected %d to %d; %s", n, len(token), shortest, longest, goodToken)
		}
		if strings.ContainsFunc(token, func(r rune) bool { return !strings.ContainsRune(allowed, r) }) {
			return fmt.Errorf("token %d holds other characters than A-Z a-z 0-9 _ -; %s", n, goodToken)
		}
		// A word of a path is recognised by what it is.
		if _, err := phone.ParseMAC(token); err == nil {
			return fmt.Errorf("token %d is a MAC address, expected a random word; %s", n, goodToken)
		}
		if _, known := phone.LookupEvent(token); known {
			return fmt.Errorf("token %d is the name of an event, expected a random word; %s", n, goodToken)
		}
	}
	*t = nil
	for _, token := range found {
		*t = append(*t, secret.New(token))
	}
	return nil
}

// networks are addresses: those that may send events, or those of proxies.
type networks []netip.Prefix

// Decode takes a lone address as a network of one.
func (n *networks) Decode(value string) error {
	var found networks
	for _, item := range items(value) {
		network, err := netip.ParsePrefix(item)
		if addr, lone := netip.ParseAddr(item); lone == nil && addr.Zone() == "" {
			network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		// A connection's address is compared in its IPv4 form, which these never match.
		if err != nil || network.Addr().Is4In6() {
			return fmt.Errorf("%q is no network, expected something like 192.168.0.0/16 or fd00::/8", item)
		}
		found = append(found, network.Masked())
	}
	if len(found) == 0 {
		return errors.New("no network, expected something like 192.168.0.0/16")
	}
	*n = found
	return nil
}

// phoneList is a handful of phones.
type phoneList []book.Listing

// Decode wants every phone and every host once: a host always belongs to its phone, and a command
// must not reach the wrong desk. No error repeats an entry, for people write a login before a host.
func (l *phoneList) Decode(value string) error {
	var found phoneList
	hosts := make(map[phone.MAC]string)
	owners := make(map[string]phone.MAC)
	for i, item := range items(value) {
		listed, err := parseListing(item)
		if err != nil {
			return fmt.Errorf("entry %d: %w", i+1, err)
		}
		if hosts[listed.MAC] != "" {
			return fmt.Errorf("entry %d: %s stands in the list twice, expected every phone once", i+1, listed.MAC)
		}
		if owner := owners[listed.Bare()]; owner != "" {
			return fmt.Errorf("entry %d: its host is that of %s too, expected every host once", i+1, owner)
		}
		hosts[listed.MAC], owners[listed.Bare()] = listed.Host, listed.MAC
		found = append(found, listed)
	}
	*l = found
	return nil
}

func parseListing(item string) (book.Listing, error) {
	id, host, _ := strings.Cut(item, "@")
	mac, err := phone.ParseMAC(id)
	if err != nil {
		return book.Listing{}, err
	}
	address, err := book.ParseHost(host)
	if err != nil {
		return book.Listing{}, fmt.Errorf("no host for %s, expected mac@host[:port] such as 001fc11a8b6c@192.168.0.157: %w", mac, err)
	}
	return book.Listing{MAC: mac, Host: address, Source: "PHONES"}, nil
}
