package bridge

import (
	"errors"
	"hash/maphash"
	"slices"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge/homeassistant"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// announced are the phones as Home Assistant is told of them.
type announced struct{ *Bridge }

// All are the phones that the bridge knows.
func (b announced) All() []phone.MAC {
	var all []phone.MAC
	for _, d := range b.phones.all() {
		all = append(all, d.mac)
	}
	return all
}

// Describe tells what is known of a phone.
func (b announced) Describe(mac phone.MAC) (homeassistant.Device, bool) {
	d := b.phones.find(mac)
	if d == nil {
		return homeassistant.Device{}, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return b.describe(d), !d.removed
}

// describe is what Home Assistant is told of a phone. The device is locked.
func (b *Bridge) describe(d *device) homeassistant.Device {
	listing, _ := b.phones.book.Listing(d.mac)
	return homeassistant.Device{
		MAC:      d.mac,
		Name:     b.name(d),
		Area:     listing.Area,
		Model:    d.state.Model,
		Firmware: d.state.Firmware,
		IP:       d.state.IP,
		Ring:     listing.Ring,
	}
}

// announce has Home Assistant told of a phone when it is described anew. The device is locked.
func (b *Bridge) announce(d *device) {
	if sum := maphash.Comparable(b.seed, b.describe(d)); sum != d.shown.description {
		d.shown.description = sum
		b.announcer.Changed(d.mac)
	}
}

// Connected tells that a session with the broker has begun. It belongs to [mqtt.Config.OnConnect].
func (b *Bridge) Connected() { b.announcer.Connected() }

// Announcement is the next message for Home Assistant. It belongs to [mqtt.Config.Source].
func (b *Bridge) Announcement() (mqtt.Message, time.Duration) { return b.announcer.Next() }

// birth hands on what Home Assistant says of itself.
func (b *Bridge) birth(m mqtt.Message) bool {
	if !slices.Contains(b.births, m.Topic) {
		return false
	}
	b.announcer.Receive(m)
	return true
}

// announceAgain answers discovery/refresh.
func (b *Bridge) announceAgain(requestPayload) (any, error) {
	if !b.cfg.Discovery {
		return nil, errors.New("discovery is off (DISCOVERY)")
	}
	b.announcer.All()
	return map[string]int{"phones": len(b.phones.all())}, nil
}
