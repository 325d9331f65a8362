package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// TestHealthcheck asks a running daemon, and where none is.
func TestHealthcheck(t *testing.T) {
	addr := freeAddr(t)
	startProgram(t, "HTTP_ADDR="+addr, "MQTT_URL=mqtt://"+freeAddr(t), "DATA_DIR="+filepath.Join(t.TempDir(), "data")).live(t, addr)
	environment(t, map[string]string{"HTTP_ADDR": addr})
	if err := healthcheck(t.Context()); err != nil {
		t.Errorf("of a daemon that runs: %v", err)
	}
	environment(t, map[string]string{"HTTP_ADDR": freeAddr(t)})
	if err := healthcheck(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "not live: ") {
		t.Errorf("of none: %v", err)
	}
	environment(t, map[string]string{"HTTP_ADDR": "8090"})
	if _, ok := errors.AsType[usageError](healthcheck(t.Context())); !ok {
		t.Error("a bad HTTP_ADDR is no usage error")
	}
}

func TestReachable(t *testing.T) {
	for addr, want := range map[string]string{
		":8090": "127.0.0.1:8090", "0.0.0.0:80": "127.0.0.1:80", "[::]:80": "127.0.0.1:80",
		"192.168.0.2:8090": "192.168.0.2:8090", "[::1]:8090": "[::1]:8090", "phones.lan:80": "phones.lan:80",
	} {
		if got := reachable(addr); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}
