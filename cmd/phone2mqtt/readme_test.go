package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
)

// README.md and docs/ are what users see of the program before they use it, so their tables and examples
// are held to what the program itself ranges over.

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

// table is the rows of the table in a document whose head is these columns, without backquotes.
func table(t *testing.T, document string, columns ...string) [][]string {
	t.Helper()
	lines := strings.Split(readDocument(t, document), "\n")
	head := slices.IndexFunc(lines, func(line string) bool { return slices.Equal(tableCells(line), columns) })
	if head < 0 {
		t.Fatalf("%s has no table with the columns %q", document, columns)
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

// leftColumns are the rows without the columns after the n-th, which only the document has.
func leftColumns(n int, rows [][]string) [][]string {
	for i := range rows {
		rows[i] = rows[i][:min(n, len(rows[i]))]
	}
	return rows
}

func TestDocumentedVariables(t *testing.T) {
	var want [][]string
	for _, v := range variables {
		want = append(want, []string{v.name, v.fallback, v.meaning})
	}
	if diff := cmp.Diff(want, table(t, "docs/configuration.md", "variable", "default", "meaning")); diff != "" {
		t.Errorf("config_table.go and docs/configuration.md differ (-program +document):\n%s", diff)
	}
}

func TestDocumentedEvents(t *testing.T) {
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
	got := leftColumns(4, table(t, "docs/topics.md", "event", "label on the phone", "P-code", "needed", "tells"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the events of package phone and of docs/topics.md differ (-program +document):\n%s", diff)
	}
}

func TestDocumentedCommands(t *testing.T) {
	var want, got [][]string
	for _, row := range phone.Commands() {
		want = append(want, []string{row.Name, row.Allowed, row.Guard.String()})
	}
	for _, row := range table(t, "docs/topics.md", "command", "argument", "sent to the phone", "guard") {
		got = append(got, []string{row[0], row[1], row[len(row)-1]})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the commands of package phone and of docs/topics.md differ (-program +document):\n%s", diff)
	}
}

// phonesFileKeys are the keys that a phone may have in the phones file, as its reader lists them.
func phonesFileKeys(t *testing.T) []string {
	t.Helper()
	_, err := book.ParseFile("x", []byte("phones:\n- 1:"), nil)
	if err == nil {
		t.Fatal("1 is no key of a phone, and was taken for one")
	}
	_, list, found := strings.Cut(err.Error(), "expected one of ")
	if !found {
		t.Fatalf("%v: does not list the keys", err)
	}
	return strings.Split(list, ", ")
}

func TestDocumentedPhonesFile(t *testing.T) {
	text := readDocument(t, "docs/configuration.md")
	example := regexp.MustCompile("(?s)```yaml\n(phones:.*?)```").FindStringSubmatch(text)
	if example == nil {
		t.Fatal("docs/configuration.md has no phones file")
	}
	certificate := readDocument(t, "phone/book/testdata/ca.pem")
	phones, err := book.ParseFile("phones.yaml", []byte(example[1]), func(path string) ([]byte, error) {
		if strings.HasSuffix(path, ".pem") {
			return []byte(certificate), nil
		}
		return []byte("secret\n"), nil
	})
	if err != nil {
		t.Errorf("the example is refused: %v", err)
	}
	if len(phones) != 3 {
		t.Errorf("the example lists %d phones, want 3", len(phones))
	}
	var documented []string
	for _, row := range table(t, "docs/configuration.md", "key", "meaning", "when left out") {
		documented = append(documented, strings.Split(row[0], ", ")...)
	}
	keys := phonesFileKeys(t)
	for _, key := range keys {
		if !strings.Contains(example[1], key+":") {
			t.Errorf("the example does not show %s", key)
		}
	}
	if diff := cmp.Diff(keys, documented); diff != "" {
		t.Errorf("the keys of the phones file (-program +document):\n%s", diff)
	}
}

// TestDocumentedURLs finds printed Action URLs that the program prints otherwise.
func TestDocumentedURLs(t *testing.T) {
	environment(t, map[string]string{"HTTP_URL": "http://192.168.0.2:8090"})
	var printed bytes.Buffer
	if err := urls(nil, &printed, io.Discard); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(printed.String(), "\n")
	shown := 0
	for name, text := range documents(t) {
		for _, line := range regexp.MustCompile(`(?m)^ *([A-Z][A-Za-z ]+ {2,}http://\S+)$`).FindAllStringSubmatch(text, -1) {
			shown++
			if !slices.Contains(lines, line[1]) {
				t.Errorf("%s: the program does not print\n%s", name, line[1])
			}
		}
	}
	if shown == 0 {
		t.Error("no document shows a printed Action URL")
	}
}

func TestDocumentedFlags(t *testing.T) {
	source := readDocument(t, "cmd/phonesim/flags.go")
	var want, got []string
	for _, match := range regexp.MustCompile(`flags\.\w+\((?:&[\w.]+, )?"([a-z0-9-]+)"`).FindAllStringSubmatch(source, -1) {
		want = append(want, "--"+match[1])
	}
	for _, row := range table(t, "docs/phones.md", "flag", "default", "meaning") {
		got = append(got, strings.Split(row[0], ", ")...)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("the %d flags of phonesim and docs/phones.md differ (-program +document):\n%s", len(want), diff)
	}
}

// TestDocumentedPayloads compares the examples with what the program publishes: not the values, but which
// members there are, so that nobody builds on one that is not.
func TestDocumentedPayloads(t *testing.T) {
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
	examples := regexp.MustCompile("(?s)\n## (\\w+)\n\n```json\n(.*?)```").FindAllStringSubmatch(readDocument(t, "docs/topics.md"), -1)
	for _, example := range examples {
		name := example[1]
		if diff := cmp.Diff(memberPaths(t, published[name].payload), memberPaths(t, example[2])); diff != "" {
			t.Errorf("%s: the program and docs/topics.md differ (-program +document):\n%s", name, diff)
		}
		delete(published, name)
	}
	if len(published) > 0 {
		t.Errorf("docs/topics.md has no example of %q", slices.Sorted(maps.Keys(published)))
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
