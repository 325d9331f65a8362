package phone

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// Charset is how bytes of a phone that are not UTF-8 are read. The vendor documents none. The zero
// value is [GBK]; make another with [ParseCharset].
type Charset string

// The charsets with a rule of their own.
const (
	// GBK is a guess between two: GBK when the text decodes cleanly and every high byte stands in a
	// pair of bytes >= 0xA1 (the characters of GB 2312), otherwise Windows-1252. Without the second
	// condition "Müller" would turn Chinese.
	GBK Charset = "gbk"
	// UTF8 takes nothing else: what is not UTF-8 becomes U+FFFD.
	UTF8 Charset = "utf-8"
)

// ParseCharset reads a charset's name: `gbk`, `utf-8`, or one of IANA's that holds ASCII unchanged,
// such as `windows-1252`, `iso-8859-1`, `gb18030` or `shift_jis`, in any case.
func ParseCharset(name string) (Charset, error) {
	c := Charset(strings.ToLower(strings.TrimSpace(name)))
	switch c {
	case GBK, UTF8:
		return c, nil
	case "utf8":
		return UTF8, nil
	}
	if c.fixed() == nil {
		return "", fmt.Errorf("unknown charset %q: expected gbk, utf-8, windows-1252, iso-8859-1 or another IANA name of a charset that extends ASCII", name)
	}
	return c, nil
}

// Decode turns a phone's bytes into UTF-8. Valid UTF-8 stays as it is, whatever the charset; the
// result is always valid.
func (c Charset) Decode(sent string) string {
	switch {
	case utf8.ValidString(sent):
		return sent
	case c == UTF8:
		return strings.ToValidUTF8(sent, "\uFFFD")
	}
	if e := c.fixed(); e != nil {
		return decode(e, sent)
	}
	if text := decode(simplifiedchinese.GBK, sent); inPairs(sent) && !strings.ContainsRune(text, utf8.RuneError) {
		return text
	}
	return decode(charmap.Windows1252, sent)
}

// fixed is the encoding of a charset that leaves nothing to guess, nil for the others. UTF-16, EBCDIC
// and their like are none: the names and separators of a query would not be ASCII.
func (c Charset) fixed() encoding.Encoding {
	if c == "" || c == GBK || c == UTF8 {
		return nil
	}
	e, err := ianaindex.IANA.Encoding(string(c))
	if err != nil || e == nil || decode(e, asciiProbe) != asciiProbe {
		return nil
	}
	return e
}

const asciiProbe = "Az09~ &=%"

func decode(e encoding.Encoding, sent string) string {
	text, err := e.NewDecoder().String(sent)
	if err != nil {
		text = sent
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// inPairs tells that every high byte stands in a pair of bytes >= 0xA1.
func inPairs(s string) bool {
	const firstOfPairs = 0xA1
	for i := 0; i < len(s); i++ {
		if s[i] < utf8.RuneSelf {
			continue
		}
		if s[i] < firstOfPairs || i+1 == len(s) || s[i+1] < firstOfPairs {
			return false
		}
		i++
	}
	return true
}
