package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// TestMetricsPage asks for /metrics as Prometheus does: it needs no token and does not count for the
// rate, and a caller's number is nowhere in it.
func TestMetricsPage(t *testing.T) {
	broker := startEmbedded(t, "")
	const token = "0123456789abcdef"
	h := startHouse(t, broker.addr, "", func(c *bridge.Config) {
		c.Tokens = []secret.Text{secret.New(token)}
		c.Rate = 1
	})
	watch(t, broker.addr).ready(t)
	if status := h.get(t, "/"+token+"/incoming_call?mac="+vendor+"&remote=01711234567&display_remote=Secret"); status != 200 {
		t.Fatalf("the event was answered %d", status)
	}
	h.get(t, "/incoming_call?mac="+vendor)
	var body string
	for range 10 {
		var status int
		if status, body = h.ask(t, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"); status != 200 {
			t.Fatalf("/metrics was answered %d: %s", status, body)
		}
	}
	for _, want := range []string{
		`phone2mqtt_events_total{answer="200",event="incoming_call"} 1`,
		`phone2mqtt_refusals_total{reason="token"} 1`,
		`phone2mqtt_mqtt_connected 1`,
		`phone2mqtt_phones{availability="online"} 1`,
		`go_goroutines`,
		`process_resident_memory_bytes`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.Contains(body, "01711234567") || strings.Contains(body, "Secret") {
		t.Error("a caller's number or name is in the metrics")
	}
}

// TestAdminAddr has metrics leave the port that phones reach. SIGHUP without a phones file does
// nothing: left alone it would end the program.
func TestAdminAddr(t *testing.T) {
	intake, admin := freeAddr(t), freeAddr(t)
	p := startProgram(t, "HTTP_ADDR="+intake, "ADMIN_ADDR="+admin, "MQTT_URL=mqtt://"+freeAddr(t),
		"DATA_DIR="+filepath.Join(t.TempDir(), "data")).live(t, intake)
	if err := p.process.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]map[string]int{
		intake: {"/metrics": 404, "/healthz": 200, "/readyz": 503, "/hold?mac=" + vendor: 200},
		admin:  {"/metrics": 200, "/healthz": 200, "/readyz": 503, "/hold?mac=" + vendor: 404},
	} {
		for target, status := range want {
			got, body, err := ask(addr, "GET "+target+" HTTP/1.1\r\nHost: x\r\n\r\n")
			if err != nil || got != status {
				t.Errorf("%s%s: %d %.100s %v, want %d", addr, target, got, body, err, status)
			}
		}
	}
}
