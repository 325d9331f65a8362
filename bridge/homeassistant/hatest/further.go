package hatest

import (
	"slices"
	"strings"
)

// event checks what an event entity's keys say together.
func event(c *checker, component map[string]any) {
	types := list(component["event_types"])
	switch {
	case component["event_types"] == nil:
	case len(types) == 0:
		c.add(Accepted, "event_types", "empty: every event would be dropped")
	case len(slices.Compact(slices.Sorted(slices.Values(types)))) < len(types):
		c.add(Accepted, "event_types", "one twice")
	case component["device_class"] == "doorbell" && !slices.Contains(types, "ring"):
		c.add(Accepted, "event_types", "without ring, which a doorbell has to offer")
	}
}

// sensor checks `validate_sensor_state_and_device_class_config` of mqtt/sensor.py.
func sensor(c *checker, component map[string]any) {
	notConfig(c, component)
	if component["last_reset_value_template"] != nil && component["state_class"] != "total" {
		c.add(ComponentRefused, "last_reset_value_template", "without the state class total")
	}
	if component["options"] == nil {
		return
	}
	switch {
	case len(list(component["options"])) == 0:
		c.add(ComponentRefused, "options", "empty")
	case component["state_class"] != nil || component["unit_of_measurement"] != nil:
		c.add(ComponentRefused, "options", "beside a state class or unit")
	case component["device_class"] != "enum":
		c.add(ComponentRefused, "options", "without the device class enum")
	}
}

// notConfig: what only shows something is refused in that category.
func notConfig(c *checker, component map[string]any) {
	if component["entity_category"] == "config" {
		c.add(ComponentRefused, "entity_category", "config is for what can be set")
	}
}

func button(c *checker, component map[string]any) {
	if component["payload_press"] == nil {
		c.add(Accepted, "payload_press", "missing: PRESS would be taken for an argument")
	}
	if component["device_class"] == "identify" && component["entity_category"] != "diagnostic" {
		c.add(Accepted, "entity_category", "identify buttons are diagnostic")
	}
}

func text(c *checker, component map[string]any) {
	const longestState = 255
	least, most := numberOr(component["min"], 0), numberOr(component["max"], longestState)
	if least > most || most > longestState {
		c.add(ComponentRefused, "max", "less than min, or more than 255")
	}
	expression, _ := component["pattern"].(string)
	anchored := strings.HasPrefix(expression, "^") && strings.HasSuffix(expression, "$")
	if expression != "" && !anchored {
		c.add(Accepted, "pattern", "not anchored: Home Assistant asks for a match at the beginning only")
	}
}

func numberOr(v any, otherwise float64) float64 {
	if n, ok := v.(float64); ok {
		return n
	}
	return otherwise
}

// list is a list of strings, as Home Assistant reads it: one alone is one, too.
func list(v any) []string {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	var all []string
	elements, _ := v.([]any)
	for _, element := range elements {
		if s, ok := element.(string); ok {
			all = append(all, s)
		}
	}
	return all
}
