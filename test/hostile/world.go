package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// The secrets of every world. None may ever be seen anywhere.
const (
	brokerSecret = "broker-secret-4f1d"
	phoneSecret  = "phone-secret-93be"
	firstToken   = "Token_one-7Qm2Zr9Lk4Xw"
	secondToken  = "Token_two-5Hs8Vb1Nc6Yd"
)

// Users of the broker, by the access list of examples/mosquitto, and two of our own: one who sees all,
// and one who may do all, as everybody may at a broker without an access list.
const (
	bridgeUser    = "phone2mqtt"
	homeUser      = "home"
	dashboardUser = "dashboard"
	observerUser  = "observer"
	insiderUser   = "insider"
)

// stage is what all worlds share.
type stage struct {
	dir, program, module string
	worlds               atomic.Int32
}

func newStage(ctx context.Context) (*stage, error) {
	if _, err := stand.FindMosquitto(); err != nil {
		return nil, err
	}
	// Connections by the thousand have two ends here.
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	module, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("find the module: %w", err)
	}
	dir, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		return nil, err
	}
	st := &stage{dir: dir, module: strings.TrimSpace(string(module))}
	if st.program, err = stand.Build(ctx, dir); err != nil {
		st.close()
		return nil, err
	}
	return st, nil
}

func (st *stage) close() { _ = os.RemoveAll(st.dir) }

// plan is how the world of a subject differs from others.
type plan struct {
	limits   string                   // shell commands before the daemon, such as "ulimit -n 128"
	token    string                   // that honest phones know
	perPhone bool                     // each honest phone knows one of its own, made of it
	console  bool                     // the log is for people
	admin    bool                     // there is a listener of its own for pages
	prepare  func(*world) (err error) // before the daemon starts; it may add to the settings
}

// world is a daemon with all that surrounds it.
type world struct {
	*stage
	plan

	dir      string
	number   int32 // its addresses are 127.(100+number).*.*
	settings []string
	broker   stand.Broker
	daemon   *stand.Process
	intake   string
	adminAt  string

	// Phones that are listed with their host. Nobody attacks the honest one.
	honest, victim, other *desk
	desks                 []*desk

	home, insider *peer
	observer      *peer
	peers         []*peer

	log     logbook
	seen    int // messages of the observer that were looked at
	asked   atomic.Int64
	before  holdings
	mu      sync.Mutex
	answers []string // of the intake, not looked at yet
}

// build starts a world. It has to be torn down, also after an error.
func (st *stage) build(ctx context.Context, s subject) (*world, error) {
	w := &world{stage: st, plan: s.plan, number: st.worlds.Add(1), settings: s.settings}
	w.dir = filepath.Join(st.dir, fmt.Sprint("world-", w.number))
	if err := os.MkdirAll(filepath.Join(w.dir, "store"), 0o700); err != nil {
		return w, err
	}
	w.log.file = filepath.Join(w.dir, "daemon.log")
	if err := w.startBroker(ctx); err != nil {
		return w, err
	}
	var err error
	for n, d := range []**desk{&w.honest, &w.victim, &w.other} {
		if *d, err = w.newDesk(fmt.Sprintf("001fc1aa%04x", n+1), w.address(0, n+1)+":0"); err != nil {
			return w, err
		}
	}
	w.observer, err = w.connect(ctx, observerUser, "observer", "#")
	if err != nil {
		return w, err
	}
	if w.home, err = w.connect(ctx, homeUser, "home"); err != nil {
		return w, err
	}
	if w.insider, err = w.connect(ctx, insiderUser, "insider"); err != nil {
		return w, err
	}
	if w.prepare != nil {
		if err := w.prepare(w); err != nil {
			return w, err
		}
	}
	if w.intake, err = stand.FreeAddr(); err != nil {
		return w, err
	}
	if w.admin {
		if w.adminAt, err = stand.FreeAddr(); err != nil {
			return w, err
		}
		w.settings = append(w.settings, "ADMIN_ADDR="+w.adminAt)
	}
	if err := w.startDaemon(ctx); err != nil {
		return w, err
	}
	return w, w.warmUp(ctx)
}

// address is one of the addresses of this world.
func (w *world) address(third, fourth int) string {
	return net.IPv4(127, byte(100+w.number), byte(third), byte(fourth)).String()
}

// stranger is an address where no phone is.
func (w *world) stranger() string { return w.address(66, 6) }

