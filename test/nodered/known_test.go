// Package nodered tests the flows of examples/node-red: that every word in them is one that the program
// knows, which needs nothing but Go, and what they do in a real Node-RED, with mosquitto, the daemon and
// simulated phones. It promises that what it starts ends with it, and that nothing listens but on
// loopback. It never installs anything: NODE_RED is the path of a Node-RED's red.js.
package nodered

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// coreTypes are the types that the flows may use: all of them come with Node-RED.
var coreTypes = []string{
	"tab", "comment", "debug", "inject", "function", "switch", "template", "trigger",
	"mqtt-broker", "mqtt in", "mqtt out", "http in", "http response", "http request", "file", "file in",
}

// acting are the types whose nodes do something outside of Node-RED.
var acting = []string{"mqtt out", "http request", "file"}

// mistakes are what is wrong with a flow, in words.
func (v vocabulary) mistakes(f flow) []string {
	var wrong []string
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	tabs := f.of("tab")
	if len(tabs) != 1 || len(f.of("mqtt-broker")) != 1 {
		return []string{"expected one tab and one broker"}
	}
	comments := f.of("comment")
	if len(comments) != 1 || !strings.Contains(comments[0].text("info"), "**To change:**") {
		complain("no comment that says what is to change")
	}
	for i, n := range f {
		if n.id() == "" || f.find(n.id())["type"] != n["type"] || slices.ContainsFunc(f[:i], func(o node) bool { return o.id() == n.id() }) {
			complain("two nodes with the id %q", n.id())
		}
		if _, configuration := n["x"]; configuration && n.text("z") != tabs[0].id() {
			complain("%s is not on the tab", n.id())
		}
		for _, id := range n.next() {
			if f.find(id) == nil {
				complain("%s: a wire leads to %s", n.id(), id)
			}
		}
		for _, mistake := range v.mistakesOf(f, n) {
			complain("%s: %s", n.id(), mistake)
		}
	}
	return wrong
}

// mistakesOf are what is wrong with one node.
func (v vocabulary) mistakesOf(f flow, n node) (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if !slices.Contains(coreTypes, n.kind()) {
		complain("type %q does not come with Node-RED", n.kind())
	}
	for name, value := range n {
		if secretName.MatchString(name) && value != "" {
			complain("%s: no credentials in examples", name)
		}
	}
	switch n.kind() {
	case "mqtt-broker":
		if n.text("broker") != "localhost" || n.text("port") != "1883" || n["birthTopic"] != "" || n["willTopic"] != "" {
			complain("expected host and port only")
		}
	case "mqtt in":
		kept, known := v.published[n.text("topic")]
		if !known {
			complain("nothing is published on %q", n.text("topic"))
		}
		if n.text("qos") != "1" {
			complain("QoS %q", n.text("qos"))
		}
		for _, after := range f.after(n) {
			if kept && slices.Contains(acting, after.kind()) {
				complain("%s acts on what is retained, and would act again after each restart", after.id())
			}
			if strings.HasSuffix(n.text("topic"), "/late") && after.kind() != "file" && slices.Contains(acting, after.kind()) {
				complain("%s acts on late events", after.id())
			}
		}
	case "mqtt out":
		if n.text("retain") != "false" {
			complain("commands are never retained")
		}
		if topic := n.text("topic"); topic != "" && !v.commands[topic] {
			complain("no command goes to %q", topic)
		}
	case "function":
		return append(wrong, v.mistakesIn(n.text("func"))...)
	case "switch":
		return append(wrong, mistakesInRules(n)...)
	case "inject":
		return append(wrong, mistakesInPayload(f, n)...)
	}
	return wrong
}

var (
	secretName = regexp.MustCompile(`(?i)credential|user$|username|passw|token|secret|apikey`)
	// topicInCode is a topic in a text or a template of JavaScript.
	topicInCode  = regexp.MustCompile("[\"'`](phone2mqtt/[^\"'`]*)")
	inserted     = regexp.MustCompile(`\$\{[^}]*\}`)
	memberInCode = regexp.MustCompile(`\b(call|state)\??\.([a-zA-Z_]+)`)
)

// mistakesIn looks at the code of a function node.
func (v vocabulary) mistakesIn(code string) (wrong []string) {
	for _, match := range topicInCode.FindAllStringSubmatch(code, -1) {
		if topic := inserted.ReplaceAllString(match[1], "+"); !v.commands[topic] {
			wrong = append(wrong, fmt.Sprintf("no command goes to %q", topic))
		}
	}
	for _, match := range memberInCode.FindAllStringSubmatch(code, -1) {
		if !v.members[match[1]][match[2]] {
			wrong = append(wrong, fmt.Sprintf("%s has no member %s", match[1], match[2]))
		}
	}
	return wrong
}

