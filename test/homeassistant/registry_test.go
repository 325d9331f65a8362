package homeassistant

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// device is one of Home Assistant's device registry.
type device struct {
	ID               string `json:"id"`
	Area             string `json:"area_id"`
	ConfigurationURL string `json:"configuration_url"`
	Connections      [][2]string
	Identifiers      [][2]string
	Manufacturer     string
	Model            string
	Name             string
	Version          string `json:"sw_version"`
	Via              string `json:"via_device_id"`
}

// entity is one of Home Assistant's entity registry.
type entity struct {
	ID         string `json:"entity_id"`
	UniqueID   string `json:"unique_id"`
	Device     string `json:"device_id"`
	Name       string `json:"original_name"`
	Category   string `json:"entity_category"`
	DisabledBy string `json:"disabled_by"`
	Icon       string `json:"original_icon"`
	Class      string `json:"original_device_class"`
}

// state is what an entity shows.
type state struct {
	EntityID   string `json:"entity_id"`
	State      string
	Attributes map[string]any
}

// devices are those that MQTT brought, by identifier.
func (h *house) devices(t *testing.T) map[string]device {
	t.Helper()
	var all []device
	h.ws.ask(t, "config/device_registry/list", nil, &all)
	found := make(map[string]device)
	for _, d := range all {
		for _, identifier := range d.Identifiers {
			if identifier[0] == "mqtt" {
				found[identifier[1]] = d
			}
		}
	}
	return found
}

// entities are those that MQTT brought, by unique id.
func (h *house) entities(t *testing.T) map[string]entity {
	t.Helper()
	var all []struct {
		entity
		Platform string
	}
	h.ws.ask(t, "config/entity_registry/list", nil, &all)
	ids := []string{}
	for _, e := range all {
		if e.Platform == "mqtt" {
			ids = append(ids, e.ID)
		}
	}
	// Only these have what the integration proposed, icon and class.
	var whole map[string]entity
	h.ws.ask(t, "config/entity_registry/get_entries", map[string]any{"entity_ids": ids}, &whole)
	found := make(map[string]entity)
	for _, e := range whole {
		found[e.UniqueID] = e
	}
	return found
}

// unique is what the ids of a phone or of the bridge begin with.
func (h *house) unique(mac phone.MAC) string { return h.base + "_" + string(mac) }

// announcement is the topic that a phone or the bridge is announced on.
func (h *house) announcement(mac phone.MAC) string {
	return "homeassistant/device/" + h.unique(mac) + "/config"
}

// device is that of a phone or of the bridge, empty when there is none.
func (h *house) device(t *testing.T, mac phone.MAC) device {
	t.Helper()
	return h.devices(t)[h.unique(mac)]
}

// entitiesOf are those of a phone or of the bridge, by key.
func (h *house) entitiesOf(t *testing.T, mac phone.MAC) map[string]entity {
	t.Helper()
	return below(h.entities(t), h.unique(mac))
}

// statesOf are those of a phone or of the bridge, by key.
func (h *house) statesOf(t *testing.T, mac phone.MAC) map[string]state {
	t.Helper()
	return below(h.states(t), h.unique(mac))
}

// below are the members whose names go on after the beginning.
func below[V any](all map[string]V, beginning string) map[string]V {
	found := make(map[string]V)
	for name, v := range all {
		if key, ok := strings.CutPrefix(name, beginning+"_"); ok {
			found[key] = v
		}
	}
	return found
}

// states are what all entities of MQTT show, by unique id. One without a state is not among them.
func (h *house) states(t *testing.T) map[string]state {
	t.Helper()
	var all []state
	h.ask(t, "GET", "/api/states", nil, &all)
	shown := make(map[string]state)
	for _, s := range all {
		shown[s.EntityID] = s
	}
	found := make(map[string]state)
	for unique, e := range h.entities(t) {
		if s, ok := shown[e.ID]; ok {
			found[unique] = s
		}
	}
	return found
}

// id is the entity of a key.
func (h *house) id(t *testing.T, mac phone.MAC, key string) string {
	t.Helper()
	e, ok := h.entitiesOf(t, mac)[key]
	if !ok {
		t.Fatalf("no entity %s of %s", key, mac)
	}
	return e.ID
}

// call calls an action of Home Assistant on an entity.
func (h *house) call(t *testing.T, action, entity string, data map[string]any) {
	t.Helper()
	must(t, h.tryCall(action, entity, data))
}

func (h *house) tryCall(action, entity string, data map[string]any) error {
	domain, service, _ := strings.Cut(action, ".")
	members := map[string]any{"domain": domain, "service": service, "target": map[string]any{"entity_id": entity}}
	if data != nil {
		members["service_data"] = data
	}
	return h.ws.try("call_service", members, nil, nil)
}

var notInSlug = regexp.MustCompile(`[^a-z0-9]+`)

// slug is what Home Assistant makes of a name in an entity's id.
func slug(name string) string {
	return strings.Trim(notInSlug.ReplaceAllString(strings.ToLower(name), "_"), "_")
}

// someTime stands for any time.
const someTime = "(a time)"

// timeless is a value of JSON without the times in it, which no test can foresee.
func timeless(v any) any {
	switch v := v.(type) {
	case string:
		if _, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return someTime
		}
	case map[string]any:
		for name := range v {
			v[name] = timeless(v[name])
		}
	case []any:
		for i := range v {
			v[i] = timeless(v[i])
		}
	}
	return v
}

// domain is what stands before the dot of an entity's id.
func domain(entity string) string {
	domain, _, _ := strings.Cut(entity, ".")
	return domain
}
