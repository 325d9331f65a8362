package nodered

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// vocabulary is what the program knows, as far as flows can name it.
type vocabulary struct {
	published map[string]bool            // topic filters, with whether the broker keeps what is there
	commands  map[string]bool            // topics that take commands
	members   map[string]map[string]bool // of payloads, by the name that the flows give them
}

// knownWords reads the published topics from the document that another test compares with what goes
// over the wire, and the rest from the program itself.
func knownWords(t *testing.T) vocabulary {
	t.Helper()
	v := vocabulary{published: make(map[string]bool), commands: make(map[string]bool), members: make(map[string]map[string]bool)}
	text, err := os.ReadFile("../../docs/topics.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `(phone2mqtt/<mac>/[a-z_/]+)` \\| (retained|no) ")
	for _, match := range row.FindAllStringSubmatch(string(text), -1) {
		v.published[strings.Replace(match[1], "<mac>", "+", 1)] = match[2] == "retained"
	}
	if len(v.published) < 5 {
		t.Fatalf("docs/topics.md has only these topics in a form that is understood: %v", v.published)
	}
	for _, filter := range bridge.Inbound(bridge.Config{Base: "phone2mqtt"}) {
		if one, ok := strings.CutSuffix(filter, "/set/+"); ok {
			for _, command := range phone.Commands() {
				v.commands[one+"/set/"+command.Name] = true
			}
		}
	}
	ended := phone.Change{Event: phone.Event{Type: phone.CallEnded}, Call: &phone.Call{}}
	v.members["call"] = membersOf(t, payload.Event("", ended, phone.Idle, ""))
	v.members["state"] = membersOf(t, payload.State(phone.State{}, "", ""))
	return v
}

func membersOf(t *testing.T, object []byte) map[string]bool {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for name := range members {
		known[name] = true
	}
	return known
}
