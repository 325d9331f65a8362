package main

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// sent are commands, and what has to go to a phone of which nothing is known.
var sent = []struct {
	command  string // the topic's, empty for `set` itself
	payloads []string
	lines    string // separated by blanks
}{
	{"dial", []string{`206`, `"206"`, ` 206 `, `{"number":"206"}`, `{"number":206}`, `{"number":"206","account":null}`}, "Command=1&Number=206"},
	{"dial", []string{`{"number":"206","account":1}`, `{"number":"206","account":"1"}`}, "Command=1&Number=206&Account=1"},
	{"dial", []string{`{"number":"206","account":4}`}, "Command=1&Number=206&Account=4"},
	{"", []string{`{"command":"dial","number":"206","account":2}`, `{"number":206,"account":"2","command":"dial","other":[1]}`}, "Command=1&Number=206&Account=2"},
	{"dial", []string{`*43`, `"*43"`, `{"number":"*43"}`}, "Command=1&Number=*43"},
	{"dial", []string{`*21*206#`, `"*21*206#"`}, "Command=1&Number=*21*206%23"},
	{"dial", []string{`+49 (0)30 / 123-456`, `"+49 (0) 30 123.456"`, `{"number":"+49(0)30123456"}`, `+4930123456`}, "Command=1&Number=+4930123456"},
	{"dial", []string{`(030) 123-456`, `030/123.456`}, "Command=1&Number=030123456"},
	{"dial", []string{`0049 (0)30 123456`}, "Command=1&Number=004930123456"},
	{"dial", []string{`12345678901234567890123456789012`, `{"number":12345678901234567890123456789012}`}, "Command=1&Number=12345678901234567890123456789012"},
	{"dial", []string{`{"number":9007199254740993}`, `9007199254740993`}, "Command=1&Number=9007199254740993"},
	{"hangup", []string{`{}`, `PRESS`, `"PRESS"`, `press`}, "Command=2"},
	{"", []string{`{"command":"hangup"}`}, "Command=2"},
	{"reject", []string{`{}`, `PRESS`}, "Command=2"},
	{"key", []string{`1`, `"1"`, `{"value":"1"}`, `{"value":1}`, `["1"]`, `[1]`, `{"value":["1"]}`}, "key=1"},
	{"", []string{`{"command":"key","value":["1","POUND"]}`, `{"command":"key","value":[1,"POUND"]}`}, "key=1 key=POUND"},
	{"key", []string{`["1","*","POUND","UP"]`}, "key=1 key=* key=POUND key=UP"},
	{"key", []string{`DNDOn`, `dndon`, `"DNDON"`}, "key=DNDOn"},
	{"key", []string{`L4`, `l4`}, "key=L4"},
	{"answer", []string{`{}`, `PRESS`}, "key=OK"},
	{"hold", []string{`{}`, `PRESS`}, "key=F_HOLD"},
	{"resume", []string{`{}`, `PRESS`}, "key=F_HOLD"},
	{"mute", []string{`ON`, `on`, `"On"`, `true`, `{"value":"ON"}`, `{"value":true}`, `OFF`, `false`, `{"value":false}`, `TOGGLE`, `toggle`}, "key=MUTE"},
	{"speaker", []string{`{}`, `PRESS`}, "key=SPEAKER"},
	{"headset", []string{`{}`, `PRESS`}, "key=HEADSET"},
	{"conference", []string{`{}`, `PRESS`}, "key=F_CONFERENCE"},
	{"message", []string{`{}`, `PRESS`}, "key=MSG"},
	{"redial", []string{`{}`, `PRESS`}, "key=RD"},
	{"transfer", []string{`206`, `"206"`, `{"number":"206"}`, `{"number":206,"mode":"blind"}`, `2-06`}, "key=F_TRANSFER key=2 key=0 key=6 key=F_TRANSFER"},
	{"transfer", []string{`{"number":"206","mode":"attended"}`}, "key=F_TRANSFER key=2 key=0 key=6 key=OK"},
	{"transfer", []string{`*4#`}, "key=F_TRANSFER key=* key=4 key=POUND key=F_TRANSFER"},
	{"transfer", []string{`{}`}, "key=F_TRANSFER"},
	{"dtmf", []string{`12#*`, `"12#*"`, `{"value":"12#*"}`}, "key=1 key=2 key=POUND key=*"},
	{"dtmf", []string{`007`, `{"value":"007"}`}, "key=0 key=0 key=7"},
	{"volume", []string{`UP`, `up`, `1`, `{"value":"UP"}`, `{"value":1}`}, "key=VOLUME_UP"},
	{"volume", []string{`DOWN`, `-1`}, "key=VOLUME_DOWN"},
	{"volume", []string{`3`, `"3"`}, "key=VOLUME_UP key=VOLUME_UP key=VOLUME_UP"},
	{"volume", []string{`-10`}, strings.TrimSpace(strings.Repeat("key=VOLUME_DOWN ", 10))},
	{"dnd", []string{`ON`, `true`, `TOGGLE`}, "key=DNDOn"},
	{"dnd", []string{`OFF`, `false`, `{"value":false}`}, "key=DNDOff"},
	{"line", []string{`1`, `{"value":1}`, `"1"`}, "key=L1"},
	{"line", []string{`45`}, "key=L45"},
	{"dss", []string{`10`}, "key=D10"},
	{"soft", []string{`4`}, "key=F4"},
	{"reboot", []string{`{}`, `PRESS`}, "key=Reboot"},
	{"autoprovision", []string{`{}`, `PRESS`}, "key=AutoP"},
	{"clear_missed", []string{`{}`, `PRESS`}, ""},
}

