package homeassistant

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// testLearned: a phone that nobody listed appears with its first event, takes another name, goes without
// a trace and comes back as the same.
func (h *house) testLearned(t *testing.T) {
	p := startPhone(t, h.daemon.Intake, phonetest.Options{MAC: guest, IP: "192.168.0.159"})
	p.Boot()
	h.awaitName(t, guest, "Phone 1a8b6e")
	all := h.awaitEntities(t, guest)
	if id := all["call"].ID; id != "sensor.phone_1a8b6e_call" {
		t.Errorf("the sensor Call is %s", id)
	}

	h.request(t, "phone/rename", `{"mac":"00:1F:C1:1A:8B:6E","name":"Guest room"}`)
	h.awaitName(t, guest, "Guest room")
	// Automations go on: ids stay.
	if diff := cmp.Diff(ids(all), ids(h.entitiesOf(t, guest))); diff != "" {
		t.Errorf("another name changed ids (-before +after):\n%s", diff)
	}

	h.request(t, "phone/remove", `{"mac":"001fc11a8b6e"}`)
	h.awaitGone(t, guest)
	for _, filter := range []string{"phone2mqtt/" + string(guest) + "/#", h.announcement(guest)} {
		if kept := h.retained(t, filter); len(kept) != 0 {
			t.Errorf("the broker keeps %q of a removed phone", kept)
		}
	}

	p.Boot()
	h.awaitName(t, guest, "Phone 1a8b6e")
	if diff := cmp.Diff(ids(all), ids(h.awaitEntities(t, guest))); diff != "" {
		t.Errorf("a phone that came back has other ids (-before +after):\n%s", diff)
	}
	h.request(t, "phone/remove", `{"mac":"001fc11a8b6e"}`)
	h.awaitGone(t, guest)
}

// testDeleted: what somebody deletes in Home Assistant is brought back when it is asked for, by request or
// by button.
func (h *house) testDeleted(t *testing.T) {
	for name, again := range map[string]func(){
		"request": func() { h.request(t, "discovery/refresh", `{}`) },
		"button": func() {
			h.call(t, "button.press", h.entitiesOf(t, bridge)["discovery_refresh"].ID, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := h.entitiesOf(t, office)
			h.ws.ask(t, "config/device_registry/remove", map[string]any{"device_id": h.device(t, office).ID}, nil)
			h.awaitGone(t, office)
			again()
			h.awaitName(t, office, "Office")
			if diff := cmp.Diff(ids(before), ids(h.awaitEntities(t, office))); diff != "" {
				t.Errorf("a device that came back has other ids (-before +after):\n%s", diff)
			}
			eventually(t, "it has a state", func() bool { return h.statesOf(t, office)["firmware"].State == "2.0.4.2" })
		})
	}
}

// testRing: the doorbell goes and comes with `ring` in the phones file.
func (h *house) testRing(t *testing.T) {
	text, err := os.ReadFile(h.phonesFile())
	must(t, err)
	rewrite := func(text string) {
		must(t, os.WriteFile(h.phonesFile(), []byte(text), 0o600))
		must(t, h.daemon.Signal(syscall.SIGHUP))
	}
	rewrite(strings.Replace(string(text), "ring: true", "ring: false", 1))
	has := func() bool { _, ok := h.entitiesOf(t, kitchen)["ring"]; return ok }
	eventually(t, "the doorbell is gone", func() bool { return !has() })
	rewrite(string(text))
	eventually(t, "the doorbell is back", has)
	if id := h.id(t, kitchen, "ring"); id != "event.kitchen_ring" {
		t.Errorf("the doorbell came back as %s", id)
	}
}

