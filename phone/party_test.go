package phone

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParseParty(t *testing.T) {
	tests := []struct {
		address, display string
		want             Party
	}{
		{"", "", Party{}},
		{" ", " ", Party{}},
		{"206", "", Party{Number: "206"}},
		{"206", "Bob", Party{Number: "206", Name: "Bob"}},
		{"", "Bob", Party{Name: "Bob"}},
		{"+4930123", "", Party{Number: "+4930123"}},
		{"+49 30 123", "", Party{Number: "+49 30 123"}},
		{"*43#", "", Party{Number: "*43#"}},
		{"alice", "", Party{Number: "alice"}},
		{"Bob Smith", "", Party{Name: "Bob Smith"}},
		{"Bob Smith", "Robert", Party{Name: "Robert"}},

		{"sip:206@192.168.0.1", "Bob", Party{Number: "206", Name: "Bob", URI: "sip:206@192.168.0.1"}},
		{"SIP:206@PBX.example", "", Party{Number: "206", URI: "sip:206@PBX.example"}},
		{"sips:206@pbx", "", Party{Number: "206", URI: "sips:206@pbx"}},
		{"sip:206@pbx:5060;transport=udp?Replaces=x", "", Party{Number: "206", URI: "sip:206@pbx:5060"}},
		{"sip:206@pbx?Subject=x;y", "", Party{Number: "206", URI: "sip:206@pbx"}},
		{"sip:206:secret@pbx", "", Party{Number: "206", URI: "sip:206@pbx"}},
		{"sip:206:sec@ret@pbx;x=a@b", "", Party{Number: "206", URI: "sip:206@pbx"}},
		{"sip:bob@corp@pbx", "", Party{Number: "bob@corp", URI: "sip:bob@corp@pbx"}},
		{"sip:206@", "", Party{Number: "206"}},
		{"sip:206;phone-context=x:pw@pbx", "", Party{Number: "206", URI: "sip:206@pbx"}},
		{"sip:206@[2001:db8::1]:5060", "", Party{Number: "206", URI: "sip:206@[2001:db8::1]:5060"}},
		{"sip:pbx.example", "", Party{URI: "sip:pbx.example"}},
		{"sip:192.168.0.1", "", Party{URI: "sip:192.168.0.1"}},
		{"sip:206", "", Party{Number: "206", URI: "sip:206"}},
		{"sip:@pbx", "", Party{URI: "sip:pbx"}},
		{"sip:", "", Party{}},
		{"sip:@", "", Party{}},
		{"206@pbx", "", Party{Number: "206", URI: "sip:206@pbx"}},
		{"192.168.0.7", "", Party{URI: "sip:192.168.0.7"}},
		{"192.168.0.7:5060", "", Party{URI: "sip:192.168.0.7:5060"}},

		{"tel:+49-30-123", "", Party{Number: "+4930123", URI: "tel:+49-30-123"}},
		{"tel:7042;phone-context=example.com", "", Party{Number: "7042", URI: "tel:7042"}},
		{"tel:", "", Party{}},

		{"<sip:206@pbx>", "", Party{Number: "206", URI: "sip:206@pbx"}},
		{"Bob <sip:206@pbx>", "", Party{Number: "206", Name: "Bob", URI: "sip:206@pbx"}},
		{`"Bob" <sip:206@pbx;user=phone>;tag=x`, "", Party{Number: "206", Name: "Bob", URI: "sip:206@pbx"}},
		{`"Bob \"the\\man\"" <sip:206@pbx>`, "", Party{Number: "206", Name: `Bob "the\man"`, URI: "sip:206@pbx"}},
		{`"Bob <x>" <sip:206@pbx>`, "", Party{Number: "206", Name: "Bob <x>", URI: "sip:206@pbx"}},
		{"Bob <sip:206@pbx>", "Robert", Party{Number: "206", Name: "Robert", URI: "sip:206@pbx"}},
		{"Bob <206>", "", Party{Number: "206", Name: "Bob"}},
		{"Bob <sip:206@pbx", "", Party{Number: "206", Name: "Bob", URI: "sip:206@pbx"}},
		{`"Bob <sip:206@pbx>`, "", Party{Number: "206", Name: `"Bob`, URI: "sip:206@pbx"}},
		{"Bob <>", "", Party{Name: "Bob"}},
		{"206", `"Bob"`, Party{Number: "206", Name: "Bob"}},
		{"206", `"A" and "B"`, Party{Number: "206", Name: `"A" and "B"`}},
		{"206", `"`, Party{Number: "206", Name: `"`}},
		{"206", `""`, Party{Number: "206"}},

		{"anonymous", "", Party{Name: "anonymous"}},
		{"Anonymous", "", Party{Name: "Anonymous"}},
		{"sip:anonymous@anonymous.invalid", "", Party{Name: "anonymous", URI: "sip:anonymous@anonymous.invalid"}},
		{"sip:anonymous@anonymous.invalid", "Anonymous", Party{Name: "Anonymous", URI: "sip:anonymous@anonymous.invalid"}},
		{`"Front door" <sip:unknown@pbx>`, "", Party{Name: "Front door", URI: "sip:unknown@pbx"}},
		{"PRIVATE", "", Party{Name: "PRIVATE"}},
		{"restricted@pbx", "", Party{Name: "restricted", URI: "sip:restricted@pbx"}},
		{"withheld", "Bob", Party{Name: "Bob"}},
		{"206", "Anonymous", Party{Number: "206", Name: "Anonymous"}},
		{"anonymous2", "", Party{Number: "anonymous2"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, ParseParty(tt.address, tt.display)); diff != "" {
			t.Errorf("ParseParty(%q, %q) (-want +got):\n%s", tt.address, tt.display, diff)
		}
	}
}

func TestPartyOr(t *testing.T) {
	known := Party{Number: "206", URI: "sip:206@pbx"}
	got := known.or(Party{Number: "207", Name: "Bob", URI: "sip:207@pbx"})
	if want := (Party{Number: "206", Name: "Bob", URI: "sip:206@pbx"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestPartyJSON(t *testing.T) {
	got, err := json.Marshal([]Party{{}, {Number: "206", Name: "Bob", URI: "sip:206@pbx"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{},{"number":"206","name":"Bob","uri":"sip:206@pbx"}]`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzParseParty(f *testing.F) {
	for _, address := range []string{"206", "sip:206:secret@pbx;x=y", `"Bob" <sip:206@pbx>;tag=x`, "tel:+49-30", "<<>>", `"\`, "sip:@;:@"} {
		f.Add(address, "Bob")
		f.Add(address, `"`)
	}
	f.Fuzz(func(t *testing.T, address, display string) {
		p := ParseParty(address, display)
		for _, text := range []string{p.Number, p.Name, p.URI} {
			if utf8.ValidString(address) && utf8.ValidString(display) && !utf8.ValidString(text) {
				t.Errorf("ParseParty(%q, %q) = %+v is not UTF-8", address, display, p)
			}
			if count := utf8.RuneCountInString; count(text) > count(address)+count(display)+len("sip:") {
				t.Errorf("ParseParty(%q, %q) = %+v grew", address, display, p)
			}
		}
		_, rest, _ := strings.Cut(p.URI, ":")
		at := strings.LastIndexByte(rest, '@')
		if strings.HasPrefix(p.URI, "sip") && at >= 0 && strings.ContainsAny(rest[:at], ":;") {
			t.Errorf("ParseParty(%q, %q) = %+v carries a password or a parameter", address, display, p)
		}
	})
}