// TestCommands gives each command in each form, and reads what a phone gets.
func TestCommands(t *testing.T) {
	p := startPhone(t, phoneOptions(vendor))
	s := startScene(t, nil, p)
	for _, tt := range sent {
		for _, payload := range tt.payloads {
			t.Run(tt.command+" "+payload, func(t *testing.T) {
				before := len(lines(p))
				result := s.do(t, vendor, tt.command, payload)
				want := strings.Fields(tt.lines)
				if diff := cmp.Diff(want, lines(p)[before:]); diff != "" {
					t.Errorf("what the phone got (-want +got):\n%s", diff)
				}
				if outcome(result) != "ok" || result.member("sent") != fmt.Sprint(len(want)) {
					t.Errorf("result: %s", result.payload)
				}
			})
		}
	}
	for _, row := range phone.Commands() {
		if !slices.ContainsFunc(sent, func(tried struct {
			command  string
			payloads []string
			lines    string
		}) bool {
			return tried.command == row.Name
		}) {
			t.Errorf("%s was not tried", row.Name)
		}
	}
	head := p.Requests()[0].Head
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:admin")); p.Requests()[0].Authorization != want {
		t.Errorf("login is %q, want %q", p.Requests()[0].Authorization, want)
	}
	if !strings.HasPrefix(head, "GET /Phone_ActionURL&Command=1&Number=206 HTTP/1.1\r\n") || !strings.Contains(strings.ToLower(head), "connection: close") {
		t.Errorf("the request's head: %q", head)
	}
}

// refusals are commands that never reach a phone.
var refusals = []struct {
	command  string
	payloads []string
	want     string
}{
	{"dial", []string{`{`, `{"number":`, `"206`, `["206"`, `{"number":"206"}}`}, "error payload"},
	{"", []string{`206`, `"dial"`, `["dial"]`, `PRESS`, `true`}, "error payload"},
	{"dial", []string{`{"number":"206","transaction":{}}`, `{"number":"206","transaction":true}`, `{"number":"206","transaction":"` + strings.Repeat("x", 65) + `"}`}, "error payload"},
	{"dial", []string{`{"number":"206","expires_at":"tomorrow"}`, `{"number":"206","expires_at":5}`, `{"number":"206","force":"yes"}`}, "error payload"},
	{"", []string{`{}`, `{"number":"206"}`, `{"command":"fly"}`, `{"command":null}`, `{"command":7}`}, "error command"},
	{"fly", []string{`{}`, `206`}, "error command"},
	{"DIAL", []string{`206`}, "error command"},
	{"dial", []string{`{}`, `{"value":"206"}`, `{"number":""}`, `{"number":null}`, `{"number":["206"]}`, `{"number":{"a":1}}`}, "error argument"},
	{"dial", []string{`206&Account=2`, `206 HTTP/1.1`, `206\r\n`, `206;tag`, `206%23`, `206,1`, `20a6`, `sip:206@pbx`, `206=1`, `206?x`, `２０６`}, "error argument"},
	{"dial", []string{`192.168.0.1`, `10.0.0.1`, `{"number":"192.168.0.1"}`, `1 . 2.3.4`}, "error argument"},
	{"dial", []string{`{"number":2e3}`, `2e3`, `{"number":1E+5}`, `{"number":20.6e1}`}, "error argument"},
	{"dial", []string{`123456789012345678901234567890123`, `-`, `+`}, "error argument"},
	{"dial", []string{`{"number":"206","account":5}`, `{"number":"206","account":0}`, `{"number":"206","account":"1&x"}`, `{"number":"206","account":1.5}`, `{"number":"206","account":"all"}`}, "error argument"},
	{"hangup", []string{`206`, `ON`, `{"value":"1"}`, `["PRESS","PRESS"]`}, "error argument"},
	{"key", []string{`{}`, `F99`, `D11`, `L46`, `F5`, `NOKEY`, `[]`, `["1","NOKEY"]`, `1;2`, `OK&key=X`, `{"key":"1"}`}, "error argument"},
	{"key", []string{`[` + strings.TrimSuffix(strings.Repeat(`"1",`, 33), ",") + `]`}, "error argument"},
	{"mute", []string{`{}`, `MAYBE`, `1`, `["ON"]`, `PRESS`}, "error argument"},
	{"dnd", []string{`{}`, `0`, `YES`}, "error argument"},
	{"transfer", []string{`+4930123456`, `{"number":"206","mode":"warm"}`, `abc`}, "error argument"},
	{"dtmf", []string{`{}`, `12A`, `1 2+`, strings.Repeat("1", 33), `{"number":"12"}`}, "error argument"},
	{"volume", []string{`{}`, `11`, `-11`, `1.5`, `LOUD`}, "error argument"},
	{"line", []string{`{}`, `0`, `46`, `-1`, `one`}, "error argument"},
	{"dss", []string{`0`, `11`}, "error argument"},
	{"soft", []string{`0`, `5`}, "error argument"},
}

