package mqtt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPublishesInOrder(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	o := observe(t, url, "observer", "dev/#", presenceTopic)
	c := NewClient(testConfig(t, url), openStore(t, t.TempDir()))
	stop := runInBackground(t, c.Run)

	want := []string{presenceTopic + " online"}
	for i := range 100 {
		mustStore(t, publish(c, event("dev/event", fmt.Sprint(i))))
		want = append(want, fmt.Sprintf("dev/event %d", i))
	}
	eventually(t, "own online read back", func() bool { return c.Status().Verified })
	stop()
	want = append(want, presenceTopic+" offline")
	o.expect(t, want)
	if s := c.Status(); s.Waiting != 0 || s.WaitingBytes != 0 || !s.OldestWaiting.IsZero() || s.Connected {
		t.Errorf("status %+v", s)
	}
	if err := publish(c, event("dev/event", "too late")).Wait(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	if err := c.Run(context.Background()); err == nil {
		t.Error("ran twice")
	}
}

// TestWaitsForTheBroker publishes before there is a broker: newest payloads at
// their place, and events that got too old on the way to their late topic.
func TestWaitsForTheBroker(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	p := startProxy(t, nowhere)
	c := NewClient(testConfig(t, p.url()), openStore(t, t.TempDir()))
	runInBackground(t, c.Run)
	old := Message{Topic: "dev/event", Payload: []byte("old"), LateTopic: "dev/late", FreshFor: time.Minute, At: time.Now().Add(-time.Hour)}
	fresh := Message{Topic: "dev/event", Payload: []byte("fresh"), LateTopic: "dev/late", FreshFor: time.Minute}
	brief := Message{Topic: "dev/result", KeepFor: time.Nanosecond}
	mustStore(t, publish(c, retained("dev/state", "1"), old, brief))
	mustStore(t, publish(c, retained("dev/state", "2"), fresh))
	eventually(t, "a failed attempt", func() bool { return c.Status().LastErr != nil })
	if s := c.Status(); s.Waiting != 2 || s.Connected || !s.OldestWaiting.Equal(old.At) {
		t.Errorf("status %+v", s)
	}

	o := observe(t, url, "observer", "dev/#")
	p.lead(t, url)
	o.expect(t, []string{"dev/state 2", "dev/late old", "dev/event fresh"})
	eventually(t, "all acknowledged", func() bool { return c.Status().Waiting == 0 })
	if s := c.Status(); s.LastErr != nil || s.Dropped != 1 {
		t.Errorf("status %+v", s)
	}
}

func TestBrokerReplacedByAnEmptyOne(t *testing.T) {
	first, stopFirst := startBroker(t, "127.0.0.1:0")
	p := startProxy(t, first)
	c := NewClient(testConfig(t, p.url()), openStore(t, t.TempDir()))
	connects := make(chan struct{}, 10)
	c.cfg.OnConnect = func() { connects <- struct{}{} }
	runInBackground(t, c.Run)

	var want []string
	for _, device := range []string{"a", "b", "c"} {
		state := retained(device+"/state", "on")
		state.Group = device
		available := retained(device+"/availability", "online")
		available.Group, available.Last = device, true
		mustStore(t, publish(c, available, state))
		want = append(want, device+"/state on")
	}
	mustStore(t, publish(c, retained("x/cleared", "x"), retained("x/cleared", "")))
	eventually(t, "line worked off", c.drained)
	<-connects

	second, _ := startBroker(t, "127.0.0.1:0")
	o := observe(t, second, "observer", "+/state", "+/availability", "+/event", "x/#")
	p.lead(t, nowhere) // while the event comes in
	stopFirst()
	eventually(t, "session lost", func() bool { return !c.Status().Connected })
	ring := event("b/event", "ring")
	ring.Group = "b"
	mustStore(t, publish(c, ring))
	p.lead(t, second)

	<-connects
	want = []string{"b/state on", "b/event ring", want[0], want[2], "a/availability online", "b/availability online", "c/availability online"}
	o.expect(t, want)
	if s := c.Status(); s.Reconnects != 1 {
		t.Errorf("%d reconnects", s.Reconnects)
	}
}

// TestKilledProcessLosesNothing continues with the file as a killed process
// leaves it behind.
func TestKilledProcessLosesNothing(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	off := startProxy(t, nowhere)
	dir, copied := t.TempDir(), t.TempDir()
	store := openStore(t, dir)
	dead := NewClient(testConfig(t, off.url()), store)
	runInBackground(t, dead.Run)
	var want []string
	for i := range 50 {
		m := event("dev/event", fmt.Sprint(i))
		m.LateTopic, m.FreshFor = "dev/late", time.Hour
		if i < 10 {
			m.At = time.Now().Add(-2 * time.Hour)
			want = append(want, fmt.Sprintf("dev/late %d", i))
		} else {
			want = append(want, fmt.Sprintf("dev/event %d", i))
		}
		mustStore(t, dead.Publish(Batch{Messages: []Message{m}, Records: []Record{{Key: "n", Value: fmt.Append(nil, i)}}}))
	}
	file, err := os.ReadFile(store.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, fileName), file, 0o600); err != nil {
		t.Fatal(err)
	}

	o := observe(t, url, "observer", "dev/#")
	again := openStore(t, copied)
	if diff := cmp.Diff(map[string]string{"n": "49"}, records(t, again, "")); diff != "" {
		t.Error(diff)
	}
	c := NewClient(testConfig(t, url), again)
	if s := c.Status(); s.Waiting != 50 || s.OldestWaiting.IsZero() {
		t.Errorf("status %+v", s)
	}
	publish(c, event("dev/event", "new"))
	runInBackground(t, c.Run)
	o.expect(t, append(want, "dev/event new"))
	eventually(t, "all acknowledged", func() bool { return c.Status().Waiting == 0 })
	eventually(t, "all deleted", func() bool {
		rest, err := again.read(0, span{last: ^uint64(0)})
		return err == nil && len(rest.messages) == 0
	})
}

