// Package stand is what the programs and tests below test/ share: it runs the real ones, the daemon,
// mosquitto and others, as processes on loopback, and watches what goes over the broker.
//
// It promises that nothing it started outlives its context or its stop, that every wait has an end, and
// that whoever waited in vain is told the last words of the process that it waited for. It knows no
// assertion and no figure: what it finds it returns. It never listens on anything but loopback.
package stand

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Patience bounds every wait of this package.
const Patience = 60 * time.Second

// stopLimit is how long a process may take to end in order. The daemon promises 5 s.
const stopLimit = 10 * time.Second

// Process is a program that was started here.
type Process struct {
	name   string
	cmd    *exec.Cmd
	output tail
	ended  chan struct{}
}

// Start runs a program until ctx ends or it is stopped. Its environment is PATH and what env adds, as
// "NAME=value"; nothing of the user's settings reaches it. The name is for errors.
func Start(ctx context.Context, name, program string, args, env []string) (*Process, error) {
	p := &Process{name: name, cmd: exec.CommandContext(ctx, program, args...), ended: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	// A child of it that lives on would hold its output open.
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	return p, nil
}

// PID is its number, also after its end.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when it has ended, for whatever reason.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Output is the end of what it wrote, at most 4,000 bytes.
func (p *Process) Output() string { return p.output.text() }

// ExitCode is what it ended with; -1 while it runs and when a signal ended it.
func (p *Process) ExitCode() int {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	default:
		return -1
	}
}

// Signal sends it a signal. It is an error when it has ended.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Stop ends it in order, or after 10 s by force, and returns when it is gone. It may be called again.
func (p *Process) Stop() {
	// It may have ended by itself.
	_ = p.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopLimit):
		p.Kill()
	}
}

// Kill ends it without a warning, and returns when it is gone. It may be called again.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Await waits for what the process is to do. When it ends instead, the error holds its last words.
func (p *Process) Await(ctx context.Context, what string, holds func() bool) error {
	err := Eventually(ctx, what, func() bool {
		select {
		case <-p.ended:
			return true
		default:
			return holds()
		}
	})
	select {
	case <-p.ended:
		return fmt.Errorf("%s ended: %s", p.name, p.Output())
	default:
		return err
	}
}

// Eventually asks until a condition holds, for at most [Patience].
func Eventually(ctx context.Context, what string, holds func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, fmt.Errorf("not within %s", Patience))
	defer cancel()
	for !holds() {
		if err := Pause(ctx, 2*time.Millisecond); err != nil {
			return fmt.Errorf("waited in vain, %s: %w", what, err)
		}
	}
	return nil
}

// Pause waits for that long, or until ctx ends: then the error is its cause.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// given are the addresses that FreeAddr returned.
var given sync.Map

// FreeAddr is an address on loopback where nobody listens, another one each time. Where all of 127.0.0.0/8
// is this machine, as on Linux, its host is this process's own: others who ask for any port of 127.0.0.1 do
// not get this one before it is used.
func FreeAddr() (string, error) {
	for {
		addr, err := freeAddr()
		if _, before := given.LoadOrStore(addr, true); err != nil || !before {
			return addr, err
		}
	}
}

func freeAddr() (string, error) {
	pid := os.Getpid()
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 192|pid>>16&0x3f, pid>>8&0xff, pid&0xff))
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// tail keeps the end of what a process writes.
type tail struct {
	mu   sync.Mutex
	last []byte
}

const tailLength = 4000

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p...)
	t.last = t.last[max(0, len(t.last)-tailLength):]
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.last))
}
