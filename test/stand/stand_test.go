package stand

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shell starts a script.
func shell(t *testing.T, script string, env ...string) *Process {
	t.Helper()
	p, err := Start(t.Context(), "the script", "/bin/sh", []string{"-c", script}, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestAwaitTellsLastWords(t *testing.T) {
	p := shell(t, "echo first; echo broken >&2; exit 3")
	err := p.Await(t.Context(), "it never happens", func() bool { return false })
	if got, want := fmt.Sprint(err), "the script ended: first\nbroken"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := p.ExitCode(); got != 3 {
		t.Errorf("exit code %d, want 3", got)
	}
}

func TestOutputIsItsEnd(t *testing.T) {
	p := shell(t, "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line $i; done")
	<-p.Ended()
	got := p.Output()
	if !strings.HasSuffix(got, "line 1999\nline 2000") || len(got) > tailLength {
		t.Errorf("got %d bytes that end with %q", len(got), got[len(got)-40:])
	}
}

func TestProcessesEnd(t *testing.T) {
	const waits = "echo ready; while :; do sleep 0.01; done"
	cases := []struct {
		name, script string
		end          func(p *Process, cancel func())
		exitCode     int
	}{
		{"stopped, with a last act", "trap 'exit 7' TERM; " + waits, func(p *Process, _ func()) { p.Stop() }, 7},
		{"stopped twice", waits, func(p *Process, _ func()) { p.Stop(); p.Stop() }, -1},
		{"killed", "trap '' TERM; " + waits, func(p *Process, _ func()) { p.Kill() }, -1},
		{"its context ends", "trap '' TERM; " + waits, func(p *Process, cancel func()) { cancel(); <-p.Ended() }, -1},
		{"signalled", "trap 'exit 8' USR1; " + waits, func(p *Process, _ func()) { _ = p.Signal(syscall.SIGUSR1); <-p.Ended() }, 8},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p, err := Start(ctx, "the script", "/bin/sh", []string{"-c", c.script}, nil)
			if err != nil {
				t.Fatal(err)
			}
			// Its traps are set when it says so.
			if err := p.Await(t.Context(), "the script is ready", func() bool { return p.Output() != "" }); err != nil {
				t.Fatal(err)
			}
			c.end(p, cancel)
			if got := p.ExitCode(); got != c.exitCode {
				t.Errorf("exit code %d, want %d", got, c.exitCode)
			}
		})
	}
}

func TestEnvironmentIsOurs(t *testing.T) {
	t.Setenv("PHONE2MQTT_LOG_LEVEL", "trace")
	d, err := StartDaemon(t.Context(), "env", "DATA_DIR=none", "HTTP_ADDR=127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	<-d.Ended()
	got := strings.Split(d.Output(), "\n")
	slices.Sort(got)
	want := []string{"PATH=" + os.Getenv("PATH"), "PHONE2MQTT_DATA_DIR=none", "PHONE2MQTT_HTTP_ADDR=127.0.0.1:9"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if d.Intake != "127.0.0.1:9" {
		t.Errorf("intake %s", d.Intake)
	}
}

func TestEventuallyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(context.DeadlineExceeded)
	err := Eventually(ctx, "it never happens", func() bool { return false })
	if err == nil || !strings.Contains(err.Error(), "it never happens") {
		t.Errorf("got %v", err)
	}
}
