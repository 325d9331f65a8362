package metrics

import (
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// example is a program in which something has happened.
func example() *Metrics {
	m := New(Config{
		Version:  "1.2.3",
		StoreMax: 1 << 20,
		Status: func() mqtt.Status {
			return mqtt.Status{Connected: true, Waiting: 3, WaitingBytes: 900, Reconnects: 2, SetAside: 1, Damages: 4, Lost: 5}
		},
		Phones: func() (int, int) { return 5, 1 },
	})
	m.EventAnswered(bridge.Answer{Event: phone.IncomingCall, Status: 200})
	m.EventAnswered(bridge.Answer{Event: phone.IncomingCall, Status: 200, Repeat: true})
	m.EventAnswered(bridge.Answer{Status: 403, Reason: bridge.BadToken})
	m.CallEnded(phone.Incoming, phone.Missed)
	m.CallEnded("", phone.Unknown)
	m.CommandAnswered("dial", "ok")
	m.CommandAnswered("rm -rf 0171234567", "command")
	m.PhoneRequested(20 * time.Millisecond)
	m.Published(3 * time.Millisecond)
	return m
}

// scrape is what Prometheus gets, without the lines of Go and of the process.
func scrape(t *testing.T, m *Metrics) []string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	text, err := io.ReadAll(answer.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool { return !strings.Contains(line, "phone2mqtt_") })
}

func TestMetrics(t *testing.T) {
	got := scrape(t, example())
	for _, want := range []string{
		`phone2mqtt_events_total{answer="200",event="incoming_call"} 2`,
		`phone2mqtt_events_total{answer="403",event="none"} 1`,
		`phone2mqtt_event_repeats_total 1`,
		`phone2mqtt_refusals_total{reason="token"} 1`,
		`phone2mqtt_refusals_total{reason="rate"} 0`,
		`phone2mqtt_calls_total{direction="incoming",result="missed"} 1`,
		`phone2mqtt_calls_total{direction="unknown",result="unknown"} 1`,
		`phone2mqtt_commands_total{code="ok",command="dial"} 1`,
		`phone2mqtt_commands_total{code="login",command="reboot"} 0`,
		`phone2mqtt_commands_total{code="command",command="unknown"} 1`,
		`phone2mqtt_phones{availability="online"} 5`,
		`phone2mqtt_phones{availability="offline"} 1`,
		`phone2mqtt_mqtt_connected 1`,
		`phone2mqtt_mqtt_verified 0`,
		`phone2mqtt_mqtt_reconnects_total 2`,
		`phone2mqtt_messages_set_aside_total 1`,
		`phone2mqtt_store_damages_total 4`,
		`phone2mqtt_messages_lost_total 5`,
		`phone2mqtt_messages_dropped_total 0`,
		`phone2mqtt_store_waiting_messages 3`,
		`phone2mqtt_store_waiting_bytes 900`,
		`phone2mqtt_store_max_bytes 1.048576e+06`,
		`phone2mqtt_oldest_waiting_seconds 0`,
		`phone2mqtt_publish_duration_seconds_count 1`,
		`phone2mqtt_phone_request_duration_seconds_bucket{le="0.025"} 1`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if text := strings.Join(got, "\n"); strings.Contains(text, "0171234567") {
		t.Error("what somebody sent became a label")
	}
}

// TestLoginsAreThereFromTheStart: an alert on their increase sees the first one, for each command that a
// phone can refuse, and there is nothing else of commands before the first one.
func TestLoginsAreThereFromTheStart(t *testing.T) {
	m := New(Config{Status: func() mqtt.Status { return mqtt.Status{} }, Phones: func() (int, int) { return 0, 0 }})
	ofCommands := func() []string {
		return slices.DeleteFunc(scrape(t, m), func(line string) bool { return !strings.HasPrefix(line, "phone2mqtt_commands_total{") })
	}
	var want []string
	for _, row := range phone.Commands() {
		if row.Name != "clear_missed" { // nothing goes to the phone
			want = append(want, fmt.Sprintf("phone2mqtt_commands_total{code=\"login\",command=%q} 0", row.Name))
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, ofCommands()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m.CommandAnswered("dial", "login")
	if got := ofCommands(); len(got) != len(want) || !slices.Contains(got, `phone2mqtt_commands_total{code="login",command="dial"} 1`) {
		t.Errorf("a refused login is not counted where it was awaited: %q", got)
	}
}

var metricName = regexp.MustCompile(`phone2mqtt_[a-z_]+`)

// TestNamesInExamples holds that alerts, dashboard and documents use names that the program has.
func TestNamesInExamples(t *testing.T) {
	known := make(map[string]bool)
	for _, line := range scrape(t, example()) {
		known[metricName.FindString(line)] = true
	}
	used := make(map[string][]string)
	for _, pattern := range []string{"../../examples/prometheus/*.yml", "../../examples/grafana/*.json", "../../docs/monitoring.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files (%v)", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range metricName.FindAllString(string(text), -1) {
				used[name] = append(used[name], filepath.Base(file))
			}
		}
	}
	var unknown []string
	for name, files := range used {
		if !known[name] {
			unknown = append(unknown, name+" in "+strings.Join(slices.Compact(files), ", "))
		}
	}
	if diff := cmp.Diff([]string(nil), unknown); diff != "" {
		t.Errorf("names that the program does not have (-want +got):\n%s", diff)
	}
	if len(used) < 10 {
		t.Errorf("only %d names are used; is this the right place?", len(used))
	}
}

// TestEveryMetricIsDocumented compares the table of docs/monitoring.md with the program: each metric,
// with its labels.
func TestEveryMetricIsDocumented(t *testing.T) {
	families, err := example().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string][]string)
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "phone2mqtt_") {
			continue
		}
		labels := []string{}
		for _, label := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, label.GetName())
		}
		want[family.GetName()] = labels
	}
	text, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile("`([a-z0-9_]+)`")
	got := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| `phone2mqtt_") {
			continue
		}
		cells := strings.Split(line, "|")
		labels := []string{}
		for _, label := range word.FindAllStringSubmatch(cells[2], -1) {
			labels = append(labels, label[1])
		}
		slices.Sort(labels)
		for _, name := range word.FindAllStringSubmatch(cells[1], -1) {
			got[name[1]] = labels
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-program +docs/monitoring.md):\n%s", diff)
	}
}
