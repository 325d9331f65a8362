// Package hatest holds device-based MQTT discovery to Home Assistant's rules, for tests.
//
// It promises the answers that Home Assistant gives, and says what Home Assistant keeps to itself: a key
// that it drops in silence, a value that only newer versions take, one that makes a device worse. The
// rules are those of 2025.1 to 2026.9 for the platforms that this program uses and some beside them. It
// renders no template: whether one gives what it should is for a real Home Assistant to say.
package hatest

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// Effect is what Home Assistant does about a finding.
type Effect uint8

// The effects, the mildest first.
const (
	Accepted         Effect = iota // it takes it, and something is lost or will be
	ComponentRefused               // an error in its log, and this component does not appear
	PayloadRefused                 // a warning in its log, and nothing of the payload appears
)

// Finding is one thing that is wrong with a payload.
type Finding struct {
	Effect    Effect
	Component string // its key, empty for what stands outside of the components
	Key       string // where, empty for the whole
	Text      string
}

// String names the place and what is wrong there.
func (f Finding) String() string {
	where := f.Key
	switch {
	case f.Component != "" && f.Key != "":
		where = f.Component + "." + f.Key
	case f.Component != "":
		where = f.Component
	}
	if where == "" {
		return f.Text
	}
	return where + ": " + f.Text
}

// discoveryTopic is a device's. Home Assistant's prefix may be anything.
var discoveryTopic = regexp.MustCompile(`^[^+#\x00]+/device/(?:[a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config$`)

// Check is what is wrong with a payload on its discovery topic, in the order of the payload's places. An
// empty payload, which removes the device, is always right.
func Check(topic string, payload []byte) []Finding {
	c := &checker{}
	if !discoveryTopic.MatchString(topic) {
		c.add(PayloadRefused, "", "not a topic of device discovery, such as homeassistant/device/phone2mqtt_001fc11a8b6c/config")
	}
	if len(payload) == 0 {
		return c.findings
	}
	var root map[string]any
	if err := json.Unmarshal(payload, &root); err != nil || root == nil {
		c.add(PayloadRefused, "", "not a JSON object")
		return c.findings
	}
	c.root(root)
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Component, b.Component), cmp.Compare(a.Key, b.Key))
	})
	return c.findings
}

// checker collects findings.
type checker struct {
	component string // that is being checked
	findings  []Finding
}

func (c *checker) add(effect Effect, key, text string) {
	c.findings = append(c.findings, Finding{effect, c.component, key, text})
}

// rule says what is wrong with a value, or nothing.
type rule func(value any) string

// What Home Assistant takes, though it is nothing to write.
const (
	isEmpty     = "empty"
	isNumber    = "a number where a text belongs"
	hasWildcard = "listens with a wildcard"
	isRecent    = "known to versions of 2026 only"
)

// effect is what a wrong value does where others have this effect.
func effect(wrong string, others Effect) Effect {
	for _, taken := range []string{isEmpty, isNumber, hasWildcard, isRecent} {
		if strings.HasSuffix(wrong, taken) {
			return Accepted
		}
	}
	return others
}

// dictionary checks an object against the keys that it may have. Outside of the components both an
// unknown key and a bad value refuse the whole payload.
func (c *checker) dictionary(at string, object map[string]any, known map[string]rule, required ...string) {
	for _, key := range required {
		if _, ok := object[key]; !ok {
			c.add(PayloadRefused, at+key, "missing")
		}
	}
	for key, value := range object {
		check, ok := known[key]
		if !ok {
			c.add(PayloadRefused, at+key, "not a key that is known here")
		} else if wrong := check(value); wrong != "" {
			c.add(effect(wrong, PayloadRefused), at+key, wrong)
		}
	}
}
