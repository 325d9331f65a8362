package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// payloads is who sends JSON that is more than it seems, as somebody who may command.
var payloads = subject{
	name: "json",
	// How much garbage gathers beside payloads of 16 MB is the collector's affair: with GOGC as the program
	// sets it for few phones four times as much as is held, and what is held is meant here.
	plan: plan{limits: "export GOGC=100"},
	attacks: []attack{
		{"to exhaust the reader by depth", each("payload argument", bombs()...)},
		{"to exhaust the memory by a payload of 1 MB", each("payload", sized(1<<20)...)},
		{"to exhaust the memory by payloads of 16 MB", each("payload", sized(16<<20)...)},
		{"to run what the reader of a rule did not read (members twice)", twice},
		{"to run a command by members in another case", each("command argument payload",
			`{"Command":"dial","number":"206"}`, `{"COMMAND":"dial","NUMBER":"206"}`, `{"command":"dial","Number":"206"}`, `{"command":"Dial","number":"206"}`, `{"\u0063ommand ":"dial","number":"206"}`)},
		{"to run a command by types that nobody expects", each("command argument payload",
			`{"command":["dial"],"number":"206"}`, `{"command":{"dial":"206"}}`, `{"command":true}`, `{"command":"dial","number":true}`, `{"command":"dial","number":["206"]}`,
			`{"command":"dial","number":{"number":"206"}}`, `{"command":"dial","number":null}`, `{"command":"key","value":{"0":"OK"}}`, `{"command":"key","value":[["OK"]]}`,
			`{"command":"hangup","force":"true"}`, `{"command":"hangup","force":1}`, `{"command":"hangup","expires_at":1e9}`, `[]`, `["dial","206"]`, `"dial 206"`, `null`, `true`, `206`)},
		{"to dial by a number that is not what it looks like", each("argument payload",
			`{"command":"dial","number":2.06e2}`, `{"command":"dial","number":1e400}`, `{"command":"dial","number":206.0}`, `{"command":"dial","number":-206}`, `{"command":"dial","number":0x206}`,
			`{"command":"dial","number":20612345678901234567890123456789012}`, `{"command":"line","value":1e0}`, `{"command":"line","value":18446744073709551617}`, `{"command":"volume","value":1e1}`,
			`{"command":"volume","value":-99999999999999999999}`, `{"command":"dial","number":NaN}`, `{"command":"dial","number":Infinity}`)},
		{"to run what follows the JSON", each("payload",
			`{"command":"dial","number":"206"}{"command":"dial","number":"0900"}`, `{"command":"dial","number":"206"},`, `{"command":"dial","number":"206"`, "\xef\xbb\xbf"+`{"command":"dial","number":"206"}`,
			`{"command":"dial","number":"206"}`+"\x00", `{'command':'dial','number':'206'}`, `{"command":"dial",/*x*/"number":"206"}`, `{command:"dial"}`, `{"command":"dial","number":"206",}`)},
		{"to reach what no command has (__proto__, paths, code)", each("command",
			`{"__proto__":{"command":"dial"},"constructor":"dial"}`, `{"command":"__proto__"}`, `{"command":"../dial"}`, `{"command":"dial;reboot"}`, `{"command":"dial\u0000"}`, `{"command":""}`, `{"command":" dial"}`)},
		{"to have a transaction break the result", transactions},
		{"to exhaust the bridge's requests", bridgeBombs},
	},
}

func bombs() []string {
	const deep = 8000
	open, shut := strings.Repeat("[", deep), strings.Repeat("]", deep)
	object := strings.Repeat(`{"a":`, 3000)
	return []string{
		open, open + shut, object, object + "1" + strings.Repeat("}", 3000), `{"command":"key","value":` + open + shut[:deep-9] + `}`,
		`{"command":"dial","number":` + strings.Repeat("[", 4000) + strings.Repeat("]", 4000) + `}`, `{"command":"dial","transaction":` + strings.Repeat("[", 4000) + strings.Repeat("]", 4000) + `,"number":"206"}`,
		"[" + strings.Repeat(`"1",`, 3000) + `"1"]`,
	}
}

