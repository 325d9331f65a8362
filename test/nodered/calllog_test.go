package nodered

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// line is one ended call in the log, and what an event tells of it.
type line struct {
	EndedAt   time.Time `json:"ended_at"`
	Phone     string    `json:"phone"`
	Direction string    `json:"direction"`
	Result    string    `json:"result"`
	Number    *string   `json:"number"`
	Name      *string   `json:"name"`
	Rang      *float64  `json:"ring_s"`
	Talked    *float64  `json:"duration_s"`
	ID        string    `json:"id"`
}

// totals are those of one day.
type totals struct {
	Calls    int     `json:"calls"`
	Incoming int     `json:"incoming"`
	Outgoing int     `json:"outgoing"`
	Answered int     `json:"answered"`
	Missed   int     `json:"missed"`
	Talked   float64 `json:"talk_s"`
}

// callLog is what one day's two files hold.
type callLog struct {
	Lines  []line
	Totals totals
}

// wantLog is the log of everything that went over the broker, by day.
func (h *house) wantLog(t *testing.T) map[string]callLog {
	t.Helper()
	want := make(map[string]callLog)
	seen := make(map[string]bool)
	messages, err := h.observer.Messages()
	must(t, err)
	for _, m := range messages {
		var event struct {
			line
			Type   string  `json:"event_type"`
			Device string  `json:"name"`
			Number *string `json:"remote_number"`
			Name   *string `json:"remote_name"`
		}
		if !strings.Contains(m.Topic, "/event") || json.Unmarshal(m.Payload, &event) != nil || event.Type != "call_ended" || seen[event.ID] {
			continue
		}
		seen[event.ID] = true
		l := event.line
		l.Phone, l.Number, l.Name = event.Device, event.Number, event.Name
		day := l.EndedAt.In(wall).Format(time.DateOnly)
		log := want[day]
		log.Lines = append(log.Lines, l)
		log.Totals.count(l)
		want[day] = log
	}
	return want
}

func (t *totals) count(l line) {
	t.Calls++
	switch l.Direction {
	case "incoming":
		t.Incoming++
	case "outgoing":
		t.Outgoing++
	}
	switch l.Result {
	case "answered":
		t.Answered++
	case "missed":
		t.Missed++
	}
	if l.Talked != nil {
		t.Talked += *l.Talked
	}
}

// gotLog reads the files. What cannot be read yet is left out.
func (h *house) gotLog(t *testing.T) map[string]callLog {
	t.Helper()
	got := make(map[string]callLog)
	paths, err := filepath.Glob(h.path("calls/*.jsonl"))
	must(t, err)
	for _, path := range paths {
		name := strings.TrimSuffix(path, ".jsonl")
		var log callLog
		text, err := os.ReadFile(path)
		must(t, err)
		for row := range strings.Lines(string(text)) {
			var l line
			if err := json.Unmarshal([]byte(row), &l); err != nil {
				t.Fatalf("line %q: %v", row, err)
			}
			log.Lines = append(log.Lines, l)
		}
		// It is written a second later, and emptied before.
		text, _ = os.ReadFile(name + ".totals.json")
		_ = json.Unmarshal(text, &log.Totals)
		got[filepath.Base(name)] = log
	}
	return got
}

// awaitLog waits until the files hold what went over the broker.
func (h *house) awaitLog(t *testing.T) {
	t.Helper()
	var diff string
	err := stand.Eventually(t.Context(), "the call log is complete", func() bool {
		diff = cmp.Diff(h.wantLog(t), h.gotLog(t))
		return diff == ""
	})
	if err != nil {
		t.Fatalf("%v (-broker +files):\n%s", err, diff)
	}
}

// logged counts all lines of the files.
func (h *house) logged(t *testing.T) totals {
	t.Helper()
	var all totals
	for _, log := range h.gotLog(t) {
		for _, l := range log.Lines {
			all.count(l)
		}
	}
	return all
}

// since is what was added; how long people talked aside.
func (t totals) since(o totals) totals {
	return totals{t.Calls - o.Calls, t.Incoming - o.Incoming, t.Outgoing - o.Outgoing, t.Answered - o.Answered, t.Missed - o.Missed, 0}
}

// testCallLog: each call has two lines, for both phones are ours.
func (h *house) testCallLog(t *testing.T) {
	h.awaitLog(t)
	before := h.logged(t)
	begin := h.here(t)
	h.talk(t, h.office, h.kitchen)
	h.miss(t, h.office, h.kitchen)
	h.awaitLog(t)
	want := totals{Calls: 4, Incoming: 2, Outgoing: 2, Answered: 2, Missed: 1}
	if diff := cmp.Diff(want, h.logged(t).since(before)); diff != "" {
		t.Errorf("two calls give (-want +got):\n%s", diff)
	}

	// An event that had to wait, the same again, and one that comes twice.
	before = h.logged(t)
	ended, _, err := h.observer.Await(t.Context(), begin, "the first call ended", isEvent("call_ended"))
	must(t, err)
	late := strings.NewReplacer(`"id":"`, `"id":"late-`, `"outgoing"`, `"incoming"`).Replace(string(ended.Payload))
	for _, m := range []struct{ topic, payload string }{
		{ended.Topic + "/late", late},
		{ended.Topic + "/late", late},
		{ended.Topic, string(ended.Payload)},
	} {
		must(t, stand.Done(h.observer.Publish(m.topic, 1, false, m.payload)))
	}
	h.talk(t, h.kitchen, h.office)
	h.awaitLog(t)
	want = totals{Calls: 3, Incoming: 2, Outgoing: 1, Answered: 3}
	if diff := cmp.Diff(want, h.logged(t).since(before)); diff != "" {
		t.Errorf("a late one, two repeats and another call give (-want +got):\n%s", diff)
	}
}