// TestReadsBackWhatMemoryDoesNotHold lets far more wait than stays in memory.
func TestReadsBackWhatMemoryDoesNotHold(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	p := startProxy(t, nowhere)
	c := NewClient(testConfig(t, p.url()), openStore(t, t.TempDir()))
	c.line.budget = 10_000
	runInBackground(t, c.Run)
	payload := strings.Repeat("x", 400)
	var want []string
	var last *Receipt
	for i := range 3000 {
		last = publish(c, event("dev/event", fmt.Sprint(i, payload)))
		if i%100 == 0 {
			mustStore(t, last)
		}
		want = append(want, fmt.Sprint("dev/event ", i, payload))
	}
	mustStore(t, last)
	c.mu.Lock()
	entries, memory := len(c.line.queue.hurried)+len(c.line.queue.others), c.line.memory
	c.mu.Unlock()
	if entries > 100 || memory > c.line.budget+1000 {
		t.Errorf("%d entries, %d bytes in memory", entries, memory)
	}
	o := observe(t, url, "observer", "dev/#")
	p.lead(t, url)
	o.expect(t, want)
	eventually(t, "all acknowledged", func() bool { return c.Status().Waiting == 0 })
	if s := c.Status(); s.WaitingBytes != 0 {
		t.Errorf("%d bytes wait", s.WaitingBytes)
	}
}

func TestFullStore(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	p := startProxy(t, nowhere)
	store := openStore(t, t.TempDir())
	store.maxBytes = 1000
	c := NewClient(testConfig(t, p.url()), store)
	runInBackground(t, c.Run)
	big := event("dev/event", strings.Repeat("x", 600))
	mustStore(t, publish(c, big))

	refused := c.Publish(Batch{
		Messages: []Message{retained("dev/state", "new"), big},
		Records:  []Record{{Key: "a", Value: []byte("1")}},
	})
	if err := refused.Wait(context.Background()); !errors.Is(err, ErrFull) {
		t.Fatalf("receipt: %v", err)
	}
	eventually(t, "record stored", func() bool { return records(t, store, "")["a"] == "1" })
	if s := c.Status(); s.Waiting != 1 || s.Dropped != 1 {
		t.Errorf("status %+v", s)
	}

	// With a session up, what cannot be kept goes out all the same.
	o := observe(t, url, "observer", "dev/#")
	p.lead(t, url)
	eventually(t, "line worked off", func() bool { return c.Status().Connected && c.drained() })
	store.maxBytes = 10
	if err := publish(c, event("dev/event", "unkept")).Wait(context.Background()); !errors.Is(err, ErrFull) {
		t.Fatalf("receipt: %v", err)
	}
	o.expect(t, []string{"dev/event " + string(big.Payload), "dev/state new", "dev/event unkept"})
}

