package homeassistant

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge/homeassistant"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// testEvents: the event entity shows every event that a phone can send, with what it says.
func (h *house) testEvents(t *testing.T) {
	entity := h.id(t, office, "call_event")
	before := len(h.shownBy(entity))
	var want []string
	for _, event := range phone.Events() {
		want = append(want, event.Slug)
		if status, err := h.office.Send(t.Context(), event.Type, map[phone.Variable]string{phone.VarCallID: "all of them"}); err != nil || status != 200 {
			t.Fatalf("%s was answered with %d, %v", event.Slug, status, err)
		}
	}
	become(t, "all events", want, func() []string {
		var slugs []string
		for _, s := range h.shownBy(entity)[before:] {
			if slug, _ := s.Attributes["event_type"].(string); s.Attributes["derived"] == false {
				slugs = append(slugs, slug)
			}
		}
		return slugs
	})
}

// testCallEvents: one call, as the event entity, the doorbell and the device triggers tell it.
func (h *house) testCallEvents(t *testing.T) {
	var rows []homeassistant.Entity
	for _, row := range homeassistant.PhoneEntities() {
		if row.Platform == "device_automation" {
			rows = append(rows, row)
		}
	}
	var names []string
	for _, row := range rows {
		names = append(names, row.Name)
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, h.triggers(t, h.device(t, kitchen))); diff != "" {
		t.Errorf("device triggers (-want +got):\n%s", diff)
	}
	h.automate(t, "tell of device triggers", h.firing(t, kitchen))

	events, ring := h.id(t, kitchen, "call_event"), h.id(t, kitchen, "ring")
	eventsBefore, ringsBefore, firedBefore := len(h.shownBy(events)), len(h.shownBy(ring)), len(h.triggered())
	eventually(t, "the office calls", func() bool { return h.office.Dial("201") })
	eventually(t, "it is answered", h.kitchen.Answer)
	eventually(t, "it ends", h.office.HangUp)
	become(t, "events", []string{"incoming_call", "off_hook", "call_established", "call_terminated", "call_ended", "on_hook", "busy_to_idle"}, func() []string {
		return types(h.shownBy(events)[eventsBefore:])
	})
	become(t, "rings", []string{"ring"}, func() []string { return types(h.shownBy(ring)[ringsBefore:]) })
	become(t, "device triggers", []string{"call incoming_call", "call call_established", "call call_ended"}, func() []string {
		return h.triggered()[firedBefore:]
	})

	for _, s := range h.shownBy(events)[eventsBefore:] {
		if s.Attributes["event_type"] != "call_ended" {
			continue
		}
		want := map[string]any{
			"account": "201", "answered_at": someTime, "call_id": "(any)", "call_state": "idle", "derived": true, "direction": "incoming",
			"duration_s": "(seconds)", "ended_at": someTime, "event_type": "call_ended", "id": "(any)", "local_number": "201",
			"local_uri": "sip:201@192.168.0.1", "mac": string(kitchen), "name": "Kitchen", "remote_name": caller, "remote_number": "202",
			"remote_uri": "sip:202@192.168.0.1", "result": "answered", "ring_s": "(seconds)", "started_at": someTime, "time": someTime,
		}
		if diff := cmp.Diff(want, given(s)); diff != "" {
			t.Errorf("call_ended (-want +got):\n%s", diff)
		}
	}
}

// types are the types of events that an entity showed.
func types(states []state) []string {
	var types []string
	for _, s := range states {
		if kind, ok := s.Attributes["event_type"].(string); ok {
			types = append(types, kind)
		}
	}
	return types
}

// firing is an automation on every device trigger that MQTT offers for a phone, which fires an event.
func (h *house) firing(t *testing.T, mac phone.MAC) map[string]any {
	t.Helper()
	var all, triggers []map[string]any
	h.ws.ask(t, "device_automation/trigger/list", map[string]any{"device_id": h.device(t, mac).ID}, &all)
	for _, trigger := range all {
		if trigger["domain"] != "mqtt" {
			continue
		}
		delete(trigger, "metadata")
		kind, _ := trigger["type"].(string)
		subtype, _ := trigger["subtype"].(string)
		trigger["id"] = kind + " " + subtype
		triggers = append(triggers, trigger)
	}
	return map[string]any{
		"triggers": triggers, "mode": "queued", "max": 100,
		"actions": []map[string]any{{"event": fired, "event_data": map[string]any{"trigger": "{{ trigger.id }}"}}},
	}
}

// automate saves an automation, as its editor does, and waits until it is on.
func (h *house) automate(t *testing.T, name string, automation map[string]any) {
	t.Helper()
	automation["alias"] = name
	h.ask(t, "POST", "/api/config/automation/config/"+slug(name), automation, nil)
	eventually(t, "the automation is on", func() bool {
		var s state
		return h.try("GET", "/api/states/automation."+slug(name), nil, &s) == nil && s.State == "on"
	})
}
