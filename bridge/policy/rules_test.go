package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// patterns parses a comma list as the configuration does.
func patterns(t *testing.T, list string) []Pattern {
	t.Helper()
	var all []Pattern
	for _, text := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		pattern, err := ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pattern)
	}
	return all
}

// rules are written as the configuration does.
func rules(t *testing.T, commands, allow, deny string) Rules {
	t.Helper()
	return Rules{Commands: strings.Fields(commands), Allow: patterns(t, allow), Deny: patterns(t, deny)}
}

// command parses what a user publishes: the name, a blank, the payload.
func command(t *testing.T, published string) phone.Command {
	t.Helper()
	name, payload, _ := strings.Cut(published, " ")
	c, err := phone.ParseCommand(name, []byte(payload))
	if err != nil {
		t.Fatalf("%s: %v", published, err)
	}
	return c
}

// rule is what forbids a command, empty for nothing.
func rule(refusal *Refusal) string {
	if refusal == nil {
		return ""
	}
	return refusal.Rule
}

// every is one of each command, in all ways that lead to other requests.
var every = []string{
	"dial 206", `dial {"number":"206","account":2}`, "hangup {}", "answer {}", "reject {}", "hold {}", "resume {}",
	"mute ON", "mute TOGGLE", "speaker {}", "headset {}", "conference {}", "message {}", "redial {}",
	"transfer 206", `transfer {"number":"206","mode":"attended"}`, "transfer {}", "dtmf 1#",
	"volume UP", "volume -3", "dnd ON", "dnd OFF", "dnd TOGGLE", "line 1", "dss 1", "soft 1",
	"reboot {}", "autoprovision {}", "clear_missed {}", "key UP",
}

func TestWithoutRules(t *testing.T) {
	for _, published := range append(every, `key ["X","RD","Reboot","1"]`, `key {"value":"X","force":true}`) {
		c := command(t, published)
		if refusal := (Rules{}).Judge(c); refusal != nil {
			t.Errorf("%s: %+v", published, *refusal)
		}
		if refusal := (Rules{}).JudgeTyping(c, phone.State{}); refusal != nil {
			t.Errorf("%s: %+v", published, *refusal)
		}
	}
}

// TestCommands allows each command alone: it passes, force or not, and no other does.
func TestCommands(t *testing.T) {
	for _, row := range phone.Commands() {
		r := rules(t, row.Name, "", "")
		passed := 0
		for _, published := range every {
			c := command(t, published)
			want := Commands
			if c.Name == row.Name {
				want = ""
				passed++
			}
			if got := rule(r.Judge(c)); got != want {
				t.Errorf("only %s: %s is refused by %q, want %q", row.Name, published, got, want)
			}
		}
		if passed == 0 {
			t.Errorf("no %s was tried", row.Name)
		}
	}
}

// TestKeyIsItsCommand presses what each command presses, key by key: the key needs that command.
func TestKeyIsItsCommand(t *testing.T) {
	pressed := make(map[string]bool)
	for _, published := range every {
		c := command(t, published)
		if c.Name == "key" {
			continue
		}
		for _, state := range []phone.State{{}, {DND: phone.On}} {
			for _, uri := range c.Requests(state) {
				name, ok := strings.CutPrefix(string(uri), "key=")
				if !ok {
					continue
				}
				pressed[name] = true
				needed := []string{c.Name}
				if c.Name == "transfer" && name != "F_TRANSFER" {
					needed = []string{"dtmf"} // the digits of a number, and OK
					if name == "OK" {
						needed = []string{"answer"}
					}
				}
				key := command(t, "key "+name)
				all := "key"
				for _, row := range phone.Commands() {
					if row.Name != needed[0] {
						all += " " + row.Name
					}
				}
				if rule(rules(t, all, "", "").Judge(key)) != Commands {
					t.Errorf("key %s passes without %s, which sends it", name, needed[0])
				}
				if refusal := rules(t, all+" "+needed[0], "", "").Judge(key); refusal != nil {
					t.Errorf("key %s with all commands: %+v", name, *refusal)
				}
			}
		}
	}
	if len(pressed) < 15 {
		t.Errorf("only %d keys were pressed", len(pressed))
	}
}

