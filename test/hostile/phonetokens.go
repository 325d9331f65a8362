package main

import (
	"context"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/bridge/gate"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// phoneTokens is who has a phone, and with it that phone's own token, and wants to speak for another.
var phoneTokens = subject{
	name:     "phone tokens",
	settings: []string{"HTTP_TOKEN=" + firstToken + "," + secondToken, "HTTP_TOKEN_PER_PHONE=true", "REPEAT_WINDOW=0s"},
	plan:     plan{token: firstToken, perPhone: true},
	attacks: []attack{
		{"an event of another phone with his own token", speaksFor(0, "/TOKEN/off_hook?mac=VICTIM", "/TOKEN/off_hook/VICTIM", "/off_hook/VICTIM/TOKEN")},
		{"an event of another phone by naming both", speaksFor(5, "/TOKEN/off_hook/VICTIM?mac=OTHER", "/TOKEN/off_hook/OTHER/VICTIM", "/TOKEN/off_hook/VICTIM/OTHER", "/TOKEN/off_hook?mac=OTHER&mac=VICTIM", "/TOKEN/off_hook?mac=VICTIM&mac=OTHER",
			"/TOKEN/off_hook/OTHER?mac=VICTIM", "/TOKEN/off_hook?%6Dac=OTHER&mac=VICTIM", "/TOKEN/off_hook?MAC=OTHER&mac=VICTIM", "/TOKEN/off_hook?mac=OTHER%26mac=VICTIM", "/TOKEN/off_hook?mac=%20OTHER&mac=VICTIM", "/TOKEN/off_hook/?ip=1&display_remote=x&mac=VICTIM&mac=OTHER")},
		{"an event of another phone by its address", speaksFor(0, "/TOKEN/off_hook", "/TOKEN/off_hook?ip=VICTIMIP", "/TOKEN/off_hook?mac=&ip=VICTIMIP", "/TOKEN/off_hook?mac=$mac")},
		{"an event with the token that all of them are made of", speaksFor(0, "/"+firstToken+"/off_hook?mac=VICTIM", "/"+secondToken+"/off_hook?mac=VICTIM", "/"+firstToken+"/TOKEN/off_hook?mac=VICTIM")},
		{"an event of another phone with his token in another case or in parts", speaksFor(0, "/UPPER/off_hook?mac=OTHER", "/HALF/off_hook?mac=OTHER", "/TOKENx/off_hook?mac=OTHER", "/off_hook?mac=OTHER&token=TOKEN", "/off_hook?mac=OTHER&/TOKEN/")},
	},
}

// speaksFor asks for targets as a phone that has the token of the one called other. No event of the victim
// may come of them, and so many of his own.
func speaksFor(own int, targets ...string) func(context.Context, *world) (verdict, error) {
	return func(ctx context.Context, w *world) (verdict, error) {
		token, from, answered := gate.PhoneToken(firstToken, phone.MAC(w.other.mac)), w.observer.count(), 0
		fill := strings.NewReplacer("VICTIMIP", w.victim.ip, "VICTIM", w.victim.mac, "OTHER", w.other.mac, "TOKEN", token,
			"UPPER", strings.ToUpper(token), "HALF", token[:len(token)/2])
		for _, target := range targets {
			a, err := w.get(ctx, w.victim.ip, fill.Replace(target))
			if err != nil {
				return verdict{}, err
			}
			if a.status == 200 {
				answered++
			}
		}
		all, err := w.told(ctx, from)
		if err != nil {
			return verdict{}, err
		}
		for _, m := range all {
			if strings.Contains(m.Topic, w.victim.mac) {
				return success("%s %.200s", m.Topic, m.Payload)
			}
		}
		if told := events(all, ""); len(told) != own || answered != own {
			return success("%d of %d answered 200, %d events", answered, len(targets), len(told))
		}
		return refused("%d of %d; the others are events of his own phone", len(targets)-own, len(targets))
	}
}
