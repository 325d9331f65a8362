package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// TestBridgeInfo wants every member, no secret, and the number of phones as it changes.
func TestBridgeInfo(t *testing.T) {
	p := startPhone(t, phoneOptions(vendor))
	s := startScene(t, func(c *bridge.Config) {
		c.Embedded = false
		c.Version = "1.2.3"
		c.Tokens = []secret.Text{secret.New(firstToken)}
		c.Login.Password = secret.New("s3cret")
		c.HTTPURL = "http://192.168.0.252:8090"
	}, p)
	info := s.last(t, "bridge/info", "is there", func(message) bool { return true })
	if diff := cmp.Diff([]string{"base", "broker", "http_url", "phones", "started_at", "version"}, members(t, info)); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	want := map[string]any{"version": "1.2.3", "base": "phone2mqtt", "broker": s.broker.addr, "http_url": "http://192.168.0.252:8090", "phones": 1.0}
	if diff := cmp.Diff(want, object(t, info), timesAside); diff != "" {
		t.Errorf("bridge/info (-want +got):\n%s", diff)
	}
	if strings.Contains(info.payload, "s3cret") || strings.Contains(info.payload, "token_") {
		t.Errorf("a secret stands in it: %s", info.payload)
	}
	s.tell(t, first, firstToken+"/off_hook")
	s.last(t, "bridge/info", "counts two", func(m message) bool { return m.member("phones") == "2" })
	s.request(t, "phone/remove", `{"mac":"`+string(first)+`"}`)
	s.last(t, "bridge/info", "counts one", func(m message) bool { return m.member("phones") == "1" })
	late := watchAs(t, s.broker.addr, "late")
	late.last(t, "bridge/info", "is retained", func(m message) bool { return m.retained })
	late.last(t, "bridge/state", "is retained", func(m message) bool { return m.retained && m.payload == "online" })
}

// TestEmbeddedIsSaid tells in bridge/info and in /readyz that the broker is for trying out.
func TestEmbeddedIsSaid(t *testing.T) {
	s := startScene(t, func(c *bridge.Config) { c.Embedded = true })
	if info := s.last(t, "bridge/info", "is there", func(message) bool { return true }); !strings.Contains(info.payload, "embedded") {
		t.Errorf("bridge/info: %s", info.payload)
	}
	s.answersReady(t)
	if status, body := s.ask(t, "GET /readyz HTTP/1.1\r\n\r\n"); status != 200 || !strings.Contains(body, "embedded") {
		t.Errorf("/readyz: %d %q", status, body)
	}
}