// TestEveryKeyIsJudged wants a decision on every key, and none on keys that do not exist.
func TestEveryKeyIsJudged(t *testing.T) {
	known := make(map[phone.Key]bool)
	var free []string
	for _, row := range phone.Keys() {
		known[row.Name] = true
		for _, key := range row.Keys() {
			if len(keyCommands[key]) == 0 {
				free = append(free, string(key))
			}
		}
	}
	if diff := cmp.Diff([]string{"UP", "DOWN", "LEFT", "RIGHT"}, free); diff != "" {
		t.Errorf("keys that are nobody's (-want +got):\n%s", diff)
	}
	for key := range alike {
		if !known[key] {
			t.Errorf("there is no key %s", key)
		}
	}
	for _, commands := range keyCommands {
		for _, name := range commands {
			if _, err := phone.ParseCommand(name, []byte("1")); err != nil && strings.Contains(err.Error(), "there is no command") {
				t.Error(err)
			}
		}
	}
}

func TestForceSkipsNoRule(t *testing.T) {
	for _, test := range []struct{ commands, published, want string }{
		{"dial", `reboot {"force":true}`, Commands},
		{"answer", `answer {"force":true}`, ""},
		{"reject", "reject {}", ""},
		{"reject", `reject {"force":true}`, Commands}, // would end any call
		{"reject hangup", `reject {"force":true}`, ""},
		{"key hangup", "key X", ""},
		{"key hangup", `key {"value":"X","force":true}`, Commands}, // asks whether to reboot
		{"key hangup answer", `key {"value":["X","OK"],"force":true}`, Commands},
		{"key hangup reboot", `key {"value":"x","force":true}`, ""},
		{"key hangup", `key ["UP","reboot"]`, Commands},
		{"key hangup", `key ["UP","AUTOP"]`, Commands},
	} {
		if got := rule(rules(t, test.commands, "", "").Judge(command(t, test.published))); got != test.want {
			t.Errorf("%s: %s is refused by %q, want %q", test.commands, test.published, got, test.want)
		}
	}
}

// TestPastTheNumbers is what is off where numbers have rules, until it is named.
func TestPastTheNumbers(t *testing.T) {
	off := []string{
		"redial {}", "line 1", "dss 1", "soft 1", "key UP", "key RD", "key L1", "key D1", "key F1", "key 9",
		`key ["9","1","1","POUND"]`, "key F_CONFERENCE", "key MSG", "conference {}", "message {}",
	}
	const all = "dial redial line dss soft key conference message transfer dtmf"
	for _, limits := range []struct{ allow, deny, rule string }{
		{"2XX", "", DialAllow},
		{"", "00!", DialDeny},
		{"2XX", "00!", DialAllow},
	} {
		for _, published := range off {
			forced := command(t, published)
			forced.Force = true
			for _, c := range []phone.Command{command(t, published), forced} {
				if got := rule(rules(t, "", limits.allow, limits.deny).Judge(c)); got != limits.rule {
					t.Errorf("%+v: %s is refused by %q, want %q", limits, published, got, limits.rule)
				}
			}
			if refusal := rules(t, all, limits.allow, limits.deny).Judge(command(t, published)); refusal != nil {
				t.Errorf("%+v, named: %s: %+v", limits, published, *refusal)
			}
		}
		// Nobody can say whom these would reach, named or not.
		for _, published := range []string{"transfer {}", `transfer {"mode":"attended"}`, `transfer {"force":true}`} {
			for _, commands := range []string{"", all} {
				if got := rule(rules(t, commands, limits.allow, limits.deny).Judge(command(t, published))); got != limits.rule {
					t.Errorf("%+v: %s is refused by %q, want %q", limits, published, got, limits.rule)
				}
			}
		}
		if got := rule(rules(t, all, limits.allow, limits.deny).Judge(command(t, "key F_TRANSFER"))); got != limits.rule {
			t.Errorf("%+v: key F_TRANSFER is refused by %q, want %q", limits, got, limits.rule)
		}
		for _, published := range []string{"hangup {}", "answer {}", "hold {}", "speaker {}", "dnd ON", "dtmf 1", "reboot {}", "dial 206", "transfer 206"} {
			if refusal := rules(t, "", limits.allow, limits.deny).Judge(command(t, published)); refusal != nil {
				t.Errorf("%+v: %s: %+v", limits, published, *refusal)
			}
		}
	}
}

