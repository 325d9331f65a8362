package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rs/zerolog"
)

// unfriendly is what steers a terminal, ends a line, turns its text about, or is no text.
const unfriendly = "a\x00\x07\x1b[2J\r\n\x7f\u0085\u009b\u200e\u2028\u2029\u202e\u2066\ufeff\U000e0041\xff\xc0\x80\xed\xa0\x80\"\\z"

// logged is what a log of that format holds after strangers had their say in every kind of field.
func logged(t *testing.T, format logFormat) string {
	t.Helper()
	var out bytes.Buffer
	log := newLogger(logConfig{Level: logLevel(zerolog.DebugLevel), Format: format}, &out)
	log.Warn().Str("command", unfriendly).Strs("filters", []string{unfriendly}).Err(errors.New(unfriendly)).
		Interface("any", map[string]string{"x": unfriendly}).Bytes("bytes", []byte(unfriendly)).Msg("told")
	return out.String()
}

func TestLogIsPrintable(t *testing.T) {
	for format, name := range map[logFormat]string{logJSON: "json", logConsole: "console"} {
		t.Run(name, func(t *testing.T) {
			got := logged(t, format)
			line, rest, _ := strings.Cut(got, "\n")
			if rest != "" || !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return !strconv.IsPrint(r) }) {
				t.Errorf("not one printable line: %q", got)
			}
		})
	}
}

// TestLogSaysTheSame: to whoever reads the JSON, escapes change nothing.
func TestLogSaysTheSame(t *testing.T) {
	var entry struct{ Command, Error string }
	if err := json.Unmarshal([]byte(logged(t, logJSON)), &entry); err != nil {
		t.Fatal(err)
	}
	want := strings.ToValidUTF8("a\x00\x07\x1b[2J\r\n\x7f\u0085\u009b\u200e\u2028\u2029\u202e\u2066\ufeff\U000e0041", "") + strings.Repeat("\ufffd", 6) + `"\z`
	if entry.Command != want || entry.Error != want {
		t.Errorf("got %q and %q, want %q", entry.Command, entry.Error, want)
	}
}

func TestEscapeUnprintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"plain \x1b[1m":          "plain \x1b[1m",
		"Küche \U0001f4de":       "Küche \U0001f4de",
		"\u009b\x7f":             `\u009b\u007f`,
		"a\u202eb\u2028":         `a\u202eb\u2028`,
		"\U000e0041z":            `\udb40\udc41z`,
		"\xff\ufffd\xed\xa0\x80": `\ufffd` + "\ufffd" + `\ufffd\ufffd\ufffd`,
	} {
		if got := string(escapeUnprintable([]byte(text))); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
