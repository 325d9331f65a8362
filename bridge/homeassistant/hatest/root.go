package hatest

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// availability are the keys of the two ways to say when something is there.
var availability = map[string]rule{
	"availability":          availabilityList,
	"availability_mode":     oneOf("all", "any", "latest"),
	"availability_template": jinja,
	"availability_topic":    heard,
	"payload_available":     aString,
	"payload_not_available": aString,
}

var availabilityEntry = map[string]rule{
	"topic":                 heard,
	"payload_available":     aString,
	"payload_not_available": aString,
	"value_template":        jinja,
}

func availabilityList(v any) string {
	entries, ok := v.([]any)
	if !ok {
		entries = []any{v}
	}
	for _, entry := range entries {
		object, ok := entry.(map[string]any)
		if !ok {
			return "an entry is no object"
		}
		c := &checker{}
		c.dictionary("", object, availabilityEntry, "topic")
		if len(c.findings) > 0 {
			return "an entry's " + c.findings[0].String()
		}
	}
	return ""
}

// handedDown are the keys of the root that components take which have none of their own.
var handedDown = slices.Concat(slices.Collect(maps.Keys(availability)), []string{"state_topic", "command_topic"})

// root checks a whole payload: `DEVICE_DISCOVERY_SCHEMA` of Home Assistant's mqtt/schemas.py.
func (c *checker) root(root map[string]any) {
	anything := func(any) string { return "" }
	known := maps.Clone(availability)
	maps.Copy(known, map[string]rule{
		"device": anything, "origin": anything, "components": anything,
		"state_topic": heard, "command_topic": told, "qos": qos, "encoding": aString,
		"message_expiry_interval": func(any) string { return "refused by versions before 2026: " + isRecent },
	})
	c.dictionary("", root, known, "device", "origin", "components")
	c.exclusive(root, PayloadRefused)
	c.together(root)
	c.device(root["device"])
	c.origin(root["origin"])
	components, ok := root["components"].(map[string]any)
	if !ok {
		if root["components"] != nil {
			c.add(PayloadRefused, "components", "not an object")
		}
		return
	}
	c.components(root, components)
}

func (c *checker) exclusive(object map[string]any, others Effect) {
	if object["availability"] != nil && object["availability_topic"] != nil {
		c.add(others, "availability", "beside availability_topic: one of them alone")
	}
}

// together warns of several topics of which the one that spoke last wins, which is the default.
func (c *checker) together(object map[string]any) {
	topics, _ := object["availability"].([]any)
	if len(topics) > 1 && object["availability_mode"] != "all" {
		c.add(Accepted, "availability_mode", "not all: the topic that spoke last would win")
	}
}

var deviceKeys = map[string]rule{
	"identifiers": listOf, "connections": pairs, "name": aString, "manufacturer": aString, "model": aString,
	"model_id": aString, "hw_version": aString, "sw_version": aString, "serial_number": aString,
	"suggested_area": aString, "configuration_url": webAddress, "via_device": aString,
}

func (c *checker) device(v any) {
	device, ok := v.(map[string]any)
	if !ok {
		c.notAnObject("device", v)
		return
	}
	c.dictionary("device.", device, deviceKeys)
	if empty(device["identifiers"]) && empty(device["connections"]) {
		c.add(PayloadRefused, "device", "neither identifiers nor connections")
	}
	if name, ok := device["name"].(string); ok && strings.TrimSpace(name) == "" {
		c.add(Accepted, "device.name", "blank")
	}
	if address, ok := device["configuration_url"].(string); ok {
		if u, err := url.Parse(address); err == nil && u.User != nil {
			c.add(Accepted, "device.configuration_url", "shows a login to everybody")
		}
	}
}

func (c *checker) origin(v any) {
	origin, ok := v.(map[string]any)
	if !ok {
		c.notAnObject("origin", v)
		return
	}
	c.dictionary("origin.", origin, map[string]rule{"name": aString, "sw_version": aString, "support_url": webAddress}, "name")
}

func (c *checker) notAnObject(key string, v any) {
	if v != nil {
		c.add(PayloadRefused, key, "not an object")
	}
}

func empty(v any) bool {
	list, isList := v.([]any)
	return v == nil || v == "" || isList && len(list) == 0
}

func pairs(v any) string {
	list, ok := v.([]any)
	if !ok {
		return "not a list of pairs"
	}
	for _, element := range list {
		pair, ok := element.([]any)
		if !ok || len(pair) != 2 || listOf(pair) != "" {
			return "an element is not a pair such as [\"mac\", \"00:1f:c1:1a:8b:6c\"]"
		}
	}
	return ""
}
