package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// strictMAC is a phone of which only events from its host are taken.
const strictMAC = "001fc1aa00f1"

// identity is who wants to be taken for somebody else.
var identity = subject{
	name:     "identity",
	settings: []string{"REPEAT_WINDOW=0s"},
	plan: plan{prepare: func(w *world) error {
		path := filepath.Join(w.dir, "phones.yaml")
		w.settings = append(w.settings, "PHONES_FILE="+path)
		return os.WriteFile(path, []byte("phones:\n  - {mac: "+strictMAC+", host: "+w.address(0, 200)+", strict: true}\n"), 0o600)
	}},
	attacks: []attack{
		{"to be another phone by a display name", nameIsIdentity("display_remote=Bob&mac=VICTIM&ip=IP")},
		{"to be another phone by the name of his own line", nameIsIdentity("display_local=Bob&mac=VICTIM&display_remote=x")},
		{"to be another phone by a name with escapes", nameIsIdentity("display_remote=Bob%26mac%3DVICTIM%26ip%3DIP")},
		{"to be another phone by a name with a line end", nameIsIdentity("display_remote=Bob%0D%0AGET%20/off_hook?mac=VICTIM%20HTTP/1.1")},
		{"to be another phone by a name before the phone's own variables", nameIsIdentity("remote=1&display_remote=&mac=VICTIM")},
		{"to be another phone by spellings of the variable", nameIsIdentity("display_remote=x&MAC=VICTIM&Mac=VICTIM&%6Dac=VICTIM&mac%20=VICTIM&mac[]=VICTIM")},
		{"to make another event of a call by a name", nameIsEvent},
		{"to speak for two phones in one request", twoPhones},
		{"to be a second phone that looks like another", lookAlikes},
		{"to speak for a strict phone from elsewhere", strictElsewhere},
		{"to speak for a phone without naming it, from no phone's address", nobody},
		{"to forge an event that only the program tells", forgedDerived},
		{"to hide an event below an own page, or a page below an event", pagesAsEvents},
		{"to become a phone by a telephone number of twelve digits", numberAsPhone},
	},
}

// nameIsIdentity has the phone called other send what a caller could make it send.
func nameIsIdentity(variables string) func(context.Context, *world) (verdict, error) {
	return func(ctx context.Context, w *world) (verdict, error) {
		from := w.observer.count()
		variables := strings.NewReplacer("VICTIM", w.victim.mac, "IP", w.victim.ip).Replace(variables)
		a, err := w.get(ctx, w.other.ip, w.event("incoming_call", w.other.mac, "call_id="+w.fresh(), variables))
		if err != nil {
			return verdict{}, err
		}
		all, err := w.told(ctx, from)
		if err != nil {
			return verdict{}, err
		}
		for _, m := range all {
			if strings.Contains(m.Topic, w.victim.mac) || m.Topic == "phone2mqtt/"+w.other.mac+"/state" && member(m, "ip") == w.victim.ip {
				return success("%s: %s %.200s", a, m.Topic, m.Payload)
			}
		}
		told := events(all, w.other.mac)
		if len(told) != 1 {
			return success("%s, and %d events of the phone that called", a, len(told))
		}
		return harmless("one call of the phone itself, of %q", member(told[0], "remote_name"))
	}
}

func nameIsEvent(ctx context.Context, w *world) (verdict, error) {
	from := w.observer.count()
	names := []string{"/off_hook", "x HTTP/1.1", "x?/dnd_on", "&event=dnd_on&call_id=stolen2", "$mac", "../off_hook", "#/off_hook"}
	for _, name := range names {
		raw := "GET " + w.event("incoming_call", w.other.mac, "call_id="+w.fresh(), "display_remote="+name) + " HTTP/1.1\r\n\r\n"
		if _, err := w.ask(ctx, w.other.ip, raw); err != nil {
			return verdict{}, err
		}
	}
	all, err := w.told(ctx, from)
	if err != nil {
		return verdict{}, err
	}
	told := events(all, "")
	for _, m := range told {
		if kind := member(m, "event_type"); kind != "incoming_call" {
			return success("a %s: %s", kind, m.Payload)
		}
	}
	return harmless("%d names, and nothing but calls", len(names))
}

func twoPhones(ctx context.Context, w *world) (verdict, error) {
	from := w.observer.count()
	id := w.fresh()
	target := fmt.Sprintf("/off_hook/%s/%s?call_id=%s&mac=%s&mac=%s", w.other.mac, w.victim.mac, id, w.other.mac, w.victim.mac)
	a, err := w.get(ctx, w.stranger(), target)
	if err != nil {
		return verdict{}, err
	}
	all, err := w.told(ctx, from)
	if err != nil {
		return verdict{}, err
	}
	if told := events(all, ""); len(told) != 1 || member(told[0], "mac") != w.other.mac {
		return success("%s, and %d events", a, len(told))
	}
	return harmless("one event, of the phone named first in the query")
}