// TestBridgeResponses sends requests of all sorts and looks at the whole responses.
func TestBridgeResponses(t *testing.T) {
	p := startPhone(t, phoneOptions(vendor))
	s := startScene(t, nil, p)
	s.tell(t, first, "off_hook")
	for _, tt := range []struct {
		op, payload string
		status      string
		transaction string // as JSON; empty: it must not be there
		says        string // what the error holds
	}{
		{"health_check", `{}`, "ok", "", ""},
		{"health_check", `{"transaction":"t1"}`, "ok", `"t1"`, ""},
		{"health_check", `{"transaction":7,"more":[1]}`, "ok", `7`, ""},
		{"health_check", `{"transaction":1e999}`, "error", "", "not a JSON object of the expected form"},
		{"health_check", `{"transaction":[1e999]}`, "error", "", "not a JSON object of the expected form"},
		{"phone/rename", `{"mac":"001fc1000001","name":"Küche","transaction":"t3"}`, "ok", `"t3"`, ""},
		{"phone/rename", `{"mac":"00:1F:C1:00:00:01","name":"Kitchen"}`, "ok", "", ""},
		{"phone/rename", `{"mac":"001fc1ffffff","name":"x","transaction":"t4"}`, "error", `"t4"`, "001fc1ffffff"},
		{"phone/rename", `{"mac":"001fc1000001"}`, "error", "", "name"},
		{"phone/rename", `{"name":"x"}`, "error", "", "mac"},
		{"phone/rename", `{"mac":5,"name":"x","transaction":"t5"}`, "error", `"t5"`, ""},
		{"phone/remove", `{"mac":"` + vendor + `","transaction":"t6"}`, "error", `"t6"`, "is listed in"},
		{"phone/remove", `{"mac":"nonsense"}`, "error", "", "nonsense"},
		{"phone/remove", `{}`, "error", "", "mac"},
		{"phone/remove", `{"mac":"001fc1000001","transaction":{"a":1}}`, "ok", `{"a":1}`, ""},
		{"phone/remove", `{"mac":"001fc1000001"}`, "error", "", "001fc1000001"},
		{"phone/fly", `{"transaction":"t7"}`, "error", `"t7"`, "phone/remove"},
		{"fly", `{}`, "error", "", "health_check"},
		{"health_check", `PRESS`, "error", "", ""},
		{"health_check", `[]`, "error", "", ""},
		{"health_check", `{`, "error", "", ""},
	} {
		t.Run(tt.op+" "+tt.payload, func(t *testing.T) {
			response := s.request(t, tt.op, tt.payload)
			if response.text("status") != tt.status || response.member("transaction") != tt.transaction || response.retained {
				t.Errorf("response: %s, want %s, transaction %s", response.payload, tt.status, tt.transaction)
			}
			want := []string{"data", "status"}
			if tt.status == "error" {
				want = append(want, "error")
			}
			if tt.transaction != "" {
				want = append(want, "transaction")
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, members(t, response)); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
			var data map[string]any
			if err := json.Unmarshal([]byte(response.member("data")), &data); err != nil || data == nil {
				t.Errorf("data is no object: %s", response.member("data"))
			}
			if tt.status == "error" && (!strings.Contains(response.text("error"), tt.says) || response.text("error") == "") {
				t.Errorf("the error says %q, want something with %q", response.text("error"), tt.says)
			}
		})
	}
}

// TestBridgeRequestsKept finds requests that the broker kept: they are not run, answered and cleared;
// empty ones are nothing.
func TestBridgeRequestsKept(t *testing.T) {
	broker := startEmbedded(t, "")
	w := watch(t, broker.addr)
	dir := t.TempDir()
	h := startHouse(t, broker.addr, dir, nil)
	s := &scene{house: h, watcher: w, broker: broker}
	s.ready(t)
	s.tell(t, vendor, "off_hook")
	s.until(t, vendor)
	h.stop()
	remove := "phone2mqtt/bridge/request/phone/remove"
	s.publish(t, remove, `{"mac":"`+vendor+`","transaction":"kept"}`, true)
	s.publish(t, "phone2mqtt/bridge/request/fly", `nonsense`, true)
	s.house = startHouse(t, broker.addr, dir, nil)
	for _, op := range []string{"phone/remove", "fly"} {
		if response := s.nth(t, "bridge/response/"+op, 1); response.text("status") != "error" {
			t.Errorf("a kept request was answered %s", response.payload)
		}
	}
	if got := s.of("bridge/response/phone/remove")[0].text("transaction"); got != "kept" {
		t.Errorf("transaction %s, want kept", got)
	}
	s.publish(t, remove, "", false)
	s.request(t, "health_check", "{}")
	if got := s.of("bridge/response/phone/remove"); len(got) != 1 {
		t.Errorf("an empty request was answered: %v", got)
	}
	s.tell(t, vendor, "on_hook")
	if got := s.until(t, vendor); len(got) != 2 {
		t.Errorf("the phone was removed: %v", got)
	}
	after := watchAs(t, broker.addr, "after")
	after.last(t, vendor+"/state", "is there", func(message) bool { return true })
	after.last(t, "bridge/info", "is there", func(message) bool { return true })
	for _, m := range after.seen() {
		if strings.HasPrefix(m.topic, "phone2mqtt/bridge/request/") {
			t.Errorf("still on the broker: %v", m)
		}
	}
}

