package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// stopLimit is how long the daemon may take to end in order.
const stopLimit = 5 * time.Second

// plan is how the world of a fault differs from others.
type plan struct {
	variant    variant  // of the program
	limits     string   // shell commands before the daemon, such as "ulimit -n 40"
	settings   []string // of the daemon, without the prefix
	persistent bool     // the broker keeps its messages over a restart
	smallDisk  bool     // the store lies on a file system of its own of 4 MiB
	more       int      // phones that send only what the fault has them send
}

// world is a daemon with all that surrounds it.
type world struct {
	plan
	dir, store        string
	seed              uint64
	round             int
	program           string
	intake            string
	brokerAddr        string
	eventsPerSecond   int
	commandsPerSecond int

	journal  *journal
	notary   *notary
	desks    []*desk // phones that talk all the time
	extras   []*desk // see plan
	observer paho.Client
	numbers  atomic.Int64
	unmount  func()

	mu     sync.Mutex
	daemon *stand.Process
	broker stand.Broker
	usage  usage
	gone   time.Time // when the daemon was ended; zero: it runs
}

// build starts a world. It has to be torn down, also after an error.
func build(ctx context.Context, w *world, phones int) error {
	w.journal, w.unmount = newJournal(), func() {}
	w.store = filepath.Join(w.dir, "store")
	w.numbers.Store(1000)
	if err := os.MkdirAll(w.store, 0o700); err != nil {
		return err
	}
	if w.smallDisk {
		if err := syscall.Mount("tmpfs", w.store, "tmpfs", 0, "size=4m"); err != nil {
			return fmt.Errorf("mount a small disk: %w", errors.Join(errUnable, err))
		}
		w.unmount = func() { _ = syscall.Unmount(w.store, syscall.MNT_DETACH) }
	}
	if err := w.startBroker(ctx); err != nil {
		return err
	}
	var err error
	if w.notary, err = startNotary(w.brokerAddr, w.journal); err != nil {
		return err
	}
	for n := range phones + w.more {
		d, err := newDesk(n, w.journal)
		if err != nil {
			return err
		}
		if n < phones {
			w.desks = append(w.desks, d)
		} else {
			w.extras = append(w.extras, d)
		}
	}
	w.observer = observe(w.brokerAddr, w.journal)
	if w.intake, err = stand.FreeAddr(); err != nil {
		return err
	}
	return w.startDaemon(ctx)
}

func (w *world) phones() []*desk { return slices.Concat(w.desks, w.extras) }

// errUnable is why a fault cannot be made here.
var errUnable = errors.New("not possible here")

func (w *world) tearDown() {
	if w.daemon != nil {
		_ = w.daemon.Signal(syscall.SIGCONT)
		w.daemon.Kill()
	}
	if w.observer != nil {
		w.observer.Disconnect(0)
	}
	if w.notary != nil {
		w.notary.close()
	}
	if w.broker.Process != nil {
		_ = w.broker.Signal(syscall.SIGCONT)
		w.broker.Kill()
	}
	for _, d := range w.phones() {
		d.close()
	}
	w.unmount()
}

// startDaemon starts the daemon, or starts it again where it was, and waits until its intake answers.
func (w *world) startDaemon(ctx context.Context) error {
	p, err := w.spawn(ctx, w.intake)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.daemon = p
	w.mu.Unlock()
	if err := p.AwaitPage(ctx, "http://"+w.intake+"/healthz"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if gone := w.gone; !gone.IsZero() {
		w.journal.note(func(h *history) { h.down = append(h.down, span{gone, time.Now()}) })
	}
	w.gone = time.Time{}
	return nil
}

// ends notes that the daemon is about to be ended.
func (w *world) ends() *stand.Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = time.Now()
	return w.daemon
}

// spawn starts a daemon on this world's store. The log goes on in one file over all of them.
func (w *world) spawn(ctx context.Context, intake string) (*stand.Process, error) {
	var phones []string
	for _, d := range w.phones() {
		phones = append(phones, d.mac+"@"+d.web.Addr().String())
	}
	settings := append([]string{
		"MQTT_URL=mqtt://" + w.notary.addr, "HTTP_ADDR=" + intake, "DATA_DIR=" + w.store, "PHONES=" + strings.Join(phones, ","),
		"HTTP_RATE=0", "PHONE_TIMEOUT=2s", "COMMAND_TTL=4s", "DISCOVERY=false", "LOG_FORMAT=json",
	}, w.settings...)
	env := []string{"LOG=" + w.logFile(), "SYNCED=" + w.syncedFile()}
	for _, s := range settings {
		env = append(env, "PHONE2MQTT_"+s)
	}
	script := w.limits + "\nexec \"$0\" 2>>\"$LOG\""
	return stand.Start(ctx, "the daemon", "/bin/sh", []string{"-c", script, w.program}, env)
}

func (w *world) logFile() string { return filepath.Join(w.dir, "daemon.log") }

// syncedFile is where a variant of the program keeps a copy of its store as it was synced last.
func (w *world) syncedFile() string { return filepath.Join(w.dir, "synced") }

func (w *world) logText() string {
	text, _ := os.ReadFile(w.logFile())
	return string(text)
}

// startBroker starts mosquitto, or starts it again where it was. Lines add to its configuration.
func (w *world) startBroker(ctx context.Context, lines ...string) error {
	if w.persistent {
		lines = append([]string{"persistence true", "persistence_location " + w.dir + "/", "autosave_interval 1"}, lines...)
	}
	b, err := stand.StartBroker(ctx, w.dir, w.brokerAddr, lines...)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broker, w.brokerAddr = b, b.Addr
	return nil
}

// running is the daemon of this moment.
func (w *world) running() *stand.Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.daemon
}

// killDaemon ends it without a warning.
func (w *world) killDaemon() {
	w.journal.note(func(h *history) { h.deaths = append(h.deaths, time.Now()) })
	w.ends().Kill()
}

// stopDaemon ends it in order, and notes when it does not do so as promised.
func (w *world) stopDaemon() {
	begun, p := time.Now(), w.ends()
	w.journal.note(func(h *history) { h.stops = append(h.stops, begun) })
	p.Stop()
	if code, took := p.ExitCode(), time.Since(begun); code != 0 || took > stopLimit {
		w.journal.note(func(h *history) {
			h.other = append(h.other, fmt.Sprintf("SIGTERM: exit %d after %s: %s", code, took.Round(time.Millisecond), p.Output()))
		})
	}
}

// figures are the daemon's metrics.
func (w *world) figures(ctx context.Context) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.intake+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	return readFigures(answer.Body)
}
