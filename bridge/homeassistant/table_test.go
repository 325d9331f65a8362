package homeassistant

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	document   = "../../docs/home-assistant.md"
	tableBegin = "<!-- the tables of the code, written by go test ./bridge/homeassistant -update -->\n"
	tableEnd   = "<!-- end of the tables -->\n"
)

// The document shows the entities that the program announces.
func TestDocumentedEntities(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegin)
	got, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s has no %q and %q", document, tableBegin, tableEnd)
	}
	want := "\n" + table("of a phone", PhoneEntities()) + "\n" + table("of the bridge", BridgeEntities()) + "\n"
	if *update {
		if err := os.WriteFile(document, []byte(before+tableBegin+want+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", document, diff)
	}
}

// table is Markdown, a row of numbered keys in one line.
func table(of string, entities []Entity) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | kind | key | what it shows or does | at first |\n|---|---|---|---|---|\n", of)
	for i := 0; i < len(entities); i++ {
		first, last := entities[i], entities[i]
		for i+1 < len(entities) && entities[i+1].Platform == button && entities[i+1].Does == first.Does {
			i++
			last = entities[i]
		}
		name, key := first.Name, "`"+first.Key+"`"
		if last.Key != first.Key {
			name += " … " + strings.TrimLeft(last.Name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ")
			key += " … `" + last.Key + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, kind(first.Platform), key, first.Does, map[bool]string{true: "disabled"}[first.Disabled])
	}
	return b.String()
}

func kind(platform string) string {
	if platform == trigger {
		return "device trigger"
	}
	return strings.ReplaceAll(platform, "_", " ")
}
