package homeassistant

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

const (
	kitchen phone.MAC = "001fc11a8b6c"
	office  phone.MAC = "001fc11a8b6d"
	guest   phone.MAC = "001fc11a8b6e"

	// bridge stands in the place of a MAC for the bridge itself.
	bridge phone.MAC = "bridge"
)

// house is a Home Assistant with two phones, and what belongs in between.
type house struct {
	*server         // Home Assistant
	ws              *socket
	history         history
	broker          stand.Broker
	base            string // topic root, and what ids begin with
	files           string // a directory for everything else
	program         string // the daemon
	settings        []string
	daemon          stand.Daemon
	exchange        *phonetest.Exchange
	kitchen, office *phonetest.Phone
}

// newHouse starts everything, Home Assistant before the daemon: it is empty when the phones come.
// The phone in the office has the caller's name.
func newHouse(t *testing.T, caller string) *house {
	t.Helper()
	h := &house{base: "phone2mqtt", files: t.TempDir(), exchange: phonetest.NewExchange()}
	h.startBroker(t, "")
	t.Cleanup(func() { h.broker.Stop() })
	h.server = newServer(t, h.broker.Addr)
	h.running(t)
	h.listen(t)
	t.Cleanup(func() { h.ws.close() })

	intake, err := stand.FreeAddr()
	must(t, err)
	h.kitchen = startPhone(t, intake, phonetest.Options{MAC: kitchen, IP: "192.168.0.157", Number: "201", Name: "Kitchen", Exchange: h.exchange})
	h.office = startPhone(t, intake, phonetest.Options{MAC: office, IP: "192.168.0.158", Number: "202", Name: caller, Exchange: h.exchange})
	h.buildDaemon(t, intake,
		fmt.Sprintf("{mac: %q, host: %q, name: Kitchen, ring: true}", kitchen, h.kitchen.Addr()),
		fmt.Sprintf("{mac: %q, host: %q, name: Office, area: Upstairs}", office, h.office.Addr()))
	h.startDaemon(t)
	t.Cleanup(func() { h.daemon.Stop() })
	h.kitchen.Boot()
	h.office.Boot()
	return h
}

// caller is the display name of the phone in the office. It must not be read as a template, nor end a text.
const caller = `Zoë "{{ 7 * 7 }}" O'Hara`

// startBroker starts a mosquitto that knows nothing; an empty addr is a free one.
func (h *house) startBroker(t *testing.T, addr string) {
	t.Helper()
	var err error
	h.broker, err = stand.StartBroker(context.Background(), h.files, addr)
	must(t, err)
}

// buildDaemon builds the daemon and writes its settings and its phones file.
func (h *house) buildDaemon(t *testing.T, intake string, phones ...string) {
	t.Helper()
	var err error
	h.program, err = stand.Build(t.Context(), h.files)
	must(t, err)
	must(t, os.WriteFile(h.phonesFile(), []byte("phones:\n  - "+strings.Join(phones, "\n  - ")+"\n"), 0o600))
	h.settings = []string{
		"HTTP_ADDR=" + intake, "MQTT_URL=mqtt://" + h.broker.Addr, "MQTT_BASE=" + h.base,
		"DATA_DIR=" + filepath.Join(h.files, "store"), "PHONES_FILE=" + h.phonesFile(), "KEY_PAUSE=1ms",
	}
}

func (h *house) phonesFile() string { return filepath.Join(h.files, "phones.yaml") }

// startDaemon starts the daemon with further settings, and returns when it takes events.
func (h *house) startDaemon(t *testing.T, further ...string) {
	t.Helper()
	var err error
	h.daemon, err = stand.StartDaemon(context.Background(), h.program, append(h.settings, further...)...)
	must(t, err)
	must(t, h.daemon.Ready(t.Context(), "healthz"))
}

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
