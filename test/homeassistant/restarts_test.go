package homeassistant

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// picture is what Home Assistant has of our phones.
type picture struct {
	Devices   map[string]device
	Entities  map[string]entity
	States    map[string]state
	Triggered map[string]any // when each automation ran last
}

// look takes one. What is typed into a text is forgotten over a restart of Home Assistant, as it is with
// every integration that cannot ask for it.
func (h *house) look(t *testing.T) picture {
	t.Helper()
	p := picture{h.devices(t), h.entities(t), h.states(t), make(map[string]any)}
	var all []state
	h.ask(t, "GET", "/api/states", nil, &all)
	for _, s := range all {
		if domain(s.EntityID) == "automation" {
			p.Triggered[s.EntityID] = s.Attributes["last_triggered"]
		}
	}
	maps.DeleteFunc(p.States, func(_ string, s state) bool { return domain(s.EntityID) == "text" })
	return p
}

// testRestarts restarts everything, alone and together in each order: afterwards all is as before, times
// included, and no event and no automation has fired again. The broker forgets everything.
func (h *house) testRestarts(t *testing.T) {
	parts := map[string]part{
		"homeassistant": {h.stop, func(t *testing.T) { h.start(t); h.back(t) }},
		"broker":        {func(*testing.T) { h.broker.Kill() }, func(t *testing.T) { h.startBroker(t, h.broker.Addr) }},
		"daemon":        {func(*testing.T) { h.daemon.Stop() }, func(t *testing.T) { h.startDaemon(t) }},
	}
	h.usePhoneRings(t, 500)
	h.useMissedCall(t)
	h.useDoorPhone(t)
	before, triggered := h.look(t), h.triggered()
	for _, order := range [][]string{
		{"homeassistant"}, {"broker"}, {"daemon"},
		{"homeassistant", "broker", "daemon"}, {"homeassistant", "daemon", "broker"}, {"broker", "homeassistant", "daemon"},
		{"broker", "daemon", "homeassistant"}, {"daemon", "homeassistant", "broker"}, {"daemon", "broker", "homeassistant"},
	} {
		t.Run(strings.Join(order, " "), func(t *testing.T) {
			for i, name := range order {
				if name == "homeassistant" && i > 0 {
					h.awaitUnavailable(t)
					before.forget()
				}
				parts[name].stop(t)
			}
			for _, name := range order {
				parts[name].start(t)
			}
			must(t, h.daemon.Ready(t.Context(), "readyz"))
			become(t, "everything is as before", before, func() picture { return h.look(t) })
			become(t, "triggers", triggered, h.triggered)
			h.alive(t)
			before = h.look(t)
		})
	}
}

func (h *house) awaitUnavailable(t *testing.T) {
	t.Helper()
	eventually(t, "the phone is unavailable", func() bool { return h.statesOf(t, kitchen)["call"].State == "unavailable" })
}

// forget is what Home Assistant itself does with an entity that was unavailable when it stopped: it no
// longer knows when it last did something.
func (p picture) forget() {
	for unique, s := range p.States {
		if slices.Contains([]string{"button", "event", "notify"}, domain(s.EntityID)) {
			s.State = "unknown"
			p.States[unique] = s
		}
	}
}

// part is something that can be restarted.
type part struct{ stop, start func(*testing.T) }

// alive presses a button in Home Assistant, and the phone is asked.
func (h *house) alive(t *testing.T) {
	t.Helper()
	before := len(h.kitchen.Requests())
	h.press(t, kitchen, "volume_up")
	become(t, "a command", []string{"GET /Phone_ActionURL&key=VOLUME_UP HTTP/1.1"}, func() []string { return h.asked(before) })
}

// testBirth: Home Assistant's birth has everything announced once more, and that changes nothing.
func (h *house) testBirth(t *testing.T) {
	r, err := stand.Record(h.broker.Addr, "homeassistant/#")
	must(t, err)
	defer func() { r.Disconnect(0) }()
	before := h.look(t)
	h.restart(t)
	_, from, err := r.Await(t.Context(), 0, "the birth", func(m stand.Message) bool { return m.Topic == "homeassistant/status" && string(m.Payload) == "online" })
	must(t, err)
	for _, id := range []phone.MAC{bridge, kitchen, office} {
		_, _, err = r.Await(t.Context(), from, "the announcement of "+string(id), func(m stand.Message) bool {
			return m.Topic == h.announcement(id) && !m.Retained
		})
		must(t, err)
	}
	become(t, "everything is as before", before, func() picture { return h.look(t) })
}
