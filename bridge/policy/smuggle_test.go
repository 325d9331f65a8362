package policy

import (
	"strings"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// The example of docs/configuration.md: no international, no premium, emergency numbers never.
const (
	exampleAllow = "ZX ZXX 0Z!"
	exampleDeny  = "0900! 0137! 0180! 110! 112!"
)

// TestSmuggledNumbers tries to call a forbidden number in every spelling that is read as a number.
func TestSmuggledNumbers(t *testing.T) {
	spellings := []string{
		"0900123456", "0900 123456", "0900-123-456", "(0900) 123456", "0900/123456", "0900.123456", " 0900123456 ",
		"0 9 0 0 1", "(0)900123456", "((0))900123456", "--0900123456", ".0.9.0.0.1.2",
		"0900123456#", "#0900123456", "+0900123456", "#31#0900123456", "*31#0900123456", "*31*0900123456#", "**0900123456",
		"0900#123", "0900*1", "0900+1", "+#*0900", "0+900123456", "0+9+0+0+1", "0#900123", "0*900123",
		"00900123456", "0049900123456", "+49900123456", "+49 (0)900 123456", "+49(0)900123456", "0049 (0) 900 1", "+(49) (0) 900 1",
		"112", "1 1 2", "1-1-2", "(112)", "112#", "#112", "+112", "*112", "**112#", "1+12", "1#12", "11*2", "1125", "112112", "#31#112", "112+", "1.1/2",
		"110", "11 0", "(1)10",
	}
	r := rules(t, "", exampleAllow, exampleDeny)
	onlyDeny := rules(t, "", "", exampleDeny+" 00! +!")
	for _, spelling := range spellings {
		for _, name := range []string{"dial", "transfer"} {
			for _, payload := range []string{spelling, `"` + spelling + `"`, `{"number":"` + spelling + `"}`, `{"number":"` + spelling + `","force":true}`} {
				c, err := phone.ParseCommand(name, []byte(payload))
				if err != nil {
					// A number that the phone would not be sent cannot be smuggled.
					if name == "transfer" && strings.Contains(spelling, "+") {
						continue
					}
					t.Fatalf("%s %s: %v", name, payload, err)
				}
				for _, rules := range []Rules{r, onlyDeny} {
					if refusal := rules.Judge(c); refusal == nil {
						t.Errorf("%s %s passes as %s", name, payload, c.Number)
					}
				}
			}
		}
	}
}

// TestUnreadableNumbers are spellings that never become a number, so that no rule has to know them.
func TestUnreadableNumbers(t *testing.T) {
	for _, spelling := range []string{
		"１１２", "٠٩٠٠", "𝟏𝟏𝟐", "1\u200b12", "1\u00a012", "112\u0000", "112\u2028", "\u00a0112", "-112", "112;phone-context=x", "112,1", "sip:112@pbx", "tel:112",
		"%31%31%32", "112&Number=112", "206&Number=112", "1e2", "0x70", "1\r\n12", "112p1", "112w1", "O9OO",
	} {
		for _, name := range []string{"dial", "transfer"} {
			c, err := phone.ParseCommand(name, []byte(`{"number":"`+spelling+`"}`))
			if err == nil {
				t.Errorf("%s %q is read as %q", name, spelling, c.Number)
			}
		}
		if number, err := phone.ParseCommand("dial", []byte(spelling)); err == nil {
			t.Errorf("%q is read as %q", spelling, number.Number)
		}
	}
}

// TestAllowedNumbers are those that the same rules let through, as they are typed.
func TestAllowedNumbers(t *testing.T) {
	r := rules(t, "", exampleAllow, exampleDeny)
	for _, number := range []string{"20", "206", "2 0 6", "030 123456", "(030) 123-456", "0301120900"} {
		for _, name := range []string{"dial", "transfer"} {
			if refusal := r.Judge(command(t, name+" "+number)); refusal != nil {
				t.Errorf("%s %s: %+v", name, number, *refusal)
			}
		}
	}
	for _, number := range []string{"2", "2061", "*43", "#20", "20#", "+20", "00", "001", "+4930123456", "004930123456", "1234567"} {
		if got := rule(r.Judge(command(t, "dial "+number))); got != DialAllow {
			t.Errorf("dial %s is refused by %q, want %s", number, got, DialAllow)
		}
	}
}

// FuzzJudge looks for a payload whose requests carry a denied number although it passed.
func FuzzJudge(f *testing.F) {
	for _, seed := range []struct{ name, payload string }{
		{"dial", "112"},
		{"dial", `{"number":"1 1 2","account":1,"force":true}`},
		{"transfer", `{"number":"112","mode":"attended"}`},
		{"transfer", "{}"},
		{"key", `["1","1","2","POUND"]`},
		{"key", `{"value":["F_TRANSFER","1"],"force":true}`},
		{"dtmf", `{"value":"112#","force":true}`},
		{"redial", "PRESS"},
		{"line", "1"},
		{"", `{"command":"dial","number":112}`},
	} {
		f.Add(seed.name, seed.payload)
	}
	deny := Pattern("112!")
	f.Fuzz(func(t *testing.T, name, payload string) {
		c, err := phone.ParseCommand(name, []byte(payload))
		r := Rules{Deny: []Pattern{deny}}
		if err != nil || r.Judge(c) != nil || r.JudgeTyping(c, phone.State{}) != nil {
			return
		}
		var typed strings.Builder
		for _, uri := range c.Requests(phone.State{}) {
			number, _, _ := strings.Cut(strings.TrimPrefix(string(uri), "Command=1&Number="), "&Account=")
			key, isKey := strings.CutPrefix(string(uri), "key=")
			switch {
			case isKey && (key == "RD" || key == "MSG" || key == "F_CONFERENCE" || strings.Trim(key, "LDF0123456789") == "" && strings.Trim(key, digits) != ""):
				t.Fatalf("%s %q presses %s", name, payload, key)
			case isKey && strings.Trim(key, digits) == "":
				typed.WriteString(key)
			case !isKey && strings.HasPrefix(strings.Trim(number, "+*#"), "112"):
				t.Fatalf("%s %q calls %s", name, payload, number)
			}
		}
		if strings.HasPrefix(typed.String(), "112") {
			t.Fatalf("%s %q types %s", name, payload, typed.String())
		}
	})
}
