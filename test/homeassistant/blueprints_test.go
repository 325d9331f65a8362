package homeassistant

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// testBlueprints: Home Assistant's own loader takes every blueprint, and automations of them do what they
// say.
func (h *house) testBlueprints(t *testing.T) {
	var loaded map[string]struct {
		Error    string
		Metadata struct{ Name string }
	}
	h.ws.ask(t, "blueprint/list", map[string]any{"domain": "automation"}, &loaded)
	files, err := os.ReadDir("../../examples/home-assistant/blueprints")
	must(t, err)
	if len(files) < 5 {
		t.Errorf("only %d blueprints", len(files))
	}
	for _, file := range files {
		if b := loaded["phone2mqtt/"+file.Name()]; b.Error != "" || b.Metadata.Name == "" {
			t.Errorf("%s: %q", file.Name(), b.Error)
		}
	}
	t.Run("card", h.testCard)
	t.Run("phone rings", h.testPhoneRings)
	t.Run("missed call", h.testMissedCall)
	t.Run("busy light", h.testBusyLight)
	t.Run("do not disturb", h.testDoNotDisturb)
	t.Run("door phone", h.testDoorPhone)
}

// testCard: the card's entities are those that a phone called Kitchen has.
func (h *house) testCard(t *testing.T) {
	text, err := os.ReadFile("../../examples/home-assistant/card.yaml")
	must(t, err)
	there := make(map[string]bool)
	for _, e := range h.entities(t) {
		there[e.ID] = true
	}
	named := regexp.MustCompile(`entity: (\w+\.\w+)`).FindAllStringSubmatch(string(text), -1)
	if len(named) < 10 {
		t.Errorf("only %d entities: %q", len(named), named)
	}
	for _, m := range named {
		if !there[m[1]] {
			t.Errorf("there is no %s", m[1])
		}
	}
}

// useBlueprint makes an automation of a blueprint, until the test ends.
func (h *house) useBlueprint(t *testing.T, name string, input map[string]any) {
	t.Helper()
	h.automate(t, name, map[string]any{"use_blueprint": map[string]any{"path": "phone2mqtt/" + name + ".yaml", "input": input}})
	t.Cleanup(func() { h.ask(t, "DELETE", "/api/config/automation/config/"+name, nil, nil) })
}

// did are the actions on the household that were called after the first n, in words. A message's data is
// left out.
func (h *house) did(n int) []string {
	var words []string
	for _, c := range h.calls(n) {
		if !slices.Contains([]string{"light", "media_player", "tts", "notify", "input_boolean"}, c.Domain) {
			continue
		}
		line := c.Domain + "." + c.Service
		for _, name := range slices.Sorted(maps.Keys(c.Data)) {
			if name != "data" && name != "rgb_color" {
				line += fmt.Sprintf(" %s=%v", name, c.Data[name])
			}
		}
		words = append(words, line)
	}
	return words
}

func (h *house) awaitDid(t *testing.T, what string, n int, want ...string) {
	t.Helper()
	become(t, what, want, func() []string { return h.did(n) })
}

func (h *house) ring(t *testing.T) {
	t.Helper()
	eventually(t, "the office calls", func() bool { return h.office.Dial("201") })
}

// awaitCall waits for what the sensor Call of the kitchen shows.
func (h *house) awaitCall(t *testing.T, want string) {
	t.Helper()
	eventually(t, "the kitchen is "+want, func() bool { return h.statesOf(t, kitchen)["call"].State == want })
}

func (h *house) usePhoneRings(t *testing.T, shortest int) {
	t.Helper()
	h.useBlueprint(t, "phone_rings", map[string]any{
		"call": []string{"sensor.kitchen_call"}, "players": []string{"media_player.radio"}, "lights": []string{"light.lamp"}, "shortest_ring": shortest,
		"tts": "tts.voice", "speakers": []string{"media_player.radio"}, "ignored": []string{"Anonymous"},
	})
}

