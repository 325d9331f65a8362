package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/bridge/gate"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// longestURL is how long a printed Action URL may be: what a field of the phone takes is unknown, and
// a sibling drops longer ones without a word.
const longestURL = 255

// leastUseful is the order in which variables are left out of a URL that is too long. The phone's MAC
// never is.
var leastUseful = []phone.Variable{
	phone.VarFirmware, phone.VarModel, phone.VarActiveURL, phone.VarLocal, phone.VarActiveUser,
	phone.VarIP, phone.VarDisplayLocal, phone.VarDisplayRemote, phone.VarCallID, phone.VarRemote,
}

// anyPhoneMAC is what a phone puts its own MAC in place of.
const anyPhoneMAC = "$mac"

// urls prints the Action URLs to paste into a phone's page Setting -> Action URL.
func urls(args []string, stdout, stderr io.Writer) error {
	var all, asXML bool
	mac := anyPhoneMAC
	for _, arg := range args {
		switch parsed, err := phone.ParseMAC(arg); {
		case arg == "--all":
			all = true
		case arg == "--xml":
			asXML = true
		case err != nil || mac != anyPhoneMAC:
			return usageError{fmt.Errorf("urls: %q is unexpected, expected [--all] [--xml] [MAC]", arg)}
		default:
			mac = string(parsed)
		}
	}
	cfg, err := loadConfig()
	if err != nil {
		return usageError{err}
	}
	if cfg.HTTP.TokenPerPhone && mac == anyPhoneMAC {
		return usageError{errors.New("urls: with HTTP_TOKEN_PER_PHONE the URLs of each phone are its own, expected its MAC: urls [--all] [--xml] MAC")}
	}
	page := urlPage{base: string(cfg.HTTP.URL), mac: mac}
	if page.base == "" {
		var how string
		page.base, how = cfg.guessURL()
		_, _ = fmt.Fprintf(stderr, "HTTP_URL is not set; guessed %s (%s)\n", page.base, how)
	}
	if len(cfg.HTTP.Token) > 0 {
		page.token = cfg.HTTP.Token[0].Reveal()
	}
	if cfg.HTTP.TokenPerPhone {
		page.token = gate.PhoneToken(page.token, phone.MAC(mac))
	}
	rows := slices.DeleteFunc(phone.Events(), func(row phone.EventRow) bool { return !all && !row.Essential })
	if err := page.check(rows); err != nil {
		return usageError{err}
	}
	if asXML {
		return page.writeXML(rows, stdout, stderr)
	}
	for _, row := range rows {
		if _, err := fmt.Fprintf(stdout, "%-26s%s\n", row.Label, page.url(row)); err != nil {
			return err
		}
	}
	return nil
}

// urlPage makes the URLs of one phone, or with `$mac` of any.
type urlPage struct {
	base, token, mac string
}

// check finds what would make every URL useless, which no variable less can mend.
func (p urlPage) check(rows []phone.EventRow) error {
	if strings.Contains(p.base, "%") {
		return wrong("HTTP_URL", "guessed from HTTP_ADDR it has a %% for the zone of an address, which a phone takes for an escape, expected something like http://192.168.0.2:8090")
	}
	for _, row := range rows {
		if n := len(p.url(row)); n > longestURL {
			return wrong("HTTP_URL", "too long: %s would have an Action URL of %d characters, and a phone takes %d; expected a shorter name, or an address", row.Label, n, longestURL)
		}
	}
	return nil
}

// url is the Action URL of one event, with as many of its variables as there is room for.
func (p urlPage) url(row phone.EventRow) string {
	variables := slices.Clone(row.Variables)
	for _, dispensable := range append([]phone.Variable{""}, leastUseful...) {
		variables = slices.DeleteFunc(variables, func(v phone.Variable) bool { return v == dispensable })
		if url := p.with(row.Slug, variables); len(url) <= longestURL {
			return url
		}
	}
	return p.with(row.Slug, []phone.Variable{phone.VarMAC})
}

func (p urlPage) with(slug string, variables []phone.Variable) string {
	var query []string
	for _, v := range variables {
		value := "$" + string(v)
		if v == phone.VarMAC {
			value = p.mac
		}
		query = append(query, string(v)+"="+value)
	}
	path := strings.TrimRight(p.base, "/")
	if p.token != "" {
		path += "/" + p.token
	}
	return path + "/" + slug + "?" + strings.Join(query, "&")
}

// writeXML prints a provisioning file in the vendor's form. Events whose P-code nobody knows stand in a
// comment: a file with unknown elements might be refused whole.
func (p urlPage) writeXML(rows []phone.EventRow, stdout, stderr io.Writer) error {
	var b strings.Builder
	b.WriteString(xml.Header + "<!-- Importing this file reboots the phone. -->\n<hl_provision version=\"1\">\n<config version=\"1\">\n")
	var without []string
	for _, row := range rows {
		if row.PCode == 0 {
			without = append(without, row.Label)
			continue
		}
		fmt.Fprintf(&b, "<P%d para=\"ActionUrl.%s\">%s</P%[1]d>\n", row.PCode, row.Field, escapeXML(p.url(row)))
	}
	if len(without) > 0 {
		list := strings.Join(without, ", ")
		fmt.Fprintf(&b, "<!-- No P-code is known for: %s. Set them on the phone's page. -->\n", list)
		_, _ = fmt.Fprintf(stderr, "no P-code is known for: %s; set them on the phone's page Setting -> Action URL\n", list)
	}
	b.WriteString("</config>\n</hl_provision>\n")
	_, err := io.WriteString(stdout, b.String())
	return err
}

func escapeXML(text string) string {
	var b strings.Builder
	// A strings.Builder takes everything.
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}

// guessURL is how phones probably reach the intake, and how that was found.
func (c config) guessURL() (url, how string) {
	scheme := "http"
	if c.HTTP.TLS != nil {
		scheme = "https"
	}
	host, port, _ := net.SplitHostPort(string(c.HTTP.Addr))
	how = "the host of HTTP_ADDR"
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host, how = ownAddress()
	}
	return scheme + "://" + net.JoinHostPort(host, port), how
}

// ownAddress is this machine's first private IPv4 address, or any it has.
func ownAddress() (host, how string) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "localhost", "no network interface could be read"
	}
	host, how = "localhost", "this machine has no address but loopback"
	for _, a := range addresses {
		network, ok := a.(*net.IPNet)
		if !ok || network.IP.To4() == nil || !network.IP.IsGlobalUnicast() {
			continue
		}
		if network.IP.IsPrivate() {
			return network.IP.String(), "this machine's first private address"
		}
		host, how = network.IP.String(), "this machine's address"
	}
	return host, how
}