func sized(n int) []string {
	return []string{`{"command":"dial","number":"` + strings.Repeat("1", n) + `"}`, strings.Repeat("[", n), `{"command":"dial","number":"206","x":"` + strings.Repeat("x", n) + `"}`, strings.Repeat("\x00", n)}
}

// each publishes payloads to set: each has to be refused with one of these codes, and nothing may reach
// the phone.
func each(codes string, payloads ...string) func(context.Context, *world) (verdict, error) {
	return func(ctx context.Context, w *world) (verdict, error) {
		begin := w.victim.count()
		got := make(map[string]int)
		for _, p := range payloads {
			r, err := w.order(ctx, w.victim, "", p)
			if err != nil {
				return verdict{}, err
			}
			got[r.outcome()]++
			if r.Status != "error" || !strings.Contains(" "+codes+" ", " "+r.outcome()+" ") {
				return success("%.100q: %+v", p, r)
			}
		}
		lines, err := w.flush(ctx, w.victim, begin)
		if err != nil {
			return verdict{}, err
		}
		if len(lines) > 0 {
			return success("the phone got %q", lines)
		}
		return refused("%d payloads, codes %v, nothing for the phone", len(payloads), got)
	}
}

// twice names members twice: there is one reader, so what is judged is what is sent.
func twice(ctx context.Context, w *world) (verdict, error) {
	begin := w.victim.count()
	r, err := w.order(ctx, w.victim, "", `{"command":"dial","command":"hangup","number":"206","number":"0900"}`)
	if err != nil {
		return verdict{}, err
	}
	lines, err := w.flush(ctx, w.victim, begin)
	if err != nil {
		return verdict{}, err
	}
	if r.Command != "hangup" || len(lines) != 1 || lines[0] != "Command=2" {
		return success("%+v, and the phone got %q", r, lines)
	}
	return harmless("the last counts, in the result as on the wire: %q", lines)
}

func transactions(ctx context.Context, w *world) (verdict, error) {
	count := 0
	for _, raw := range []string{`"\ud800"`, `"\u0000\u001b[2J"`, `1e308`, `-0`, `""`, `"` + strings.Repeat("\u00fc", 64) + `"`, `123456789012345678901234567890`, `"</script>\u2028"`} {
		r, err := w.order(ctx, w.victim, "volume", `{"value":0,"transaction":`+raw+`}`)
		if err != nil {
			return verdict{}, err
		}
		if r.outcome() != "skipped" {
			return success("%s: %+v", raw, r)
		}
		count++
	}
	for _, raw := range []string{`{}`, `[1]`, `true`, `1e999`, `-1e400`, `"` + strings.Repeat("x", 65) + `"`, strings.Repeat("1", 65)} {
		r, err := w.order(ctx, w.victim, "volume", `{"value":0,"transaction":`+raw+`}`)
		if err != nil {
			return verdict{}, err
		}
		if r.outcome() != "payload" || r.Transaction != nil {
			return success("%s: %+v", raw, r)
		}
		count++
	}
	return harmless("%d transactions: echoed as valid JSON, or refused", count)
}

func bridgeBombs(ctx context.Context, w *world) (verdict, error) {
	count := 0
	for _, p := range append(bombs(), `{"mac":["x"]}`, `{"mac":"`+w.victim.mac+`"}`, `{"mac":"`+strings.Repeat("f", 12000)+`"}`, `{"transaction":`+strings.Repeat("9", 12000)+`}`, strings.Repeat("x", 1<<20), `{} {}`, `null`) {
		for _, op := range []string{"phone/remove", "phone/rename", "nonsense"} {
			from := w.observer.count()
			if err := w.home.say("phone2mqtt/bridge/request/"+op, p); err != nil {
				return verdict{}, err
			}
			m, err := w.observer.await(ctx, from, "an answer to "+op, func(m stand.Message) bool { return m.Topic == "phone2mqtt/bridge/response/"+op })
			if err != nil {
				return verdict{}, err
			}
			if member(m, "status") != "error" || len(m.Payload) > 32<<10 {
				return success("%s %.60q: %.200s", op, p, m.Payload)
			}
			count++
		}
	}
	return refused("%s", fmt.Sprintf("%d requests, an error each", count))
}
