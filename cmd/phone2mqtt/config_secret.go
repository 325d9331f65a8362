package main

import (
	"fmt"
	"io"
)

// secret is a password or a token. It is a function, so that whatever prints it or looks into what
// holds it, with or without its methods, finds no text. Only reveal gives it away.
type secret func() string

// redacted is what stands in its place.
const redacted = "[secret]"

// newSecret takes any text.
func newSecret(text string) secret { return func() string { return text } }

// Decode takes any text.
func (s *secret) Decode(value string) error {
	*s = newSecret(value)
	return nil
}

// reveal is the text itself, empty for a secret that was never set.
func (s secret) reveal() string {
	if s == nil {
		return ""
	}
	return s()
}

// Equal compares the texts.
func (s secret) Equal(other secret) bool { return s.reveal() == other.reveal() }

// Format is for fmt, whatever the verb.
func (s secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String is for those that ask for one without fmt, such as zerolog.
func (s secret) String() string { return redacted }

// MarshalText is for encoders, such as those of JSON and XML.
func (s secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
