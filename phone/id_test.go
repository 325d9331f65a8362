package phone

import (
	"errors"
	"testing"
)

func TestParseMAC(t *testing.T) {
	const want = MAC("001fc11a8b6c")
	for _, spelling := range []string{
		"001fc11a8b6c", "001FC11A8B6C", "00:1f:c1:1a:8b:6c", "00-1F-C1-1A-8B-6C", "00.1f.c1.1a.8b.6c",
		"001f.c11a.8b6c", "001f-c11a-8b6c", "001f:c11a:8b6c", " 001fc11a8b6c\t",
	} {
		if got, err := ParseMAC(spelling); got != want || err != nil {
			t.Errorf("ParseMAC(%q) = %q, %v, want %q", spelling, got, err, want)
		}
	}
	if got, err := ParseMAC("123456789012"); got != "123456789012" || err != nil {
		t.Errorf("digits alone: %q, %v", got, err)
	}
	for _, word := range []string{
		"", "kitchen", "001fc11a8b6", "001fc11a8b6c0", "001fc11a8b6g", "00:1f:c1:1a:8b", "00:1f:c1:1a:8b:6c:00",
		"00:1f-c1:1a-8b:6c", "001f:c11a8b6c", "0:01f:c1:1a:8b:6c", "00 1f c1 1a 8b 6c", "001fc1-1a8b6c", "+49301234567", "００1f",
	} {
		if got, err := ParseMAC(word); got != "" || !errors.Is(err, ErrMAC) {
			t.Errorf("ParseMAC(%q) = %q, %v, want ErrMAC", word, got, err)
		}
	}
}

func TestMACColons(t *testing.T) {
	for mac, want := range map[MAC]string{"001fc11a8b6c": "00:1f:c1:1a:8b:6c", "": ""} {
		if got := mac.Colons(); got != want {
			t.Errorf("MAC(%q).Colons() = %q, want %q", mac, got, want)
		}
	}
}

func FuzzParseMAC(f *testing.F) {
	for _, word := range []string{"001fc11a8b6c", "00:1f:c1:1a:8b:6c", "001f.c11a.8b6c", "kitchen"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		mac, err := ParseMAC(word)
		if err != nil {
			return
		}
		if len(mac) != 12 {
			t.Errorf("ParseMAC(%q) = %q", word, mac)
		}
		if again, err := ParseMAC(mac.Colons()); again != mac || err != nil {
			t.Errorf("%q with colons is %q, %v", mac, again, err)
		}
	})
}
