package homeassistant

import (
	"maps"
	"slices"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// idle is what a phone shows that has just started, with everything enabled. Buttons and notifiers show
// when they were pressed last.
var idle = map[string]string{
	"call": "idle", "call_event": someTime, "ringing": "off", "in_call": "off", "caller": "unknown", "last_call": "unknown",
	"missed_calls": "0", "dnd": "unknown", "mute": "unknown", "hold": "off", "registered": "on", "off_hook": "unknown",
	"forward_always": "unknown", "forward_busy": "unknown", "forward_no_answer": "unknown", "ip": "192.168.0.157",
	"firmware": "2.0.4.2", "last_seen": someTime, "ring": "unknown", "dial": "unknown",
}

// testCall goes through an incoming call: at each step everything shows what it should.
func (h *house) testCall(t *testing.T) {
	shows := maps.Clone(idle)
	// step does something, and waits until exactly these have changed.
	step := func(what string, do func(), changes map[string]string) {
		t.Helper()
		do()
		maps.Copy(shows, changes)
		h.awaitStates(t, what, kitchen, shows)
	}
	press := func(key string) func() { return func() { h.press(t, kitchen, key) } }
	turn := func(key, to string) func() {
		return func() { h.call(t, "switch.turn_"+to, h.id(t, kitchen, key), nil) }
	}

	step("idle", func() { h.send(t, phone.SetupCompleted, nil) }, nil)
	step("rings", func() { h.office.Dial("201") }, map[string]string{"call": "ringing", "ringing": "on", "caller": caller, "ring": someTime, "mute": "off"})
	attributes := map[string]any{
		"type": "incoming", "from": "202", "from_name": caller, "to": "201", "to_name": nil, "with": "202", "with_name": caller,
		"device": "Kitchen", "initiated": someTime, "accepted": nil, "closed": nil, "duration": nil, "result": nil,
	}
	h.awaitAttributes(t, "rings", kitchen, "call", attributes)
	step("answered", press("answer"), map[string]string{"call": "talking", "ringing": "off", "in_call": "on", "off_hook": "on"})
	attributes["accepted"] = someTime
	h.awaitAttributes(t, "answered", kitchen, "call", attributes)
	step("held", turn("hold", "on"), map[string]string{"call": "on_hold", "hold": "on"})
	step("resumed", turn("hold", "off"), map[string]string{"call": "talking", "hold": "off"})
	step("muted", turn("mute", "on"), map[string]string{"mute": "on"})
	step("heard again", turn("mute", "off"), map[string]string{"mute": "off"})
	step("a second call rings", func() { h.another(t, phone.IncomingCall) }, map[string]string{"ringing": "on"})
	step("the second gives up", func() { h.another(t, phone.CallRemoteCanceled) }, map[string]string{"ringing": "off", "missed_calls": "1", "last_call": someTime})
	step("ended", press("hangup"), map[string]string{"call": "idle", "in_call": "off", "caller": "unknown", "off_hook": "off"})
	maps.Copy(attributes, map[string]any{"closed": someTime, "duration": "(seconds)", "result": "answered"})
	h.awaitAttributes(t, "ended", kitchen, "call", attributes)
	h.awaitAttributes(t, "ended", kitchen, "last_call", map[string]any{
		"account": "201", "answered_at": someTime, "call_id": "(any)", "direction": "incoming", "duration_s": "(seconds)", "ended_at": someTime,
		"local_number": "201", "local_uri": "sip:201@192.168.0.1", "remote_name": caller, "remote_number": "202",
		"remote_uri": "sip:202@192.168.0.1", "result": "answered", "started_at": someTime,
	})

	step("dials", func() {
		h.call(t, "text.set_value", h.id(t, kitchen, "dial"), map[string]any{"value": "0049 (30) 206"})
	},
		map[string]string{"call": "dialing", "in_call": "on", "caller": "004930206", "off_hook": "on", "dial": "0049 (30) 206"})
	h.awaitAttributes(t, "dials", kitchen, "call", map[string]any{
		"type": "outgoing", "from": "201", "from_name": nil, "to": "004930206", "to_name": nil, "with": "004930206", "with_name": nil,
		"device": "Kitchen", "initiated": someTime, "accepted": nil, "closed": nil, "duration": nil, "result": nil,
	})
	step("gives up", press("hangup"), map[string]string{"call": "idle", "in_call": "off", "caller": "unknown", "off_hook": "off"})
	h.awaitResult(t, "canceled")
	step("rings again", func() { h.office.Dial("201") }, map[string]string{"call": "ringing", "ringing": "on", "caller": caller})
	step("missed", func() { h.office.HangUp() }, map[string]string{"call": "idle", "ringing": "off", "caller": "unknown", "missed_calls": "2"})
	h.awaitResult(t, "missed")
	step("rings a third time", func() { h.office.Dial("201") }, map[string]string{"call": "ringing", "ringing": "on", "caller": caller})
	step("rejected", press("reject"), map[string]string{"call": "idle", "ringing": "off", "caller": "unknown"})
	h.awaitResult(t, "rejected")
	step("cleared", press("clear_missed"), map[string]string{"missed_calls": "0"})
	step("not to be disturbed", turn("dnd", "on"), map[string]string{"dnd": "on"})
	step("to be disturbed", turn("dnd", "off"), map[string]string{"dnd": "off"})
	step("not registered", func() { h.send(t, phone.Unregistered, nil) }, map[string]string{"registered": "off"})
	step("registered", func() { h.send(t, phone.Registered, nil) }, map[string]string{"registered": "on"})
	step("forwarding", func() {
		h.send(t, phone.AlwaysForwardOn, nil)
		h.send(t, phone.BusyForwardOn, nil)
		h.send(t, phone.NoAnswerForwardOff, nil)
	}, map[string]string{"forward_always": "on", "forward_busy": "on", "forward_no_answer": "off"})
}

// send has the phone in the kitchen send an event, after those that it sends by itself.
func (h *house) send(t *testing.T, kind phone.EventType, vars map[phone.Variable]string) {
	t.Helper()
	must(t, h.kitchen.Flush(t.Context()))
	if status, err := h.kitchen.Send(t.Context(), kind, vars); err != nil || status != 200 {
		t.Fatalf("%s was answered with %d, %v", kind, status, err)
	}
}

// another has it send an event of another call than the one that it has.
func (h *house) another(t *testing.T, kind phone.EventType) {
	t.Helper()
	h.send(t, kind, map[phone.Variable]string{phone.VarRemote: "sip:anonymous@anonymous.invalid", phone.VarCallID: "another"})
}

func (h *house) press(t *testing.T, mac phone.MAC, key string) {
	t.Helper()
	h.call(t, "button.press", h.id(t, mac, key), nil)
}

// awaitStates waits until the entities of a phone show exactly that. Buttons and notifiers are left out.
func (h *house) awaitStates(t *testing.T, what string, mac phone.MAC, want map[string]string) {
	t.Helper()
	become(t, what, want, func() map[string]string {
		got := make(map[string]string)
		for key, s := range h.statesOf(t, mac) {
			if !slices.Contains([]string{"button", "notify"}, domain(s.EntityID)) {
				got[key], _ = timeless(s.State).(string)
			}
		}
		return got
	})
}

// standing are attributes that Home Assistant adds.
var standing = []string{"device_class", "friendly_name", "icon", "options", "event_types", "state_class", "supported_features"}

// attributes are those that we gave an entity, without what no test can foresee.
func (h *house) attributes(t *testing.T, mac phone.MAC, key string) map[string]any {
	t.Helper()
	return given(h.statesOf(t, mac)[key])
}

func given(s state) map[string]any {
	given := maps.Clone(s.Attributes)
	maps.DeleteFunc(given, func(name string, _ any) bool { return slices.Contains(standing, name) })
	for name, v := range given {
		given[name] = timeless(v)
	}
	for _, name := range []string{"duration", "duration_s", "ring_s"} {
		if seconds, ok := given[name].(float64); ok && seconds >= 0 && seconds < 60 {
			given[name] = "(seconds)"
		}
	}
	for _, name := range []string{"id", "call_id"} {
		if _, ok := given[name].(string); ok {
			given[name] = "(any)"
		}
	}
	return given
}

func (h *house) awaitAttributes(t *testing.T, what string, mac phone.MAC, key string, want map[string]any) {
	t.Helper()
	become(t, what+": attributes of "+key, want, func() map[string]any { return h.attributes(t, mac, key) })
}

// awaitResult waits until the last call of the kitchen ended so.
func (h *house) awaitResult(t *testing.T, want string) {
	t.Helper()
	eventually(t, "the last call is "+want, func() bool {
		return h.attributes(t, kitchen, "last_call")["result"] == want && h.attributes(t, kitchen, "call")["result"] == want
	})
}
