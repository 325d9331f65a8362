package phone

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the code says into docs/calls.md")

const callsDocument = "../docs/calls.md"

// holdDocument compares a part of docs/calls.md, between marks, with what the code says.
func holdDocument(t *testing.T, part, want string) {
	t.Helper()
	text, err := os.ReadFile(callsDocument)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := fmt.Sprintf("<!-- %s -->\n", part), fmt.Sprintf("\n<!-- end of %s -->", part)
	before, rest, found := strings.Cut(string(text), begin)
	got, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("docs/calls.md has no part %q", part)
	}
	if got == want {
		return
	}
	if !*update {
		t.Errorf("docs/calls.md, %s: run this test with -update.\ngot\n%s\nwant\n%s", part, got, want)
		return
	}
	if err := os.WriteFile(callsDocument, []byte(before+begin+want+end+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDocumentedPicture holds the picture of the call machine to the rules.
func TestDocumentedPicture(t *testing.T) {
	arrows := make(map[string][]string)
	draw := func(from, to CallState, e EventType) {
		if from != to {
			arrow := fmt.Sprintf("%s --> %s", orWord(string(from), "[*]"), orWord(string(to), "[*]"))
			arrows[arrow] = append(arrows[arrow], e.String())
		}
	}
	for e, rule := range callRules {
		draw("", rule.begins, EventType(e))
		for _, from := range slices.Concat(rule.means...) {
			switch {
			case rule.ends != goesOn:
				draw(from, "", EventType(e))
			case rule.to != "":
				draw(from, rule.to, EventType(e))
			}
		}
	}
	lines := []string{"```mermaid", "stateDiagram-v2"}
	for _, arrow := range slices.Sorted(maps.Keys(arrows)) {
		lines = append(lines, fmt.Sprintf("    %s: %s", arrow, strings.Join(arrows[arrow], ", ")))
	}
	holdDocument(t, "picture", strings.Join(append(lines, "```"), "\n"))
}

// TestDocumentedRules holds the table of events to the rules.
func TestDocumentedRules(t *testing.T) {
	lines := []string{
		"| event | without an id it means | else begins | the call becomes | unanswered, it ended as |",
		"|---|---|---|---|---|",
	}
	for e, rule := range callRules {
		if !rule.aboutCalls() {
			continue
		}
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s | %s | %s |", EventType(e), rule.meansText(),
			code(string(rule.begins)), code(string(rule.to)), rule.endsText()))
	}
	holdDocument(t, "rules", strings.Join(lines, "\n"))
}

func (r *callRule) meansText() string {
	var groups []string
	for _, g := range r.means {
		var states []string
		for _, state := range g {
			states = append(states, string(state))
		}
		groups = append(groups, strings.Join(states, " and "))
	}
	text := strings.Join(groups, ", then ")
	if r.every {
		return "every call: " + text
	}
	return text
}

func (r *callRule) endsText() string {
	if r.ends == goesOn {
		return ""
	}
	results := endings[r.ends]
	in, out := orWord(string(results.incoming), "unknown"), orWord(string(results.outgoing), "unknown")
	switch {
	case in == out:
		return code(in)
	case len(r.means) == 1 && len(r.means[0]) == 1 && r.means[0][0] == Ringing:
		return code(in)
	case len(r.means) == 1 && len(r.means[0]) == 1:
		return code(out)
	}
	return code(in) + " in, " + code(out) + " out"
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
