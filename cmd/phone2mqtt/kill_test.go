package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// program is this program in a process of its own, which tests can kill.
type program struct {
	house
	process *exec.Cmd
	ended   chan struct{}
	log     *logText
}

// logText is a log that is still being written.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// count is how often a text stands in the log.
func (l *logText) count(text string) int { return strings.Count(l.String(), text) }

// startProgram runs the daemon with an environment of nothing but these settings.
func startProgram(t *testing.T, settings ...string) *program {
	t.Helper()
	process := exec.Command(os.Args[0])
	process.Env = []string{asProgram + "=1", "PATH=" + os.Getenv("PATH"), "GORACE=" + os.Getenv("GORACE")}
	for _, s := range settings {
		process.Env = append(process.Env, prefix+"_"+s)
	}
	stderr, err := process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{process: process, ended: make(chan struct{}), log: new(logText)}
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			_, _ = p.log.Write([]byte(lines.Text() + "\n"))
		}
		_ = process.Wait()
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as a power cut does: at once.
func (p *program) kill() {
	_ = p.process.Process.Signal(syscall.SIGKILL)
	<-p.ended
}

// live waits until the daemon's intake answers on addr.
func (p *program) live(t *testing.T, addr string) *program {
	t.Helper()
	p.intake = addr
	eventually(t, "the daemon is live", func() bool {
		select {
		case <-p.ended: // whoever answers is another one
			t.Fatalf("the daemon has ended: %s", p.log)
		default:
		}
		answer, err := http.Get("http://" + addr + "/healthz")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	http.DefaultClient.CloseIdleConnections()
	return p
}

// TestKilledWhileBrokerIsAway stores 1,000 events of 50 phones with no broker there, kills the daemon
// and starts it again: when the broker is back all arrive, in order per phone, the old ones as late,
// and the states are right.
func TestKilledWhileBrokerIsAway(t *testing.T) {
	eachBroker(t, func(t *testing.T, start func(*testing.T, string) testBroker) {
		const phones, each, fresh = 50, 20, time.Second
		broker, intake := freeAddr(t), freeAddr(t)
		settings := []string{
			"MQTT_URL=mqtt://" + broker, "HTTP_ADDR=" + intake, "DATA_DIR=" + filepath.Join(t.TempDir(), "data"),
			"PROBE_INTERVAL=1h",
		}
		p := startProgram(t, append(settings, "EVENT_FRESH="+fresh.String())...).live(t, intake)
		// All but the last round come before the kill.
		sendRounds(t, p.house, macs(phones), 0, each-1)
		old := time.Now()
		p.kill()
		// An event stays fresh for as long as was set when it came: these for longer than all of this takes.
		p = startProgram(t, append(settings, "EVENT_FRESH=1m")...).live(t, intake)
		sendRounds(t, p.house, macs(phones), each-1, each)
		<-time.After(time.Until(old.Add(fresh + 100*time.Millisecond)))
		start(t, broker)
		w := watch(t, broker)
		w.ready(t)

		var want []string
		for n := range each {
			want = append(want, fmt.Sprint(n))
		}
		for _, mac := range macs(phones) {
			eventually(t, "the last event of "+string(mac), func() bool {
				return slices.Contains(callIDs(w.of(string(mac)+"/event")), want[each-1])
			})
			if diff := cmp.Diff(want[:each-1], callIDs(w.of(string(mac)+"/event/late"))); diff != "" {
				t.Errorf("%s: late events (-want +got):\n%s", mac, diff)
			}
			if diff := cmp.Diff(want[each-1:], callIDs(w.of(string(mac)+"/event"))); diff != "" {
				t.Errorf("%s: fresh events (-want +got):\n%s", mac, diff)
			}
			state := w.last(t, string(mac)+"/state", "is there", func(message) bool { return true })
			if got := strings.Count(state.member("calls"), `"call_id"`); state.text("last_event") != "outgoing_call" || got == 0 {
				t.Errorf("%s: state %s", mac, state.payload)
			}
			if !strings.Contains(state.member("calls"), `"call_id":"`+want[each-1]+`"`) {
				t.Errorf("%s: the newest call is not in %s", mac, state.payload)
			}
			checkStateFirst(t, w, mac)
		}
	})
}

// sendRounds sends one call's begin and end from every phone in each round, all phones at once.
func sendRounds(t *testing.T, h house, phones []phone.MAC, from, to int) {
	t.Helper()
	var all sync.WaitGroup
	failed := make(chan error, len(phones))
	for _, mac := range phones {
		all.Go(func() {
			for n := from; n < to; n++ {
				status, body, err := ask(h.intake, fmt.Sprintf("GET /outgoing_call?mac=%s&call_id=%d HTTP/1.0\r\n\r\n", mac, n))
				if err != nil || status != 200 {
					failed <- fmt.Errorf("%s round %d: %d %s: %w", mac, n, status, body, err)
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
}

// TestExitCodes starts the program as a user does and looks at how it ends.
func TestExitCodes(t *testing.T) {
	busy := startEmbedded(t, "")
	dir := filepath.Join(t.TempDir(), "data")
	intake := freeAddr(t)
	running := startProgram(t, "MQTT_URL=mqtt://"+busy.addr, "HTTP_ADDR="+intake, "DATA_DIR="+dir).live(t, intake)
	tests := map[string]struct {
		settings []string
		code     int
		want     string
	}{
		"unknown variable":     {[]string{"MQTT_USER=x"}, 2, "PHONE2MQTT_MQTT_USERNAME"},
		"bad duration":         {[]string{"RING_LIMIT=10"}, 2, "PHONE2MQTT_RING_LIMIT"},
		"broker port in use":   {[]string{"BROKER_ADDR=" + busy.addr, "DATA_DIR=none"}, 1, "if that is your broker, set PHONE2MQTT_MQTT_URL=mqtt://localhost:"},
		"intake port in use":   {[]string{"MQTT_URL=mqtt://" + busy.addr, "HTTP_ADDR=" + intake, "DATA_DIR=none"}, 1, "address already in use"},
		"store held elsewhere": {[]string{"MQTT_URL=mqtt://" + busy.addr, "HTTP_ADDR=" + freeAddr(t), "DATA_DIR=" + dir}, 1, "DATA_DIR"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := startProgram(t, tt.settings...)
			select {
			case <-p.ended:
			case <-time.After(patience):
				t.Fatal("it did not end")
			}
			lines := strings.Split(strings.TrimSpace(p.log.String()), "\n")
			if got := p.process.ProcessState.ExitCode(); got != tt.code {
				t.Errorf("exit %d, want %d: %s", got, tt.code, p.log)
			}
			if last := lines[len(lines)-1]; !strings.HasPrefix(last, "phone2mqtt: ") || !strings.Contains(last, tt.want) {
				t.Errorf("it said %q, want something with %q", last, tt.want)
			}
		})
	}
	if err := running.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-running.ended
	if got := running.process.ProcessState.ExitCode(); got != 0 {
		t.Errorf("SIGTERM: exit %d, want 0: %s", got, running.log)
	}
}

// TestDemo runs the demo as a process: within five seconds both directions are on the screen, and
// Ctrl-C, or closing the terminal, ends it with exit 0.
func TestDemo(t *testing.T) {
	for _, end := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP} {
		t.Run(end.String(), func(t *testing.T) { testDemo(t, end) })
	}
}

func testDemo(t *testing.T, end syscall.Signal) {
	process := exec.Command(os.Args[0], "demo")
	process.Env = []string{asProgram + "=1", prefix + "_LOG_LEVEL=error", prefix + "_MQTT_URL=mqtt://never-asked.invalid"}
	var errs strings.Builder
	process.Stderr = &errs
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	wanted := []string{"/event ", "/set/dial", "GET /Phone_ActionURL&Command=1&Number=202 HTTP/1.1", "event_type=incoming_call", "command=dial status=ok"}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		wanted = slices.DeleteFunc(wanted, func(w string) bool { return strings.Contains(lines.Text(), w) })
		if len(wanted) == 0 || time.Since(begun) > patience {
			break
		}
	}
	took := time.Since(begun)
	if len(wanted) > 0 || took > 5*time.Second {
		t.Errorf("after %s not on the screen: %q", took, wanted)
	}
	if err := process.Process.Signal(end); err != nil {
		t.Fatal(err)
	}
	// What it still prints has to be read, or it would end by a broken pipe.
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
	}
	if err := process.Wait(); err != nil {
		exit, _ := errors.AsType[*exec.ExitError](err)
		t.Errorf("%v: %v %v, want exit 0: %s", end, err, exit, errs.String())
	}
}
