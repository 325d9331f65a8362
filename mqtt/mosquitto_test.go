package mqtt

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// startMosquitto runs the broker that most people have. Where it is not
// installed the test is skipped, unless TEST_REQUIRE names it.
func startMosquitto(t *testing.T, lines ...string) (url string) {
	t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("TEST_REQUIRE"), ","), "mosquitto") {
			t.Fatal(err)
		}
		t.Skip("mosquitto is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("no TCP address")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "mosquitto.conf")
	lines = append([]string{fmt.Sprintf("listener %d 127.0.0.1", addr.Port), "allow_anonymous true", "user root", "max_queued_messages 0"}, lines...)
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	broker := exec.Command(program, "-c", config)
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = broker.Process.Kill()
		_ = broker.Wait()
	})
	eventually(t, "mosquitto listens", func() bool {
		conn, err := net.Dial("tcp", addr.String())
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
	return "mqtt://" + addr.String()
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
