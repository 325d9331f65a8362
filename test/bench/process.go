package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	patience = 60 * time.Second
	// ticks is USER_HZ: the unit of CPU time in /proc/PID/stat.
	ticks = 100
)

// process is a program that the benchmark started.
type process struct {
	name  string
	cmd   *exec.Cmd
	log   tail
	ended chan struct{}
}

// start runs a program with an environment of nothing but these settings, until ctx ends or it is
// stopped.
func start(ctx context.Context, name, program string, args, settings []string) (*process, error) {
	p := &process{name: name, cmd: exec.CommandContext(ctx, program, args...), ended: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, settings...)
	p.cmd.Stderr = &p.log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	return p, nil
}

// stop ends it in order, or after a while by force. It may be called again.
func (p *process) stop() {
	// It may have ended by itself.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// await waits for what a process is to do, and tells its last words when it ended instead.
func (p *process) await(ctx context.Context, what string, holds func() bool) error {
	err := eventually(ctx, what, func() bool {
		select {
		case <-p.ended:
			return true
		default:
			return holds()
		}
	})
	select {
	case <-p.ended:
		return fmt.Errorf("%s ended: %s", p.name, p.log.text())
	default:
		return err
	}
}

// eventually waits for a condition, for a bounded time.
func eventually(ctx context.Context, what string, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !holds() {
		if pause(ctx, 2*time.Millisecond) != nil {
			return fmt.Errorf("not within %s: %s", patience, what)
		}
	}
	return nil
}

// pause waits for that long or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// tail keeps the end of what a process logs.
type tail struct {
	mu   sync.Mutex
	last []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p...)
	t.last = t.last[max(0, len(t.last)-2000):]
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.last))
}

// usage is what a process has used so far.
type usage struct {
	cpu     time.Duration
	waits   int   // voluntary context switches of all threads: each is followed by a wake-up
	rss     int64 // bytes, now
	rssPeak int64
}

func (p *process) usage() (usage, error) {
	var u usage
	root := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	stat, err := os.ReadFile(root + "stat")
	if err != nil {
		return u, err
	}
	// The name in brackets may hold blanks; fields 14 and 15 are user and system time.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, errUser := strconv.Atoi(fields[11])
	system, errSystem := strconv.Atoi(fields[12])
	if err := errors.Join(errUser, errSystem); err != nil {
		return u, err
	}
	u.cpu = time.Duration(user+system) * time.Second / ticks
	status, err := os.ReadFile(root + "status")
	if err != nil {
		return u, err
	}
	u.rss, u.rssPeak = number(status, "VmRSS:")<<10, number(status, "VmHWM:")<<10
	threads, err := filepath.Glob(root + "task/*/status")
	for _, thread := range threads {
		// A thread may have ended meanwhile.
		if status, err := os.ReadFile(thread); err == nil {
			u.waits += int(number(status, "\nvoluntary_ctxt_switches:"))
		}
	}
	return u, err
}

// number is the number after a label, 0 without one.
func number(text []byte, label string) int64 {
	_, rest, _ := strings.Cut(string(text), label)
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(fields[0], 10, 64)
	return n
}

// build makes the daemon as releases are made, and returns its path.
func build(ctx context.Context, dir string) (program string, err error) {
	program = filepath.Join(dir, "phone2mqtt")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program,
		"github.com/phone2mqtt/phone2mqtt/cmd/phone2mqtt")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the daemon: %w: %s", err, out)
	}
	return program, nil
}

// daemon is a running phone2mqtt.
type daemon struct {
	*process
	intake string
}

// startDaemon starts the daemon with settings without their prefix. It does not wait for anything.
func (b *bench) startDaemon(ctx context.Context, broker, store string, settings ...string) (daemon, error) {
	intake, err := freeAddr()
	if err != nil {
		return daemon{}, err
	}
	var env []string
	for _, s := range append([]string{"MQTT_URL=mqtt://" + broker, "HTTP_ADDR=" + intake, "DATA_DIR=" + store, "HTTP_RATE=0"}, settings...) {
		env = append(env, "PHONE2MQTT_"+s)
	}
	p, err := start(ctx, "the daemon", b.program, nil, env)
	return daemon{p, intake}, err
}

// ready waits until one of its own pages, healthz or readyz, says so.
func (d daemon) ready(ctx context.Context, page string) error {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	return d.await(ctx, "the daemon answers "+page, func() bool {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.intake+"/"+page, nil)
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

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
