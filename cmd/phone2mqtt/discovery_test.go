package main

import (
	"encoding/json"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/bridge/homeassistant/hatest"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
)

// How a phone comes to Home Assistant, stays right there, and goes; what Home Assistant itself makes of it
// is seen in test/homeassistant.

// announcedTo switches discovery on.
func announcedTo(prefix string) func(*bridge.Config) {
	return func(c *bridge.Config) { c.Discovery, c.DiscoveryPrefix = true, prefix }
}

// watchDiscovery also watches what is below the prefix.
func (w *watcher) watchDiscovery(t *testing.T, prefix string) {
	t.Helper()
	wait(t, w.client.Subscribe(prefix+"/#", 1, func(_ paho.Client, m paho.Message) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all = append(w.all, message{m.Topic(), string(m.Payload()), m.Retained()})
	}))
}

func configTopic(prefix, of string) string { return prefix + "/device/phone2mqtt_" + of + "/config" }

// device waits until a device is announced as wanted.
func (w *watcher) device(t *testing.T, topic, what string, wanted func(device map[string]any) bool) {
	t.Helper()
	eventually(t, topic+": "+what, func() bool {
		var last string
		for _, m := range w.seen() {
			if m.topic == topic {
				last = m.payload
			}
		}
		var announced struct{ Device map[string]any }
		if last != "" && json.Unmarshal([]byte(last), &announced) != nil {
			t.Fatalf("%s: %s", topic, last)
		}
		if last != "" {
			for _, finding := range hatest.Check(topic, []byte(last)) {
				t.Errorf("%s: %s", topic, finding)
			}
		}
		return wanted(announced.Device)
	})
}

func named(name string) func(map[string]any) bool {
	return func(device map[string]any) bool { return device["name"] == name }
}

func absent(device map[string]any) bool { return device == nil }

func TestDiscovery(t *testing.T) {
	eachBroker(t, func(t *testing.T, start func(*testing.T, string) testBroker) {
		broker := start(t, "")
		w := watch(t, broker.addr)
		w.watchDiscovery(t, "homeassistant")
		const foreign = "homeassistant/device/phone2mqtt_001fc1ffffff/config"
		w.publish(t, foreign, `{"device":{"identifiers":["x"]},"availability":[{"topic":"other/bridge/state"}]}`, true)
		dir := t.TempDir()
		listed := func(c *bridge.Config) {
			announcedTo("homeassistant")(c)
			c.Phones = []book.Listing{{MAC: first, Source: "PHONES_FILE", Host: "192.168.0.9", Name: "Kitchen", Area: "Ground floor"}}
		}
		h := startHouse(t, broker.addr, dir, listed)
		s := &scene{house: h, watcher: w, broker: broker}

		w.device(t, configTopic("homeassistant", "bridge"), "is there", named("phone2mqtt"))
		w.device(t, configTopic("homeassistant", string(first)), "is there", func(d map[string]any) bool {
			return d["name"] == "Kitchen" && d["suggested_area"] == "Ground floor" && d["via_device"] == "phone2mqtt_bridge"
		})
		s.tell(t, vendor, "off_hook", "model=UC860&ip=127.0.0.1")
		w.device(t, configTopic("homeassistant", vendor), "is learned", func(d map[string]any) bool {
			return d["name"] == "Phone 1a8b6c" && d["model"] == "UC860"
		})
		s.request(t, "phone/rename", `{"mac":"`+vendor+`","name":"Office"}`)
		w.device(t, configTopic("homeassistant", vendor), "is renamed", named("Office"))
		if answer := s.request(t, "discovery/refresh", `{}`); answer.text("status") != "ok" {
			t.Errorf("discovery/refresh: %s", answer.payload)
		}

		h.stop()
		h = startHouse(t, broker.addr, dir, announcedTo("homeassistant"))
		s.house = h
		w.device(t, configTopic("homeassistant", string(first)), "is no longer listed", absent)
		s.request(t, "phone/remove", `{"mac":"`+vendor+`"}`)
		w.device(t, configTopic("homeassistant", vendor), "is removed", absent)
		s.tell(t, vendor, "off_hook")
		w.device(t, configTopic("homeassistant", vendor), "is learned again", named("Phone 1a8b6c"))

		h.stop()
		s.house = startHouse(t, broker.addr, dir, func(c *bridge.Config) {
			announcedTo("homeassistant")(c)
			c.Discovery = false
		})
		w.device(t, configTopic("homeassistant", vendor), "discovery is off", absent)
		w.device(t, configTopic("homeassistant", "bridge"), "discovery is off", absent)
		if answer := s.request(t, "discovery/refresh", `{}`); answer.text("status") != "error" {
			t.Errorf("discovery/refresh while it is off: %s", answer.payload)
		}
		for _, m := range w.seen() {
			if m.topic == foreign && m.payload == "" {
				t.Error("another instance's device was taken away")
			}
		}
	})
}

// TestDiscoveryPrefix: another prefix, and a ring.
func TestDiscoveryPrefix(t *testing.T) {
	broker := startEmbedded(t, "")
	w := watch(t, broker.addr)
	w.watchDiscovery(t, "house/ha")
	startHouse(t, broker.addr, "", func(c *bridge.Config) {
		announcedTo("house/ha")(c)
		c.Phones = []book.Listing{{MAC: first, Source: "PHONES_FILE", Ring: true}}
	})
	topic := configTopic("house/ha", string(first))
	w.device(t, topic, "is there", named("Phone "+string(first[6:])))
	for _, m := range w.seen() {
		var announced struct {
			Components map[string]map[string]any
		}
		if m.topic == topic && json.Unmarshal([]byte(m.payload), &announced) == nil && announced.Components["ring"]["device_class"] != "doorbell" {
			t.Errorf("the ring is %v", announced.Components["ring"])
		}
	}
}
