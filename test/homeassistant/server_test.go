package homeassistant

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// configuration is as little as shows phones: no default_config, nothing that looks for other devices.
// MQTT comes by its config flow, as people add it. The last members are for automations to act on.
const configuration = `
homeassistant:
  name: Test
  country: GB
  time_zone: Europe/London
http:
  server_host: %HOST%
  server_port: %PORT%
api:
websocket_api:
config:
automation: !include automations.yaml
logger:
  default: warning
  logs:
    homeassistant.bootstrap: error
household:
input_boolean:
  quiet:
    name: Quiet
  out:
    name: Out
`

// server is a Home Assistant that runs here.
type server struct {
	api
	dir     string
	process *stand.Process
	logged  string // what the runs before wrote
}

// newServer writes the configuration and starts an empty Home Assistant, with its first user and MQTT set
// up.
func newServer(t *testing.T, broker string) *server {
	t.Helper()
	addr, err := stand.FreeAddr()
	must(t, err)
	s := &server{api: newAPI("http://" + addr), dir: t.TempDir()}
	host, port, _ := strings.Cut(addr, ":")
	s.write(t, "configuration.yaml", strings.NewReplacer("%HOST%", host, "%PORT%", port).Replace(configuration))
	s.write(t, "automations.yaml", "[]\n")
	must(t, os.CopyFS(filepath.Join(s.dir, "custom_components"), os.DirFS("testdata/custom_components")))
	must(t, os.CopyFS(filepath.Join(s.dir, "blueprints/automation/phone2mqtt"), os.DirFS("../../examples/home-assistant/blueprints")))
	s.start(t)
	// Whichever runs then: a part of the test may have started it again.
	t.Cleanup(func() { s.process.Kill() })
	s.onboard(t)
	s.connectMQTT(t, broker)
	ws := s.connect(t)
	defer ws.close()
	// Otherwise it goes back to its usual port five minutes later. Versions before 2026.11 know nothing of it.
	_ = ws.try("http/config/promote", nil, nil, nil)
	return s
}

func (s *server) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

// start starts it, and returns when its API answers. That it has started for good, [server.running]
// tells.
func (s *server) start(t *testing.T) {
	t.Helper()
	var err error
	s.process, err = stand.Start(context.Background(), "Home Assistant", os.Getenv("HA_PYTHON"),
		[]string{"-m", "homeassistant", "--config", s.dir, "--skip-pip", "--log-no-color"}, []string{"HOME=" + s.dir})
	must(t, err)
	// Until there is a first user it lets nobody in.
	must(t, s.process.AwaitPage(t.Context(), s.url+"/api/onboarding"))
}

// running waits until everything is loaded: automations have started then.
func (s *server) running(t *testing.T) {
	t.Helper()
	must(t, s.process.Await(t.Context(), "Home Assistant has started", func() bool {
		var config struct{ State string }
		return s.try("GET", "/api/config", nil, &config) == nil && config.State == "RUNNING"
	}))
}

// stop ends it in order. It writes down what it knows, and its log is kept.
func (s *server) stop(t *testing.T) {
	t.Helper()
	must(t, s.process.Signal(syscall.SIGTERM))
	eventually(t, "Home Assistant ends", func() bool {
		select {
		case <-s.process.Ended():
			return true
		default:
			return false
		}
	})
	if code := s.process.ExitCode(); code != 0 {
		t.Errorf("Home Assistant ended with %d: %s", code, s.process.Output())
	}
	s.logged += s.read(t)
	// The next run moves it away.
	must(t, os.Remove(s.logFile()))
}

func (s *server) logFile() string { return filepath.Join(s.dir, "home-assistant.log") }

func (s *server) read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(s.logFile())
	must(t, err)
	return string(text)
}

// log is what it wrote in all of its runs.
func (s *server) log(t *testing.T) string {
	t.Helper()
	return s.logged + s.read(t)
}
