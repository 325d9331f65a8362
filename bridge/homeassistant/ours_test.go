package homeassistant

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

func TestOurs(t *testing.T) {
	type answer struct {
		MAC  phone.MAC
		Ours bool
	}
	none := answer{}
	ours, bridge := usual.Phone(kitchen), usual.Bridge()
	twin := New(Site{Prefix: "homeassistant", Base: "phone2mqtt/a"})
	sameID := New(Site{Prefix: "homeassistant", Base: "phone2mqtt_a"})
	reordered := []byte(`{"components":{"x":[1,{"y":"z"}]},"availability":[{"topic":"phone2mqtt/bridge/state"},{"topic":"phone2mqtt/001fc11a8b6c/availability"}]}`)
	for name, test := range map[string]struct {
		site    *Discovery
		topic   string
		payload []byte
		want    answer
	}{
		"our phone":             {usual, usual.PhoneTopic(mac), ours, answer{mac, true}},
		"our bridge":            {usual, usual.BridgeTopic(), bridge, answer{"", true}},
		"another order":         {usual, usual.PhoneTopic(mac), reordered, answer{mac, true}},
		"nothing":               {usual, usual.PhoneTopic(mac), nil, none},
		"another prefix":        {usual, other.PhoneTopic(mac), ours, none},
		"another id":            {usual, "homeassistant/device/zigbee2mqtt_001fc11a8b6c/config", ours, none},
		"a longer root":         {usual, twin.PhoneTopic(mac), twin.Phone(kitchen), none},
		"another with our id":   {twin, sameID.PhoneTopic(mac), sameID.Phone(kitchen), none},
		"a bridge with our id":  {twin, sameID.BridgeTopic(), sameID.Bridge(), none},
		"another phone's":       {usual, usual.PhoneTopic("001fc1000001"), ours, none},
		"no MAC":                {usual, "homeassistant/device/phone2mqtt_kitchen/config", ours, none},
		"a MAC in capitals":     {usual, "homeassistant/device/phone2mqtt_001FC11A8B6C/config", bytes.ReplaceAll(ours, []byte(mac), []byte("001FC11A8B6C")), none},
		"a deeper topic":        {usual, "homeassistant/device/phone2mqtt_001fc11a8b6c/x/config", ours, none},
		"no configuration":      {usual, "homeassistant/device/phone2mqtt_001fc11a8b6c/state", ours, none},
		"a bridge's as a phone": {usual, usual.PhoneTopic(mac), bridge, none},
		"a phone's as a bridge": {usual, usual.BridgeTopic(), ours, none},
		"no JSON":               {usual, usual.PhoneTopic(mac), []byte("online"), none},
		"a list":                {usual, usual.PhoneTopic(mac), []byte(`["availability"]`), none},
		"cut off":               {usual, usual.PhoneTopic(mac), ours[:40], none},
		"cut off in a member":   {usual, usual.PhoneTopic(mac), []byte(`{"x":[`), none},
		"no availability":       {usual, usual.PhoneTopic(mac), []byte(`{}`), none},
		"half of it":            {usual, usual.PhoneTopic(mac), []byte(`{"availability":[{"topic":"phone2mqtt/bridge/state"}]}`), none},
		"a number":              {usual, usual.PhoneTopic(mac), []byte(`{"availability":7}`), none},
		"deep":                  {usual, usual.PhoneTopic(mac), []byte(`{"x":` + strings.Repeat("[", 100_000)), none},
		"too long":              {usual, usual.PhoneTopic(mac), append(bytes.Repeat([]byte(" "), longestKept), ours...), none},
	} {
		t.Run(name, func(t *testing.T) {
			got, ours := test.site.Ours(test.topic, test.payload)
			if diff := cmp.Diff(test.want, answer{got, ours}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestRetired(t *testing.T) {
	for name, test := range map[string]struct {
		kept string
		want []Component
	}{
		"what we announce":        {string(usual.Phone(kitchen)), nil},
		"of another version":      {`{"components":{"b":{"platform":"sensor","name":"B"},"a":{"platform":"button","name":"A"},"call":{"platform":"sensor","name":"Call"}}}`, []Component{{"a", "button"}, {"b", "sensor"}}},
		"removed already":         {`{"components":{"a":{"platform":"button"}}}`, nil},
		"of a platform not known": {`{"components":{"a":{"platform":"media_player","name":"A"},"b":{"platform":7,"name":"B"},"c":{"name":"C"}}}`, nil},
		"of a key never used":     {`{"components":{"\"x":{"platform":"sensor","name":"A"}}}`, nil},
		"no components":           {`{"components":["a"]}`, nil},
		"nothing":                 {``, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, usual.Retired([]byte(test.kept))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What Retired gives can be announced, whoever wrote what was kept.
func FuzzKept(f *testing.F) {
	f.Add(usual.PhoneTopic(mac), usual.Phone(kitchen))
	f.Add(usual.BridgeTopic(), usual.Bridge())
	f.Add(usual.PhoneTopic(mac), []byte(`{"components":{"\"":{"platform":"sensor","name":"x"}}}`))
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		of, ours := usual.Ours(topic, payload)
		if ours && topic != usual.BridgeTopic() && topic != usual.PhoneTopic(of) {
			t.Errorf("%q is said to be ours, of %q", topic, of)
		}
		if retired := usual.Retired(payload); retired != nil {
			check(t, usual.PhoneTopic(mac), usual.Phone(Device{MAC: mac}, retired...))
		}
	})
}
