package mqtt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// startMosquitto runs the broker that most people have. Where it is not
// installed the test is skipped, unless TEST_REQUIRE names it.
func startMosquitto(t *testing.T, lines ...string) (url string) {
	t.Helper()
	// Longer than the test's own context: what runs against it is stopped by clean-ups of its own.
	broker, err := stand.StartBroker(context.Background(), t.TempDir(), "", lines...)
	if errors.Is(err, stand.ErrNoMosquitto) && !stand.Required("mosquitto") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Kill)
	return "mqtt://" + broker.Addr
}

func TestMosquittoLosesNothingOverCutConnections(t *testing.T) {
	testCutConnections(t, startMosquitto(t))
}

// TestMosquittoDropsWithPUBACK: an ACL without the right to read our presence
// shows in nothing but that it does not come back.
func TestMosquittoDropsWithPUBACK(t *testing.T) {
	acl := filepath.Join(t.TempDir(), "acl")
	if err := os.WriteFile(acl, []byte("topic write #\ntopic read dev/#\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := startMosquitto(t, "acl_file "+acl)
	c := NewClient(testConfig(t, url), openStore(t, ""))
	runInBackground(t, c.Run)
	publish(c, event("dev/event", "x"))
	eventually(t, "sent", func() bool { return c.Status().Connected && c.drained() })
	if c.Status().Verified {
		t.Error("verified without the right to read")
	}
}