func (h *house) testPhoneRings(t *testing.T) {
	const shortest = 1000
	h.usePhoneRings(t, shortest)
	n, before := len(h.calls(0)), len(h.shownBy("sensor.kitchen_call"))
	// Neither a ring that is too short nor a caller who is not wanted does anything. That it rings Home Assistant
	// tells by itself: asked for it, it may take so long to answer that the ring is not too short any more.
	h.ring(t)
	must(t, stand.Eventually(t.Context(), "the kitchen rings", func() bool {
		states := h.shownBy("sensor.kitchen_call")
		return len(states) > before && states[len(states)-1].State == "ringing"
	}))
	h.office.HangUp()
	h.awaitCall(t, "idle")
	h.another(t, phone.IncomingCall)
	h.awaitCall(t, "ringing")
	must(t, stand.Pause(t.Context(), 2*shortest*time.Millisecond))
	h.another(t, phone.CallRemoteCanceled)
	// Told by the phone: else the bridge would tell it in the midst of the next test.
	h.another(t, phone.MissedCall)
	h.awaitCall(t, "idle")
	h.awaitDid(t, "nothing", n)

	h.ring(t)
	rings := []string{
		"light.turn_on entity_id=[light.lamp]",
		"media_player.media_pause entity_id=[media_player.radio]",
		`tts.speak entity_id=[tts.voice] media_player_entity_id=[media_player.radio] message=Zoë "{{ 7 * 7 }}" O'Hara is calling`,
	}
	h.awaitSpoken(t, n, rings)
	h.press(t, kitchen, "answer")
	h.awaitCall(t, "talking")
	talks := append(rings, "light.turn_off entity_id=[light.lamp]")
	h.awaitSpoken(t, n, talks)
	h.press(t, kitchen, "hangup")
	h.awaitCall(t, "idle")
	h.awaitSpoken(t, n, append(talks, "media_player.media_play entity_id=[media_player.radio]"))
}

// awaitSpoken is awaitDid without what speaking itself does with the player.
func (h *house) awaitSpoken(t *testing.T, n int, want []string) {
	t.Helper()
	become(t, "actions", want, func() []string {
		return slices.DeleteFunc(h.did(n), func(line string) bool { return strings.HasPrefix(line, "media_player.play_media") })
	})
}

func (h *house) useMissedCall(t *testing.T) {
	t.Helper()
	h.useBlueprint(t, "missed_call", map[string]any{
		"call_event": []string{"event.kitchen_call_event", "event.upstairs_office_call_event"}, "notifiers": []string{"notify.mobile_app_phone"},
		"dial_notify": "notify.kitchen_dial_number", "message": "{{ caller.name }}, {{ caller.number }}",
	})
}

func (h *house) testMissedCall(t *testing.T) {
	h.useMissedCall(t)
	n := len(h.calls(0))
	h.ring(t)
	h.awaitCall(t, "ringing")
	h.office.HangUp()
	h.awaitDid(t, "a message", n, `notify.mobile_app_phone message=Zoë "{{ 7 * 7 }}" O'Hara, 202 title=Missed call`)
	before := len(h.kitchen.Requests())
	h.pressButton(t, n)
	become(t, "calling back", []string{"GET /Phone_ActionURL&Command=1&Number=202 HTTP/1.1"}, func() []string { return h.asked(before) })
	eventually(t, "it hangs up", h.kitchen.HangUp)
	h.awaitCall(t, "idle")
}

// pressButton presses the button of the last message that had one, as the app does.
func (h *house) pressButton(t *testing.T, n int) {
	t.Helper()
	var button string
	for _, c := range h.calls(n) {
		data, _ := c.Data["data"].(map[string]any)
		actions, _ := data["actions"].([]any)
		for _, a := range actions {
			action, _ := a.(map[string]any)
			button, _ = action["action"].(string)
		}
	}
	if button == "" {
		t.Fatalf("no message has a button: %v", h.calls(n))
	}
	h.ask(t, "POST", "/api/events/mobile_app_notification_action", map[string]any{"action": button}, nil)
}

