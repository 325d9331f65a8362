package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/phone2mqtt/phone2mqtt/bridge/homeassistant"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// The blueprints are held to the program: every entity, attribute, event, state, topic and
// command in them has to be one that it has. That they do what they say is tried in a real Home Assistant.

const (
	blueprintDirectory = "examples/home-assistant/blueprints"
	published          = "https://raw.githubusercontent.com/phone2mqtt/phone2mqtt/main/"
)

// announced are the components of a phone as Home Assistant gets them.
func announced(t *testing.T) map[string]map[string]any {
	t.Helper()
	site := homeassistant.New(homeassistant.Site{Prefix: "homeassistant", Base: "phone2mqtt"})
	var payload struct {
		Components map[string]map[string]any `json:"components"`
	}
	if err := json.Unmarshal(site.Phone(homeassistant.Device{MAC: vendor}), &payload); err != nil {
		t.Fatal(err)
	}
	return payload.Components
}

func callStates() []string {
	var states []string
	for _, s := range []phone.CallState{phone.Idle, phone.Ringing, phone.Dialing, phone.Talking, phone.OnHold} {
		states = append(states, string(s))
	}
	return states
}

// unknowns are the states that Home Assistant gives to every entity.
var unknowns = []string{"unavailable", "unknown"}

// TestBlueprintHeads compares what blueprints say of themselves with where they are, and every input
// that asks for an entity of a phone with that entity.
func TestBlueprintHeads(t *testing.T) {
	entities := make(map[string]homeassistant.Entity)
	for _, e := range homeassistant.PhoneEntities() {
		entities[e.Key] = e
	}
	components := announced(t)
	phoneInputs := 0
	for name, a := range readBlueprints(t) {
		if a.about.Domain != "automation" || a.about.Name == "" || a.about.Description == "" {
			t.Errorf("%s: domain %q, name %q, description %q", name, a.about.Domain, a.about.Name, a.about.Description)
		}
		// 2024.10 brought the keys triggers, conditions and actions, and `trigger:` in place of `platform:`.
		if v := a.about.HomeAssistant.MinVersion; v != "2024.10.0" {
			t.Errorf("%s: min_version %q", name, v)
		}
		if want := published + blueprintDirectory + "/" + name; a.about.SourceURL != want {
			t.Errorf("%s: source_url %s, want %s", name, a.about.SourceURL, want)
		}
		for key, input := range a.flat {
			if input.Name == "" || len(input.Selector) != 1 {
				t.Errorf("%s: input %s has no name, or not one selector", name, key)
			}
			node := input.Selector["entity"]
			var selector entityFilter
			if err := node.Decode(&selector); err != nil {
				t.Errorf("%s: input %s: %v", name, key, err)
			}
			for _, filter := range selector.Filter {
				if filter.Integration != "mqtt" {
					continue
				}
				phoneInputs++
				e, known := entities[key]
				class, _ := components[key]["device_class"].(string)
				if !known || e.Platform != filter.Domain || filter.DeviceClass != "" && filter.DeviceClass != class {
					t.Errorf("%s: input %s asks for a %v of class %q; the program has %q of class %q", name, key, filter.Domain, filter.DeviceClass, e.Platform, class)
				}
				if !strings.Contains(input.Description, fmt.Sprintf("%q", e.Name)) {
					t.Errorf("%s: input %s: the description does not name the entity %q", name, key, e.Name)
				}
			}
		}
	}
	if phoneInputs == 0 {
		t.Error("no input asks for an entity of a phone")
	}
}

// TestBlueprintKeys finds keys that Home Assistant has done away with, and inputs that are not asked for
// or not used.
func TestBlueprintKeys(t *testing.T) {
	keys := []string{"actions", "blueprint", "conditions", "max", "max_exceeded", "mode", "trigger_variables", "triggers", "variables"}
	deprecated := []string{"service", "service_template", "data_template", "platform", "entity_id_template"}
	for name, a := range readBlueprints(t) {
		for key := range a.whole {
			if !slices.Contains(keys, key) {
				t.Errorf("%s: key %s", name, key)
			}
		}
		for _, key := range []string{"mode", "triggers", "actions"} {
			if _, there := a.whole[key]; !there {
				t.Errorf("%s: no key %s", name, key)
			}
		}
		used := make(map[string]bool)
		a.eachNode(func(node *yaml.Node) {
			if node.Tag == "!input" {
				used[node.Value] = true
			}
			for _, key := range deprecated {
				if member(node, key) != nil {
					t.Errorf("%s: line %d: deprecated key %s", name, node.Line, key)
				}
			}
		})
		if diff := cmp.Diff(slices.Sorted(maps.Keys(a.flat)), slices.Sorted(maps.Keys(used))); diff != "" {
			t.Errorf("%s: inputs (-asked for +used):\n%s", name, diff)
		}
	}
}

// TestBlueprintWords looks up every word that a template quotes.
func TestBlueprintWords(t *testing.T) {
	// Home Assistant's: states, filters and tests, attributes, and the button that was pressed in its app.
	known := append([]string{"on", "off", "home", "playing", "paused", "pause", "lower",
		"eq", "in", "is_state", "regex_replace", "states", "string", "volume_level", "action"}, unknowns...)
	known = append(known, callStates()...)
	for event := phone.SetupCompleted; event.String() != ""; event++ {
		known = append(known, event.String())
	}
	for _, r := range []phone.Result{phone.Answered, phone.Missed, phone.Rejected, phone.Forwarded, phone.Elsewhere} {
		known = append(known, string(r))
	}
	known = append(known, eventMembers(t)...)
	known = append(known, callAttributes(t)...)

	quotedWord := regexp.MustCompile(`'([a-z][a-z0-9_]*)'(:)?`)
	for name, a := range readBlueprints(t) {
		triggers := a.whole["triggers"]
		ids := make(map[string]bool)
		for _, trigger := range triggers.Content {
			if id := member(trigger, "id"); id != nil {
				ids[id.Value] = true
			}
		}
		checked := 0
		a.eachNode(func(node *yaml.Node) {
			if node.Kind != yaml.ScalarNode || !strings.Contains(node.Value, "{{") {
				return
			}
			for _, match := range quotedWord.FindAllStringSubmatch(node.Value, -1) {
				checked++
				define := match[2] != ""
				if !define && !ids[match[1]] && !slices.Contains(known, match[1]) {
					t.Errorf("%s: line %d: nothing is called %s", name, node.Line, match[1])
				}
			}
		})
		if checked == 0 {
			t.Errorf("%s: no template quotes a word", name)
		}
	}
}

