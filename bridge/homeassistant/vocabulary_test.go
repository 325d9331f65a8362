package homeassistant

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Whatever an entity can send is a command that this program understands.
func TestCommandsAreKnown(t *testing.T) {
	told := make(map[string]bool)
	for _, e := range PhoneEntities() {
		if e.json.CommandTopic == "" {
			continue
		}
		rest, ok := strings.CutPrefix(e.json.CommandTopic, "set")
		if !ok {
			t.Errorf("%s publishes to %s", e.Key, e.json.CommandTopic)
		}
		sent := []string{e.json.PayloadPress, e.json.PayloadOn, e.json.PayloadOff}
		if e.Platform == text || e.Platform == notify {
			sent = []string{"+49 (0)30/123-45.6*7#"}
		}
		for _, payload := range sent {
			if payload == "" {
				continue
			}
			c, err := phone.ParseCommand(strings.TrimPrefix(rest, "/"), []byte(payload))
			if err != nil {
				t.Errorf("%s sends %s to %s: %v", e.Key, payload, e.json.CommandTopic, err)
			}
			told[c.Name] = true
		}
	}
	// The rest takes arguments that no entity can give: see docs/topics.md.
	for _, row := range phone.Commands() {
		if without := slices.Contains([]string{"key", "transfer", "dtmf"}, row.Name); without == told[row.Name] {
			t.Errorf("an entity tells %s: %v", row.Name, told[row.Name])
		}
	}
}

func TestEveryEventIsOffered(t *testing.T) {
	var offered []string
	for _, e := range PhoneEntities() {
		if e.Key == "call_event" {
			offered = e.json.EventTypes
		}
	}
	var all []string
	for n := phone.NoEvent + 1; n.String() != ""; n++ {
		all = append(all, n.String())
	}
	if diff := cmp.Diff(all, offered); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEveryStateIsAnOption(t *testing.T) {
	want := []string{"idle", "ringing", "dialing", "talking", "on_hold"}
	if diff := cmp.Diff(want, callStates()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

var (
	member     = regexp.MustCompile(`value_json\.([a-z_]+)`)
	callMember = regexp.MustCompile(`\.get\('([a-z_]+)'`)
)

// A template asks for nothing that the topic it reads does not hold.
func TestTemplatesAskForWhatIsThere(t *testing.T) {
	ended := phone.Call{Direction: phone.Incoming, EndedAt: time.Unix(1, 0)}
	state := members(t, payload.State(phone.State{Ended: []phone.Call{ended}}, "", ""))
	objects := map[string]map[string]any{
		stateTopic: state,
		eventTopic: members(t, payload.Event("", phone.Change{}, phone.Idle, "")),
		"info":     members(t, payload.Bridge{}.JSON()),
	}
	lastCall, _ := state["last_call"].(map[string]any)
	for _, e := range slices.Concat(PhoneEntities(), BridgeEntities()) {
		topic := e.json.StateTopic + e.json.Topic
		for _, template := range []string{e.json.ValueTemplate, e.json.AttributesTemplate} {
			for _, asked := range member.FindAllStringSubmatch(template, -1) {
				if _, ok := objects[topic][asked[1]]; !ok {
					t.Errorf("%s asks for %s, which %s does not hold", e.Key, asked[1], topic)
				}
			}
			for _, asked := range callMember.FindAllStringSubmatch(template, -1) {
				if _, ok := lastCall[asked[1]]; !ok {
					t.Errorf("%s asks for %s, which no call has", e.Key, asked[1])
				}
			}
		}
	}
}

func members(t *testing.T, object []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(object, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestKeysAreUnique(t *testing.T) {
	for of, entities := range map[string][]Entity{"phone": PhoneEntities(), "bridge": BridgeEntities()} {
		seen := make(map[string]bool)
		for _, e := range entities {
			if seen[e.Key] || seen[e.Name+" "+e.Platform] {
				t.Errorf("%s: %s or %q twice", of, e.Key, e.Name)
			}
			seen[e.Key], seen[e.Name+" "+e.Platform] = true, true
		}
	}
}
