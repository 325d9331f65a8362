package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// discovery is who may write where Home Assistant looks for devices, as automations may.
var discovery = subject{
	name: "discovery",
	attacks: []attack{
		{"to have planted announcements believed, or others' taken away", plantedAnnouncements},
		{"to keep the daemon busy with Home Assistant's birth", births},
	},
}

func plantedAnnouncements(ctx context.Context, w *world) (verdict, error) {
	const root = "homeassistant/device/phone2mqtt_"
	alike := func(mac string) string {
		return `{"availability":[{"topic":"phone2mqtt/bridge/state"},{"topic":"phone2mqtt/` + mac + `/availability"}],"device":{"name":"planted"},"components":{"evil":{"platform":"button","command_topic":"phone2mqtt/` + w.victim.mac + `/set/reboot"}}}`
	}
	plants := map[string]string{
		root + "0bad00000001/config":                    alike("0bad00000001"),
		root + "0bad00000002/config":                    "{\"a\":" + strings.Repeat("[", 20000),
		root + "0bad00000003/config":                    strings.Repeat("x", 1<<20),
		root + w.victim.mac + "/config":                 alike(w.victim.mac),
		root + w.other.mac + "/config":                  `{"availability":"x","device":{"name":"planted"}}`,
		root + strings.ToUpper(w.other.mac) + "/config": alike(w.other.mac),
		root + "bridge/config":                          `{"state_topic":"phone2mqtt/bridge/info","name":"planted"}`,
		root + "/config":                                alike(""),
		root + "0bad00000004/config/x":                  alike("0bad00000004"),
		"homeassistant/device/zigbee_1/config":          alike("0bad00000005"),
		"homeassistant/sensor/phone2mqtt/config":        alike("0bad00000006"),
	}
	for n := range 300 {
		plants[fmt.Sprintf("%s0bae%08x/config", root, n)] = `{"device":{"name":"another's"}}`
	}
	for topic, payload := range plants {
		if err := w.home.plant(topic, payload); err != nil {
			return verdict{}, err
		}
	}
	begin := w.victim.count()
	if err := w.restart(ctx); err != nil {
		return verdict{}, err
	}
	const mine = "homeassistant/device/phone2mqtt_"
	from := 0
	for _, mac := range []string{w.victim.mac, w.other.mac} {
		err := stand.Eventually(ctx, "announced anew: "+mac, func() bool {
			all := w.observer.heard(0)
			for from = len(all) - 1; from >= 0; from-- {
				if all[from].Topic == mine+mac+"/config" {
					return !strings.Contains(string(all[from].Payload), "planted")
				}
			}
			return false
		})
		if err != nil {
			return success("%v", err)
		}
	}
	kept, err := w.kept(ctx, "homeassistant/#")
	if err != nil {
		return verdict{}, err
	}
	others := 0
	for topic, payload := range plants {
		if strings.Contains(payload, "another's") && kept[topic] == payload {
			others++
		}
	}
	if others != 300 || kept["homeassistant/device/zigbee_1/config"] == "" || kept[mine+"0bad00000004/config/x"] == "" {
		return success("%d of 300 of others' are left", others)
	}
	lines, err := w.flush(ctx, w.victim, begin)
	if err != nil || len(lines) > 0 {
		return success("the phone got %q (%v)", lines, err)
	}
	for topic := range plants {
		if err := w.home.plant(topic, ""); err != nil {
			return verdict{}, err
		}
	}
	return harmless("known phones are announced anew over them, what is not surely ours stays untouched, none is believed; whoever may write there can announce whatever he likes")
}

func births(ctx context.Context, w *world) (verdict, error) {
	from := w.observer.count()
	const count = 2000
	for n := range count {
		topic := []string{"homeassistant/status", "hass/status", "homeassistant/status/x"}[n%3]
		w.insider.Publish(topic, 1, false, []string{"online", "offline", "online", "on"}[n%4])
	}
	if err := w.insider.say("homeassistant/status", "online"); err != nil {
		return verdict{}, err
	}
	if _, err := w.honestEvent(ctx); err != nil {
		return verdict{}, err
	}
	announced := 0
	for _, m := range w.observer.heard(from) {
		if strings.HasSuffix(m.Topic, "/config") {
			announced++
		}
	}
	if announced > 50 {
		return success("%d announcements", announced)
	}
	return harmless("%d births, one announcement of all at most within 30 s: %d messages", count, announced)
}
