package main

import (
	"errors"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/bridge/homeassistant"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// documents are the texts that users read, by their paths in the repository.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	paths, err := filepath.Glob(filepath.Join(repository, "docs/*.md"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no documents in docs: %v", err)
	}
	for _, path := range append(paths, filepath.Join(repository, "README.md"), filepath.Join(repository, "CHANGELOG.md")) {
		name := strings.TrimPrefix(filepath.ToSlash(path), repository+"/")
		texts[name] = readDocument(t, name)
	}
	return texts
}

// quoted are the texts between backquotes, outside of code blocks.
func quoted(document string) []string {
	document = regexp.MustCompile("(?s)```.*?```").ReplaceAllString(document, "")
	var found []string
	for _, match := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(document, -1) {
		found = append(found, match[1])
	}
	return found
}

// anchors are the names that the headings of a document get in a rendered page.
func anchors(document string) map[string]bool {
	document = regexp.MustCompile("(?s)```.*?```").ReplaceAllString(document, "")
	names := map[string]bool{"": true}
	for _, match := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(document, -1) {
		kept := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(match[1]), "")
		names[strings.ReplaceAll(kept, " ", "-")] = true
	}
	return names
}

// TestDocumentedLinks follows every link that does not leave the repository, headings included.
func TestDocumentedLinks(t *testing.T) {
	for name, text := range documents(t) {
		for _, match := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			link, err := url.Parse(match[1])
			if err != nil || link.IsAbs() {
				if err != nil {
					t.Errorf("%s: link %s: %v", name, match[1], err)
				}
				continue
			}
			target := name
			if link.Path != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(name), link.Path))
			}
			if _, err := os.Stat(filepath.Join(repository, target)); err != nil {
				t.Errorf("%s: link %s: %v", name, match[1], err)
			} else if link.Fragment != "" && !anchors(readDocument(t, target))[link.Fragment] {
				t.Errorf("%s: link %s: %s has no such heading", name, match[1], target)
			}
		}
	}
}

// TestDocumentedVariableNames finds names that the program would refuse, wherever users copy them from.
func TestDocumentedVariableNames(t *testing.T) {
	known := make(map[string]bool)
	for _, v := range variables {
		known[v.name] = true
	}
	texts := documents(t)
	for _, path := range []string{"docker-compose.yml", "Dockerfile"} {
		texts[path] = readDocument(t, path)
	}
	err := filepath.WalkDir(filepath.Join(repository, "examples"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name := strings.TrimPrefix(filepath.ToSlash(path), repository+"/")
			texts[name] = readDocument(t, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range texts {
		for _, match := range regexp.MustCompile(`\b`+prefix+`_([A-Z0-9_]+)`).FindAllStringSubmatch(text, -1) {
			if !known[match[1]] && !madeByKubernetes(match[1], "") {
				t.Errorf("%s: there is no variable %s", name, match[0])
			}
		}
	}
	// Documents mostly leave the prefix out. Keys of the phone look the same.
	const argument = "PRESS"
	bare := regexp.MustCompile(`^([A-Z]+(?:_[A-Z]+)*)(?:=\w+)?$`)
	for name, text := range documents(t) {
		for _, word := range quoted(text) {
			match := bare.FindStringSubmatch(word)
			if match == nil || known[match[1]] || match[1] == argument {
				continue
			}
			if _, err := phone.ParseKey(match[1]); err != nil {
				t.Errorf("%s: there is neither a variable nor a key %s", name, match[1])
			}
		}
	}
}

var (
	topicMentioned = regexp.MustCompile(`(?:^|[^\w/.@-])(phone2mqtt/(?:bridge/|<mac>|\+|[0-9a-f]{12}\b|#)[\w<>+#/]*)`)
	anyPhone       = regexp.MustCompile(`^phone2mqtt/(?:\+|[0-9a-f]{12})`)
)

// TestDocumentedTopics compares the table of topics with what goes over the wire, and every topic
// that a document names with the table.
func TestDocumentedTopics(t *testing.T) {
	var inbound []string
	outbound := make(map[string]bool)
	for _, row := range table(t, "docs/topics.md", "topic", "kept", "payload") {
		if row[1] == "you publish" {
			inbound = append(inbound, strings.NewReplacer("<mac>", "+", "<command>", "+", "<op>", "#").Replace(row[0]))
		} else {
			outbound[row[0]] = true
		}
	}
	want := bridge.Inbound(bridge.Config{Base: "phone2mqtt"})
	slices.Sort(want)
	slices.Sort(inbound)
	if diff := cmp.Diff(want, inbound); diff != "" {
		t.Errorf("the topics that you publish (-program +document):\n%s", diff)
	}
	published, operations := observe(t)
	if diff := cmp.Diff(published, outbound); diff != "" {
		t.Errorf("the topics that are published (-program +document):\n%s", diff)
	}
	var documented []string
	for _, row := range table(t, "docs/topics.md", "request", "payload", "does") {
		documented = append(documented, row[0])
	}
	slices.Sort(documented)
	if diff := cmp.Diff(operations, documented); diff != "" {
		t.Errorf("the bridge requests (-program +document):\n%s", diff)
	}

	known := maps.Clone(outbound)
	for _, shape := range []string{"bridge/request/<op>", "<mac>/set", "<mac>/set/<command>"} {
		known["phone2mqtt/"+shape] = true
	}
	for _, op := range operations {
		known["phone2mqtt/bridge/request/"+op], known["phone2mqtt/bridge/response/"+op] = true, true
	}
	for _, row := range phone.Commands() {
		known["phone2mqtt/<mac>/set/"+row.Name] = true
	}
	for name, text := range documents(t) {
		for _, match := range topicMentioned.FindAllStringSubmatch(text, -1) {
			topic := strings.TrimRight(anyPhone.ReplaceAllString(match[1], "phone2mqtt/<mac>"), "/")
			if !matches(topic, known) {
				t.Errorf("%s: there is no topic %s", name, match[1])
			}
		}
	}
}

// matches tells that a topic is known, or ends with # and holds one that is.
func matches(topic string, known map[string]bool) bool {
	below, wild := strings.CutSuffix(topic, "#")
	for shape := range known {
		if shape == topic || wild && strings.HasPrefix(shape, below) {
			return true
		}
	}
	return false
}

// observe gives the topics that the program publishes, and the bridge requests that it says it knows.
func observe(t *testing.T) (published map[string]bool, operations []string) {
	t.Helper()
	published = make(map[string]bool)
	const (
		set     = "phone2mqtt/" + vendor + "/set/clear_missed"
		request = "phone2mqtt/bridge/request/nothing"
	)
	for _, fresh := range []time.Duration{time.Minute, 1} {
		broker := startEmbedded(t, "")
		h := startHouse(t, broker.addr, "", func(c *bridge.Config) { c.EventFresh = fresh })
		w := watchAs(t, broker.addr, "topics")
		w.ready(t)
		if status := h.get(t, "/dnd_on?mac="+vendor); status != 200 {
			t.Fatalf("answered %d", status)
		}
		w.publish(t, set, `PRESS`, false)
		w.publish(t, request, `{}`, false)
		w.nth(t, vendor+"/result", 1)
		answer := w.nth(t, "bridge/response/nothing", 1)
		w.last(t, vendor+"/call_state", "is published", func(message) bool { return true })
		h.stop()
		_, list, _ := strings.Cut(answer.text("error"), "known are ")
		operations = strings.Split(list, ", ")
		for _, m := range w.seen() {
			if m.topic != set && m.topic != request {
				shape := strings.Replace(m.topic, vendor, "<mac>", 1)
				published[strings.Replace(shape, "response/nothing", "response/<op>", 1)] = true
			}
		}
	}
	return published, operations
}

// TestDocumentedWords finds names of events, commands, members and the like that the program does not
// know.
func TestDocumentedWords(t *testing.T) {
	known := make(map[string]bool)
	know := func(words ...string) {
		for _, word := range words {
			known[word] = true
		}
	}
	for event := phone.SetupCompleted; event.String() != ""; event++ {
		know(event.String())
	}
	for _, row := range phone.Events() {
		for _, v := range row.Variables {
			know(string(v))
		}
	}
	for _, row := range phone.Commands() {
		know(row.Name)
	}
	know(phonesFileKeys(t)...)
	for _, reason := range bridge.Reasons() {
		know(string(reason))
	}
	topics := readDocument(t, "docs/topics.md")
	for _, member := range regexp.MustCompile(`"(\w+)" ?:`).FindAllStringSubmatch(topics, -1) {
		know(member[1])
	}
	// Of call_ended, of the last call and of commands; of bridge/info; states; a request.
	for _, e := range append(homeassistant.PhoneEntities(), homeassistant.BridgeEntities()...) {
		know(e.Key)
	}
	know(callAttributes(t)...)
	know("ended_at", "duration_s", "ring_s", "expires_at", "started_at", "http_url", "on_hold", "health_check")
	know("late_topic") // of a dump of the store
	// Of other programs, and variables of the vendor that are not printed.
	know("mosquitto_sub", "mosquitto_pub", "max_queued_messages", "max_packet_size", "active_host", "mqtt_password", "missed_calls")
	word := regexp.MustCompile(`^[a-z]+(?:_[a-z0-9]+)+$`)
	for name, text := range documents(t) {
		for _, said := range quoted(text) {
			if word.MatchString(said) && !known[said] && !strings.HasPrefix(said, "phone2mqtt_") {
				t.Errorf("%s: nothing is called %s", name, said)
			}
		}
		for _, match := range regexp.MustCompile(`/([\w.-]+)\?mac=`).FindAllStringSubmatch(text, -1) {
			if _, ok := phone.LookupEvent(match[1]); !ok {
				t.Errorf("%s: there is no event %s", name, match[1])
			}
		}
		for _, match := range regexp.MustCompile(`"?event_type"?(?::| ==) ?"(\w+)"`).FindAllStringSubmatch(text, -1) {
			if _, ok := phone.LookupEvent(match[1]); !ok {
				t.Errorf("%s: there is no event %s", name, match[1])
			}
		}
		for _, match := range regexp.MustCompile(`"command": ?"(\w+)"`).FindAllStringSubmatch(text, -1) {
			isIt := func(row phone.CommandRow) bool { return row.Name == match[1] }
			if !slices.ContainsFunc(phone.Commands(), isIt) {
				t.Errorf("%s: there is no command %s", name, match[1])
			}
		}
	}
}

// TestDocumentedMessages finds texts that documents say the program says, and which are nowhere in it.
// A text is looked for in pieces: what differs stands as an ellipsis, and errors are joined by colons.
func TestDocumentedMessages(t *testing.T) {
	said := programTexts(t)
	// What users type, what the system, the broker and other settings say.
	foreign := regexp.MustCompile(`^(curl|ls|phone2mqtt (urls|store|healthcheck|-h)|docker|systemctl|listener|persistence)\b`)
	others := []string{"listen tcp", "bind", "address already in use", "permission denied", "connection refused", "not Authorized"}
	checked := 0
	for _, name := range []string{"docs/troubleshooting.md", "docs/monitoring.md"} {
		for _, text := range quoted(readDocument(t, name)) {
			if !strings.Contains(text, " ") || foreign.MatchString(text) {
				continue
			}
			checked++
			for _, part := range regexp.MustCompile(`…|: `).Split(text, -1) {
				part = strings.Trim(part, " :?")
				if part != "" && !slices.Contains(others, part) && !strings.Contains(said, part) {
					t.Errorf("%s: %q: the program never says %q", name, text, part)
				}
			}
		}
	}
	if checked == 0 {
		t.Error("no document quotes the program")
	}
}

// programTexts is the program's source with its string literals as they are printed, and the goldens
// of what it says; tests aside, which may quote anything.
func programTexts(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, directory := range []string{"cmd", "bridge", "phone", "mqtt"} {
		err := filepath.WalkDir(filepath.Join(repository, directory), func(path string, _ fs.DirEntry, err error) error {
			says := strings.HasSuffix(path, ".golden") || strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")
			if err != nil || !says {
				return err
			}
			text, err := os.ReadFile(path)
			all.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	joined := regexp.MustCompile(`"\s*\+\s*prefix\s*\+\s*"`).ReplaceAllString(all.String(), prefix)
	joined = regexp.MustCompile(`"\s*\+\s*"`).ReplaceAllString(joined, "")
	return strings.ReplaceAll(joined, `\"`, `"`)
}

// TestDocumentedFiles finds files that docs/architecture.md walks through and that are not there.
func TestDocumentedFiles(t *testing.T) {
	path := regexp.MustCompile(`^(?:phone|mqtt|bridge|cmd|test|\.ci)(?:/[\w.-]+)*$`)
	found := 0
	for _, name := range quoted(readDocument(t, "docs/architecture.md")) {
		if !path.MatchString(name) {
			continue
		}
		found++
		if _, err := os.Stat(filepath.Join(repository, name)); errors.Is(err, fs.ErrNotExist) {
			t.Errorf("docs/architecture.md: there is no %s", name)
		}
	}
	if found == 0 {
		t.Error("docs/architecture.md names no file")
	}
}
