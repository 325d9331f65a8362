package phone

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Event is one Action URL request, understood. It is comparable: two equal events, times aside, say
// the same. What the phone did not tell is empty.
type Event struct {
	Type     EventType  `json:"type"`
	Time     time.Time  `json:"time"` // when it came in; carries the monotonic clock within one process
	MAC      MAC        `json:"mac"`
	IP       netip.Addr `json:"ip,omitzero"`
	Model    string     `json:"model,omitempty"`
	Firmware string     `json:"firmware,omitempty"`
	CallID   string     `json:"call_id,omitempty"`
	Account  Party      `json:"account,omitzero"` // the identity in use: $active_user, $active_url
	Local    Party      `json:"local,omitzero"`   // this phone's side
	Remote   Party      `json:"remote,omitzero"`  // the other side
}

// Dialect is what [ParseEvent] must know besides the request.
type Dialect struct {
	Default EventType         // the event of an Action URL that names none
	Known   func(MAC) bool    // tells phones already known; nil: none is
	Charset func(MAC) Charset // of text that is not UTF-8; nil: the zero Charset
}

// NoEventError tells that a path names no event.
type NoEventError struct {
	Word    string // the first one that was not understood
	Nearest string // the slug that it was probably meant to be
}

func (e *NoEventError) Error() string {
	return fmt.Sprintf("%s is no event; the nearest is %s", quote(e.Word), e.Nearest)
}

// MACError tells that the variable mac holds something else.
type MACError struct{ Value string }

func (e *MACError) Error() string {
	return fmt.Sprintf("mac=%s is not a MAC address; expected twelve hexadecimal digits", quote(e.Value))
}

// SplitWords takes the path of an Action URL apart. Words that say nothing are skipped: a variable without
// value leaves an empty one behind, or stays as it was written, such as `$ip`.
func SplitWords(path string) []string {
	var words []string
	for word := range strings.SplitSeq(path, "/") {
		if word = strings.TrimSpace(unescape(word)); word != "" && !isPlaceholder(word) {
			words = append(words, word)
		}
	}
	return words
}

// ParseEvent understands an Action URL request from its path words and variables. Words are
// recognised by what they are, the first of each kind counts, and a variable wins over a word. The
// event has no MAC when the request names none. The error is a [*NoEventError] or a [*MACError].
//
// Vendor document 1.2: "http://server ip address/variable value"; its example names no event.
func ParseEvent(words []string, vars Variables, d Dialect) (Event, error) {
	e, err := d.readWords(words)
	if err != nil {
		return Event{}, err
	}
	if told := unescape(vars[VarMAC]); told != "" {
		if e.MAC, err = ParseMAC(told); err != nil {
			return Event{}, &MACError{Value: told}
		}
	}
	if ip, ok := parseIP(unescape(vars[VarIP])); ok {
		e.IP = ip
	}
	var charset Charset
	if d.Charset != nil {
		charset = d.Charset(e.MAC)
	}
	text := func(name Variable) string { return vars.text(name, charset) }

	e.Model, e.Firmware, e.CallID = text(VarModel), text(VarFirmware), text(VarCallID)
	e.Remote = ParseParty(text(VarRemote), text(VarDisplayRemote))
	e.Local = ParseParty(text(VarLocal), text(VarDisplayLocal))
	e.Account = activeIdentity(text(VarActiveURL), text(VarActiveUser), text(VarActiveHost)).or(Party{Number: e.Local.Number, URI: e.Local.URI})
	e.Local = e.Local.or(Party{Number: e.Account.Number, URI: e.Account.URI})
	return e, nil
}

// readWords takes event, MAC and address from the path words.
func (d Dialect) readWords(words []string) (Event, error) {
	var e Event
	unknown := ""
	for _, word := range words {
		if t, ok := LookupEvent(word); ok {
			if e.Type == NoEvent {
				e.Type = t
			}
		} else if mac, ok := d.macWord(word); ok {
			if e.MAC == "" {
				e.MAC = mac
			}
		} else if ip, ok := parseIP(word); ok {
			if !e.IP.IsValid() {
				e.IP = ip
			}
		} else if unknown == "" {
			unknown = word
		}
	}
	if e.Type == NoEvent && unknown != "" {
		return Event{}, &NoEventError{Word: unknown, Nearest: NearestEvent(unknown)}
	}
	if e.Type == NoEvent {
		e.Type = d.Default
	}
	return e, nil
}

// macWord reads a path word as a MAC. Twelve decimal digits may be a telephone number: they count
// only when a phone of that address is known.
func (d Dialect) macWord(word string) (MAC, bool) {
	mac, err := ParseMAC(word)
	if err != nil {
		return "", false
	}
	if len(word) == len(mac) && strings.Trim(word, "0123456789") == "" {
		return mac, d.Known != nil && d.Known(mac)
	}
	return mac, true
}

// parseIP reads an address, with or without a port.
func parseIP(text string) (netip.Addr, bool) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip.Unmap(), true
	}
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap(), true
	}
	return netip.Addr{}, false
}

// activeIdentity is the account in use, from the three variables that may tell it.
func activeIdentity(url, user, host string) Party {
	if url == "" && user != "" && host != "" {
		url = "sip:" + user + "@" + host
	}
	active := ParseParty(url, "")
	if user != "" {
		active.Number = user
	}
	active.Name = ""
	return active
}
