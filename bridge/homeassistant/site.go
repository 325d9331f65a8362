// Package homeassistant writes what makes phones appear in Home Assistant: device-based MQTT discovery,
// one payload per phone and one for the bridge.
//
// It promises to be pure: a description and topics in, payloads out. What it writes keeps to the closed
// dictionaries of Home Assistant 2025.1 and later; what is not known is left out; an id never changes,
// whatever a phone is called. It never publishes, reads a clock or remembers what it wrote: when a
// payload goes out, and when it is taken away again, is the bridge's business.
package homeassistant

import (
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Site is one phone2mqtt as Home Assistant sees it.
type Site struct {
	Prefix  string // Home Assistant's discovery prefix, usually "homeassistant"
	Base    string // the topic root
	Version string // of this program, empty: not known
}

// Discovery writes the payloads of one site. It holds nothing that changes and may be used from several
// goroutines.
type Discovery struct {
	site      Site
	root      string          // what its ids begin with
	announces map[string]bool // the keys of a phone's components
	phone     template        // a phone's payload up to the ring
	ring      template
	noRing    []byte
	bridge    []byte // the bridge's payload up to its device
}

// New prepares the payloads of a site.
func New(site Site) *Discovery {
	d := &Discovery{site: site, root: idRoot(site.Base), announces: make(map[string]bool)}
	d.prepare()
	return d
}

// PhoneTopic is where a phone is announced, retained.
func (d *Discovery) PhoneTopic(mac phone.MAC) string { return d.topic(d.id(string(mac))) }

// BridgeTopic is where the bridge is announced, retained. It has to go before the phones: they name it
// as the device that they are reached through, and Home Assistant invents an empty one where it is not
// known.
func (d *Discovery) BridgeTopic() string { return d.topic(d.id(bridgeID)) }

// Filter subscribes to all devices that the broker keeps announced, those of other programs included:
// see [Discovery.Ours].
func (d *Discovery) Filter() string { return d.topic("+") }

// StatusTopics are where Home Assistant says `online` after it connected. Its own default does not follow
// a changed prefix, so both are listened to.
func StatusTopics(prefix string) []string {
	const usual = "homeassistant/status"
	if own := prefix + "/status"; own != usual {
		return []string{usual, own}
	}
	return []string{usual}
}

const bridgeID = "bridge"

func (d *Discovery) topic(id string) string { return d.site.Prefix + "/device/" + id + "/config" }

func (d *Discovery) id(of string) string { return d.root + "_" + of }

// idRoot makes of a topic root what a discovery topic may hold: letters, digits, `_` and `-`. A `/`
// becomes `_`. Where anything else has to be replaced, a sum of the root keeps two such roots apart.
func idRoot(base string) string {
	replaced := false
	root := strings.Map(func(r rune) rune {
		switch {
		case r == '-', r == '_', r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			return r
		case r != '/':
			replaced = true
		}
		return '_'
	}, base)
	if !replaced {
		return root
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(base)) // a hash never fails
	return fmt.Sprintf("%s_%08x", root, sum.Sum32())
}
