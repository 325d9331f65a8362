package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/phone2mqtt/phone2mqtt/bridge/homeassistant"
)

// The card, and what documents show of Home Assistant, are held to the program. The blueprints are too: see
// blueprints_test.go.

// exampleIDs are the entity ids of a phone called Kitchen: Home Assistant makes them of the names of
// device and entity.
func exampleIDs() map[string]bool {
	ids := make(map[string]bool)
	for _, e := range homeassistant.PhoneEntities() {
		ids[e.Platform+".kitchen_"+strings.ReplaceAll(strings.ToLower(e.Name), " ", "_")] = true
	}
	return ids
}

var entityID = regexp.MustCompile(`\b(?:binary_sensor|button|event|notify|sensor|switch|text)\.kitchen_\w+`)

// TestCard looks up the entities of the card, and that it needs no card that Home Assistant lacks.
func TestCard(t *testing.T) {
	text := readDocument(t, "examples/home-assistant/card.yaml")
	var card yaml.Node
	if err := yaml.Unmarshal([]byte(text), &card); err != nil {
		t.Fatal(err)
	}
	types := []string{"button", "conditional", "entities", "horizontal-stack", "vertical-stack"}
	known := exampleIDs()
	shown := 0
	var walk func(*yaml.Node)
	walk = func(node *yaml.Node) {
		if kind := member(node, "type"); kind != nil && !slices.Contains(types, kind.Value) {
			t.Errorf("line %d: %s is no card that Home Assistant brings along", kind.Line, kind.Value)
		}
		if entity := member(node, "entity"); entity != nil {
			shown++
			if !known[entity.Value] {
				t.Errorf("line %d: there is no %s", entity.Line, entity.Value)
			}
			if member(node, "condition") != nil {
				checkCondition(t, node, entity.Value)
			}
		}
		for _, child := range node.Content {
			walk(child)
		}
	}
	walk(&card)
	if shown == 0 {
		t.Error("the card shows no entity")
	}
}

// checkCondition compares the state that a part of the card depends on with those of its entity.
func checkCondition(t *testing.T, node *yaml.Node, entity string) {
	t.Helper()
	states := []string{"on", "off"}
	if entity == "sensor.kitchen_call" {
		states = callStates()
	}
	for _, key := range []string{"state", "state_not"} {
		for _, state := range scalars(member(node, key)) {
			if !slices.Contains(states, state) {
				t.Errorf("line %d: %s is never %s", node.Line, entity, state)
			}
		}
	}
}

// TestDocumentedEntityIDs finds ids of the example phone that it does not have.
func TestDocumentedEntityIDs(t *testing.T) {
	known := exampleIDs()
	found := 0
	for name, text := range documents(t) {
		for _, id := range entityID.FindAllString(text, -1) {
			found++
			if !known[id] {
				t.Errorf("%s: there is no %s", name, id)
			}
		}
	}
	if found == 0 {
		t.Error("no document shows an entity id")
	}
}