// mistakesInRules looks at a switch node, which may ask for events, commands and the status of results.
func mistakesInRules(n node) (wrong []string) {
	known := map[string]func(string) bool{
		"payload.event_type": func(word string) bool { return new(phone.EventType).UnmarshalText([]byte(word)) == nil },
		"payload.status":     func(word string) bool { return slices.Contains([]string{"ok", "skipped", "error"}, word) },
		"payload.command": func(word string) bool {
			return slices.ContainsFunc(phone.Commands(), func(row phone.CommandRow) bool { return row.Name == word })
		},
	}[n.text("property")]
	if known == nil {
		return nil
	}
	rules, _ := n["rules"].([]any)
	for _, rule := range rules {
		members, _ := rule.(map[string]any)
		if word, _ := members["v"].(string); !known(word) {
			wrong = append(wrong, fmt.Sprintf("%s is never %q", n.text("property"), word))
		}
	}
	return wrong
}

var commandInCode = regexp.MustCompile(`/set/([a-z_]+)`)

// mistakesInPayload has the program read what a button or a clock sends, as the argument of the commands
// that come after it.
func mistakesInPayload(f flow, n node) (wrong []string) {
	for _, after := range f.after(n) {
		for _, match := range commandInCode.FindAllStringSubmatch(after.text("func"), -1) {
			if _, err := phone.ParseCommand(match[1], []byte(n.text("payload"))); err != nil {
				wrong = append(wrong, fmt.Sprintf("%s: %v", match[1], err))
			}
		}
	}
	return wrong
}

func TestFlowsAreKnown(t *testing.T) {
	v := knownWords(t)
	ids := make(map[string]string)
	var brokers []string
	for _, name := range flowNames(t) {
		f := readFlow(t, name)
		for _, mistake := range v.mistakes(f) {
			t.Errorf("%s: %s", name, mistake)
		}
		for _, n := range f {
			if other, ok := ids[n.id()]; ok && n.kind() != "mqtt-broker" {
				t.Errorf("%s and %s both have a node %s: one would replace the other", name, other, n.id())
			}
			ids[n.id()] = name
		}
		// All flows but the one that keeps its session share a broker, so that it is set once.
		if broker := f.of("mqtt-broker")[0]; broker["cleansession"] == true {
			text, err := json.Marshal(broker)
			if err != nil {
				t.Fatal(err)
			}
			brokers = append(brokers, string(text))
		}
	}
	if len(brokers) < 2 || len(slices.Compact(brokers)) != 1 {
		t.Errorf("flows that share a broker differ in it:\n%s", strings.Join(brokers, "\n"))
	}
}

// TestMistakesAreFound breaks flows in one place each.
func TestMistakesAreFound(t *testing.T) {
	v := knownWords(t)
	type breakage struct {
		flow, node, member string
		value              any
		want               string
	}
	replace := func(flow, node, member, old, replacement, want string) breakage {
		text := readFlow(t, flow).find("phone2mqtt-" + flow + "-" + node).text(member)
		if !strings.Contains(text, old) {
			t.Fatalf("%s: %s of %s holds no %q", flow, member, node, old)
		}
		return breakage{flow, node, member, strings.ReplaceAll(text, old, replacement), want}
	}
	rule := func(word string) []any { return []any{map[string]any{"t": "eq", "v": word}} }
	for _, b := range []breakage{
		{"missed-call", "send", "type", "telegram sender", "does not come with Node-RED"},
		{"missed-call", "send", "password", "secret", "no credentials"},
		{"missed-call", "about", "info", "", "what is to change"},
		{"missed-call", "events", "topic", "phone2mqtt/+/events", "nothing is published"},
		{"missed-call", "events", "topic", "phone2mqtt/+/state", "acts on what is retained"},
		{"missed-call", "events", "topic", "phone2mqtt/+/event/late", "acts on late events"},
		{"missed-call", "events", "qos", "0", "QoS"},
		{"missed-call", "events", "wires", []any{[]any{"nowhere"}}, "a wire leads to nowhere"},
		{"missed-call", "missed", "rules", rule("call_missed"), `payload.event_type is never "call_missed"`},
		{"dnd-by-time", "failed", "rules", rule("failed"), `payload.status is never "failed"`},
		{"dnd-by-time", "dnd", "rules", rule("silence"), `payload.command is never "silence"`},
		{"dnd-by-time", "on", "payload", "on please", "dnd: "},
		{"dnd-by-time", "command", "retain", "true", "never retained"},
		{"dnd-by-time", "command", "topic", "phone2mqtt/001fc11a8b6c/set/silence", "no command goes to"},
		replace("dnd-by-time", "phones", "func", "/set/dnd", "/set/silence", "no command goes to"),
		replace("missed-call", "message", "func", "remote_number", "number", "call has no member number"),
		replace("dashboard", "rows", "func", "missed_calls", "missed", "state has no member missed"),
		{"dashboard", "rows", "z", "another-tab", "not on the tab"},
		{"dashboard", "rows", "id", "phone2mqtt-dashboard-page", "two nodes with the id"},
	} {
		t.Run(b.flow+"/"+b.node+"/"+b.member, func(t *testing.T) {
			f := readFlow(t, b.flow)
			f.find("phone2mqtt-" + b.flow + "-" + b.node)[b.member] = b.value
			found := v.mistakes(f)
			if !slices.ContainsFunc(found, func(mistake string) bool { return strings.Contains(mistake, b.want) }) {
				t.Errorf("got the mistakes %q, want one with %q", found, b.want)
			}
		})
	}
}
