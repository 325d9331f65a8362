package homeassistant

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTopics(t *testing.T) {
	type topics struct {
		Phone, Bridge, Filter string
		Status                []string
	}
	for _, test := range []struct {
		site Site
		want topics
	}{
		{Site{Prefix: "homeassistant", Base: "phone2mqtt"}, topics{
			"homeassistant/device/phone2mqtt_001fc11a8b6c/config", "homeassistant/device/phone2mqtt_bridge/config",
			"homeassistant/device/+/config", []string{"homeassistant/status"},
		}},
		{Site{Prefix: "ha/x", Base: "home/ground-floor/phones_1"}, topics{
			"ha/x/device/home_ground-floor_phones_1_001fc11a8b6c/config", "ha/x/device/home_ground-floor_phones_1_bridge/config",
			"ha/x/device/+/config", []string{"homeassistant/status", "ha/x/status"},
		}},
	} {
		d := New(test.site)
		got := topics{d.PhoneTopic(mac), d.BridgeTopic(), d.Filter(), StatusTopics(test.site.Prefix)}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.site, diff)
		}
	}
}

// Roots that differ only in what an id cannot hold have different ids.
func TestIDRoot(t *testing.T) {
	for base, want := range map[string]string{
		"phone2mqtt": "phone2mqtt",
		"a/b":        "a_b",
		"büro":       "b_ro_9ac7e4a5",
		"böro":       "b_ro_78912dcf",
		"a.b/c":      "a_b_c_f980d20e",
	} {
		if got := idRoot(base); got != want {
			t.Errorf("%q: got %q, want %q", base, got, want)
		}
	}
}
