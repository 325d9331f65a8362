package main

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// blueprint is the part of a blueprint that describes it. The schema is closed: home-assistant.io,
// "Blueprint schema".
type blueprint struct {
	Name          string `yaml:"name"`
	Description   string `yaml:"description"`
	Domain        string `yaml:"domain"`
	Author        string `yaml:"author"`
	HomeAssistant struct {
		MinVersion string `yaml:"min_version"`
	} `yaml:"homeassistant"`
	SourceURL string                    `yaml:"source_url"`
	Input     map[string]blueprintInput `yaml:"input"`
}

// blueprintInput is an input, or a section of inputs.
type blueprintInput struct {
	Name        string                    `yaml:"name"`
	Description string                    `yaml:"description"`
	Icon        string                    `yaml:"icon"`
	Collapsed   bool                      `yaml:"collapsed"`
	Default     any                       `yaml:"default"`
	Selector    map[string]yaml.Node      `yaml:"selector"`
	Input       map[string]blueprintInput `yaml:"input"`
}

// entityFilter is what an entity selector lets people choose from.
type entityFilter struct {
	Filter []struct {
		Integration string `yaml:"integration"`
		Domain      any    `yaml:"domain"`
		DeviceClass string `yaml:"device_class"`
	} `yaml:"filter"`
}

// automation is what a blueprint does: nodes, because of the tag !input.
type automation struct {
	whole map[string]yaml.Node
	about blueprint
	flat  map[string]blueprintInput
}

func readBlueprints(t *testing.T) map[string]automation {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(repository, blueprintDirectory, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no blueprints in %s: %v", blueprintDirectory, err)
	}
	read := make(map[string]automation)
	for _, path := range paths {
		name := filepath.Base(path)
		text := readDocument(t, filepath.Join(blueprintDirectory, name))
		a := automation{flat: make(map[string]blueprintInput)}
		if err := yaml.Unmarshal([]byte(text), &a.whole); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		about := a.whole["blueprint"]
		description, err := yaml.Marshal(&about)
		if err != nil {
			t.Fatal(err)
		}
		strict := yaml.NewDecoder(strings.NewReader(string(description)))
		strict.KnownFields(true)
		if err := strict.Decode(&a.about); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for key, input := range a.about.Input {
			if input.Input == nil {
				a.flat[key] = input
			}
			maps.Copy(a.flat, input.Input)
		}
		read[name] = a
	}
	return read
}

// eachNode calls visit for every node of the automation itself.
func (a automation) eachNode(visit func(*yaml.Node)) {
	var walk func(*yaml.Node)
	walk = func(node *yaml.Node) {
		visit(node)
		for _, child := range node.Content {
			walk(child)
		}
	}
	for key, node := range a.whole {
		if key != "blueprint" {
			walk(&node)
		}
	}
}

// member is the value of a key, nil where there is none.
func member(node *yaml.Node, key string) *yaml.Node {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// scalars are the values of a scalar, or of a list of them.
func scalars(node *yaml.Node) []string {
	if node == nil {
		return nil
	}
	if node.Kind == yaml.ScalarNode {
		return []string{node.Value}
	}
	var values []string
	for _, child := range node.Content {
		values = append(values, child.Value)
	}
	return values
}
