package main

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/mqtt"
)

// storeOf puts a store of testdata/store into a folder of its own.
func storeOf(t *testing.T, version string) (dir string) {
	t.Helper()
	if !slices.Contains([]string{"amd64", "arm64", "386"}, runtime.GOARCH) {
		t.Skip("bbolt's files have the byte order of the machine; these were written on amd64")
	}
	packed, err := os.Open(filepath.Join("testdata", "store", version+".db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = packed.Close() }()
	unpacker, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	file, err := io.ReadAll(unpacker)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "outbox.db"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestUpgrade starts the daemon with the store of each earlier version: what waited comes, as late and in
// order, each phone is as it was, and nothing was set aside that had not been.
func TestUpgrade(t *testing.T) {
	phones := filepath.Join(t.TempDir(), "phones.yaml")
	if err := os.WriteFile(phones, []byte("phones:\n  - mac: 001fc1000001\n    host: 192.0.2.1\n    name: Reception\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := storeOf(t, "v1")
	was := storeLines(t, string(read(t, filepath.Join("testdata", "store", "v1.jsonl"))))
	var waited []string
	for _, line := range was {
		if line.Kind == mqtt.Waiting {
			waited = append(waited, line.LateTopic+" "+string(line.Payload))
		}
		if at, err := time.Parse(time.RFC3339, line.Time); line.Time != "" && (err != nil || time.Now().Before(at)) {
			t.Skipf("by the clock of this machine the store is not written yet: %s, %v", line.Time, err)
		}
	}

	broker, intake := startEmbedded(t, ""), freeAddr(t)
	w := watch(t, broker.addr)
	p := startProgram(t, "MQTT_URL=mqtt://"+broker.addr, "HTTP_ADDR="+intake, "DATA_DIR="+dir, "PHONES_FILE="+phones,
		"PROBE_INTERVAL=1h", "RING_LIMIT=876000h", "TALK_LIMIT=876000h").live(t, intake)
	late := func() (late []string) {
		for _, m := range w.seen() {
			if strings.HasSuffix(m.topic, "/event/late") {
				late = append(late, m.topic+" "+m.payload)
			}
		}
		return late
	}
	eventually(t, "what waited comes", func() bool { return len(late()) >= len(waited) })
	if diff := cmp.Diff(waited, late()); diff != "" {
		t.Errorf("late events (-stored +published):\n%s", diff)
	}
	for mac, want := range map[string]map[string]string{
		"001fc1000001": {"name": `"Reception"`, "call_state": `"talking"`, "direction": `"outgoing"`, "remote_number": `"208"`, "registered": `true`, "off_hook": `true`, "last_event": `"call_established"`},
		"001fc1000002": {"name": `"Desk"`, "call_state": `"talking"`, "remote_name": `"Bob"`, "missed_calls": `1`, "muted": `true`, "model": `"UC926"`, "firmware": `"2.0.4.2"`},
		"001fc1000003": {"name": `"Workshop"`, "call_state": `"idle"`, "dnd": `true`, "missed_calls": `1`, "last_event": `"missed_call"`},
		"001fc1000004": {"name": `null`, "call_state": `"idle"`, "registered": `false`, "last_event": `"unregistered"`},
	} {
		state := w.last(t, mac+"/state", "is published", func(message) bool { return true })
		got := map[string]string{}
		for member := range want {
			got[member] = state.member(member)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s\n%s", mac, diff, state.payload)
		}
		w.last(t, mac+"/availability", "is online", func(m message) bool { return m.payload == "online" })
	}
	if strings.Contains(p.log.String(), `"level":"error"`) {
		t.Errorf("log: %s", p.log)
	}

	// What follows is kept as well, and what was set aside stays there.
	if status := p.get(t, "/dnd_off?mac=001fc1000003"); status != 200 {
		t.Errorf("an event was answered %d", status)
	}
	p.kill()
	if all, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(all) != 1 {
		t.Errorf("in the folder: %q, %v", all, err)
	}
	kept := func(lines []storeLine, kind mqtt.Kind) (kept []string) {
		for _, line := range lines {
			if line.Kind == kind {
				kept = append(kept, line.Topic+line.Key)
			}
		}
		return kept
	}
	dump := callStore(t, nil, "dump", dir)
	is := storeLines(t, dump.stdout)
	for _, kind := range []mqtt.Kind{mqtt.SetAside, mqtt.OfOwner} {
		if diff := cmp.Diff(kept(was, kind), kept(is, kind)); diff != "" {
			t.Errorf("%s (-before +after):\n%s", kind, diff)
		}
	}
	if dump.code != 0 {
		t.Errorf("dump: %+v", dump)
	}
}