func TestTyping(t *testing.T) {
	const talked = "a call that has ended"
	state := func(calls ...phone.CallState) phone.State {
		var s phone.State
		for _, c := range calls {
			s.Calls = append(s.Calls, phone.Call{State: c})
		}
		return s
	}
	for _, test := range []struct {
		name  string
		state phone.State
		want  string
	}{
		{talked, state(), DialDeny},
		{"ringing", state(phone.Ringing), DialDeny},
		{"dialing", state(phone.Dialing), DialDeny},
		{"on hold", state(phone.OnHold), DialDeny},
		{"talking", state(phone.Talking), ""},
		{"talking, another rings", state(phone.Talking, phone.Ringing), ""},
		{"talking, another on hold", state(phone.OnHold, phone.Talking), ""},
		{"talking, and dialing for a transfer", state(phone.Talking, phone.Dialing), DialDeny},
	} {
		r := rules(t, "key dtmf dial", "", "00!")
		for _, published := range []string{"dtmf 5", `dtmf {"value":"5","force":true}`, "key 5", `key ["UP","#"]`} {
			if got := rule(r.JudgeTyping(command(t, published), test.state)); got != test.want {
				t.Errorf("%s: %s is refused by %q, want %q", test.name, published, got, test.want)
			}
		}
		for _, published := range []string{"dial 206", "key UP", "hangup {}"} {
			if refusal := r.JudgeTyping(command(t, published), test.state); refusal != nil {
				t.Errorf("%s: %s: %+v", test.name, published, *refusal)
			}
		}
	}
}

// The sender reads what is forbidden and what would not be; no number stands in it, for it is logged.
func TestRefusalTexts(t *testing.T) {
	named := Rules{Commands: []string{"dial", "key", "reject"}}
	numbers := rules(t, "", "2XX 1!", "11!")
	for _, test := range []struct {
		refusal *Refusal
		want    Refusal
	}{
		{named.Judge(command(t, "reboot {}")), Refusal{Commands, "reboot is not allowed here (COMMANDS)"}},
		{named.Judge(command(t, "key dndon")), Refusal{Commands, "the key DNDOn does what dnd does, which is not allowed here (COMMANDS)"}},
		{named.Judge(command(t, `reject {"force":true}`)), Refusal{Commands, "with force it may do what hangup does, which is not allowed here (COMMANDS)"}},
		{numbers.Judge(command(t, "redial {}")), Refusal{DialAllow, "redial could call a number that DIAL_ALLOW forbids; it is off unless COMMANDS names it"}},
		{numbers.Judge(command(t, "transfer {}")), Refusal{DialAllow, "transfer without a number could go to one that DIAL_ALLOW forbids; send the number with it"}},
		{numbers.Judge(command(t, "dial 112")), Refusal{DialDeny, "this number must not be called (DIAL_DENY has 11!)"}},
		{numbers.Judge(command(t, "transfer 300")), Refusal{DialAllow, "this number is none of those that may be called (DIAL_ALLOW)"}},
		{numbers.JudgeTyping(command(t, "dtmf 1"), phone.State{}), Refusal{DialAllow, "digits could call a number that DIAL_ALLOW forbids, unless the phone's events say that a call is talking and none is dialing"}},
	} {
		if diff := cmp.Diff(&test.want, test.refusal); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
