package nodered

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// wall is the time zone of Node-RED's machine: one where it is another day than at UTC, so that a day that
// is not the local one shows.
var wall = otherDay(time.Now())

func otherDay(now time.Time) *time.Location {
	if now.UTC().Hour() < 11 {
		return time.FixedZone("Etc/GMT+12", -12*60*60)
	}
	return time.FixedZone("Etc/GMT-14", 14*60*60)
}

// house is a Node-RED with all example flows, and what belongs around it.
type house struct {
	dir             string
	program         string // the daemon
	broker          stand.Broker
	daemon          stand.Daemon
	observer        *stand.Recorder
	kitchen, office *phonetest.Phone
	messenger       *messenger
	flows           flow // as they were imported
	nodeRED         *stand.Process
	addr            string // of Node-RED
}

// absent ends the test without an error, unless TEST_REQUIRE names what is missing.
func absent(t *testing.T, name, why string) {
	t.Helper()
	if stand.Required(name) {
		t.Fatalf("%s, and TEST_REQUIRE asks for %s", why, name)
	}
	t.Skip(why)
}

// newHouse starts everything.
func newHouse(t *testing.T) *house {
	t.Helper()
	if os.Getenv("NODE_RED") == "" {
		absent(t, "nodered", "NODE_RED is not set: no path of a Node-RED")
	}
	if _, err := exec.LookPath("node"); err != nil {
		absent(t, "nodered", "node is not installed")
	}
	if _, err := stand.FindMosquitto(); err != nil {
		absent(t, "mosquitto", err.Error())
	}
	h := &house{dir: t.TempDir(), messenger: newMessenger(t)}
	var err error
	h.program, err = stand.Build(t.Context(), h.dir)
	must(t, err)
	// It tells in its log who has subscribed to what.
	h.broker, err = stand.StartBroker(context.Background(), h.dir, "", "log_type subscribe")
	must(t, err)
	t.Cleanup(h.broker.Stop)
	h.observer, err = stand.Record(h.broker.Addr, "phone2mqtt/#")
	must(t, err)
	t.Cleanup(func() { h.observer.Disconnect(0) })

	intake, err := stand.FreeAddr()
	must(t, err)
	exchange := phonetest.NewExchange()
	h.kitchen = startPhone(t, intake, phonetest.Options{MAC: "001fc11a8b6c", Number: "201", Name: "Kitchen", Exchange: exchange})
	h.office = startPhone(t, intake, phonetest.Options{MAC: "001fc11a8b6d", Number: "202", Name: "<b>Bob</b>", Exchange: exchange})
	phones := fmt.Sprintf("phones:\n  - {mac: %q, host: %q, name: Kitchen}\n  - {mac: %q, host: %q, name: Office}\n",
		h.kitchen.MAC(), h.kitchen.Addr(), h.office.MAC(), h.office.Addr())
	must(t, os.WriteFile(h.path("phones.yaml"), []byte(phones), 0o600))
	t.Cleanup(h.stop)
	h.startDaemon(t, intake)
	h.kitchen.Boot()
	h.office.Boot()

	h.addr, err = stand.FreeAddr()
	must(t, err)
	h.importFlows(t)
	h.startNodeRED(t)
	return h
}

