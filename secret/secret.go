// Package secret holds passwords and tokens so that nothing prints them by accident: neither fmt, whatever
// the verb, nor an encoder, a logger or an error, nor what walks through a struct without asking its
// members. Only [Text.Reveal] gives one away, so searching for that name finds every place that does.
//
// It does not hide secrets from a debugger or from a core dump.
package secret

import (
	"fmt"
	"io"
	"unique"
)

// Redacted is what stands in a secret's place.
const Redacted = "[secret]"

// Text is a password or a token. Two are equal (==) when their texts are, and the zero one is the empty
// text: settings that hold one can be compared. Where two are compared that an attacker may choose one
// of, use crypto/subtle: == takes no constant time.
type Text struct {
	// A pointer to what prints nothing: fmt calls no method on fields that are not exported.
	handle unique.Handle[string]
}

// New takes any text.
func New(text string) Text {
	if text == "" {
		return Text{}
	}
	return Text{unique.Make(text)}
}

// Reveal is the text itself.
func (t Text) Reveal() string {
	if t == (Text{}) {
		return ""
	}
	return t.handle.Value()
}

// Reveal is the texts themselves.
func Reveal(secrets []Text) []string {
	texts := make([]string, 0, len(secrets))
	for _, s := range secrets {
		texts = append(texts, s.Reveal())
	}
	return texts
}

// Decode takes any text, as envconfig wants it.
func (t *Text) Decode(value string) error {
	*t = New(value)
	return nil
}

// Equal is ==, for packages that compare by methods.
func (t Text) Equal(other Text) bool { return t == other }

// Format is for fmt, whatever the verb.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// String is for those that ask for one without fmt, such as zerolog.
func (t Text) String() string { return Redacted }

// MarshalText is for encoders, such as those of JSON and XML.
func (t Text) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
