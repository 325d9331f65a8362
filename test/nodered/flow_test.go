package nodered

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// examples is where the flows lie.
const examples = "../../examples/node-red"

// node is one node of an exported flow, with whatever it holds.
type node map[string]any

// text is a member, empty when it is none or no text.
func (n node) text(member string) string {
	text, _ := n[member].(string)
	return text
}

func (n node) id() string   { return n.text("id") }
func (n node) kind() string { return n.text("type") }

// next are the nodes that its wires lead to.
func (n node) next() []string {
	var ids []string
	ports, _ := n["wires"].([]any)
	for _, port := range ports {
		wires, _ := port.([]any)
		for _, wire := range wires {
			id, _ := wire.(string)
			ids = append(ids, id)
		}
	}
	return ids
}

// flow is what one file holds.
type flow []node

// find is the node with that id, nil without one.
func (f flow) find(id string) node {
	i := slices.IndexFunc(f, func(n node) bool { return n.id() == id })
	if i < 0 {
		return nil
	}
	return f[i]
}

// of are the nodes of a type.
func (f flow) of(kind string) []node {
	return slices.DeleteFunc(slices.Clone(f), func(n node) bool { return n.kind() != kind })
}

// after are the nodes that a message from this one can reach.
func (f flow) after(from node) flow {
	var reached flow
	waiting := from.next()
	for len(waiting) > 0 {
		n := f.find(waiting[0])
		waiting = waiting[1:]
		if n != nil && reached.find(n.id()) == nil {
			reached = append(reached, n)
			waiting = append(waiting, n.next()...)
		}
	}
	return reached
}

func readFlow(t *testing.T, name string) flow {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var f flow
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return f
}

// flowNames are the names of all examples.
func flowNames(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(examples, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no flows in %s: %v", examples, err)
	}
	var names []string
	for _, path := range paths {
		names = append(names, strings.TrimSuffix(filepath.Base(path), ".json"))
	}
	return names
}
