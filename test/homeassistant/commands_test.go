package homeassistant

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge/homeassistant"
)

// control is one use of an entity that tells the phone something.
type control struct {
	key, action string
	value       string // of a text or a message
	request     string // to the phone, empty: none
	then        string // what the sensor Call shows before the next one, empty: as before
}

// controls are all of them, in an order in which the phone has the call that they want.
func controls() []control {
	const press, on, off = "button.press", "switch.turn_on", "switch.turn_off"
	uses := []control{
		{"redial", press, "", "key=RD", ""},
		{"speaker", press, "", "key=SPEAKER", ""},
		{"headset", press, "", "key=HEADSET", ""},
		{"conference", press, "", "key=F_CONFERENCE", ""},
		{"message", press, "", "key=MSG", ""},
		{"volume_up", press, "", "key=VOLUME_UP", ""},
		{"volume_down", press, "", "key=VOLUME_DOWN", ""},
		{"clear_missed", press, "", "", ""},
		{"autoprovision", press, "", "key=AutoP", ""},
		{"reboot", press, "", "key=Reboot", ""},
		{"dnd", on, "", "key=DNDOn", ""},
		{"dnd", off, "", "key=DNDOff", ""},
	}
	for row, keys := range map[string]struct {
		letter string
		last   int
	}{"line": {"L", 4}, "dss": {"D", 10}, "soft": {"F", 4}} {
		for n := range keys.last {
			uses = append(uses, control{fmt.Sprint(row, n+1), press, "", fmt.Sprint("key=", keys.letter, n+1), ""})
		}
	}
	return append(uses,
		control{"dial", "text.set_value", "+49 (0)30 / 206-1", "Command=1&Number=+49302061", "dialing"},
		control{"hangup", press, "", "Command=2", "idle"},
		// In quotes, as the blueprint for missed calls sends it.
		control{"dial_notify", "notify.send_message", `"*43#"`, "Command=1&Number=*43%23", "dialing"},
		control{"hangup", press, "", "Command=2", "ringing"},
		control{"answer", press, "", "key=OK", "talking"},
		control{"hold", on, "", "key=F_HOLD", "on_hold"},
		control{"hold", off, "", "key=F_HOLD", "talking"},
		control{"mute", on, "", "key=MUTE", ""},
		control{"mute", off, "", "key=MUTE", ""},
		control{"hangup", press, "", "Command=2", "ringing"},
		control{"reject", press, "", "Command=2", "idle"},
	)
}

// testControls uses every control that Home Assistant has for a phone.
func (h *house) testControls(t *testing.T) {
	used := make(map[string]bool)
	for _, c := range controls() {
		used[c.key] = true
		h.use(t, c)
	}
	for _, e := range homeassistant.PhoneEntities() {
		if slices.Contains([]string{"button", "switch", "text", "notify"}, e.Platform) && !used[e.Key] {
			t.Errorf("%s was not used", e.Key)
		}
	}
	// Home Assistant itself keeps back what is no number.
	before := len(h.kitchen.Requests())
	for _, value := range []string{"", "kitchen", "1.2.3.4&Command=3", "{{ 1 }}"} {
		if err := h.tryCall("text.set_value", h.id(t, kitchen, "dial"), map[string]any{"value": value}); err == nil {
			t.Errorf("%q can be dialled", value)
		}
	}
	if got := h.kitchen.Requests()[before:]; len(got) != 0 {
		t.Errorf("the phone was asked %q", got)
	}
}

// use uses one control, and sees the request at the phone.
func (h *house) use(t *testing.T, c control) {
	t.Helper()
	before := len(h.kitchen.Requests())
	var data map[string]any
	switch domain(c.action) {
	case "text":
		data = map[string]any{"value": c.value}
	case "notify":
		data = map[string]any{"message": c.value}
	}
	h.call(t, c.action, h.id(t, kitchen, c.key), data)
	var want []string
	if c.request != "" {
		want = []string{"GET /Phone_ActionURL&" + c.request + " HTTP/1.1"}
	}
	become(t, c.key, want, func() []string { return h.asked(before) })
	if domain(c.action) == "switch" {
		to := c.action[len("switch.turn_"):]
		eventually(t, c.key+" is "+to, func() bool { return h.statesOf(t, kitchen)[c.key].State == to })
	}
	if c.then == "ringing" {
		eventually(t, "the office calls", func() bool { return h.office.Dial("201") })
	}
	if c.then != "" {
		eventually(t, "the phone is "+c.then, func() bool { return h.statesOf(t, kitchen)["call"].State == c.then })
	}
	if diff := cmp.Diff(want, h.asked(before)); diff != "" {
		t.Errorf("%s, a while later (-want +got):\n%s", c.key, diff)
	}
}

// asked are the request lines that came to the phone in the kitchen after the first ones.
func (h *house) asked(after int) []string {
	var lines []string
	for _, r := range h.kitchen.Requests()[after:] {
		lines = append(lines, r.Line)
	}
	return lines
}
