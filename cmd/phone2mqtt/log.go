package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rs/zerolog"
)

// newLogger writes JSON lines, or for people: a console costs twenty times as much. Either way an entry
// is one line of printable characters, whatever strangers sent that its fields tell of. Its message is a
// constant.
func newLogger(c logConfig, w io.Writer) zerolog.Logger {
	zerolog.TimeFieldFormat = time.RFC3339Nano
	console := c.Format == logConsole || c.Format == logAuto && isTerminal(w)
	colored := isTerminal(w)
	w = printable{w}
	if console {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05.000", NoColor: !colored}
	}
	return zerolog.New(w).Level(zerolog.Level(c.Level)).With().Timestamp().Logger()
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	stat, err := f.Stat()
	return err == nil && stat.Mode()&os.ModeCharDevice != 0
}

// printable writes on with \uXXXX in place of what steers a terminal, ends a line or turns its text
// about. Below the blank zerolog has escaped it; DEL, U+009B, U+2028, U+202E and their like may stand in
// JSON as they are. There they stand in strings only, where the escape means the same.
type printable struct{ to io.Writer }

func (p printable) Write(line []byte) (int, error) {
	if _, err := p.to.Write(escapeUnprintable(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// escapeUnprintable is the text itself when there is nothing to escape, as in nearly every line.
func escapeUnprintable(text []byte) []byte {
	var escaped []byte
	copied := 0
	for at := 0; at < len(text); {
		if text[at] < 0x7f {
			at++
			continue
		}
		r, size := utf8.DecodeRune(text[at:])
		if !strconv.IsPrint(r) || r == utf8.RuneError && size == 1 {
			escaped = append(escaped, text[copied:at]...)
			escaped = appendEscape(escaped, r)
			copied = at + size
		}
		at += size
	}
	if copied == 0 {
		return text
	}
	return append(escaped, text[copied:]...)
}

// appendEscape writes a character as JSON does: beyond four digits in two halves.
func appendEscape(text []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return fmt.Appendf(text, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(text, `\u%04x`, r)
}
