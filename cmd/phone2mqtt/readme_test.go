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

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// README.md is the first thing that users see of the program, so its tables are held to the tables
// that the program itself ranges over.

// repository is its top directory, as tests see it.
const repository = "../.."

func readDocument(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readmeTable is the rows of the README table whose head begins with these columns, without backquotes.
func readmeTable(t *testing.T, columns ...string) [][]string {
	t.Helper()
	lines := strings.Split(readDocument(t, "README.md"), "\n")
	head := slices.IndexFunc(lines, func(line string) bool { return slices.Equal(tableCells(line), columns) })
	if head < 0 {
		t.Fatalf("README.md has no table with the columns %q", columns)
	}
	var rows [][]string
	for _, line := range lines[head+2:] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		rows = append(rows, tableCells(line))
	}
	return rows
}

func tableCells(line string) []string {
	if !strings.HasPrefix(line, "|") {
		return nil
	}
	found := strings.Split(strings.Trim(line, "|"), "|")
	for i, cell := range found {
		found[i] = strings.TrimSpace(strings.ReplaceAll(cell, "`", ""))
	}
	return found
}

// leftColumns are the rows without the columns after the n-th, which only README.md has.
func leftColumns(n int, rows [][]string) [][]string {
	for i := range rows {
		rows[i] = rows[i][:min(n, len(rows[i]))]
	}
	return rows
}

func TestREADMEVariables(t *testing.T) {
	var want [][]string
	for _, v := range variables {
		want = append(want, []string{v.name, v.fallback, v.meaning})
	}
	if diff := cmp.Diff(want, readmeTable(t, "variable", "default", "meaning")); diff != "" {
		t.Errorf("config_table.go and README.md differ (-program +README):\n%s", diff)
	}
}

func TestREADMEEvents(t *testing.T) {
	const none = "–"
	var want [][]string
	for _, row := range phone.Events() {
		code, needed := none, ""
		if row.PCode != 0 {
			code = fmt.Sprintf("P%d", row.PCode)
		}
		if row.Essential {
			needed = "yes"
		}
		want = append(want, []string{row.Slug, row.Label, code, needed})
	}
	// The derived events stand behind those of the phones.
	for derived := phone.VPNIP + 1; derived.String() != ""; derived++ {
		want = append(want, []string{derived.String(), none, none, ""})
	}
	got := leftColumns(4, readmeTable(t, "event", "label on the phone", "P-code", "needed", "tells"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the events of package phone and of README.md differ (-program +README):\n%s", diff)
	}
}

func TestREADMECommands(t *testing.T) {
	var want, got [][]string
	for _, row := range phone.Commands() {
		want = append(want, []string{row.Name, row.Allowed, row.Guard.String()})
	}
	for _, row := range readmeTable(t, "command", "argument", "sent to the phone", "guard") {
		got = append(got, []string{row[0], row[1], row[len(row)-1]})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the commands of package phone and of README.md differ (-program +README):\n%s", diff)
	}
}

// TestREADMELinks follows every link that does not leave the repository, headings included.
func TestREADMELinks(t *testing.T) {
	text := readDocument(t, "README.md")
	headings := make(map[string]bool)
	for _, match := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		headings[anchor(match[1])] = true
	}
	links := regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1)
	if len(links) == 0 {
		t.Fatal("README.md has no links")
	}
	for _, match := range links {
		link, err := url.Parse(match[1])
		switch {
		case err != nil:
			t.Errorf("link %s: %v", match[1], err)
		case link.IsAbs():
		case link.Path == "" && !headings[link.Fragment]:
			t.Errorf("link %s: README.md has no such heading", match[1])
		case link.Path != "":
			if _, err := os.Stat(filepath.Join(repository, link.Path)); err != nil {
				t.Errorf("link %s: %v", match[1], err)
			}
		}
	}
}

// anchor is the name that a heading gets in a rendered page.
func anchor(heading string) string {
	kept := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(kept, " ", "-")
}

// TestVariableNames finds names that the program would refuse, wherever users copy them from.
func TestVariableNames(t *testing.T) {
	known := make(map[string]bool)
	for _, v := range variables {
		known[prefix+"_"+v.name] = true
	}
	full := regexp.MustCompile(prefix + `_[A-Z0-9_]+`)
	for _, path := range []string{"README.md", "CHANGELOG.md", "docker-compose.yml", "Dockerfile", "examples/mosquitto/mosquitto.conf"} {
		for _, name := range full.FindAllString(readDocument(t, path), -1) {
			if !known[name] {
				t.Errorf("%s: there is no variable %s", path, name)
			}
		}
	}
	// README.md mostly leaves the prefix out. Keys of the phone look the same.
	for _, match := range regexp.MustCompile("`([A-Z]+(?:_[A-Z]+)+)(?:=[a-z]+)?`").FindAllStringSubmatch(readDocument(t, "README.md"), -1) {
		if _, err := phone.ParseKey(match[1]); err != nil && !known[prefix+"_"+match[1]] {
			t.Errorf("README.md: there is neither a variable nor a key %s", match[1])
		}
	}
}

// TestREADMEPayloads compares the examples with what the program publishes: not the values, but which
// members there are, so that nobody builds on one that is not.
func TestREADMEPayloads(t *testing.T) {
	broker := startEmbedded(t, "")
	h := startHouse(t, broker.addr, "", nil)
	w := watch(t, broker.addr)
	w.ready(t)
	const call = "&ip=192.168.0.157&call_id=a1&remote=sip:206@192.168.0.1&active_user=201&local=sip:201@192.168.0.1"
	for _, target := range []string{
		"/registered?mac=" + vendor + "&active_user=201&local=sip:201@192.168.0.1",
		"/off_hook?mac=" + vendor,
		"/incoming_call?mac=" + vendor + call + "&model=UC860&firmware=2.0.4.2&display_local=Kitchen&display_remote=Bob",
		"/call_established?mac=" + vendor + call,
	} {
		if status := h.get(t, target); status != 200 {
			t.Fatalf("%s: answered %d", target, status)
		}
	}
	w.publish(t, "phone2mqtt/"+vendor+"/set/clear_missed", `{"transaction":"door-1"}`, false)
	published := map[string]message{
		"State":  w.last(t, vendor+"/state", "talks", func(m message) bool { return m.text("call_state") == "talking" }),
		"Event":  w.nth(t, vendor+"/event", 3),
		"Result": w.nth(t, vendor+"/result", 1),
	}
	examples := regexp.MustCompile("(?s)\n### (\\w+)\n\n```json\n(.*?)```").FindAllStringSubmatch(readDocument(t, "README.md"), -1)
	for _, example := range examples {
		name := example[1]
		if diff := cmp.Diff(memberPaths(t, published[name].payload), memberPaths(t, example[2])); diff != "" {
			t.Errorf("%s: the program and README.md differ (-program +README):\n%s", name, diff)
		}
		delete(published, name)
	}
	if len(published) > 0 {
		t.Errorf("README.md has no example of %q", slices.Sorted(maps.Keys(published)))
	}
}

// memberPaths are the paths of all members of a JSON object.
func memberPaths(t *testing.T, text string) []string {
	t.Helper()
	var object any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var paths []string
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for name, member := range value {
				walk(path+"."+name, member)
			}
		case []any:
			for _, element := range value {
				walk(path+"[]", element)
			}
		default:
			paths = append(paths, path)
		}
	}
	walk("", object)
	slices.Sort(paths)
	return paths
}
