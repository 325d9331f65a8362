package homeassistant

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/bridge/homeassistant"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// testAppear: into an empty Home Assistant come the bridge and two phones, with every entity of the table.
func (h *house) testAppear(t *testing.T) {
	want := map[string]device{
		"phone2mqtt_bridge": {Identifiers: [][2]string{{"mqtt", "phone2mqtt_bridge"}}, Model: "Bridge", Name: "phone2mqtt"},
		"phone2mqtt_001fc11a8b6c": {
			ConfigurationURL: "http://192.168.0.157/", Connections: [][2]string{{"mac", "00:1f:c1:1a:8b:6c"}},
			Identifiers: [][2]string{{"mqtt", "phone2mqtt_001fc11a8b6c"}}, Manufacturer: "Htek", Model: "UC926U", Name: "Kitchen",
			Version: "2.0.4.2", Via: "(the bridge)",
		},
		"phone2mqtt_001fc11a8b6d": {
			Area: "upstairs", ConfigurationURL: "http://192.168.0.158/", Connections: [][2]string{{"mac", "00:1f:c1:1a:8b:6d"}},
			Identifiers: [][2]string{{"mqtt", "phone2mqtt_001fc11a8b6d"}}, Manufacturer: "Htek", Model: "UC926U", Name: "Office",
			Version: "2.0.4.2", Via: "(the bridge)",
		},
	}
	become(t, "the devices", want, func() map[string]device { return h.describe(t) })
	h.awaitTable(t, bridge, "phone2mqtt", homeassistant.BridgeEntities())
	h.awaitTable(t, kitchen, "kitchen", homeassistant.PhoneEntities())
	// Home Assistant puts the area before the name when it makes ids.
	h.awaitTable(t, office, "upstairs_office", entitiesOfEveryPhone())
}

// describe are the devices without ids that Home Assistant made up.
func (h *house) describe(t *testing.T) map[string]device {
	t.Helper()
	all := h.devices(t)
	described := make(map[string]device)
	for id, d := range all {
		if d.Via != "" && d.Via == all["phone2mqtt_bridge"].ID {
			d.Via = "(the bridge)"
		}
		d.ID = ""
		if id == "phone2mqtt_bridge" {
			d.Version = "" // depends on how the daemon was built
		}
		described[id] = d
	}
	return described
}

// entitiesOfEveryPhone are those of a phone without a doorbell.
func entitiesOfEveryPhone() []homeassistant.Entity {
	return slices.DeleteFunc(homeassistant.PhoneEntities(), func(e homeassistant.Entity) bool {
		return e.Key == "ring" || e.Platform == "device_automation"
	})
}

// awaitTable waits until a device has exactly the entities of the table. Their ids begin with a prefix.
func (h *house) awaitTable(t *testing.T, mac phone.MAC, prefix string, table []homeassistant.Entity) {
	t.Helper()
	want := h.announced(t, mac, prefix, table)
	become(t, "the entities of "+string(mac), want, func() map[string]entity { return h.shown(t, mac) })
}

// announced is what Home Assistant has to make of the table, and of what the broker keeps of it.
func (h *house) announced(t *testing.T, mac phone.MAC, prefix string, table []homeassistant.Entity) map[string]entity {
	t.Helper()
	var payload struct {
		Components map[string]struct {
			Category string `json:"entity_category"`
			Icon     string
			Class    string `json:"device_class"`
		}
	}
	must(t, json.Unmarshal(h.kept(t, h.announcement(mac)), &payload))
	entities := make(map[string]entity)
	for _, row := range table {
		if row.Platform == "device_automation" {
			continue
		}
		c := payload.Components[row.Key]
		e := entity{
			ID: row.Platform + "." + prefix + "_" + slug(row.Name), UniqueID: h.unique(mac) + "_" + row.Key,
			Name: row.Name, Category: c.Category, Icon: c.Icon, Class: c.Class,
		}
		if row.Disabled {
			e.DisabledBy = "integration"
		}
		entities[row.Key] = e
	}
	return entities
}

// shown is what it made, without the ids of devices.
func (h *house) shown(t *testing.T, mac phone.MAC) map[string]entity {
	t.Helper()
	entities, device := h.entitiesOf(t, mac), h.device(t, mac)
	for key, e := range entities {
		if e.Device != device.ID {
			t.Errorf("%s belongs to another device", e.ID)
		}
		e.Device = ""
		entities[key] = e
	}
	return entities
}

// kept is what the broker keeps of a topic, or will as soon as it comes.
func (h *house) kept(t *testing.T, topic string) []byte {
	t.Helper()
	r, err := stand.Record(h.broker.Addr, topic)
	must(t, err)
	defer r.Disconnect(0)
	m, _, err := r.Await(t.Context(), 0, topic, func(m stand.Message) bool { return len(m.Payload) > 0 })
	must(t, err)
	return m.Payload
}

// testEnable: whoever enables what is off by default gets it.
func (h *house) testEnable(t *testing.T) {
	for _, e := range h.entities(t) {
		if e.DisabledBy != "" {
			h.ws.ask(t, "config/entity_registry/update", map[string]any{"entity_id": e.ID, "disabled_by": nil}, nil)
		}
	}
	// It would do so by itself, half a minute later.
	h.restart(t)
	eventually(t, "everything has a state", func() bool {
		states := h.states(t)
		for unique := range h.entities(t) {
			if s, ok := states[unique]; !ok || s.State == "unavailable" {
				return false
			}
		}
		return true
	})
}

// restart restarts Home Assistant, and returns when it is at work again.
func (h *house) restart(t *testing.T) {
	t.Helper()
	h.stop(t)
	h.start(t)
	h.back(t)
}

// back waits until Home Assistant is at work, and listens to it.
func (h *house) back(t *testing.T) {
	t.Helper()
	h.running(t)
	h.listen(t)
}

// triggers are the device triggers that MQTT offers for a device, as "type subtype".
func (h *house) triggers(t *testing.T, of device) []string {
	t.Helper()
	var all []struct{ Domain, Type, Subtype string }
	h.ws.ask(t, "device_automation/trigger/list", map[string]any{"device_id": of.ID}, &all)
	var offered []string
	for _, trigger := range all {
		if trigger.Domain == "mqtt" {
			offered = append(offered, strings.TrimSpace(trigger.Type+" "+trigger.Subtype))
		}
	}
	slices.Sort(offered)
	return offered
}