// eventMembers are the members of the event object, the golden of which package payload holds to the
// program.
func eventMembers(t *testing.T) []string {
	t.Helper()
	var event map[string]any
	if err := json.Unmarshal([]byte(readDocument(t, "bridge/payload/testdata/event_ended.json")), &event); err != nil {
		t.Fatal(err)
	}
	return slices.Collect(maps.Keys(event))
}

// callAttributes are the attributes of the sensor Call.
func callAttributes(t *testing.T) []string {
	t.Helper()
	template, _ := announced(t)["call"]["json_attributes_template"].(string)
	var attributes []string
	for _, match := range regexp.MustCompile(`'(\w+)':`).FindAllStringSubmatch(template, -1) {
		attributes = append(attributes, match[1])
	}
	if len(attributes) == 0 {
		t.Fatalf("no attributes in the template of Call: %s", template)
	}
	return attributes
}

// TestBlueprintTriggers compares the states that triggers wait for with those of their entities.
func TestBlueprintTriggers(t *testing.T) {
	states := map[string][]string{"call": callStates(), "call_event": nil, "dnd": {"on", "off"}, "helper": {"on", "off"}}
	onState := 0
	for name, a := range readBlueprints(t) {
		triggers := a.whole["triggers"]
		for _, trigger := range triggers.Content {
			entity := member(trigger, "entity_id")
			if entity == nil {
				continue
			}
			onState++
			known, ok := states[entity.Value]
			if !ok || entity.Tag != "!input" {
				t.Errorf("%s: line %d: a trigger on %s", name, entity.Line, entity.Value)
			}
			known = slices.Concat(known, unknowns)
			for _, key := range []string{"from", "to", "not_from", "not_to"} {
				for _, state := range scalars(member(trigger, key)) {
					if !slices.Contains(known, state) {
						t.Errorf("%s: line %d: %s %s, but %s has only %q", name, trigger.Line, key, state, entity.Value, known)
					}
				}
			}
			// Without one of these an entity that becomes available again would look like news.
			if name != "busy_light.yaml" && member(trigger, "from") == nil && member(trigger, "not_from") == nil {
				t.Errorf("%s: line %d: a trigger that takes what comes out of unavailable", name, trigger.Line)
			}
		}
	}
	if onState == 0 {
		t.Error("no blueprint has a trigger on a state")
	}
	var busy struct {
		Options []struct {
			Value string `yaml:"value"`
		} `yaml:"options"`
	}
	offered := readBlueprints(t)["busy_light.yaml"].flat["busy_states"].Selector["select"]
	if err := offered.Decode(&busy); err != nil {
		t.Fatal(err)
	}
	for _, option := range busy.Options {
		if !slices.Contains(callStates(), option.Value) {
			t.Errorf("busy_light.yaml: no call state is called %s", option.Value)
		}
	}
}

// TestBlueprintTopics looks for the commands that blueprints publish.
func TestBlueprintTopics(t *testing.T) {
	command := regexp.MustCompile(`^\{\{ base \}\}/\{\{ state_attr\(\w+, 'mac'\) \}\}/set/(\w+)$`)
	found := 0
	for name, a := range readBlueprints(t) {
		a.eachNode(func(node *yaml.Node) {
			topic := member(node, "topic")
			if topic == nil {
				return
			}
			found++
			match := command.FindStringSubmatch(topic.Value)
			if match == nil || !slices.ContainsFunc(phone.Commands(), func(row phone.CommandRow) bool { return row.Name == match[1] }) {
				t.Errorf("%s: there is no topic %s", name, topic.Value)
			}
			if qos := member(node, "qos"); qos == nil || qos.Value != "1" || member(node, "retain") != nil {
				t.Errorf("%s: line %d: a command is sent with QoS 1, and never retained", name, node.Line)
			}
			if base := a.flat["base"].Default; base != "phone2mqtt" {
				t.Errorf("%s: the topic root is %v unless set otherwise", name, base)
			}
		})
	}
	if found == 0 {
		t.Error("no blueprint publishes a command")
	}
}

// TestBlueprintImports compares the import links of the document with the blueprints there are.
func TestBlueprintImports(t *testing.T) {
	var want, got []string
	for _, a := range readBlueprints(t) {
		want = append(want, a.about.SourceURL)
	}
	const redirect = `https://my\.home-assistant\.io/redirect/blueprint_import/\?(blueprint_url=[^)\s]+)`
	for _, match := range regexp.MustCompile(redirect).FindAllStringSubmatch(readDocument(t, "docs/home-assistant.md"), -1) {
		query, err := url.ParseQuery(match[1])
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, query.Get("blueprint_url"))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("import links in docs/home-assistant.md (-blueprints +document):\n%s", diff)
	}
	for _, source := range got {
		if _, err := os.Stat(filepath.Join(repository, strings.TrimPrefix(source, published))); err != nil {
			t.Error(err)
		}
	}
}
