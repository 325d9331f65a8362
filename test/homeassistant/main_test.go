// Package homeassistant tests what phones are in a real Home Assistant: with mosquitto, the daemon and
// simulated phones around it, asked through its own REST and WebSocket API.
//
// It promises that what it starts ends with it, and that nothing listens but on loopback. It never
// installs anything: HA_PYTHON is a Python, or a command in its place, that runs `-m homeassistant`
// without fetching anything. .ci/homeassistant.sh makes one.
package homeassistant

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// required ends the test by name when something that it needs is not here: as a failure when
// TEST_REQUIRE names it.
func required(t *testing.T) {
	t.Helper()
	if os.Getenv("HA_PYTHON") == "" {
		absent(t, "homeassistant", "HA_PYTHON is not set: no Python with Home Assistant, see .ci/homeassistant.sh")
	}
	if _, err := stand.FindMosquitto(); err != nil {
		absent(t, "mosquitto", err.Error())
	}
}

func absent(t *testing.T, name, why string) {
	t.Helper()
	if stand.Required(name) {
		t.Fatalf("%s, and TEST_REQUIRE asks for %s", why, name)
	}
	t.Skip(why)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition. Asking costs Home Assistant more than it costs us: it is not asked all
// the time.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if !within(t, holds) {
		t.Fatalf("not within %s: %s", stand.Patience, what)
	}
}

// become waits until something is as wanted, and tells what is different when it does not.
func become[V any](t *testing.T, what string, want V, is func() V) {
	t.Helper()
	var diff string
	if !within(t, func() bool { diff = cmp.Diff(want, is(), cmpopts.EquateEmpty()); return diff == "" }) {
		t.Fatalf("%s, not within %s (-want +got):\n%s", what, stand.Patience, diff)
	}
}

func within(t *testing.T, holds func() bool) bool {
	t.Helper()
	for deadline := time.Now().Add(stand.Patience); time.Now().Before(deadline); {
		if holds() {
			return true
		}
		must(t, stand.Pause(t.Context(), 50*time.Millisecond))
	}
	return false
}