// TestRemove forgets a learned phone and clears its topics; its next event learns it anew.
func TestRemove(t *testing.T) {
	dir := t.TempDir()
	s := startSceneIn(t, dir, nil)
	s.tell(t, vendor, "missed_call", "remote=206", "display_local=Kitchen")
	s.tell(t, first, "off_hook")
	s.state(t, vendor, "has a missed call", func(m message) bool { return m.member("missed_calls") == "1" })
	response := s.request(t, "phone/remove", `{"mac":"`+vendor+`"}`)
	if response.text("status") != "ok" {
		t.Fatalf("response: %s", response.payload)
	}
	for _, leaf := range []string{"state", "call_state", "availability"} {
		eventually(t, leaf+" is cleared", func() bool {
			all := s.seen()
			return slices.ContainsFunc(all, func(m message) bool { return m.topic == "phone2mqtt/"+vendor+"/"+leaf && m.payload == "" })
		})
	}
	if result := s.do(t, vendor, "dial", "206"); outcome(result) != "error phone" {
		t.Errorf("a command to a removed phone: %s", result.payload)
	}
	late := watchAs(t, s.broker.addr, "late")
	late.last(t, string(first)+"/state", "is there", func(message) bool { return true })
	for _, m := range late.seen() {
		if strings.HasPrefix(m.topic, "phone2mqtt/"+vendor) {
			t.Errorf("still there: %v", m)
		}
	}
	s.stop()
	s = startSceneIn(t, dir, nil)
	s.tell(t, first, "on_hook")
	s.until(t, first)
	if got := s.of(vendor + "/state"); len(got) > 0 {
		t.Errorf("a removed phone is back after a restart: %v", got)
	}
	s.tell(t, vendor, "off_hook")
	state := s.state(t, vendor, "is there", func(message) bool { return true })
	if state.member("missed_calls") != "0" || state.member("name") != "null" {
		t.Errorf("it was not forgotten: %s", state.payload)
	}
}

// TestRename gives a phone a name that wins over its own, for good, and takes it away.
func TestRename(t *testing.T) {
	dir := t.TempDir()
	s := startSceneIn(t, dir, nil)
	named := func(name string) {
		t.Helper()
		s.state(t, vendor, "is called "+name, func(m message) bool { return m.member("name") == name })
	}
	s.tell(t, vendor, "off_hook", "display_local=201")
	named(`"201"`)
	s.request(t, "phone/rename", `{"mac":"`+vendor+`","name":"Küche <1>"}`)
	named(`"Küche <1>"`)
	s.tell(t, vendor, "on_hook", "display_local=202")
	eventually(t, "the event", func() bool { return len(s.of(vendor+"/event")) == 2 })
	if got := s.of(vendor + "/event")[1].text("name"); got != "Küche <1>" {
		t.Errorf("the event's name is %s", got)
	}
	s.stop()
	s = startSceneIn(t, dir, nil)
	named(`"Küche <1>"`)
	s.request(t, "phone/rename", `{"mac":"`+vendor+`","name":""}`)
	named(`"202"`)
	// A phone that is removed takes its name with it.
	s.request(t, "phone/rename", `{"mac":"`+vendor+`","name":"Desk"}`)
	s.request(t, "phone/remove", `{"mac":"`+vendor+`"}`)
	s.tell(t, vendor, "off_hook")
	named(`null`)
}

// TestRenameListed renames a listed phone, which no file names.
func TestRenameListed(t *testing.T) {
	s := startScene(t, nil, startPhone(t, phoneOptions(vendor)))
	if response := s.request(t, "phone/rename", `{"mac":"`+vendor+`","name":" Desk "}`); response.text("status") != "ok" {
		t.Errorf("response: %s", response.payload)
	}
	state := s.state(t, vendor, "has a name", func(m message) bool { return m.member("name") != "null" })
	response := s.of("bridge/response/phone/rename")[0]
	var data struct{ MAC, Name string }
	if err := json.Unmarshal([]byte(response.member("data")), &data); err != nil || data.Name != state.text("name") || data.MAC != vendor {
		t.Errorf("the response says %s, the state %q", response.member("data"), state.text("name"))
	}
}

// TestHealthCheck says over MQTT what /readyz says over HTTP.
func TestHealthCheck(t *testing.T) {
	s := startScene(t, nil)
	eventually(t, "healthy", func() bool {
		return fmt.Sprint(s.request(t, "health_check", "{}").member("data")) == `{"healthy":true}`
	})
}
