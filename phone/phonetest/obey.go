package phonetest

import (
	"net/url"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// obey does what an Action URI asks (vendor document, clauses 2.1 and 2.2). What has no effect on
// calls is on record in [Phone.Requests] only.
func (p *Phone) obey(uri string) {
	said := make(map[string]string)
	for pair := range strings.SplitSeq(uri, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		said[name] = value
	}
	switch said["Command"] {
	case "1":
		p.Dial(said["Number"])
	case "2":
		p.HangUp()
	case "", "3":
		p.press(said["key"])
	}
}

// press is a key. In idle, OK and X do nothing to calls.
func (p *Phone) press(key string) {
	switch key {
	case "OK", "ENTER":
		p.Answer()
	case "X":
		p.HangUp()
	case "F_HOLD":
		p.exchange.toggle(p, func(s *side) *bool { return &s.held }, phone.Hold, phone.Unhold)
	case "MUTE":
		p.exchange.toggle(p, func(s *side) *bool { return &s.muted }, phone.Mute, phone.Unmute)
	case "DNDOn":
		p.exchange.setDND(p, true)
	case "DNDOff":
		p.exchange.setDND(p, false)
	}
}

// Dial calls a number, and tells whether the phone was free to. A number that no phone has rings until
// the caller hangs up.
func (p *Phone) Dial(number string) bool { return p.exchange.dial(p, number) }

// Answer takes the call that rings, and tells whether one did.
func (p *Phone) Answer() bool { return p.exchange.answer(p) }

// HangUp ends the call, or rejects the one that rings, and tells whether there was one.
func (p *Phone) HangUp() bool { return p.exchange.hangUp(p) }