func lookAlikes(ctx context.Context, w *world) (verdict, error) {
	from, mac := w.observer.count(), w.victim.mac
	taken := 0
	same := []string{strings.ToUpper(mac), "00:1F:C1:AA:00:02", "00-1f-c1-aa-00-02", "001f.c1aa.0002", "%30" + mac[1:]}
	others := []string{"\uff10" + mac[1:], mac + "0", mac[1:], mac[:11] + "g", mac[:11] + "\u0662", mac + "%00", "0x" + mac[2:], "00:1F-C1:AA:00:02"}
	for _, spelled := range append(same, others...) {
		a, err := w.get(ctx, w.victim.ip, w.event("off_hook", spelled, "call_id="+w.fresh()))
		if err != nil {
			return verdict{}, err
		}
		if a.status == 200 {
			taken++
		}
	}
	all, err := w.told(ctx, from)
	if err != nil {
		return verdict{}, err
	}
	for _, m := range events(all, "") {
		if member(m, "mac") != mac {
			return success("an event of %s", m.Topic)
		}
	}
	if taken != len(same) {
		return success("%d spellings were taken, expected %d", taken, len(same))
	}
	return refused("%d spellings mean that phone, %d mean none: 400", len(same), len(others))
}

func strictElsewhere(ctx context.Context, w *world) (verdict, error) {
	from := w.observer.count()
	a, err := w.get(ctx, w.stranger(), w.event("off_hook", strictMAC, "ip="+w.address(0, 200)))
	if err != nil {
		return verdict{}, err
	}
	all, err := w.told(ctx, from)
	if err != nil {
		return verdict{}, err
	}
	if a.status != 403 || len(events(all, "")) > 0 {
		return success("%s, %d events", a, len(events(all, "")))
	}
	return refused("%s", a)
}

func nobody(ctx context.Context, w *world) (verdict, error) {
	from := w.observer.count()
	var last answer
	for _, target := range []string{"/off_hook", "/off_hook?ip=" + w.victim.ip, "/off_hook/" + w.victim.ip, "/off_hook?mac=$mac&ip=" + w.victim.ip} {
		a, err := w.get(ctx, w.address(66, 99), target)
		if err != nil {
			return verdict{}, err
		}
		if last = a; a.status != 400 {
			return success("%s was answered %s", target, a)
		}
	}
	all, err := w.told(ctx, from)
	if err != nil || len(events(all, "")) > 0 {
		return success("%d events", len(events(all, "")))
	}
	return refused("%s", last)
}

func forgedDerived(ctx context.Context, w *world) (verdict, error) {
	return w.noEvent(ctx, w.other.ip, 404, "/call_ended?mac="+w.victim.mac, "/phone_offline?mac="+w.victim.mac,
		"/phone_online/"+w.victim.mac, "/PhoneOffline?mac="+w.victim.mac, "/Call-Ended?mac="+w.victim.mac)
}

func pagesAsEvents(ctx context.Context, w *world) (verdict, error) {
	return w.noEvent(ctx, w.other.ip, 404, "/healthz/off_hook?mac="+w.victim.mac, "/ui/off_hook/"+w.victim.mac, "/readyz/../off_hook?mac="+w.victim.mac,
		"/metrics/off_hook?mac="+w.victim.mac, "/ui?mac="+w.victim.mac, "/nonsense/off_hookk?mac="+w.victim.mac)
}

// noEvent asks for targets of which no event may come; each is answered with that status.
func (w *world) noEvent(ctx context.Context, by string, status int, targets ...string) (verdict, error) {
	from := w.observer.count()
	var last answer
	for _, target := range targets {
		a, err := w.get(ctx, by, target)
		if err != nil {
			return verdict{}, err
		}
		if last = a; a.status != status {
			return success("%s was answered %s", target, a)
		}
	}
	all, err := w.told(ctx, from)
	if err != nil {
		return verdict{}, err
	}
	if told := events(all, ""); len(told) > 0 {
		return success("%s %s", told[0].Topic, told[0].Payload)
	}
	return refused("%d times: %s", len(targets), last)
}

func numberAsPhone(ctx context.Context, w *world) (verdict, error) {
	from := w.observer.count()
	a, err := w.get(ctx, w.other.ip, "/incoming_call/004930123456/"+w.other.mac)
	if err != nil {
		return verdict{}, err
	}
	all, err := w.told(ctx, from)
	if err != nil {
		return verdict{}, err
	}
	strange := func(m stand.Message) bool { return strings.Contains(m.Topic, "004930123456") }
	for _, m := range all {
		if strange(m) {
			return success("%s: %s", a, m.Topic)
		}
	}
	return harmless("%d, and no phone of that name", a.status)
}
