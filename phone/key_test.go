package phone

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The list of clause 2.2.2 in its order, with Sangoma's additions.
func TestKeys(t *testing.T) {
	const want = "OK ENTER SPEAKER F_TRANSFER VOLUME_UP VOLUME_DOWN MUTE F_HOLD X 0 1 2 3 4 5 6 7 8 9 * POUND " +
		"L1 L2 L3 L4 L5 L6 L7 L8 L9 L10 L11 L12 L13 L14 L15 L16 L17 L18 L19 L20 L21 L22 L23 L24 L25 L26 L27 L28 L29 L30 " +
		"L31 L32 L33 L34 L35 L36 L37 L38 L39 L40 L41 L42 L43 L44 L45 D1 D2 D3 D4 D5 D6 D7 D8 D9 D10 " +
		"F_CONFERENCE F1 F2 F3 F4 MSG HEADSET RD UP DOWN LEFT RIGHT Reboot AutoP DNDOn DNDOff CANCEL"
	var got []string
	for _, row := range Keys() {
		if row.Does == "" || row.Source == "" {
			t.Errorf("%+v says too little", row)
		}
		for _, key := range row.Keys() {
			got = append(got, string(key))
		}
	}
	if diff := cmp.Diff(strings.Fields(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseKey(t *testing.T) {
	for _, row := range Keys() {
		for _, want := range row.Keys() {
			for _, name := range []string{string(want), strings.ToLower(string(want)), " " + strings.ToUpper(string(want))} {
				if got, err := ParseKey(name); got != want || err != nil {
					t.Errorf("ParseKey(%q) = %q, %v, want %q", name, got, err, want)
				}
			}
		}
	}
	if got, err := ParseKey("#"); got != "POUND" || err != nil {
		t.Errorf("ParseKey(#) = %q, %v, want POUND", got, err)
	}
}

func TestParseKeyNamesTheNearest(t *testing.T) {
	for name, want := range map[string]string{
		"F_HOLDD": `there is no key "F_HOLDD"; the nearest is F_HOLD`,
		"dndonn":  `there is no key "DNDONN"; the nearest is DNDOn`,
		"L46":     `there is no key "L46"; the nearest is L16`,
		"F5":      `there is no key "F5"; the nearest is 5`,
		"OK&key=": `there is no key "OK&KEY="; the nearest is OK`,
	} {
		got, err := ParseKey(name)
		if got != "" || err == nil || err.Error() != want {
			t.Errorf("ParseKey(%q) = %q, %v, want %s", name, got, err, want)
		}
	}
	for _, name := range []string{"", "L0", "D11", "F0", "10", "-1", "٣", "ＯＫ"} {
		if got, err := ParseKey(name); err == nil {
			t.Errorf("ParseKey(%q) = %q, want an error", name, got)
		}
	}
}

func TestPressesKey(t *testing.T) {
	for uri, want := range map[ActionURI]bool{Key("OK").press(): true, hangUp: false, dial("206", ""): false, dial("206", "1"): false} {
		if got := uri.PressesKey(); got != want {
			t.Errorf("%q.PressesKey() = %t, want %t", uri, got, want)
		}
	}
}

func TestDigitKeys(t *testing.T) {
	got, ok := digitKeys("09*#")
	if want := []Key{"0", "9", "*", "POUND"}; !ok || !slices.Equal(got, want) {
		t.Errorf("got %q, %t, want %q", got, ok, want)
	}
	for _, number := range []string{"+49", "1 2", "a", "OK", "\xFF"} {
		if got, ok := digitKeys(number); ok {
			t.Errorf("digitKeys(%q) = %q, want none", number, got)
		}
	}
}
