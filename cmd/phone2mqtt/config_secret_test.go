package main

import (
	"bytes"
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

// TestSecretIsNeverPrinted prints a secret, and what holds one, in every way that a program prints.
func TestSecretIsNeverPrinted(t *testing.T) {
	type holder struct {
		Name   string
		Secret secret
		hidden secret // fmt calls no method on it
		List   tokens
		Map    map[string]secret
	}
	s := newSecret(hidden)
	held := holder{"held", s, s, tokens{s}, map[string]secret{"a": s}}
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
	for _, found := range []string{hidden, strings.ToLower(hidden), fmt.Sprintf("%x", hidden), fmt.Sprintf("%X", hidden)} {
		if i := strings.Index(out.String(), found); i >= 0 {
			t.Errorf("printed: %q", out.String()[max(0, i-80):i+len(found)])
		}
	}
	if n := strings.Count(out.String(), redacted); n < 100 {
		t.Errorf("%d times redacted: is anything printed at all?", n)
	}
	if s.reveal() != hidden || secret(nil).reveal() != "" || !s.Equal(newSecret(hidden)) || s.Equal(nil) {
		t.Error("a secret is not what it was made of")
	}
}

// TestSecretsInTheConfiguration prints the whole of it.
func TestSecretsInTheConfiguration(t *testing.T) {
	environment(t, map[string]string{
		"MQTT_URL": "mqtt://bridge:" + hidden + "-url@broker", "PHONE_PASSWORD": hidden + "-phone",
		"HTTP_TOKEN": hidden + "-0123456789,0123456789-" + hidden,
	})
	c, err := loadConfig()
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal([]any{c.MQTT.URL, c.MQTT.Username, c.MQTT.Password, c.HTTP.Token, c.Phone})
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprintf("%v %+v %#v", c, c, c), string(encoded), c.MQTT.URL.Address} {
		if strings.Contains(printed, hidden) {
			t.Errorf("the configuration prints a secret: %s", printed)
		}
	}
	if got, want := c.mqttConfig().Password, hidden+"-url"; got != want {
		t.Errorf("the broker gets the password %q, want %q", got, want)
	}
}

// TestLoginInTheURL counts where the settings say nothing.
func TestLoginInTheURL(t *testing.T) {
	for _, test := range []struct {
		name, url, username, password  string
		address, wantUser, wantPasword string
	}{
		{"both", "mqtt://bridge:p%40ss%2Fword@broker", "", "", "mqtt://broker:1883", "bridge", "p@ss/word"},
		{"a name alone", "mqtts://bridge@broker:8884", "", "", "mqtts://broker:8884", "bridge", ""},
		{"a name, and a password beside it", "mqtt://bridge@broker", "", "secret", "mqtt://broker:1883", "bridge", "secret"},
		{"the settings win", "ws://bridge:other@broker/mqtt", "home", "secret", "ws://broker:80/mqtt", "home", "secret"},
		{"an empty one", "mqtt://:@broker", "", "", "mqtt://broker:1883", "", ""},
	} {
		environment(t, map[string]string{"MQTT_URL": test.url, "MQTT_USERNAME": test.username, "MQTT_PASSWORD": test.password})
		c, err := loadConfig()
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		got := []string{c.mqttConfig().URL, c.mqttConfig().Username, c.mqttConfig().Password}
		if diff := cmp.Diff([]string{test.address, test.wantUser, test.wantPasword}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
