package homeassistant

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Device is what is known of one phone. Everything but the MAC may be unknown and then is left out.
type Device struct {
	MAC      phone.MAC
	Name     string // what people call it; empty or blank: "Phone" and the end of its MAC
	Area     string // where Home Assistant puts it when it first sees it
	Model    string
	Firmware string
	IP       netip.Addr // where its web pages are
	Ring     bool       // also a doorbell that rings with it
}

// Component is one part of an announced device.
type Component struct{ Key, Platform string }

// Phone is the payload that announces a phone. A ring that is not wanted and retired components are
// in it in the form that removes them, which Home Assistant passes over in silence where it has none.
func (d *Discovery) Phone(of Device, retired ...Component) []byte {
	const device = 1 << 10 // its members, as far as one cares to guess
	payload := make([]byte, 0, d.phone.size+d.ring.size+device)
	payload = d.phone.append(payload, of.MAC)
	if of.Ring {
		payload = d.ring.append(payload, of.MAC)
	} else {
		payload = append(payload, d.noRing...)
	}
	for _, gone := range retired {
		payload = appendComponent(payload, gone.Key, componentJSON{Platform: gone.Platform})
	}
	return closeDevice(payload, deviceJSON{
		Identifiers:      []string{d.id(string(of.MAC))},
		Connections:      [][2]string{{"mac", of.MAC.Colons()}},
		Name:             cmp.Or(display(of.Name), fallbackName(of.MAC)),
		Manufacturer:     manufacturer(of.MAC),
		Model:            display(of.Model),
		SWVersion:        display(of.Firmware),
		SuggestedArea:    display(of.Area),
		ConfigurationURL: webPages(of.IP),
		ViaDevice:        d.id(bridgeID),
	})
}

// Bridge is the payload that announces the bridge itself.
func (d *Discovery) Bridge() []byte {
	return closeDevice(bytes.Clone(d.bridge), deviceJSON{
		Identifiers: []string{d.id(bridgeID)},
		Name:        d.bridgeName(),
		Model:       "Bridge",
		SWVersion:   display(d.site.Version),
	})
}

// deviceJSON is a discovery payload's closed dictionary `device`: a key that Home Assistant does not
// know would make it refuse the whole payload.
type deviceJSON struct {
	Identifiers      []string    `json:"identifiers"`
	Connections      [][2]string `json:"connections,omitempty"`
	Name             string      `json:"name"`
	Manufacturer     string      `json:"manufacturer,omitempty"`
	Model            string      `json:"model,omitempty"`
	SWVersion        string      `json:"sw_version,omitempty"`
	SuggestedArea    string      `json:"suggested_area,omitempty"`
	ConfigurationURL string      `json:"configuration_url,omitempty"`
	ViaDevice        string      `json:"via_device,omitempty"`
}

// closeDevice ends a payload whose components are open.
func closeDevice(payload []byte, device deviceJSON) []byte {
	payload = append(payload, `},"device":`...)
	payload = append(payload, marshal(device)...)
	return append(payload, '}')
}

// marshal is for structs of strings, numbers and lists of them, which cannot fail.
func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// bridgeName tells several bridges at one broker apart.
func (d *Discovery) bridgeName() string {
	const program = "phone2mqtt"
	if d.site.Base == program {
		return program
	}
	return program + " " + display(d.site.Base)
}

// longestName is in characters. Ids of entities are made of it and the entity's name, and may have 255.
const longestName = 64

// display makes one short line of a text that came over the network or out of a file.
func display(text string) string {
	line := strings.Join(strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }), " ")
	if utf8.RuneCountInString(line) <= longestName {
		return line
	}
	return strings.TrimSpace(string([]rune(line)[:longestName]))
}

func fallbackName(mac phone.MAC) string { return "Phone " + string(mac[max(0, len(mac)-6):]) }

// manufacturer is whom the IEEE gave the beginning of the MAC to, empty for others: phones do not tell.
func manufacturer(mac phone.MAC) string {
	switch {
	case strings.HasPrefix(string(mac), "001fc1"):
		return "Htek"
	case strings.HasPrefix(string(mac), "005058"):
		return "Sangoma"
	}
	return ""
}

// webPages is the URL of a phone's own pages. An address with a zone means nothing on another machine.
func webPages(ip netip.Addr) string {
	if !ip.IsValid() || ip.IsUnspecified() || ip.Zone() != "" {
		return ""
	}
	host := ip.Unmap()
	if host.Is6() {
		return "http://[" + host.String() + "]/"
	}
	return "http://" + host.String() + "/"
}
