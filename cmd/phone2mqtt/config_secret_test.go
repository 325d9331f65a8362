package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
	if got, want := c.mqttConfig().Password.Reveal(), hidden+"-url"; got != want {
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
		got := []string{c.mqttConfig().URL, c.mqttConfig().Username, c.mqttConfig().Password.Reveal()}
		if diff := cmp.Diff([]string{test.address, test.wantUser, test.wantPasword}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
