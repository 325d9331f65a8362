package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/bridge/policy"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// ruled lays down rules for a scene's bridge; patterns and names as in the configuration.
func ruled(t *testing.T, commands, allow, deny string, rate int) func(*bridge.Config) {
	t.Helper()
	set := map[string]string{"COMMANDS": commands, "DIAL_ALLOW": allow, "DIAL_DENY": deny}
	environment(t, set)
	cfg, err := loadConfig()
	if err != nil {
		t.Fatal(err)
	}
	return func(c *bridge.Config) {
		c.Rules = policy.Rules{Commands: cfg.Commands, Allow: cfg.Dial.Allow, Deny: cfg.Dial.Deny, Rate: rate}
	}
}

// TestRules sends to a phone what rules forbid and what they do not, and reads what it gets.
func TestRules(t *testing.T) {
	const example, never = "ZX,ZXX,0Z!", "0900!,110!,112!"
	for _, test := range []struct {
		name                  string
		commands, allow, deny string
		history               string
		command, payload      string
		want, lines           string
	}{
		{"allowed command", "dial,volume", "", "", silent, "volume", "UP", "ok", "key=VOLUME_UP"},
		{"command not allowed", "dial,volume", "", "", silent, "reboot", "PRESS", "error rule", ""},
		{"in the topic set", "dial,volume", "", "", silent, "", `{"command":"reboot","force":true}`, "error rule", ""},
		{"ours", "dial", "", "", silent, "clear_missed", "PRESS", "error rule", ""},
		{"raw key", "dial", "", "", silent, "key", "UP", "error rule", ""},
		{"raw key that reboots", "key,dial", "", "", silent, "key", "reboot", "error rule", ""},
		{"raw key that reboots, last of a list", "key,dial", "", "", silent, "key", `["UP","Reboot"]`, "error rule", ""},
		{"raw key that is harmless", "key,dial", "", "", silent, "key", `["UP","DOWN"]`, "ok", "key=UP key=DOWN"},
		{"hang-up not allowed", "dial", "", "", talking, "hangup", "{}", "error rule", ""},

		{"allowed number", "", example, never, silent, "dial", "(030) 123", "ok", "Command=1&Number=030123"},
		{"abroad", "", example, never, silent, "dial", "00 49 30", "error rule", ""},
		{"emergency", "", example, never, silent, "dial", `{"number":"1-1 2","force":true}`, "error rule", ""},
		{"transfer to an allowed number", "", example, never, talking, "transfer", "20", "ok", "key=F_TRANSFER key=2 key=0 key=F_TRANSFER"},
		{"transfer to a premium number", "", example, never, talking, "transfer", `{"number":"0900 1","mode":"attended"}`, "error rule", ""},
		{"transfer to nobody said", "", example, never, talking, "transfer", "{}", "error rule", ""},
		{"redial", "", example, never, silent, "redial", "PRESS", "error rule", ""},
		{"redial, named", "redial", example, never, silent, "redial", "PRESS", "ok", "key=RD"},
		{"line key", "", "", never, silent, "line", "1", "error rule", ""},
		{"digits in idle", "", "", never, silent, "key", `["1","1","2","POUND"]`, "error rule", ""},
		{"digits in idle, key named", "key,dtmf", "", never, silent, "key", `["1","1","2","POUND"]`, "error rule", ""},
		{"tones where no call was told", "", "", never, silent, "dtmf", "112", "error rule", ""},
		{"tones in idle, forced", "", "", never, talked, "dtmf", `{"value":"112","force":true}`, "error rule", ""},
		{"tones on hold", "", "", never, held, "dtmf", "112", "error rule", ""},
		{"tones while it dials", "", "", never, dialing, "dtmf", "112", "error rule", ""},
		{"tones in a call", "", "", never, talking, "dtmf", "1#", "ok", "key=1 key=POUND"},
		{"tones in idle without rules on numbers", "dtmf", "", "", silent, "dtmf", "1", "ok", "key=1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := startPhone(t, phoneOptions(vendor))
			s := startScene(t, ruled(t, test.commands, test.allow, test.deny, 0), p)
			for step := range strings.SplitSeq(test.history, ", ") {
				if event, id, _ := strings.Cut(step, " "); event != "" {
					s.tell(t, vendor, event, "call_id="+id)
				}
			}
			result := s.do(t, vendor, test.command, test.payload)
			if got := outcome(result); got != test.want {
				t.Errorf("result is %s, want %s: %s", got, test.want, result.payload)
			}
			if diff := cmp.Diff(append([]string{}, strings.Fields(test.lines)...), lines(p)); diff != "" {
				t.Errorf("what the phone got (-want +got):\n%s", diff)
			}
		})
	}
}

// TestForbiddenHangUp does not end what runs: it never gets that far.
func TestForbiddenHangUp(t *testing.T) {
	p := startPhone(t, phoneOptions(vendor))
	hold(p)
	s := startScene(t, ruled(t, "volume", "", "", 0), p)
	s.order(t, vendor, "volume", "3")
	awaitRequests(t, p, 1)
	if result := s.do(t, vendor, "hangup", "{}"); outcome(result) != "error rule" {
		t.Errorf("result: %s", result.payload)
	}
	letGo(p)
	if result := s.result(t, vendor, 2); outcome(result) != "ok" || result.member("sent") != "3" {
		t.Errorf("result: %s", result.payload)
	}
}