func (w *world) startBroker(ctx context.Context) error {
	list, err := os.ReadFile(filepath.Join(w.module, "examples", "mosquitto", "acl"))
	if err != nil {
		return err
	}
	list = append(list, "\nuser "+observerUser+"\ntopic read #\n\nuser "+insiderUser+"\ntopic readwrite #\n"...)
	acl, passwords := filepath.Join(w.dir, "acl"), filepath.Join(w.dir, "passwords")
	if err := os.WriteFile(acl, list, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(passwords, nil, 0o600); err != nil {
		return err
	}
	for _, user := range []string{bridgeUser, homeUser, dashboardUser, observerUser, insiderUser} {
		made := exec.CommandContext(ctx, "mosquitto_passwd", "-b", passwords, user, passwordOf(user))
		if out, err := made.CombinedOutput(); err != nil {
			return fmt.Errorf("mosquitto_passwd: %s: %w", out, err)
		}
	}
	w.broker, err = stand.StartBroker(ctx, w.dir, "", "allow_anonymous false", "password_file "+passwords, "acl_file "+acl)
	return err
}

func passwordOf(user string) string {
	if user == bridgeUser {
		return brokerSecret
	}
	return "known-to-" + user
}

// startDaemon starts the daemon, or starts it again where it was, and waits until it is ready.
func (w *world) startDaemon(ctx context.Context) error {
	p, err := w.spawn(ctx)
	if err != nil {
		return err
	}
	w.daemon = p
	at := w.intake
	if w.admin {
		at = w.adminAt
	}
	return p.AwaitPage(ctx, "http://"+at+"/readyz")
}

// spawn starts a daemon on this world's store; settings win over those of the world. The log goes on in
// one file over all of them.
func (w *world) spawn(ctx context.Context, settings ...string) (*stand.Process, error) {
	format := "json"
	if w.console {
		format = "console"
	}
	var listed []string
	for _, d := range []*desk{w.honest, w.victim, w.other} {
		listed = append(listed, d.mac+"@"+d.web.Addr().String())
	}
	all := append([]string{
		"MQTT_URL=mqtt://" + w.broker.Addr, "MQTT_USERNAME=" + bridgeUser, "MQTT_PASSWORD=" + brokerSecret,
		"HTTP_ADDR=" + w.intake, "DATA_DIR=" + filepath.Join(w.dir, "store"), "PHONES=" + strings.Join(listed, ","),
		"PHONE_USERNAME=root", "PHONE_PASSWORD=" + phoneSecret, "PHONE_TIMEOUT=1s", "KEY_PAUSE=1ms", "COMMAND_TTL=4s",
		// Attacks in one world are not to be refused for how many they are.
		"DIAL_RATE=0",
		"LOG_LEVEL=debug", "LOG_FORMAT=" + format,
	}, append(w.settings, settings...)...)
	env := []string{"LOG=" + w.log.file}
	for _, s := range all {
		env = append(env, "PHONE2MQTT_"+s)
	}
	script := w.limits + "\nexec \"$0\" 2>>\"$LOG\""
	return stand.Start(ctx, "the daemon", "/bin/sh", []string{"-c", script, w.program}, env)
}

// restart stops the daemon in order and starts it again.
func (w *world) restart(ctx context.Context) error {
	w.daemon.Stop()
	if code := w.daemon.ExitCode(); code != 0 {
		return fmt.Errorf("the daemon ended with %d", code)
	}
	return w.startDaemon(ctx)
}

// restarted restarts the daemon and waits until it has said again what it keeps: an event of now waits
// behind that in its line.
func (w *world) restarted(ctx context.Context) error {
	if err := w.restart(ctx); err != nil {
		return err
	}
	_, err := w.honestEvent(ctx)
	return err
}

func (w *world) tearDown() {
	if w.daemon != nil {
		w.daemon.Stop()
	}
	for _, p := range w.peers {
		p.Disconnect(0)
	}
	if w.broker.Process != nil {
		w.broker.Stop()
	}
	for _, d := range w.desks {
		d.close()
	}
}

// warmUp brings the daemon to where it holds all that it holds in peace.
func (w *world) warmUp(ctx context.Context) error {
	for range 20 {
		if _, err := w.honestEvent(ctx); err != nil {
			return fmt.Errorf("before any attack: %w", err)
		}
	}
	_, harm := w.aftermath(ctx)
	if len(harm) > 0 {
		return errors.New("before any attack: " + strings.Join(harm, "; "))
	}
	var err error
	w.before, err = w.holds(ctx)
	return err
}
