package homeassistant

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestPictures makes the pictures of the documentation, into the directory PICTURES: what people see after
// the five steps from nothing, and the card of the examples. The phone in the kitchen rings in both.
func TestPictures(t *testing.T) {
	into := os.Getenv("PICTURES")
	if into == "" {
		t.Skip("PICTURES is not set: no directory for pictures, see .ci/homeassistant.sh")
	}
	required(t)
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		absent(t, "chromium", "chromium is not installed")
	}
	h := newHouse(t, "Zoë O'Hara")
	h.finishOnboarding(t)
	h.awaitCall(t, "idle")
	// Some past, so that not everything is unknown.
	h.call(t, "switch.turn_off", h.id(t, kitchen, "dnd"), nil)
	h.ring(t)
	h.awaitCall(t, "ringing")
	h.office.HangUp()
	h.awaitCall(t, "idle")
	h.ring(t)
	h.awaitCall(t, "ringing")

	b := startBrowser(t, chromium)
	b.login(t, h.api)
	b.open(t, h.url+"/config/devices/device/"+h.device(t, kitchen).ID, 1020, 2160)
	b.await(t, "Zoë", "Hang up", "Do not disturb", "Registered", "Autoprovision", "MQTT")
	b.photograph(t, filepath.Join(into, "home-assistant-device.png"))

	var card any
	text, err := os.ReadFile("../../examples/home-assistant/card.yaml")
	must(t, err)
	must(t, yaml.Unmarshal(text, &card))
	h.ws.ask(t, "lovelace/dashboards/create", map[string]any{"url_path": "phone-card", "title": "Phone", "mode": "storage"}, nil)
	h.ws.ask(t, "lovelace/config/save", map[string]any{"url_path": "phone-card", "config": map[string]any{
		"views": []any{map[string]any{"cards": []any{card}}},
	}}, nil)
	b.open(t, h.url+"/phone-card/0?kiosk", 620, 800)
	b.await(t, "Zoë", "Answer", "Redial")
	b.photograph(t, filepath.Join(into, "home-assistant-card.png"))
}

// finishOnboarding takes the steps that its pages would ask for.
func (h *house) finishOnboarding(t *testing.T) {
	t.Helper()
	h.ask(t, "POST", "/api/onboarding/core_config", map[string]any{}, nil)
	h.ask(t, "POST", "/api/onboarding/analytics", map[string]any{}, nil)
	h.ask(t, "POST", "/api/onboarding/integration", map[string]any{"client_id": h.url + "/", "redirect_uri": h.url + "/"}, nil)
}
