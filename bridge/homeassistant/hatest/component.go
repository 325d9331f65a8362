package hatest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var componentKey = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// components checks each component with what the root hands down, and what they must not share.
func (c *checker) components(root, components map[string]any) {
	ids, triggers := make(map[string]bool), make(map[string]bool)
	for _, key := range slices.Sorted(maps.Keys(components)) {
		c.component = key
		if !componentKey.MatchString(key) {
			c.add(Accepted, "", "a key with other characters than letters, digits, _ and -")
		}
		component, ok := components[key].(map[string]any)
		if !ok {
			c.add(PayloadRefused, "", "not an object")
			continue
		}
		c.oneComponent(root, maps.Clone(component))
		name, _ := component["platform"].(string)
		if id, ok := component["unique_id"].(string); ok {
			c.once(ids, name+"\x00"+id, "unique_id")
		}
		if name == "device_automation" && len(component) > 1 {
			kind, _ := component["type"].(string)
			subtype, _ := component["subtype"].(string)
			c.once(triggers, kind+"\x00"+subtype, "subtype")
		}
	}
	c.component = ""
}

// once refuses the second of two: Home Assistant keeps the first.
func (c *checker) once(seen map[string]bool, value, key string) {
	if seen[value] {
		c.add(ComponentRefused, key, "another component has it already")
	}
	seen[value] = true
}

func (c *checker) oneComponent(root, component map[string]any) {
	name, _ := component["platform"].(string)
	p, known := platforms[name]
	switch {
	case !slices.Contains(supported, name):
		c.add(PayloadRefused, "platform", "not one that Home Assistant has")
		return
	case !known:
		c.add(Accepted, "platform", "not one whose rules are known here")
		return
	}
	delete(component, "platform")
	if len(component) == 0 {
		return // it removes the component
	}
	if _, ok := component["unique_id"]; !ok && !p.noEntity {
		c.add(PayloadRefused, "unique_id", "missing")
	}
	c.spellOut(component)
	own := slices.Collect(maps.Keys(component))
	for _, key := range handedDown {
		if _, set := component[key]; !set && root[key] != nil {
			component[key] = root[key]
		}
	}
	for _, key := range p.required {
		if _, ok := component[key]; !ok {
			c.add(ComponentRefused, key, "missing")
		}
	}
	for _, key := range slices.Sorted(slices.Values(own)) {
		c.member(p, key, component[key])
	}
	if slices.Contains(own, "availability") || slices.Contains(own, "availability_topic") {
		c.exclusive(component, ComponentRefused)
		c.together(component)
	}
	c.advice(p, component, root)
	if p.further != nil {
		p.further(c, component)
	}
}

// spellOut puts the component's `~` where it stands for the beginning or end of a topic.
func (c *checker) spellOut(component map[string]any) {
	base, ok := component["~"].(string)
	if !ok {
		return
	}
	delete(component, "~")
	for key, value := range component {
		written, isString := value.(string)
		if !isString || !strings.HasSuffix(key, "topic") {
			continue
		}
		if rest, ok := strings.CutPrefix(written, "~"); ok {
			component[key] = base + rest
		} else if rest, ok := strings.CutSuffix(written, "~"); ok {
			component[key] = rest + base
		}
	}
}

// later are keys that a version after 2025.1 brought or took away.
var later = map[string]string{
	"object_id":               "gone since 2026.4",
	"message_expiry_interval": isRecent,
	"visible_by_default":      isRecent,
	"group":                   isRecent,
}

// member checks one key of a component and its value.
func (c *checker) member(p platform, key string, value any) {
	check := p.rule(key)
	switch {
	case check == nil && later[key] != "":
		c.add(Accepted, key, later[key])
		return
	case check == nil:
		c.add(Accepted, key, "not a key of this platform: dropped in silence")
		return
	}
	if wrong := check(value); wrong != "" {
		c.add(effect(wrong, ComponentRefused), key, wrong)
	}
}

// advice is on what Home Assistant takes without a word.
func (c *checker) advice(p platform, component, root map[string]any) {
	if _, ok := component["qos"]; !ok {
		c.add(Accepted, "qos", "missing: before 2026 the root hands none down")
	}
	if component["retain"] == true {
		c.add(Accepted, "retain", "a command that is kept is carried out again at each start")
	}
	if p.noEntity {
		return
	}
	if id, _ := component["unique_id"].(string); len(id) > 255 {
		c.add(Accepted, "unique_id", "longer than 255 bytes")
	}
	name, _ := component["name"].(string)
	if first, _ := utf8.DecodeRuneInString(name); unicode.IsLower(first) {
		c.add(Accepted, "name", "not in sentence case")
	}
	device, _ := root["device"].(map[string]any)
	if of, _ := device["name"].(string); of != "" && strings.HasPrefix(name, of+" ") {
		c.add(Accepted, "name", "repeats the name of the device")
	}
}