// TestCommandRefusals wants a result with the right code for each of them, a text for a person, and
// nothing sent.
func TestCommandRefusals(t *testing.T) {
	p := startPhone(t, phoneOptions(vendor))
	s := startScene(t, nil, p)
	for _, tt := range refusals {
		for _, payload := range tt.payloads {
			t.Run(fmt.Sprintf("%s %.40s", tt.command, payload), func(t *testing.T) {
				result := s.do(t, vendor, tt.command, payload)
				if outcome(result) != tt.want || result.member("sent") != "0" || result.member("http_status") != "null" || len(result.text("error")) < 10 {
					t.Errorf("result: %s, want %s", result.payload, tt.want)
				}
			})
		}
	}
	if got := lines(p); len(got) > 0 {
		t.Errorf("the phone got %v", got)
	}
}

// TestLongest takes what is just allowed.
func TestLongest(t *testing.T) {
	p := startPhone(t, phoneOptions(vendor))
	s := startScene(t, nil, p)
	for command, payload := range map[string]string{
		"key":      `[` + strings.TrimSuffix(strings.Repeat(`"1",`, 32), ",") + `]`,
		"dtmf":     strings.Repeat("1", 32),
		"dial":     `{"number":"206","transaction":"` + strings.Repeat("ü", 64) + `"}`,
		"transfer": strings.Repeat("1", 32),
	} {
		if result := s.do(t, vendor, command, payload); outcome(result) != "ok" {
			t.Errorf("%s: %s", command, result.payload)
		}
	}
}

// TestResultObject wants every member of a result, of one that went well and of others.
func TestResultObject(t *testing.T) {
	p := startPhone(t, phoneOptions(vendor))
	s := startScene(t, nil, p)
	base := []string{"code", "command", "duration_ms", "error", "http_status", "mac", "sent", "status", "time", "transaction"}
	for _, tt := range []struct {
		command, payload string
		members          []string
		want             map[string]string
	}{
		{"dial", `{"number":"206","transaction":"t1"}`, base, map[string]string{
			"transaction": `"t1"`, "command": `"dial"`, "status": `"ok"`, "code": `null`, "error": `null`, "http_status": `200`, "sent": `1`, "mac": `"` + vendor + `"`,
		}},
		{"", `{"command":"dial","number":"207"}`, base, map[string]string{"transaction": `null`, "command": `"dial"`, "status": `"ok"`}},
		{"dial", `{"number":"206","transaction":9007199254740993}`, base, map[string]string{"transaction": `9007199254740993`}},
		{"dial", `{"number":"x","transaction":"t2"}`, base, map[string]string{"transaction": `"t2"`, "status": `"error"`, "code": `"argument"`, "http_status": `null`, "sent": `0`}},
		{"fly", `{"transaction":"t3"}`, base, map[string]string{"transaction": `"t3"`, "command": `"fly"`, "code": `"command"`}},
		{"", `{"transaction":"t4"}`, base, map[string]string{"transaction": `"t4"`, "command": `null`, "code": `"command"`}},
		{"", `{`, base, map[string]string{"transaction": `null`, "command": `null`, "code": `"payload"`}},
		{"dial", `{`, base, map[string]string{"transaction": `null`, "command": `"dial"`, "code": `"payload"`}},
		{"answer", `{"transaction":"t5"}`, slices.Concat([]string{"assumed"}, base), map[string]string{"assumed": `true`, "status": `"ok"`, "sent": `1`}},
	} {
		result := s.do(t, vendor, tt.command, tt.payload)
		if diff := cmp.Diff(tt.members, members(t, result)); diff != "" {
			t.Errorf("%s %s: members (-want +got):\n%s", tt.command, tt.payload, diff)
		}
		for name, want := range tt.want {
			if got := result.member(name); got != want {
				t.Errorf("%s %s: %s is %s, want %s", tt.command, tt.payload, name, got, want)
			}
		}
		at(t, result, "time")
		if result.retained {
			t.Error("the result is retained")
		}
	}
}
