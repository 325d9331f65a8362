// Package payload is what the bridge publishes and what it keeps of a phone, as JSON: a pure function
// of what is known.
//
// It promises that what is not known is null, for an invented default would be believed; that times
// are RFC 3339 in UTC with milliseconds; and that the names of the members stay. It never decides what
// is published or kept, or where.
//
// What comes with every event is written by hand ([State], [Event], [Record]), the rest by
// encoding/json.
package payload

import (
	"bytes"
	"encoding/json"
	"time"
)

// stamp is a time as payloads show it, null when zero.
type stamp time.Time

// MarshalJSON writes the stamp.
func (s stamp) MarshalJSON() ([]byte, error) {
	t := time.Time(s)
	if t.IsZero() {
		return []byte("null"), nil
	}
	return []byte(t.UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

// known is a pointer to v, nil when v is its type's zero value.
func known[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// marshal writes JSON as people read it: `<` and `&` as they are. It is for structs of strings, numbers
// and times, which cannot fail, and for JSON that was read before.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