func TestUnpublishable(t *testing.T) {
	c := NewClient(testConfig(t, "mqtt://127.0.0.1:1"), openStore(t, ""))
	for _, b := range []Batch{
		{Messages: []Message{event("", "x")}},
		{Messages: []Message{event("a/+", "x")}},
		{Messages: []Message{event("a/#", "x")}},
		{Messages: []Message{event("a\x00", "x")}},
		{Messages: []Message{event("a\xff", "x")}},
		{Messages: []Message{event(strings.Repeat("a", 65536), "x")}},
		{Messages: []Message{{Topic: "a", LateTopic: "#"}}},
		{Messages: []Message{{Topic: "a", Payload: make([]byte, maxRemaining)}}},
		{Messages: []Message{event("a", "x")}, Records: []Record{{Key: ""}}},
		{Messages: []Message{event("a", "x")}, Records: []Record{{Key: strings.Repeat("k", maxKey+1)}}},
	} {
		if err := c.Publish(b).Wait(context.Background()); !errors.Is(err, ErrMessage) {
			t.Errorf("receipt: %v", err)
		}
	}
	if !c.drained() {
		t.Error("something was taken")
	}
	// Nothing to store, nothing to wait for.
	mustStore(t, publish(c, retained("a", "x"), Message{Topic: "b", KeepFor: time.Minute}))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := publish(c, event("a", "x")).Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("receipt of a client that does not run: %v", err)
	}
}

func TestMistakeInConfiguration(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"URL":      func(cfg *Config) { cfg.URL = "http://user:secret@host" },
		"presence": func(cfg *Config) { cfg.Presence.Topic = "a/#" },
		"online":   func(cfg *Config) { cfg.Presence.Online = nil },
		"filter":   func(cfg *Config) { cfg.Subscriptions = []Subscription{{Filter: "a/#/b"}} },
		"alive":    func(cfg *Config) { cfg.KeepAlive = time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t, "mqtt://127.0.0.1:1")
			spoil(&cfg)
			c := NewClient(cfg, openStore(t, ""))
			r := publish(c, event("a", "x"))
			err := c.Run(context.Background())
			if err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("Run: %v", err)
			}
			mustStore(t, r)
		})
	}
}

// TestCompany: whoever publishes alone does not wait; among many a transaction
// waits for as many as the one before had, and no longer than a moment.
func TestCompany(t *testing.T) {
	store := openStore(t, "")
	synctest.Test(t, func(t *testing.T) { testCompany(t, NewClient(testConfig(t, "mqtt://127.0.0.1:1"), store)) })
}

func testCompany(t *testing.T, c *Client) {
	taken := func(publishers int, due bool) int {
		for range publishers {
			publish(c, event("dev/event", "x"))
		}
		w, later := c.takeWork(due)
		if w == nil {
			if later <= 0 || later > companyTime {
				t.Errorf("to wait %s for company", later)
			}
			return 0
		}
		return len(w.receipts)
	}
	for i, step := range []struct {
		publishers int
		due        bool
		taken      int
	}{
		{1, false, 1}, {1, false, 1}, // alone
		{4, false, 4}, {4, false, 0}, {1, false, 5}, // in company
		{3, false, 0}, {0, true, 3}, // which did not come
		{2, false, 0}, {0, true, 2}, {1, false, 0}, {0, true, 1}, {1, false, 1}, // and goes
		{100, false, 100}, {companyLimit - 1, false, 0}, {1, false, companyLimit}, // there is a limit to it
	} {
		if got := taken(step.publishers, step.due); got != step.taken {
			t.Fatalf("step %d: %d were taken, want %d", i, got, step.taken)
		}
	}
}
