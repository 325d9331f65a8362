package phone

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParseCommand(t *testing.T) {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	digits := func(s string) (keys []Key) {
		for _, d := range s {
			keys = append(keys, Key(string(d)))
		}
		return keys
	}
	tests := []struct {
		topic, payload string
		want           Command
	}{
		// The forms of an argument, once each.
		{"dial", "206", Command{Name: "dial", Number: "206"}},
		{"dial", " 206\r\n", Command{Name: "dial", Number: "206"}},
		{"dial", "00491234567890123456789", Command{Name: "dial", Number: "00491234567890123456789"}},
		{"dial", `"206"`, Command{Name: "dial", Number: "206"}},
		{"dial", `{"number":"+49 (0)30 1"}`, Command{Name: "dial", Number: "+49301"}},
		{"dial", `{"number":206}`, Command{Name: "dial", Number: "206"}},
		{"dial", `{"number":49123456789012345678901}`, Command{Name: "dial", Number: "49123456789012345678901"}},
		{"dial", `{"number":"206","account":2,"unknown":{"x":[]}}`, Command{Name: "dial", Number: "206", Account: "2"}},
		{"dial", `{"number":"206","account":"3"}`, Command{Name: "dial", Number: "206", Account: "3"}},
		{"dial", `{"number":"206","account":null}`, Command{Name: "dial", Number: "206"}},
		{"dial", `{"command":"hangup","number":"206"}`, Command{Name: "dial", Number: "206"}},
		{"", `{"command":"dial","number":"206"}`, Command{Name: "dial", Number: "206"}},
		{"", ` { "command" : "dial" , "number" : 206 } `, Command{Name: "dial", Number: "206"}},

		{"hangup", "PRESS", Command{Name: "hangup"}},
		{"hangup", "press", Command{Name: "hangup"}},
		{"hangup", `"PRESS"`, Command{Name: "hangup"}},
		{"hangup", "{}", Command{Name: "hangup"}},
		{"hangup", `{"value":"PRESS"}`, Command{Name: "hangup"}},
		{"hangup", `{"value":null,"number":"206"}`, Command{Name: "hangup"}},
		{"", `{"command":"hangup"}`, Command{Name: "hangup"}},
		{"answer", "PRESS", Command{Name: "answer", Keys: []Key{"OK"}}},
		{"hold", "{}", Command{Name: "hold", Want: On}},
		{"resume", "{}", Command{Name: "resume", Want: Off}},

		{"key", "ok", Command{Name: "key", Keys: []Key{"OK"}}},
		{"key", "#", Command{Name: "key", Keys: []Key{"POUND"}}},
		{"key", "5", Command{Name: "key", Keys: []Key{"5"}}},
		{"key", `"RD"`, Command{Name: "key", Keys: []Key{"RD"}}},
		{"key", `["1",2,"pound"]`, Command{Name: "key", Keys: []Key{"1", "2", "POUND"}}},
		{"key", `{"value":"reboot"}`, Command{Name: "key", Keys: []Key{"Reboot"}}},
		{"", `{"command":"key","value":["1","POUND"]}`, Command{Name: "key", Keys: []Key{"1", "POUND"}}},
		{"key", "[" + strings.Repeat("1,", 31) + "1]", Command{Name: "key", Keys: digits(strings.Repeat("1", 32))}},

		{"mute", "ON", Command{Name: "mute", Want: On}},
		{"mute", "off", Command{Name: "mute", Want: Off}},
		{"mute", `"Toggle"`, Command{Name: "mute"}},
		{"mute", "true", Command{Name: "mute", Want: On}},
		{"mute", `{"value":false}`, Command{Name: "mute", Want: Off}},
		{"dnd", `{"value":"toggle"}`, Command{Name: "dnd"}},
		{"dnd", "false", Command{Name: "dnd", Want: Off}},

		{"transfer", "{}", Command{Name: "transfer"}},
		{"transfer", `{"mode":"attended"}`, Command{Name: "transfer", Attended: true}},
		{"transfer", "030-20", Command{Name: "transfer", Number: "03020"}},
		{"transfer", `{"number":20,"mode":"Attended"}`, Command{Name: "transfer", Number: "20", Attended: true}},
		{"transfer", `{"number":"20","mode":null}`, Command{Name: "transfer", Number: "20"}},

		{"dtmf", "0129", Command{Name: "dtmf", Keys: digits("0129")}},
		{"dtmf", `{"value":12345678901234567890123456789012}`, Command{Name: "dtmf", Keys: digits("12345678901234567890123456789012")}},
		{"dtmf", `"#*"`, Command{Name: "dtmf", Keys: []Key{"POUND", "*"}}},
		{"volume", "up", Command{Name: "volume", Keys: []Key{"VOLUME_UP"}}},
		{"volume", `{"value":-2}`, Command{Name: "volume", Keys: []Key{"VOLUME_DOWN", "VOLUME_DOWN"}}},
		{"volume", "10", Command{Name: "volume", Keys: slices.Repeat([]Key{"VOLUME_UP"}, 10)}},
		{"line", "1", Command{Name: "line", Keys: []Key{"L1"}}},
		{"line", `{"value":"45"}`, Command{Name: "line", Keys: []Key{"L45"}}},
		{"dss", `10`, Command{Name: "dss", Keys: []Key{"D10"}}},
		{"soft", `"4"`, Command{Name: "soft", Keys: []Key{"F4"}}},

		// The members that any object may carry.
		{"hangup", `{"transaction":"t1"}`, Command{Name: "hangup", Transaction: raw(`"t1"`)}},
		{"hangup", `{"transaction":" t1 "}`, Command{Name: "hangup", Transaction: raw(`" t1 "`)}},
		{"hangup", `{"transaction":"\u0041"}`, Command{Name: "hangup", Transaction: raw(`"A"`)}},
		{"hangup", `{"transaction":12345678901234567890}`, Command{Name: "hangup", Transaction: raw("12345678901234567890")}},
		{"hangup", `{"transaction":1e308}`, Command{Name: "hangup", Transaction: raw("1e308")}},
		{"hangup", `{"transaction":-1.5e3}`, Command{Name: "hangup", Transaction: raw("-1.5e3")}},
		{"hangup", `{"transaction":null,"expires_at":null,"force":null}`, Command{Name: "hangup"}},
		{"hangup", `{"transaction":""}`, Command{Name: "hangup"}},
		{"hangup", "{\"transaction\":\"\xFF\"}", Command{Name: "hangup", Transaction: raw("\"\uFFFD\"")}},
		{"hangup", `{"transaction":"` + strings.Repeat("ü", 64) + `"}`, Command{Name: "hangup", Transaction: raw(`"` + strings.Repeat("ü", 64) + `"`)}},
		{"hangup", `{"force":true}`, Command{Name: "hangup", Force: true}},
		{"hangup", `{"Force":true,"TRANSACTION":"t1"}`, Command{Name: "hangup"}},
		{"hangup", `{"expires_at":"2026-11-23T09:00:00.5Z"}`, Command{Name: "hangup", ExpiresAt: time.Date(2026, 11, 23, 9, 0, 0, 500e6, time.UTC)}},
		{"hangup", `{"expires_at":"2026-11-23T10:00:00+01:00"}`, Command{Name: "hangup", ExpiresAt: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}},
	}
	for _, tt := range tests {
		t.Run(tt.topic+" "+tt.payload, func(t *testing.T) {
			got, err := ParseCommand(tt.topic, []byte(tt.payload))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParseCommandRefuses(t *testing.T) {
	const (
		dialTakes     = `; send a number of digits, *, # and +, or {"number", "account"} with account 1 to 4`
		transferTakes = `; send a number of digits, * and #, or {"number", "mode"} with mode blind or attended, or {} for the key alone`
		keyTakes      = "; send the name of a key, or a list of up to 32"
		dtmfTakes     = "; send up to 32 of 0-9, * and #"
		volumeTakes   = "; send UP, DOWN, or -10 to 10 steps"
		nothing       = "; send {} or PRESS"
		positions     = "; send ON, OFF or TOGGLE"
	)
	tests := []struct {
		topic, payload string
		name           string // of the command that comes with the error
		code, text     string
	}{
		{"dial", "", "dial", CodePayload, "the payload is empty"},
		{"dial", " \n", "dial", CodePayload, "the payload is empty"},
		{"dial", strings.Repeat("1", longestPayload+1), "dial", CodePayload, fmt.Sprintf("the payload has %d bytes, expected at most %d", longestPayload+1, longestPayload)},
		{"dial", `{"number":`, "dial", CodePayload, "the payload looks like JSON but is not: unexpected end of JSON input"},
		{"dial", `{} {}`, "dial", CodePayload, "the payload looks like JSON but is not: invalid character '{' after top-level value"},
		{"dial", `"206`, "dial", CodePayload, "the payload looks like JSON but is not: unexpected end of JSON input"},
		{"key", `["1",]`, "key", CodePayload, "the payload looks like JSON but is not: invalid character ']' looking for beginning of value"},
		{"", "dial", "", CodePayload, "this topic takes a JSON object; publish a plain argument to set/<command>"},
		{"", `["1"]`, "", CodePayload, "this topic takes a JSON object; publish a plain argument to set/<command>"},
		{"", `"dial"`, "", CodePayload, "this topic takes a JSON object; publish a plain argument to set/<command>"},
		{"hangup", `{"transaction":true}`, "hangup", CodePayload, "transaction has to be a string or number of at most 64 characters"},
		{"hangup", `{"transaction":["t"]}`, "hangup", CodePayload, "transaction has to be a string or number of at most 64 characters"},
		{"hangup", `{"transaction":"` + strings.Repeat("x", 65) + `"}`, "hangup", CodePayload, "transaction has to be a string or number of at most 64 characters"},
		{"", `{"command":"hangup","transaction":` + strings.Repeat("1", 65) + `}`, "hangup", CodePayload, "transaction has to be a string or number of at most 64 characters"},
		{"hangup", `{"transaction":1e999}`, "hangup", CodePayload, "transaction has to be a string or number of at most 64 characters"},
		{"hangup", `{"transaction":-1e999}`, "hangup", CodePayload, "transaction has to be a string or number of at most 64 characters"},
		{"hangup", `{"expires_at":"tomorrow"}`, "hangup", CodePayload, "expires_at has to be a time as in RFC 3339, such as 2026-11-23T09:00:00Z"},
		{"hangup", `{"expires_at":1700000000}`, "hangup", CodePayload, "expires_at has to be a time as in RFC 3339, such as 2026-11-23T09:00:00Z"},
		{"hangup", `{"force":"yes"}`, "hangup", CodePayload, "force has to be true or false"},

		{"", "{}", "", CodeCommand, `no command: send an object such as {"command": "dial", "number": "206"}, or publish to set/<command>`},
		{"", `{"command":7}`, "", CodeCommand, `no command: send an object such as {"command": "dial", "number": "206"}, or publish to set/<command>`},
		{"", `{"Command":"dial"}`, "", CodeCommand, `no command: send an object such as {"command": "dial", "number": "206"}, or publish to set/<command>`},
		{"", `{"command":"dail","number":"206"}`, "dail", CodeCommand, `there is no command "dail"; the nearest is dial`},
		{"hang_up", "PRESS", "hang_up", CodeCommand, `there is no command "hang_up"; the nearest is hangup`},
		{"DIAL/206", "PRESS", "DIAL/206", CodeCommand, `there is no command "DIAL/206"; the nearest is dial`},

		{"dial", "{}", "dial", CodeArgument, "dial: number is missing" + dialTakes},
		{"dial", `{"value":"206"}`, "dial", CodeArgument, "dial: number is missing" + dialTakes},
		{"dial", `{"number":null}`, "dial", CodeArgument, "dial: number is missing" + dialTakes},
		{"dial", `{"number":""}`, "dial", CodeArgument, "dial: there is no digit in it" + dialTakes},
		{"dial", `{"number":{}}`, "dial", CodeArgument, "dial: neither text nor a number" + dialTakes},
		{"dial", `["206"]`, "dial", CodeArgument, "dial: it takes no list" + dialTakes},
		{"dial", "206&Account=2", "dial", CodeArgument, "dial: '&' cannot be dialled" + dialTakes},
		{"dial", "true", "dial", CodeArgument, "dial: 't' cannot be dialled" + dialTakes},
		{"dial", "PRESS", "dial", CodeArgument, "dial: 'P' cannot be dialled" + dialTakes},
		{"dial", `{"number":1e3}`, "dial", CodeArgument, "dial: 'e' cannot be dialled" + dialTakes},
		{"dial", `{"number":206.0}`, "dial", CodeArgument, "dial: a number with a decimal point; send it without" + dialTakes},
		{"dial", `{"number":-206}`, "dial", CodeArgument, "dial: a number with a minus sign; send it without" + dialTakes},
		{"dial", "-1", "dial", CodeArgument, "dial: a number with a minus sign; send it without" + dialTakes},
		{"dial", `"206\u2028"`, "dial", CodeArgument, `dial: '\u2028' cannot be dialled` + dialTakes},
		{"dial", "206\u0085", "dial", CodeArgument, `dial: '\u0085' cannot be dialled` + dialTakes},
		{"dial", "\u00a0206", "dial", CodeArgument, `dial: '\u00a0' cannot be dialled` + dialTakes},
		{"dial", "192.168.0.1", "dial", CodeArgument, "dial: four numbers joined by dots are an IP address, which is not dialled" + dialTakes},
		{"dial", `{"number":"206","account":5}`, "dial", CodeArgument, "dial: account has to be 1 to 4" + dialTakes},
		{"dial", `{"number":"206","account":"1&Command=2"}`, "dial", CodeArgument, "dial: account has to be 1 to 4" + dialTakes},
		{"dial", `{"number":"206","account":[1]}`, "dial", CodeArgument, "dial: account has to be 1 to 4" + dialTakes},
		{"dial", `{"number":"206","account":1.0}`, "dial", CodeArgument, "dial: account has to be 1 to 4" + dialTakes},

		{"hangup", "ON", "hangup", CodeArgument, "hangup: it takes no argument" + nothing},
		{"hangup", `{"value":"x"}`, "hangup", CodeArgument, "hangup: it takes no argument" + nothing},
		{"hangup", "[]", "hangup", CodeArgument, "hangup: it takes no list" + nothing},

		{"key", "{}", "key", CodeArgument, "key: value is missing" + keyTakes},
		{"key", "[]", "key", CodeArgument, "key: value is missing" + keyTakes},
		{"key", "F_HLD", "key", CodeArgument, `key: there is no key "F_HLD"; the nearest is F_HOLD` + keyTakes},
		{"key", "OK&Command=2", "key", CodeArgument, `key: there is no key "OK&COMMAND=2"; the nearest is CANCEL` + keyTakes},
		{"key", `["OK",["X"]]`, "key", CodeArgument, "key: neither text nor a number" + keyTakes},
		{"key", "[" + strings.Repeat("1,", 32) + "1]", "key", CodeArgument, "key: it has 33 keys" + keyTakes},

		{"mute", "{}", "mute", CodeArgument, "mute: value is missing" + positions},
		{"mute", "1", "mute", CodeArgument, `mute: "1" is no position` + positions},
		{"dnd", "yes", "dnd", CodeArgument, `dnd: "yes" is no position` + positions},

		{"transfer", "+4930", "transfer", CodeArgument, "transfer: there is no key for +; send the number with 00 or as it is dialled by hand" + transferTakes},
		{"transfer", `{"number":-20}`, "transfer", CodeArgument, "transfer: a number with a minus sign; send it without" + transferTakes},
		{"transfer", `{"number":"20","mode":"warm"}`, "transfer", CodeArgument, "transfer: mode has to be blind or attended" + transferTakes},
		{"transfer", `{"number":"20","mode":[]}`, "transfer", CodeArgument, "transfer: mode has to be blind or attended" + transferTakes},

		{"dtmf", "12a", "dtmf", CodeArgument, "dtmf: there is something else in it" + dtmfTakes},
		{"dtmf", "1 2", "dtmf", CodeArgument, "dtmf: there is something else in it" + dtmfTakes},
		{"dtmf", `""`, "dtmf", CodeArgument, "dtmf: it has 0 characters" + dtmfTakes},
		{"dtmf", strings.Repeat("1", 33), "dtmf", CodeArgument, "dtmf: it has 33 characters" + dtmfTakes},

		{"volume", "11", "volume", CodeArgument, `volume: "11" is not allowed` + volumeTakes},
		{"volume", "-11", "volume", CodeArgument, `volume: "-11" is not allowed` + volumeTakes},
		{"volume", "UP\u2028", "volume", CodeArgument, `volume: "UP\u2028" is not allowed` + volumeTakes},
		{"volume", "1e1", "volume", CodeArgument, `volume: "1e1" is not allowed` + volumeTakes},
		{"volume", "99999999999999999999", "volume", CodeArgument, `volume: "99999999999999999999" is not allowed` + volumeTakes},
		{"line", "0", "line", CodeArgument, `line: "0" is not allowed; send 1 to 45`},
		{"line", "46", "line", CodeArgument, `line: "46" is not allowed; send 1 to 45`},
		{"line", "L1", "line", CodeArgument, `line: "L1" is not allowed; send 1 to 45`},
		{"dss", "11", "dss", CodeArgument, `dss: "11" is not allowed; send 1 to 10`},
		{"soft", "5", "soft", CodeArgument, `soft: "5" is not allowed; send 1 to 4`},
		{"soft", strings.Repeat("x", 99), "soft", CodeArgument, `soft: "` + strings.Repeat("x", 40) + `..." is not allowed; send 1 to 4`},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %.40s", tt.topic, tt.payload), func(t *testing.T) {
			c, err := ParseCommand(tt.topic, []byte(tt.payload))
			var got *CommandError
			if !errors.As(err, &got) {
				t.Fatalf("ParseCommand gives %+v, %v, want a CommandError", c, err)
			}
			if diff := cmp.Diff(&CommandError{tt.code, tt.text}, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if err.Error() != tt.text {
				t.Errorf("the error reads %s", err)
			}
			if c.Name != tt.name {
				t.Errorf("the command is called %q, want %q", c.Name, tt.name)
			}
		})
	}
}

// TestParseCommandKeepsNothing: the command stays what it is when its payload is written over.
func TestParseCommandKeepsNothing(t *testing.T) {
	for topic, text := range map[string]string{
		"dial": "206", "key": `["1","OK"]`, "": `{"command":"dial","number":206,"account":1,"transaction":17}`, "transfer": `{"number":"20","transaction":"t1"}`,
	} {
		payload := []byte(text)
		got, err := ParseCommand(topic, payload)
		if err != nil {
			t.Fatal(err)
		}
		for i := range payload {
			payload[i] = 'x'
		}
		want, _ := ParseCommand(topic, []byte(text))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// Whatever is wrong besides, the sender gets back the transaction that it waits for.
func TestParseCommandErrorsCarryTransaction(t *testing.T) {
	for topic, payload := range map[string]string{
		"":       `{"transaction":"t1"}`,
		"nobody": `{"transaction":"t1"}`,
		"hangup": `{"transaction":"t1","force":1}`,
		"mute":   `{"transaction":"t1","expires_at":"x"}`,
		"dial":   `{"transaction":"t1","number":"x"}`,
	} {
		c, err := ParseCommand(topic, []byte(payload))
		if err == nil || string(c.Transaction) != `"t1"` {
			t.Errorf("ParseCommand(%q, %s) carries %s, %v", topic, payload, c.Transaction, err)
		}
	}
}

// The payload's memory belongs to whoever received it.
func TestParseCommandKeepsNoPayload(t *testing.T) {
	payload := []byte(`{"transaction":12345,"number":"206"}`)
	c, err := ParseCommand("dial", payload)
	if err != nil {
		t.Fatal(err)
	}
	clear(payload)
	if string(c.Transaction) != "12345" || c.Number != "206" {
		t.Errorf("got %s, %s", c.Transaction, c.Number)
	}
}

func FuzzParseCommand(f *testing.F) {
	payloads := []string{
		"206", "PRESS", "{}", "[]", "true", `"206"`, `["1","POUND"]`, "+49 (0)30 1", "-3", "\xFF", "null", "[null]",
		`{"command":"dial","number":"206","account":1,"transaction":"t1","expires_at":"2026-11-23T09:00:00Z","force":true}`,
		`{"command":"key","value":["1",2,"#"]}`, `{"number":20,"mode":"attended"}`, `{"transaction":1e400,"value":null}`,
	}
	for _, row := range Commands() {
		for _, payload := range payloads {
			f.Add(row.Name, []byte(payload))
		}
	}
	for _, payload := range payloads {
		f.Add("", []byte(payload))
	}
	spellings := make(map[ActionURI]bool)
	for _, row := range Keys() {
		for _, key := range row.Keys() {
			spellings[key.press()] = true
		}
	}
	f.Fuzz(func(t *testing.T, name string, payload []byte) {
		c, err := ParseCommand(name, bytes.Clone(payload))
		var refused *CommandError
		if err != nil && (!errors.As(err, &refused) || refused.Text == "" || !utf8.ValidString(refused.Text)) {
			t.Fatalf("error %v", err)
		}
		if c.Transaction != nil && (!json.Valid(c.Transaction) || !utf8.Valid(c.Transaction)) {
			t.Errorf("transaction %q", c.Transaction)
		}
		if err != nil {
			return
		}
		for _, state := range []State{{}, inState(), inState(Ringing), inState(Talking)} {
			c.Judge(state)
			requests := c.Requests(state)
			if len(requests) > 34 {
				t.Errorf("%d requests", len(requests))
			}
			dials := 0
			for _, uri := range requests {
				if isDial(uri) {
					dials++
				}
				if !spellings[uri] && uri != hangUp && !isDial(uri) {
					t.Errorf("ParseCommand(%q, %q) sends %q", name, payload, uri)
				}
			}
			if dials > 1 || dials == 1 && len(requests) > 1 {
				t.Errorf("ParseCommand(%q, %q) dials and does more: %q", name, payload, requests)
			}
		}
	})
}

// isDial tells a request to dial in which nothing else is hidden.
func isDial(uri ActionURI) bool {
	rest, ok := strings.CutPrefix(string(uri), "Command=1&Number=")
	number, account, named := strings.Cut(rest, "&Account=")
	return ok && number != "" && strings.Trim(number, "0123456789*#+") == "" &&
		(!named || len(account) == 1 && strings.Contains("1234", account))
}
