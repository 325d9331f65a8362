package stand

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Build makes the daemon in a directory, as releases are made, and returns its path. It needs go, and
// has to be called below the module.
func Build(ctx context.Context, dir string) (program string, err error) {
	program = filepath.Join(dir, "phone2mqtt")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program,
		"github.com/phone2mqtt/phone2mqtt/cmd/phone2mqtt")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the daemon: %s: %w", out, err)
	}
	return program, nil
}

// Daemon is a running phone2mqtt.
type Daemon struct {
	*Process
	Intake string // host:port of HTTP_ADDR
}

// StartDaemon starts the daemon with settings without their prefix, such as "DATA_DIR=none". Without an
// HTTP_ADDR among them it gets a free one on loopback. It does not wait for anything: see
// [Daemon.Ready].
func StartDaemon(ctx context.Context, program string, settings ...string) (Daemon, error) {
	intake, err := FreeAddr()
	if err != nil {
		return Daemon{}, err
	}
	env := []string{"PHONE2MQTT_HTTP_ADDR=" + intake}
	for _, s := range settings {
		if addr, ok := strings.CutPrefix(s, "HTTP_ADDR="); ok {
			intake = addr
		}
		// Of two with one name, the last counts.
		env = append(env, "PHONE2MQTT_"+s)
	}
	p, err := Start(ctx, "the daemon", program, nil, env)
	if err != nil {
		return Daemon{}, err
	}
	return Daemon{p, intake}, nil
}

// Ready waits until one of its own pages, healthz or readyz, says so.
func (d Daemon) Ready(ctx context.Context, page string) error {
	return d.AwaitPage(ctx, "http://"+d.Intake+"/"+page)
}

// AwaitPage waits until a page of the process answers with 200.
func (p *Process) AwaitPage(ctx context.Context, url string) error {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	return p.Await(ctx, p.name+" answers "+url, func() bool {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false
		}
		answer, err := client.Do(request)
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}
