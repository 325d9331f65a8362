package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

const hidden = "S3CRET"

// TestSecretIsNeverPrinted prints a secret, and what holds one, in every way that a program prints.
func TestSecretIsNeverPrinted(t *testing.T) {
	type holder struct {
		Name   string
		Secret Text
		hidden Text // fmt calls no method on it
		List   []Text
		Map    map[string]Text
	}
	s := New(hidden)
	held := holder{"held", s, s, []Text{s}, map[string]Text{"a": s}}
	var out bytes.Buffer
	for _, value := range []any{s, &s, held, &held, []any{s, held}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T", "%10.3s", "%U"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		fmt.Fprintln(&out, value, errors.New(fmt.Sprint(value)), fmt.Errorf("wrong: %v", value))
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(encoded)
		log := zerolog.New(&out)
		log.Error().Any("value", value).Interface("again", value).Err(fmt.Errorf("%v", value)).Msgf("%v", value)
		slog.New(slog.NewTextHandler(&out, nil)).Error("text", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Error("json", "value", value)
		out.WriteString(cmp.Diff(value, nil))
	}
	log := zerolog.New(&out)
	log.Error().Stringer("value", s).Stringers("all", []fmt.Stringer{s}).Msg("")
	if err := xml.NewEncoder(&out).EncodeElement(s, xml.StartElement{Name: xml.Name{Local: "s"}}); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&out, (&url.URL{Scheme: "mqtt", Host: "broker", User: url.UserPassword("bridge", fmt.Sprint(s))}).String())
	for _, found := range []string{
		hidden, base64.StdEncoding.EncodeToString([]byte(hidden)), strings.ToLower(hidden), fmt.Sprintf("%x", hidden), fmt.Sprintf("%X", hidden),
		fmt.Sprintf("%v", []byte(hidden)),
	} {
		if i := strings.Index(out.String(), found); i >= 0 {
			t.Errorf("printed: %q", out.String()[max(0, i-80):i+len(found)])
		}
	}
	if n := strings.Count(out.String(), Redacted); n < 100 {
		t.Errorf("%d times redacted: is anything printed at all?", n)
	}
	if s.Reveal() != hidden || (Text{}).Reveal() != "" || New("") != (Text{}) || s != New(hidden) || !s.Equal(New(hidden)) || s == New("other") {
		t.Error("a secret is not what it was made of")
	}
}
