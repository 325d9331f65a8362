package recording

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// rewrite is a state as a recording may show it: other times, no token, and pseudonyms unless plain
// names are asked for. It goes by the members' names, so that a member that is added one day is hidden
// until somebody says that it need not be.
func (r *Recorder) rewrite(s phone.State, when func(time.Time) time.Time) json.RawMessage {
	text, err := json.Marshal(s)
	if err != nil {
		return nil
	}
	var tree any
	reader := json.NewDecoder(bytes.NewReader(text))
	reader.UseNumber() // a set of events needs all of its 64 bits
	if reader.Decode(&tree) != nil {
		return nil
	}
	text, err = json.Marshal(r.member("", tree, when))
	if err != nil {
		return nil
	}
	return text
}

func (r *Recorder) member(name string, value any, when func(time.Time) time.Time) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = r.member(key, value[key], when)
		}
	case []any:
		for i := range value {
			value[i] = r.member(name, value[i], when)
		}
	case string:
		if at, err := time.Parse(time.RFC3339Nano, value); err == nil && (name == "time" || strings.HasSuffix(name, "_at")) {
			if at.IsZero() {
				return value
			}
			return when(at).Format(time.RFC3339Nano)
		}
		return r.word(name, value)
	}
	return value
}

// ourWords are the members of a state whose texts are the program's own.
var ourWords = []string{"type", "direction", "state", "result", "told", "ended_by"}

func (r *Recorder) word(name, value string) string {
	for _, token := range secret.Reveal(r.cfg.Tokens) {
		value = hide(value, token)
	}
	switch {
	case r.cfg.Plain || slices.Contains(ourWords, name):
		return value
	case name == "mac":
		return string(r.mask.mac(phone.MAC(value)))
	case name == "ip":
		ip, _ := netip.ParseAddr(value)
		return r.mask.ip(ip).String()
	case name == "model" || name == "firmware":
		return r.mask.product(value)
	}
	return r.mask.text(value)
}
