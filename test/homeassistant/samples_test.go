package homeassistant

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// sample is a payload, and what our own rules in bridge/homeassistant/hatest say that Home Assistant makes
// of it.
type sample struct {
	Accepted bool     // the payload as a whole
	Refused  []string // the keys of its components that do not appear all the same
	Topic    string
	Payload  struct {
		Device     struct{ Identifiers []string }
		Components map[string]struct {
			Platform, Name string
			UniqueID       string `json:"unique_id"`
		}
	}
}

// verdict is what becomes of a sample.
type verdict struct {
	Accepted bool
	Refused  []string
}

// testSamples holds the samples of those rules to what Home Assistant really does.
func (h *house) testSamples(t *testing.T) {
	paths, err := filepath.Glob("../../bridge/homeassistant/testdata/samples/*/*.json")
	must(t, err)
	if len(paths) < 60 {
		t.Fatalf("%d samples", len(paths))
	}
	publisher, err := stand.Subscribe(h.broker.Addr, "none", func(stand.Message) {}, nil)
	must(t, err)
	defer publisher.Disconnect(0)
	samples := make(map[string]sample)
	publish := func(topic string, payload []byte) {
		must(t, stand.Done(publisher.Publish(topic, 1, true, payload)))
	}
	for _, path := range paths {
		var s sample
		var raw struct{ Payload json.RawMessage }
		text, err := os.ReadFile(path)
		must(t, err)
		// What is wrong about some is its type.
		_ = json.Unmarshal(text, &s)
		must(t, json.Unmarshal(text, &raw))
		samples[strings.TrimSuffix(filepath.Base(path), ".json")] = s
		publish(s.Topic, raw.Payload)
	}
	// It takes them in order: when it has this one, it has decided on all.
	publish("homeassistant/device/sample_last/config", []byte(`{"device":{"identifiers":["sample_last"],"name":"Last"},
		"origin":{"name":"test"},"components":{"last":{"platform":"button","unique_id":"sample_last_last","command_topic":"sample/set"}}}`))
	eventually(t, "the last sample appears", func() bool { return len(h.entities(t)) > 0 && h.entities(t)["sample_last_last"].ID != "" })

	devices, entities := h.devices(t), h.entities(t)
	for name, s := range samples {
		offered := 0
		if len(s.Payload.Device.Identifiers) == 1 && devices[s.Payload.Device.Identifiers[0]].ID != "" {
			offered = len(h.triggers(t, devices[s.Payload.Device.Identifiers[0]]))
		}
		if diff := cmp.Diff(verdict{s.Accepted, s.Refused}, s.judge(entities, offered), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-our rules +Home Assistant):\n%s", name, diff)
		}
	}
}

// judge tells what became of a sample, from the entities that are there and from how many triggers its
// device offers. The component at fault is called "case" in all of them.
func (s sample) judge(entities map[string]entity, triggers int) verdict {
	var v verdict
	for key, c := range s.Payload.Components {
		switch e, ok := entities[c.UniqueID]; {
		case c.Platform == "device_automation":
			triggers--
		case c.UniqueID == "":
		case ok && e.Name == c.Name:
			v.Accepted = true
		default:
			v.Refused = append(v.Refused, key)
		}
	}
	if !v.Accepted {
		return verdict{}
	}
	if triggers < 0 {
		v.Refused = append(v.Refused, "case")
	}
	slices.Sort(v.Refused)
	return v
}