// stop ends what a test may have started anew.
func (h *house) stop() {
	for _, p := range []*stand.Process{h.nodeRED, h.daemon.Process} {
		if p != nil {
			p.Stop()
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) path(name string) string { return filepath.Join(h.dir, name) }

func startPhone(t *testing.T, intake string, options phonetest.Options) *phonetest.Phone {
	t.Helper()
	options.Server = "http://" + intake
	p := phonetest.New(options)
	must(t, p.Listen("127.0.0.1:0"))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return p
}

func (h *house) startDaemon(t *testing.T, intake string) {
	t.Helper()
	var err error
	h.daemon, err = stand.StartDaemon(context.Background(), h.program, "HTTP_ADDR="+intake, "MQTT_URL=mqtt://"+h.broker.Addr,
		"DATA_DIR="+h.path("store"), "PHONES_FILE="+h.path("phones.yaml"))
	must(t, err)
	must(t, h.daemon.Ready(t.Context(), "readyz"))
}

// importFlows writes what a person has after importing every example and changing what its comment names.
func (h *house) importFlows(t *testing.T) {
	t.Helper()
	host, port, _ := strings.Cut(h.broker.Addr, ":")
	h.flows = nil
	for _, name := range flowNames(t) {
		for _, n := range readFlow(t, name) {
			switch {
			case h.flows.find(n.id()) != nil:
				continue // the shared broker
			case n.kind() == "mqtt-broker":
				n["broker"], n["port"] = host, port
			case n.kind() == "http request":
				n["url"] = h.messenger.URL
				delete(n, "d")
			case n.kind() == "debug":
				n["console"] = true
			case n.kind() == "tab":
				h.setVariables(n)
			}
			h.flows = append(h.flows, n)
		}
	}
	text, err := json.Marshal(h.flows)
	must(t, err)
	must(t, os.WriteFile(h.path("flows.json"), text, 0o600))
}

// setVariables enters the environment variables of a tab.
func (h *house) setVariables(tab node) {
	values := map[string]string{
		"FOLDER":  h.path("calls"),
		"PHONE":   string(h.kitchen.MAC()),
		"PHONES":  fmt.Sprintf("%s, %s,001fc1ffffff", h.kitchen.MAC(), h.office.MAC()),
		"TIMEOUT": "3",
	}
	variables, _ := tab["env"].([]any)
	for _, variable := range variables {
		members, _ := variable.(map[string]any)
		name, _ := members["name"].(string)
		members["value"] = values[name]
	}
}

// settings of Node-RED: loopback, no editor, nothing from the Internet. What its nodes warn of goes to a
// file.
const settings = `module.exports = {
	uiHost: %q, uiPort: %q, flowFile: "flows.json", credentialSecret: false, disableEditor: true,
	telemetry: { enabled: false, updateNotification: false },
	externalModules: { autoInstall: false, palette: { allowInstall: false }, modules: { allowInstall: false } },
	logging: {
		console: { level: "info", metrics: false, audit: false },
		complaints: { level: "warn", handler: () => (m) => m.type && require("fs").appendFileSync(%q, JSON.stringify(m) + "\n") },
	},
};`

// subscribed are the lines in which the broker tells of Node-RED's subscriptions.
var subscribed = regexp.MustCompile(`(?m)(nodered|node-red-)\S+ \d phone2mqtt/`)

// startNodeRED starts it, and waits until it has its subscriptions.
func (h *house) startNodeRED(t *testing.T) {
	t.Helper()
	host, port, _ := strings.Cut(h.addr, ":")
	must(t, os.WriteFile(h.path("settings.js"), fmt.Appendf(nil, settings, host, port, h.path("complaints")), 0o600))
	count := func() int { return len(subscribed.FindAllString(h.broker.Output(), -1)) }
	before := count()
	// Nodes that share a broker share a subscription to the same topics.
	subscriptions := make(map[string]bool)
	for _, n := range h.flows.of("mqtt in") {
		subscriptions[n.text("broker")+" "+n.text("topic")] = true
	}
	var err error
	h.nodeRED, err = stand.Start(context.Background(), "Node-RED", "node",
		[]string{os.Getenv("NODE_RED"), "--userDir", h.dir, "--settings", h.path("settings.js")},
		[]string{"HOME=" + h.dir, "TZ=" + wall.String()})
	must(t, err)
	must(t, h.nodeRED.Await(t.Context(), "Node-RED subscribes", func() bool {
		return count()-before >= len(subscriptions)
	}))
	must(t, h.nodeRED.AwaitPage(t.Context(), h.page("/phones")))
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	must(t, stand.Eventually(t.Context(), what, holds))
}

// complaints are what nodes warned of since Node-RED was first started.
func (h *house) complaints(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(h.path("complaints"))
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	must(t, err)
	return string(text)
}
