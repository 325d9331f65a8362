package phone

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecode(t *testing.T) {
	tests := []struct {
		name    string
		charset Charset
		sent    string
		want    string
	}{
		{"ASCII", GBK, "Bob", "Bob"},
		{"UTF-8 stays", GBK, "Müller 中文", "Müller 中文"},
		{"UTF-8 stays in a fixed charset", "windows-1252", "Müller 中文", "Müller 中文"},
		{"the zero value is gbk", "", "\xD6\xD0\xCE\xC4", "中文"},
		{"GBK in pairs", GBK, "Bob \xD6\xD0\xCE\xC4.", "Bob 中文."},
		{"a lone high byte is no GBK", GBK, "M\xFCller", "Müller"},
		{"a high byte at the end", GBK, "Ren\xE9", "René"},
		{"a pair that is no character", GBK, "Gr\xFC\xDFe", "Grüße"},
		{"a second byte below 0xA1", GBK, "\xD6\x80\x80", "Ö€€"},
		{"a first byte below 0xA1", GBK, "\x81\xD6", "\uFFFDÖ"},
		{"three high bytes", GBK, "\xD6\xD0\xCE", "ÖÐÎ"},
		{"broken UTF-8", UTF8, "M\xFCller", "M\uFFFDller"},
		{"windows-1252 has a euro", "windows-1252", "\x80 5", "€ 5"},
		{"iso-8859-1 has none", "iso-8859-1", "\xA45", "¤5"},
		{"iso-8859-15", "iso-8859-15", "\xA45", "€5"},
		{"gb18030 guesses nothing", "gb18030", "M\xFCller", "M黮ler"},
		{"shift_jis", "shift_jis", "\x93\xFA\x96\x7B", "日本"},
		{"a charset that nobody knows", "nonsense", "M\xFCller", "Müller"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.charset.Decode(tt.sent); got != tt.want {
				t.Errorf("Charset(%q).Decode(%q) = %q, want %q", tt.charset, tt.sent, got, tt.want)
			}
		})
	}
}

func TestParseCharset(t *testing.T) {
	for name, want := range map[string]Charset{
		"gbk": GBK, " GBK ": GBK, "utf-8": UTF8, "UTF8": UTF8,
		"Windows-1252": "windows-1252", "ISO-8859-1": "iso-8859-1", "latin1": "latin1", "koi8-r": "koi8-r", "Big5": "big5", "gb18030": "gb18030",
	} {
		if got, err := ParseCharset(name); err != nil || got != want {
			t.Errorf("ParseCharset(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"", "nonsense", "utf-16", "utf-16le", "ibm037", "hz-gb-2312"} {
		got, err := ParseCharset(name)
		if err == nil || !strings.Contains(err.Error(), "expected gbk, utf-8") {
			t.Errorf("ParseCharset(%q) = %q, %v, want an error that says what is expected", name, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, sent := range []string{"Bob", "M\xFCller", "\xD6\xD0\xCE\xC4", "\xFF\xFE", "中文"} {
		f.Add("gbk", sent)
		f.Add("iso-8859-15", sent)
	}
	f.Fuzz(func(t *testing.T, name, sent string) {
		charset, err := ParseCharset(name)
		if err != nil {
			charset = Charset(name)
		}
		got := charset.Decode(sent)
		if !utf8.ValidString(got) {
			t.Errorf("Decode(%q) = %q is not UTF-8", sent, got)
		}
		if utf8.ValidString(sent) && got != sent {
			t.Errorf("Decode(%q) = %q, want it as it was", sent, got)
		}
	})
}