func (h *house) testBusyLight(t *testing.T) {
	n := len(h.calls(0))
	h.useBlueprint(t, "busy_light", map[string]any{
		"call": []string{"sensor.kitchen_call", "sensor.upstairs_office_call"}, "lights": []string{"light.sign"}, "shortest": 0,
	})
	const on, off = "light.turn_on brightness_pct=100 entity_id=[light.sign]", "light.turn_off entity_id=[light.sign]"
	h.awaitDid(t, "set as soon as it is made", n, off)
	n = len(h.calls(0))
	h.kitchen.Dial("999")
	h.awaitDid(t, "busy", n, on)
	h.kitchen.HangUp()
	h.awaitDid(t, "idle", n, on, off)
	h.awaitCall(t, "idle")
}

func (h *house) testDoNotDisturb(t *testing.T) {
	h.useBlueprint(t, "do_not_disturb", map[string]any{
		"dnd":       []string{"switch.kitchen_do_not_disturb", "switch.upstairs_office_do_not_disturb"},
		"schedules": []string{"input_boolean.out"}, "helper": "input_boolean.quiet",
	})
	all := func(what, want string) {
		t.Helper()
		become(t, what, []string{want, want, want}, func() []string {
			var quiet state
			h.ask(t, "GET", "/api/states/input_boolean.quiet", nil, &quiet)
			return []string{quiet.State, h.statesOf(t, kitchen)["dnd"].State, h.statesOf(t, office)["dnd"].State}
		})
	}
	before := len(h.kitchen.Requests())
	h.call(t, "input_boolean.turn_on", "input_boolean.out", nil)
	all("quiet by the source", "on")
	h.send(t, phone.DNDOff, nil)
	all("not by the phone in the kitchen", "off")
	h.call(t, "input_boolean.turn_on", "input_boolean.quiet", nil)
	all("quiet by the helper", "on")
	h.call(t, "input_boolean.turn_off", "input_boolean.out", nil)
	all("not by the source", "off")
	// What the phone itself did is not asked of it again.
	become(t, "the kitchen was asked", []string{
		"GET /Phone_ActionURL&key=DNDOn HTTP/1.1", "GET /Phone_ActionURL&key=DNDOn HTTP/1.1", "GET /Phone_ActionURL&key=DNDOff HTTP/1.1",
	}, func() []string { return h.asked(before) })
}

func (h *house) useDoorPhone(t *testing.T) {
	t.Helper()
	h.useBlueprint(t, "door_phone", map[string]any{
		"call": "sensor.kitchen_call", "call_event": "event.kitchen_call_event", "answer": "button.kitchen_answer", "hangup": "button.kitchen_hang_up",
		"door": []string{"20-2"}, "digits": "12#", "notifiers": []string{"notify.mobile_app_phone"}, "pause": 0.5, "open_for": 0,
	})
}

func (h *house) testDoorPhone(t *testing.T) {
	h.useDoorPhone(t)
	n, before := len(h.calls(0)), len(h.kitchen.Requests())
	h.ring(t)
	h.awaitDid(t, "a message", n, "notify.mobile_app_phone message=Somebody rings at the door title=Door")
	h.pressButton(t, n)
	var want []string
	for _, request := range []string{"key=OK", "key=1", "key=2", "key=POUND", "Command=2"} {
		want = append(want, "GET /Phone_ActionURL&"+request+" HTTP/1.1")
	}
	become(t, "it opens", want, func() []string { return h.asked(before) })
	h.awaitDid(t, "the message is replaced", n, "notify.mobile_app_phone message=Somebody rings at the door title=Door",
		"notify.mobile_app_phone message=The call from the door is over title=Door")
	h.pressButton(t, n)
	h.awaitDid(t, "too late", n, "notify.mobile_app_phone message=Somebody rings at the door title=Door",
		"notify.mobile_app_phone message=The call from the door is over title=Door",
		"notify.mobile_app_phone message=Not opened: the door does not call any more, or the phone is in use title=Door")
	become(t, "nothing more is sent", want, func() []string { return h.asked(before) })
}
