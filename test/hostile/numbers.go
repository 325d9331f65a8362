package main

import (
	"context"
	"strings"
)

// order is one command and what of it may reach the phone.
type order struct {
	command, payload string
	lines            string // separated by blanks; empty: nothing
}

// numbers is who hides more than a number in a number.
var numbers = subject{
	name: "numbers",
	attacks: []attack{
		{"a second parameter behind the number", orders(
			order{"dial", "206&Command=2", ""}, order{"dial", "206&Number=0900", ""}, order{"dial", "206?Number=0900", ""}, order{"dial", `{"number":"206&Account=2"}`, ""},
			order{"dial", "206%26Command=2", ""}, order{"dial", "206%2526Command=2", ""}, order{"dial", "206=0900", ""}, order{"dial", "206;isub=1", ""}, order{"dial", "206&key=Reboot", ""})},
		{"a second number behind a separator", orders(
			order{"dial", "206,0900", ""}, order{"dial", "206;0900", ""}, order{"dial", "206|0900", ""}, order{"dial", "206\t0900", ""}, order{"dial", "206%2C0900", ""},
			order{"dial", "206w0900", ""}, order{"dial", "206p0900", ""}, order{"dial", "206:0900", ""}, order{"dial", "206\\0900", ""}, order{"dial", "206_0900", ""})},
		{"a second request behind a line end", orders(
			order{"dial", "206\r\nGET /Phone_ActionURL&key=Reboot HTTP/1.1", ""}, order{"dial", `"206\r\nX: y"`, ""}, order{"dial", `"206\n"`, "Command=1&Number=206"}, order{"dial", `"20\n6"`, ""},
			order{"dial", "206%0d%0aX", ""}, order{"dial", `"206\u2028"`, ""}, order{"dial", `"206\u0085"`, ""}, order{"dial", `"20\u00006"`, ""}, order{"dial", "206 HTTP/1.1", ""})},
		{"another number by digits of other scripts", orders(
			order{"dial", "\u0662\u0660\u0666", ""}, order{"dial", "\uff12\uff10\uff16", ""}, order{"dial", "2\u20306", ""}, order{"dial", "20\u00b6", ""}, order{"dial", "\U0001d7d0\U0001d7ce\U0001d7d4", ""},
			order{"dial", "2\u200b06", ""}, order{"dial", "\u202e602", ""}, order{"dial", "20\u0336", ""}, order{"dial", "2\u2460", ""}, order{"line", "\uff11", ""}, order{"dtmf", "\u0661", ""})},
		{"a hash, a star or a plus as something else", orders(
			order{"dial", "*21*0900#", "Command=1&Number=*21*0900%23"}, order{"dial", "#31#206", "Command=1&Number=%2331%23206"}, order{"dial", "+49 (0)30 1", "Command=1&Number=+49301"},
			order{"dial", "%23206", ""}, order{"dial", "%2A206", ""}, order{"dial", "++", ""}, order{"dial", "206#&key=Reboot", ""}, order{"dial", "(0)206", "Command=1&Number=0206"})},
		{"a call to an address instead of a number", orders(
			order{"dial", "127.0.0.1", ""}, order{"dial", "192 . 168 . 0 . 1", ""}, order{"dial", "sip:206@evil", ""}, order{"dial", "206@evil", ""}, order{"dial", "tel:206", ""},
			order{"dial", "//evil/206", ""}, order{"dial", "[::1]", ""}, order{"dial", "http://127.0.0.1/206", ""}, order{"dial", "1*2*3*4", "Command=1&Number=1*2*3*4"})},
		{"a number as long as no phone bears", orders(
			order{"dial", strings.Repeat("1", 33), ""}, order{"dial", strings.Repeat("1", 10000), ""}, order{"dial", strings.Repeat("-", 10000) + "1", "Command=1&Number=1"},
			order{"dtmf", strings.Repeat("1", 33), ""}, order{"key", "[" + strings.Repeat(`"1",`, 32) + `"1"]`, ""}, order{"volume", "11", ""}, order{"volume", "-11", ""})},
		{"more behind an account, a line, a key or a step", orders(
			order{"dial", `{"number":"206","account":"1&key=Reboot"}`, ""}, order{"dial", `{"number":"206","account":5}`, ""}, order{"dial", `{"number":"206","account":[1]}`, ""}, order{"dial", `{"number":"206","account":"01"}`, ""},
			order{"line", "1&key=Reboot", ""}, order{"line", "0", ""}, order{"line", "46", ""}, order{"line", "+1", "key=L1"}, order{"line", "0x1", ""}, order{"line", "1_0", ""},
			order{"dss", "11", ""}, order{"soft", "5", ""}, order{"soft", "1;2", ""}, order{"volume", "UP&key=Reboot", ""})},
		{"more behind the name of a key", orders(
			order{"key", "1&key=Reboot", ""}, order{"key", "1;Reboot", ""}, order{"key", "1,Reboot", ""}, order{"key", `["1","2&Command=1&Number=0900"]`, ""}, order{"key", "key=1", ""},
			order{"key", "%52eboot", ""}, order{"key", "L1\r\n", "key=L1"}, order{"key", "L1\r\nReboot", ""}, order{"key", `["1",2,"#"]`, "key=1 key=2 key=POUND"}, order{"key", "../Reboot", ""})},
		{"more behind a position", orders(
			order{"dnd", "ON&key=Reboot", ""}, order{"dnd", "1", ""}, order{"dnd", `{"value":["ON"]}`, ""}, order{"dnd", "ON\r\nOFF", ""}, order{"dnd", `"ON\u2028"`, ""}, order{"dnd", `"ON\u0000"`, ""}, order{"dnd", "\uff2f\uff2e", ""},
			order{"mute", "TOGGLE;Reboot", ""}, order{"mute", `{"value":"ON ON","force":true}`, ""}, order{"dnd", `{"value":"on","number":"0900"}`, "key=DNDOn"}, order{"dnd", "false", "key=DNDOff"})},
		{"a call by what is no number", orders(
			order{"dial", "-206", ""}, order{"dial", `"-1"`, ""}, order{"dial", `{"number":-1}`, ""}, order{"dial", "-206.0", ""}, order{"dial", "206.0", ""}, order{"dial", "2.06e2", ""}, order{"dial", "0x206", ""}, order{"dial", "NaN", ""},
			order{"dial", "None", ""}, order{"dial", "unknown", ""}, order{"dial", `""`, ""}, order{"dial", " ", ""}, order{"dial", "-", ""}, order{"transfer", `{"number":-1,"force":true}`, ""}, order{"transfer", `{"number":"unknown","force":true}`, ""})},
		{"more behind tones", orders(
			order{"dtmf", "1&key=Reboot", ""}, order{"dtmf", "1,2", ""}, order{"dtmf", "A", ""}, order{"dtmf", "1 2", ""}, order{"dtmf", "+", ""}, order{"dtmf", `["1"]`, ""},
			order{"dtmf", `{"value":"1*#","force":true}`, "key=1 key=* key=POUND"})},
		{"more behind the number of a transfer", orders(
			order{"transfer", "+49", ""}, order{"transfer", "206&key=Reboot", ""}, order{"transfer", `{"number":"206","mode":"blind&x"}`, ""}, order{"transfer", `["206"]`, ""},
			order{"transfer", `{"number":"2#","force":true}`, "key=F_TRANSFER key=2 key=POUND key=F_TRANSFER"})},
		{"an argument for a command that takes none", orders(
			order{"hangup", "206", ""}, order{"reboot", "now", ""}, order{"redial", `"0900"`, ""}, order{"answer", "206", ""}, order{"hangup", `{"value":"206"}`, ""}, order{"autoprovision", "http://evil/", ""},
			order{"speaker", "1", ""}, order{"headset", "ON", ""}, order{"conference", "206", ""}, order{"message", `{"value":"206"}`, ""}, order{"hold", "1", ""}, order{"resume", "1", ""}, order{"reject", "206", ""}, order{"clear_missed", "206", ""}, order{"hangup", "[]", ""},
			order{"hangup", `{"number":"0900","url":"http://evil/"}`, "Command=2"})},
	},
}

// orders gives commands to a phone, one after the other, and compares what it was asked for, byte by
// byte, with what is harmless.
func orders(all ...order) func(context.Context, *world) (verdict, error) {
	return func(ctx context.Context, w *world) (verdict, error) {
		harmlessly := 0
		for _, o := range all {
			begin := w.victim.count()
			r, err := w.order(ctx, w.victim, o.command, o.payload)
			if err != nil {
				return verdict{}, err
			}
			lines, err := w.flush(ctx, w.victim, begin)
			if err != nil {
				return verdict{}, err
			}
			if got := strings.Join(lines, " "); got != o.lines {
				return success("%s %.60q: the phone got %q, %+v", o.command, o.payload, got, r)
			}
			if o.lines != "" {
				harmlessly++
			} else if r.Status != "error" {
				return success("%s %.60q: %+v", o.command, o.payload, r)
			}
		}
		return refused("%d of %d refused; the others arrive as a person would have typed them", len(all)-harmlessly, len(all))
	}
}
