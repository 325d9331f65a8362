package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// rules is who may command, and wants to call what the owner forbids: no premium, no emergency numbers,
// nothing abroad. The victim is strict, so that nobody can make its state up.
var rules = subject{
	name: "rules",
	settings: []string{
		"COMMANDS=dial,transfer,dtmf,key,answer,hangup,volume,dnd", "DIAL_ALLOW=X!", "DIAL_DENY=0900!,110,112!,00!,+!,19XX", "DIAL_RATE=3",
	},
	plan: plan{prepare: func(w *world) error {
		path := filepath.Join(w.dir, "phones.yaml")
		w.settings = append(w.settings, "PHONES_FILE="+path)
		return os.WriteFile(path, []byte("phones:\n  - {mac: "+w.victim.mac+", host: \""+w.victim.web.Addr().String()+"\", strict: true}\n"), 0o600)
	}},
	attacks: []attack{
		{"to call a forbidden number in other clothes", orders(
			order{"dial", "0900 1", ""}, order{"dial", "0-9-0-0", ""}, order{"dial", "(0)900", ""}, order{"dial", "1.1.2", ""}, order{"dial", "+49 30", ""}, order{"dial", "0049", ""},
			order{"dial", "#31#112", ""}, order{"dial", "*21*0900123#", ""}, order{"dial", "112#", ""}, order{"dial", "1+12", ""}, order{"dial", "112*", ""}, order{"dial", "*#112", ""}, order{"dial", "1999", ""},
			order{"dial", `{"number":112}`, ""}, order{"dial", `"\u00311\u0032"`, ""}, order{"dial", `{"number":"112","force":true}`, ""}, order{"", `{"command":"dial","number":"110"}`, ""})},
		{"to call a forbidden number by transfer", orders(
			order{"transfer", "112", ""}, order{"transfer", `{"number":"0900 1","mode":"attended","force":true}`, ""}, order{"transfer", "{}", ""}, order{"transfer", `{"force":true}`, ""}, order{"transfer", `{"number":null}`, ""})},
		{"to call by keys in place of commands", orders(
			order{"key", `["1","1","2","OK"]`, ""}, order{"key", "rd", ""}, order{"key", "RD", ""}, order{"key", "F_TRANSFER", ""}, order{"key", "l1", ""}, order{"key", "D1", ""}, order{"key", "f1", ""}, order{"key", "msg", ""},
			order{"key", `{"value":["1","1","2"],"force":true}`, ""}, order{"key", "F_CONFERENCE", ""}, order{"key", "#", ""}, order{"key", "*", ""}, order{"key", `["UP","1"]`, ""})},
		{"to run a command that is not allowed by its key or spelling", orders(
			order{"reboot", "PRESS", ""}, order{"key", "REBOOT", ""}, order{"key", "reboot", ""}, order{"key", `["UP","Reboot"]`, ""}, order{"key", "autop", ""}, order{"Reboot", "PRESS", ""}, order{"REBOOT", "{}", ""},
			order{"reboot ", "{}", ""}, order{"redial", "PRESS", ""}, order{"redial", `{"force":true}`, ""}, order{"line", "1", ""}, order{"speaker", "PRESS", ""}, order{"key", "\u017fpeaker", ""}, order{"key", "\u017fPEAKER", ""},
			order{"key", `{"value":"X","force":true}`, ""}, order{"conference", "PRESS", ""}, order{"clear_missed", "PRESS", ""})},
		{"to dial by tones in a call that is made up", forgedCall},
		{"to call more often than DIAL_RATE by spellings and ways", manyDials},
	},
}

// forgedCall tells a call from elsewhere, and from there has digits typed at an idle phone.
func forgedCall(ctx context.Context, w *world) (verdict, error) {
	begin := w.victim.count()
	for _, kind := range []string{"incoming_call", "call_established"} {
		a, err := w.get(ctx, w.stranger(), w.event(kind, w.victim.mac, "call_id=forged"))
		if err != nil || a.status == 200 {
			return success("%s was answered %s (%v)", kind, a, err)
		}
	}
	for _, payload := range []string{"112", `{"value":"112","force":true}`} {
		if r, err := w.order(ctx, w.victim, "dtmf", payload); err != nil || r.outcome() != "rule" {
			return success("%+v (%v)", r, err)
		}
	}
	if lines, err := w.flush(ctx, w.victim, begin); err != nil || len(lines) > 0 {
		return success("the phone got %q (%v)", lines, err)
	}
	return refused("the phone is strict: 403 for the call, rule for the tones; without strict and token a made-up call would count")
}

func manyDials(ctx context.Context, w *world) (verdict, error) {
	begin, ran := w.other.count(), 0
	for n, spelled := range []string{w.other.mac, strings.ToUpper(w.other.mac), "00:1f:c1:aa:00:03", "00-1F-C1-AA-00-03", "001f.c1aa.0003", w.other.mac} {
		for _, payload := range []string{"206", fmt.Sprintf(`{"number":"206","force":true,"transaction":"t%d"}`, n)} {
			r, err := w.orderAt(ctx, w.home, w.other, "phone2mqtt/"+spelled+"/set/dial", payload)
			if err != nil {
				return verdict{}, err
			}
			if r.Status == "ok" {
				ran++
			}
		}
	}
	lines, err := w.flush(ctx, w.other, begin)
	if err != nil || len(lines) != 3 || ran != 3 {
		return success("%d of 12 ran, the phone got %q (%v)", ran, lines, err)
	}
	return refused("3 of 12 ran, as DIAL_RATE says; the others: rule")
}
