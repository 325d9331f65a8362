package recording

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// testMask has a key of its own, so that what it gives is the same each time.
func testMask() mask { return newMask(bytes.Repeat([]byte{7}, keySize)) }

// TestNumbersStayApart goes through all numbers of up to three digits: each has another one of the same
// length and the same zeros at its begin.
func TestNumbersStayApart(t *testing.T) {
	m := testMask()
	for digits := 1; digits <= 3; digits++ {
		seen := make(map[string]string)
		limit := 1
		for range digits {
			limit *= 10
		}
		for n := range limit {
			number := fmt.Sprintf("%0*d", digits, n)
			masked := m.number(number)
			if len(masked) != len(number) || zeros(masked) != zeros(number) {
				t.Fatalf("%s became %s", number, masked)
			}
			if other, taken := seen[masked]; taken {
				t.Fatalf("%s and %s both became %s", number, other, masked)
			}
			seen[masked] = number
		}
	}
}

func zeros(number string) int { return len(number) - len(strings.TrimLeft(number, "0")) }

func TestNumberKeepsItsForm(t *testing.T) {
	m := testMask()
	bare := m.number("493012345678")
	for _, c := range []struct{ number, form string }{
		{"+493012345678", `^\+[1-9]\d{11}$`},
		{"+49 30 1234-5678", `^\+\d\d \d\d \d{4}-\d{4}$`},
		{"004930123456", `^00[1-9]\d{9}$`},
		{"*72#", `^\*\d\d#$`},
		{"0", `^0$`},
		{strings.Repeat("12345678", 20), `^\d{160}$`},
	} {
		got := m.text(c.number)
		if !regexp.MustCompile(c.form).MatchString(got) || got == c.number && c.number != "0" {
			t.Errorf("%s became %s, want the form %s", c.number, got, c.form)
		}
	}
	onlyDigits := func(s string) string { return strings.NewReplacer("+", "", " ", "", "-", "").Replace(s) }
	for _, spelling := range []string{"+493012345678", "+49 30 1234-5678", "493012345678"} {
		if got := onlyDigits(m.text(spelling)); got != bare {
			t.Errorf("%s became the digits %s, in another spelling they are %s", spelling, got, bare)
		}
	}
}

func TestAnotherKeyGivesOthers(t *testing.T) {
	a, b := testMask(), newMask(bytes.Repeat([]byte{8}, keySize))
	for _, text := range []string{"493012345678", "Bob", "192.168.4.5"} {
		if a.text(text) == b.text(text) {
			t.Errorf("%s becomes %s with either key", text, a.text(text))
		}
	}
	if a.mac("001fc11a8b6c") == b.mac("001fc11a8b6c") {
		t.Error("a MAC becomes the same with either key")
	}
}

func TestMACs(t *testing.T) {
	m := testMask()
	seen := make(map[phone.MAC]bool)
	for i := range 3000 {
		masked := m.mac(phone.MAC(fmt.Sprintf("001fc1%06x", i)))
		if seen[masked] || masked[:6] != "001fc1" || len(masked) != 12 {
			t.Fatalf("the %d. MAC became %s", i, masked)
		}
		seen[masked] = true
	}
	mac, masked := phone.MAC("001fc11a8b6c"), m.mac("001fc11a8b6c")
	for spelling, want := range map[string]string{
		"001fc11a8b6c":      string(masked),
		"00:1F:C1:1A:8B:6C": strings.ToUpper(masked.Colons()),
		"001f.c11a.8b6c":    string(masked[:4] + "." + masked[4:8] + "." + masked[8:]),
	} {
		if got := m.macText(spelling, mac); got != want {
			t.Errorf("%s became %s, want %s", spelling, got, want)
		}
	}
	if m.mac("") != "" {
		t.Error("no MAC became one")
	}
}

func TestAddresses(t *testing.T) {
	m := testMask()
	for address, kind := range map[string]string{
		"192.168.0.157":      `^10\.\d+\.\d+\.\d+$`,
		"192.168.0.157:8080": `^10\.\d+\.\d+\.\d+:8080$`,
		"2001:db8::1":        `^fd00::[0-9a-f:]+$`,
		"127.0.0.1:80":       `^127\.0\.0\.1:80$`,
		"pbx.example.org":    `^host\d{8}\.host\d{8}\.host\d{8}$`,
		"":                   `^$`,
	} {
		if got := m.address(address); !regexp.MustCompile(kind).MatchString(got) {
			t.Errorf("%q became %q, want %s", address, got, kind)
		}
	}
	if got := m.ip(netip.Addr{}); got.IsValid() {
		t.Errorf("no address became %s", got)
	}
}

// TestText shows what becomes of the texts that phones paste into URLs. N stands for a pseudonym's
// digits of a name, D for those of a number, I for an address.
func TestText(t *testing.T) {
	m := testMask()
	shape := func(text string) string {
		text = regexp.MustCompile(`(Name|host)\d{8}`).ReplaceAllString(text, "$1")
		text = regexp.MustCompile(`\b10\.\d+\.\d+\.\d+`).ReplaceAllString(text, "I")
		return regexp.MustCompile(`[1-9]\d*`).ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat("D", len(s)) })
	}
	got := make(map[string]string)
	want := map[string]string{
		"Bob":                                  "Name",
		"Bob & Sons, Ltd.":                     "Name & Name, Name.",
		"王伟":                                   "Name",
		"Müller; \"R&D\" 50% <x> #1 a+b":       `Name; "Name&Name" DD% <Name> #D Name+Name`,
		"sip:206@192.168.0.1":                  "sip:DDD@I",
		"SIP:alice@pbx.example:5060;tag=a1b2":  "SIP:Name@host.host:DDDD;Name=Name",
		`"Bob" <sip:0206@[2001:db8::1]:5061>`:  `"Name" <sip:0DDD@[fd00::DeDb:Dc:eDd:DDbb]:DDDD>`,
		"tel:+49-30-1234;phone-context=+49":    "tel:+DD-DD-DDDD;Name-Name=+DD",
		"anonymous":                            "anonymous",
		"sip:Anonymous@anonymous.invalid":      "sip:Anonymous@anonymous.host",
		"$remote":                              "$remote",
		"$price":                               "$Name",
		"12a4":                                 "Name",
		"206 Bob":                              "DDD Name",
		"192.168.0.1.":                         "I.",
		"3848276298220188511@192.168.0.1":      strings.Repeat("D", 19) + "@I",
		"":                                     "",
		"sip:206@192.168.0.1;maddr=10.20.30.4": "sip:DDD@I;Name=I",
	}
	for text := range want {
		got[text] = shape(m.text(text))
	}
	// The digits of a masked IPv6 address are any.
	for _, texts := range []map[string]string{got, want} {
		for text, masked := range texts {
			texts[text] = regexp.MustCompile(`\[fd00:[^\]]*\]`).ReplaceAllString(masked, "[v6]")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPathKeepsVocabulary leaves half names of events, which tell what a phone meant, and hides the rest.
func TestPathKeepsVocabulary(t *testing.T) {
	got := testMask().path("incoming-Miller-call.php")
	if !regexp.MustCompile(`^incoming-Name\d{8}-call\.Name\d{8}$`).MatchString(got) {
		t.Errorf("it became %s", got)
	}
	words := slices.Sorted(maps.Keys(testMask().vocabulary))
	if slices.Contains(words, "") || !slices.Contains(words, "incoming") {
		t.Errorf("the vocabulary is %q", words)
	}
}
