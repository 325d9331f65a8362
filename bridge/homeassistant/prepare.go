package homeassistant

import (
	"bytes"
	"slices"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// rootJSON is a payload's closed dictionary without components and device. The topics that prove whose
// payload it is come first, so that [Discovery.Ours] need not read the rest.
type rootJSON struct {
	Availability     []topicJSON `json:"availability,omitempty"`
	AvailabilityMode string      `json:"availability_mode,omitempty"`
	StateTopic       string      `json:"state_topic,omitempty"`
	Origin           originJSON  `json:"origin"`
}

type topicJSON struct {
	Topic string `json:"topic"`
}

type originJSON struct {
	Name       string `json:"name"`
	SWVersion  string `json:"sw_version,omitempty"`
	SupportURL string `json:"support_url"`
}

// open begins a payload, up to its first component.
func (r rootJSON) open() []byte {
	payload := bytes.TrimSuffix(marshal(r), []byte("}"))
	return append(payload, `,"components":{`...)
}

// anyMAC stands for the MAC while payloads are prepared. It is no character (Unicode 23.7), so that no
// topic root can hold it.
const anyMAC = "\uffff"

// prepare writes once what all payloads have in common.
func (d *Discovery) prepare() {
	origin := originJSON{Name: "phone2mqtt", SWVersion: display(d.site.Version), SupportURL: "https://github.com/phone2mqtt/phone2mqtt"}
	below, id := d.site.Base+"/"+anyMAC, d.id(anyMAC)
	payload := rootJSON{
		Availability:     d.availability(anyMAC),
		AvailabilityMode: "all",
		Origin:           origin,
	}.open()
	for _, e := range PhoneEntities() {
		d.announces[e.Key] = true
	}
	for _, e := range phoneEntities() {
		payload = appendComponent(payload, e.Key, e.place(below, id))
	}
	// What is appended from here on must not grow into what was prepared.
	payload = slices.Clip(payload)
	d.phone = newTemplate(payload)
	ring := ringEntity()
	d.ring = newTemplate(appendComponent(payload, ring.Key, ring.place(below, id))[len(payload):])
	d.noRing = appendComponent(payload, ring.Key, componentJSON{Platform: ring.Platform})[len(payload):]

	d.bridge = rootJSON{StateTopic: d.bridgeInfo(), Origin: origin}.open()
	for _, e := range bridgeEntities() {
		c := e.place(d.site.Base+"/bridge", d.id(bridgeID))
		if e.Key != connectionKey {
			c.AvailabilityTopic = d.bridgeState()
		}
		d.bridge = appendComponent(d.bridge, e.Key, c)
	}
}

// availability are the topics that have to say `online` for a phone to be available.
func (d *Discovery) availability(mac string) []topicJSON {
	return []topicJSON{{d.bridgeState()}, {d.site.Base + "/" + mac + "/availability"}}
}

func (d *Discovery) bridgeState() string { return d.site.Base + "/bridge/state" }
func (d *Discovery) bridgeInfo() string  { return d.site.Base + "/bridge/info" }

// template is JSON that is the same for all phones but for the MAC.
type template struct {
	parts [][]byte // the MAC stands between them
	size  int      // of the whole
}

func newTemplate(payload []byte) template {
	parts := bytes.Split(payload, []byte(anyMAC))
	const mac = 12
	return template{parts, len(payload) + mac*len(parts)}
}

func (t template) append(payload []byte, mac phone.MAC) []byte {
	payload = append(payload, t.parts[0]...)
	for _, part := range t.parts[1:] {
		payload = append(payload, mac...)
		payload = append(payload, part...)
	}
	return payload
}