// testOff: without discovery ours is cleared, and nothing of another instance; switched on again, all is
// as before.
func (h *house) testOff(t *testing.T) {
	intake, err := stand.FreeAddr()
	must(t, err)
	other, err := stand.StartDaemon(t.Context(), h.program, "HTTP_ADDR="+intake, "MQTT_URL=mqtt://"+h.broker.Addr, "MQTT_BASE=home/phones", "DATA_DIR=none")
	must(t, err)
	defer other.Stop()
	must(t, other.Ready(t.Context(), "readyz"))
	startPhone(t, intake, phonetest.Options{MAC: guest}).Boot()
	theirs := "home_phones_" + string(guest)
	eventually(t, "the other instance's phone appears", func() bool { return h.devices(t)[theirs].Name != "" })
	before, ours := h.device(t, kitchen), h.entitiesOf(t, kitchen)

	h.daemon.Stop()
	h.startDaemon(t, "DISCOVERY=false")
	for _, id := range []phone.MAC{kitchen, office, bridge} {
		h.awaitGone(t, id)
	}
	announced := []string{"homeassistant/device/home_phones_001fc11a8b6e/config", "homeassistant/device/home_phones_bridge/config"}
	if diff := cmp.Diff(announced, h.retained(t, "homeassistant/device/#")); diff != "" {
		t.Errorf("the broker keeps (-want +got):\n%s", diff)
	}
	devices := h.devices(t)
	if devices[theirs].Name == "" || devices["home_phones_bridge"].Name != "phone2mqtt home/phones" || len(devices) != 2 {
		t.Errorf("of the other instance is left %v", devices)
	}

	h.daemon.Stop()
	h.startDaemon(t)
	h.awaitName(t, kitchen, before.Name)
	if diff := cmp.Diff(ids(ours), ids(h.awaitEntities(t, kitchen))); diff != "" {
		t.Errorf("ids have changed (-before +after):\n%s", diff)
	}
}

// request asks the bridge, and expects that it says yes.
func (h *house) request(t *testing.T, op, payload string) {
	t.Helper()
	r, err := stand.Record(h.broker.Addr, "phone2mqtt/bridge/response/"+op)
	must(t, err)
	defer r.Disconnect(0)
	must(t, stand.Done(r.Publish("phone2mqtt/bridge/request/"+op, 1, false, payload)))
	m, _, err := r.Await(t.Context(), 0, "the response", func(stand.Message) bool { return true })
	must(t, err)
	var response struct{ Status string }
	must(t, json.Unmarshal(m.Payload, &response))
	if response.Status != "ok" {
		t.Fatalf("%s %s: %s", op, payload, m.Payload)
	}
}

// retained are the topics below a filter of which the broker keeps a message.
func (h *house) retained(t *testing.T, filter string) []string {
	t.Helper()
	r, err := stand.Record(h.broker.Addr, filter)
	must(t, err)
	defer r.Disconnect(0)
	// What the broker keeps it sends before what comes next, and messages are heard in that order; answers
	// are heard beside them.
	const end = "phone2mqtt/test/end"
	heard := make(chan struct{}, 2) // it may come twice
	must(t, stand.Done(r.Subscribe(end, 1, func(paho.Client, paho.Message) { heard <- struct{}{} })))
	must(t, stand.Done(r.Publish(end, 1, false, "")))
	select {
	case <-heard:
	case <-time.After(stand.Patience):
		t.Fatal("the broker does not give our own message back")
	}
	messages, err := r.Messages()
	must(t, err)
	var topics []string
	for _, m := range messages {
		if m.Retained {
			topics = append(topics, m.Topic)
		}
	}
	slices.Sort(topics)
	return topics
}

func (h *house) awaitName(t *testing.T, mac phone.MAC, name string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s is called %s", mac, name), func() bool { return h.device(t, mac).Name == name })
}

// awaitEntities waits until a phone has all entities of one without a doorbell, at least.
func (h *house) awaitEntities(t *testing.T, mac phone.MAC) map[string]entity {
	t.Helper()
	var all map[string]entity
	eventually(t, fmt.Sprintf("%s has all entities", mac), func() bool {
		all = h.entitiesOf(t, mac)
		for _, row := range entitiesOfEveryPhone() {
			if _, ok := all[row.Key]; !ok {
				return false
			}
		}
		return true
	})
	return all
}

func (h *house) awaitGone(t *testing.T, mac phone.MAC) {
	t.Helper()
	eventually(t, fmt.Sprintf("nothing is left of %s", mac), func() bool {
		return h.device(t, mac).ID == "" && len(h.entitiesOf(t, mac)) == 0
	})
}

// ids are the ids of entities, by key.
func ids(all map[string]entity) map[string]string {
	ids := make(map[string]string)
	for key, e := range all {
		ids[key] = e.ID
	}
	return ids
}
