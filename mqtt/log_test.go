package mqtt

import (
	"bytes"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

// logbook keeps what is logged.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// messages are the messages so far, in order.
func (l *logbook) messages(t *testing.T) []string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var messages []string
	for line := range strings.Lines(l.text.String()) {
		var entry struct{ Message string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		messages = append(messages, entry.Message)
	}
	return messages
}

// TestNoSessionLog tries many times in vain and tells it once.
func TestNoSessionLog(t *testing.T) {
	// Hangs up on everybody who says something.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var attempts atomic.Int32
	var hangingUp sync.WaitGroup
	hangingUp.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			attempts.Add(1)
			_, _ = conn.Read(make([]byte, 1024))
			_ = conn.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); hangingUp.Wait() })

	cfg := testConfig(t, "mqtt://"+l.Addr().String())
	cfg.Backoff = Backoff{Early: time.Millisecond, Late: time.Millisecond}
	var log logbook
	cfg.Log = zerolog.New(&log)
	stop := runInBackground(t, NewClient(cfg, openStore(t, "")).Run)
	eventually(t, "many attempts", func() bool { return attempts.Load() >= 20 })
	stop()
	if diff := cmp.Diff([]string{"no session with the broker"}, log.messages(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFullStoreLog fills the store and gives it room by turns: what happens with every message at the
// brink is told once.
func TestFullStoreLog(t *testing.T) {
	var log logbook
	cfg := testConfig(t, nowhere)
	cfg.Log = zerolog.New(&log)
	store := openStore(t, "")
	c := NewClient(cfg, store)
	for range 5 {
		store.maxBytes = 1
		publish(c, event("dev/event", "refused"))
		publish(c, event("dev/event", "refused"))
		store.maxBytes = defaultMaxBytes
		publish(c, event("dev/event", "kept"))
	}
	want := []string{"store is full, messages go out without being kept", "store takes messages again"}
	if diff := cmp.Diff(want, log.messages(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestOnAcknowledged measures what a broker acknowledged: each event with its age, nothing that is
// retained, and nothing of an earlier process.
func TestOnAcknowledged(t *testing.T) {
	dir := t.TempDir()
	earlier, err := OpenStore(dir, StoreOptions{Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(testConfig(t, nowhere), earlier)
	stop := runInBackground(t, c.Run)
	mustStore(t, publish(c, event("dev/event", "of an earlier process")))
	stop()
	if err := earlier.Close(); err != nil {
		t.Fatal(err)
	}

	url, _ := startBroker(t, "127.0.0.1:0")
	cfg := testConfig(t, url)
	var mu sync.Mutex
	var ages []time.Duration
	cfg.OnAcknowledged = func(age time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		ages = append(ages, age.Truncate(time.Hour))
	}
	c = NewClient(cfg, openStore(t, dir))
	old := event("dev/event", "old")
	old.At = time.Now().Add(-time.Hour)
	fresh := event("dev/result", "fresh")
	fresh.KeepFor = time.Minute
	ahead := event("dev/event", "of a clock that was set back")
	ahead.At = time.Now().Add(2 * time.Hour)
	publish(c, retained("dev/state", "x"), old, fresh, ahead)
	runInBackground(t, c.Run)
	want := []time.Duration{0, time.Hour, 0} // somebody waits for the fresh one: it goes first
	eventually(t, "all acknowledged and measured", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return c.drained() && len(ages) >= len(want)
	})
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, ages); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTakeoverLog has another client with our id throw us out again and again: the first loss is told,
// the others are not, and neither are the sessions between them.
func TestTakeoverLog(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	cfg := testConfig(t, url)
	var log logbook
	cfg.Log = zerolog.New(&log)
	c := NewClient(cfg, openStore(t, ""))
	runInBackground(t, c.Run)
	session := func() {
		t.Helper()
		eventually(t, "a session", func() bool { return c.Status().Connected })
	}
	// The embedded broker may lose sight of a client that came while its double was going, and does not end
	// its session for the next one then: such a theft is tried again.
	stolen := func(reconnects uint64) bool {
		observe(t, url, cfg.ClientID)
		for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if s := c.Status(); !s.Connected || s.Reconnects > reconnects {
				return true
			}
		}
		return false
	}
	for c.Status().Reconnects < 5 {
		session()
		reconnects := c.Status().Reconnects
		eventually(t, "a theft", func() bool { return stolen(reconnects) })
	}
	session()
	want := []string{"session with the broker", "no session with the broker", "session with the broker"}
	if diff := cmp.Diff(want, log.messages(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
