package homeassistant

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// api is Home Assistant's REST API (developers.home-assistant.io, "REST API" and "Authentication API").
type api struct {
	url                 string
	token, refreshToken string
	client              *http.Client
}

func newAPI(url string) api {
	return api{url: url, client: &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second,
	}}
}

// try makes one request. The answer is read into result unless that is nil.
func (a *api) try(method, path string, body, result any) error {
	var text []byte
	kind := "application/json"
	switch body := body.(type) {
	case nil:
	case url.Values:
		text, kind = []byte(body.Encode()), "application/x-www-form-urlencoded"
	default:
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequest(method, a.url+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", kind)
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	answer, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err = io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %.500s", method, path, answer.Status, text)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(text, result)
}

func (a *api) ask(t *testing.T, method, path string, body, result any) {
	t.Helper()
	must(t, a.try(method, path, body, result))
}

// onboard makes the first user and logs in as them.
func (a *api) onboard(t *testing.T) {
	t.Helper()
	client := a.url + "/"
	var user struct {
		Code string `json:"auth_code"`
	}
	a.ask(t, "POST", "/api/onboarding/users", map[string]string{
		"client_id": client, "name": "Test", "username": "test", "password": "only-on-loopback", "language": "en",
	}, &user)
	var login struct {
		Token   string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	a.ask(t, "POST", "/auth/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {user.Code}, "client_id": {client},
	}, &login)
	a.token, a.refreshToken = login.Token, login.Refresh
}

// connectMQTT adds the MQTT integration, as its page does.
func (a *api) connectMQTT(t *testing.T, broker string) {
	t.Helper()
	host, port, _ := strings.Cut(broker, ":")
	var flow struct {
		ID     string `json:"flow_id"`
		Step   string `json:"step_id"`
		Type   string
		Errors map[string]string
	}
	const flows = "/api/config/config_entries/flow"
	a.ask(t, "POST", flows, map[string]any{"handler": "mqtt"}, &flow)
	a.ask(t, "POST", flows+"/"+flow.ID, map[string]any{
		"broker": host, "port": json.Number(port), "protocol": "5",
		"other_settings": map[string]any{"set_client_cert": false, "set_ca_cert": "off", "transport": "tcp"},
	}, &flow)
	if flow.Type != "create_entry" {
		t.Fatalf("MQTT is not set up: %+v", flow)
	}
}