// TestTypingStops when the call is put on hold while digits are typed: from there on they would dial.
func TestTypingStops(t *testing.T) {
	p := startPhone(t, phoneOptions(vendor))
	hold(p)
	s := startScene(t, ruled(t, "", "", "112!", 0), p)
	s.tell(t, vendor, "incoming_call", "call_id=a1")
	s.tell(t, vendor, "call_established", "call_id=a1")
	s.order(t, vendor, "dtmf", `{"value":"911112","force":true}`)
	holdAt(t, p, 2)
	s.tell(t, vendor, "hold", "call_id=a1")
	letGo(p)
	result := s.result(t, vendor, 1)
	if outcome(result) != "error rule" || result.member("sent") != "2" || !strings.Contains(result.text("error"), "key=1") {
		t.Errorf("result: %s, want a rule after two keys", result.payload)
	}
	if diff := cmp.Diff([]string{"key=9", "key=1"}, lines(p)); diff != "" {
		t.Errorf("what the phone got (-want +got):\n%s", diff)
	}
}

// TestDialRate counts what is sent on each phone by itself, and not what is refused or repeated.
func TestDialRate(t *testing.T) {
	one, two := startPhone(t, phoneOptions(first)), startPhone(t, phoneOptions(second))
	s := startScene(t, ruled(t, "", "", "", 2), one, two)
	s.tell(t, first, "outgoing_call", "call_id=a1")
	for _, step := range []struct {
		command, payload, want string
	}{
		{"dial", `{"number":"206","transaction":"t1"}`, "ok"},
		{"dial", `{"number":"206","transaction":"t1"}`, "ok"}, // a repeat is not run
		{"redial", "PRESS", "ok"},
		{"transfer", "207", "ok"},
		{"dial", "206", "error rule"},
		{"transfer", `{"number":"207","force":true}`, "error rule"},
		{"hangup", "PRESS", "ok"},
	} {
		if result := s.do(t, first, step.command, step.payload); outcome(result) != step.want {
			t.Errorf("%s %s: %s, want %s", step.command, step.payload, result.payload, step.want)
		}
	}
	if result := s.do(t, second, "dial", "206"); outcome(result) != "ok" {
		t.Errorf("another phone: %s", result.payload)
	}
}

// TestDialRateOfALearnedPhone is not begun anew by removing the phone.
func TestDialRateOfALearnedPhone(t *testing.T) {
	s := startScene(t, ruled(t, "", "", "", 1))
	for _, forbidden := range []bool{false, true} {
		s.tell(t, vendor, "dnd_on")
		if result := s.do(t, vendor, "dial", "206"); (outcome(result) == "error rule") != forbidden {
			t.Errorf("%s, want it forbidden: %t", result.payload, forbidden)
		}
		s.request(t, "phone/remove", `{"mac":"`+vendor+`"}`)
	}
}

// TestDocumentedRules loads the examples of the documents, and holds the table of keys to the program.
func TestDocumentedRules(t *testing.T) {
	_, section, _ := strings.Cut(readDocument(t, "docs/configuration.md"), "\n## What may be dialled\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d examples, want 2", len(blocks))
	}
	for i, numbers := range []struct{ pass, never string }{
		{"20 206 030123456 0301120900", "2 2061 112 110 1125 0900123 00493012 +493012 *43 112# 0137123"},
		{"206 2125551234 12125551234", "911 9115 1911 19005551234 9005551234 18095551234 0114930 +12125551234 12345"},
	} {
		set := make(map[string]string)
		for _, match := range regexp.MustCompile(`(?m)^`+prefix+`_(\w+)=(.*)$`).FindAllStringSubmatch(blocks[i][1], -1) {
			set[match[1]] = match[2]
		}
		environment(t, set)
		c, err := loadConfig()
		if err != nil {
			t.Fatal(err)
		}
		judge := func(number string) *policy.Refusal {
			command, err := phone.ParseCommand("dial", []byte(number))
			if err != nil {
				t.Fatal(err)
			}
			return c.bridgeConfig().Rules.Judge(command)
		}
		for _, number := range strings.Fields(numbers.pass) {
			if refusal := judge(number); refusal != nil {
				t.Errorf("example %d: %s: %s", i+1, number, refusal.Text)
			}
		}
		for _, number := range strings.Fields(numbers.never) {
			if judge(number) == nil {
				t.Errorf("example %d: %s may be dialled", i+1, number)
			}
		}
	}
	judged := 0
	for _, row := range table(t, "docs/configuration.md", "key", "needs") {
		needs := regexp.MustCompile(`[a-z_]{3,}`).FindAllString(strings.Split(row[1], ";")[0], -1)
		for _, name := range strings.Split(strings.Replace(row[0], "digits", "0, 9", 1), ",") {
			first, last, _ := strings.Cut(strings.TrimSpace(name), " to ")
			for _, key := range strings.Fields(first + " " + last) {
				command, err := phone.ParseCommand("key", []byte(`"`+key+`"`))
				if err != nil {
					t.Fatal(err)
				}
				judged++
				if refusal := (policy.Rules{Commands: append([]string{"key"}, needs...)}).Judge(command); refusal != nil {
					t.Errorf("%s with %v: %s", key, needs, refusal.Text)
				}
			}
		}
	}
	if judged < 20 {
		t.Errorf("only %d keys are in the table", judged)
	}
}
