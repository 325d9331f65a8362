package homeassistant

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// What is read of a kept payload: many times what this program writes.
const (
	longestKept = 256 << 10
	mostRetired = 100
)

// Ours tells whether what the broker keeps on a discovery topic was surely written by this site, at any
// time: the topic has its id, and the payload listens to its topics. Then mac is the announced phone,
// empty for the bridge itself. An empty payload is nobody's.
//
// Two sites may have the same id, as `a/b` and `a_b` do; they never have the same topics.
func (d *Discovery) Ours(topic string, payload []byte) (mac phone.MAC, ours bool) {
	of, ok := d.announced(topic)
	if !ok || len(payload) > longestKept {
		return "", false
	}
	if of == bridgeID {
		var state string
		return "", readMember(payload, "state_topic", &state) && state == d.bridgeInfo()
	}
	mac, err := phone.ParseMAC(of)
	if err != nil || string(mac) != of {
		return "", false
	}
	var availability []topicJSON
	ours = readMember(payload, "availability", &availability) &&
		slices.Equal(availability, d.availability(of))
	if !ours {
		return "", false
	}
	return mac, true
}

// announced is what stands after our root in a discovery topic.
func (d *Discovery) announced(topic string) (of string, ok bool) {
	of, ok = strings.CutPrefix(topic, d.site.Prefix+"/device/"+d.root+"_")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(of, "/config")
}

// readMember reads one member of a JSON object into v, and nothing that comes after it. A payload may be
// anything: whoever may publish may have written it.
func readMember(object []byte, name string, v any) bool {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		return false
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return false
		}
		if key == name {
			return decoder.Decode(v) == nil
		}
		var passed json.RawMessage
		if decoder.Decode(&passed) != nil {
			return false
		}
	}
	return false
}

// Retired are the components of a payload that the broker keeps, one of [Discovery.Ours], which this
// program does not announce: another version did. They are for [Discovery.Phone], once: those that are
// in the payload without more than their platform have been removed already.
func (d *Discovery) Retired(kept []byte) []Component {
	var components map[string]map[string]any
	if len(kept) > longestKept || !readMember(kept, "components", &components) {
		return nil
	}
	var retired []Component
	for key, members := range components {
		platform, ok := members["platform"].(string)
		if ok && len(members) > 1 && d.retirable(key, platform) {
			retired = append(retired, Component{key, platform})
		}
	}
	slices.SortFunc(retired, func(a, b Component) int { return strings.Compare(a.Key, b.Key) })
	return retired[:min(len(retired), mostRetired)]
}

var componentKey = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

// retirable tells whether a component is one that some version may have announced and this one does
// not. An unknown platform would make Home Assistant refuse the whole payload.
func (d *Discovery) retirable(key, platform string) bool {
	return !d.announces[key] && slices.Contains(platforms, platform) && componentKey.MatchString(key)
}
