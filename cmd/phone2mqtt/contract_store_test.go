package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
)

// startSmall runs the program with a store that takes no more than so many bytes.
func startSmall(t *testing.T, broker string, storeMax int64, change func(*bridge.Config)) house {
	t.Helper()
	cfg := testBridge()
	if change != nil {
		change(&cfg)
	}
	intake, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := parts{intake: intake, storeMax: storeMax, mqtt: mqtt.Config{URL: "mqtt://" + broker, ClientID: "small"}, bridge: cfg}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx, zerolog.Nop()) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the program ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return house{intake.Addr().String(), stop}
}

// slowBroker stands between the program and its broker, can hold back what the broker says, and can cut
// the line.
type slowBroker struct {
	addr string
	held sync.Mutex

	mu     sync.Mutex
	broken bool
	lines  []net.Conn
}

// cut ends all connections, without a word of MQTT, and lets none come about until mend.
func (s *slowBroker) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = true
	for _, c := range s.lines {
		_ = c.Close()
	}
}

func (s *slowBroker) mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken, s.lines = false, nil
}

// takes tells whether the line to the broker holds, and notes a connection.
func (s *slowBroker) takes(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, c)
	return !s.broken
}

func startSlowBroker(t *testing.T, broker string) *slowBroker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &slowBroker{addr: l.Addr().String()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.serve(c, broker) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return s
}

func (s *slowBroker) serve(client net.Conn, addr string) {
	defer func() { _ = client.Close() }()
	if !s.takes(client) {
		return
	}
	broker, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer func() { _ = broker.Close() }()
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(broker, client)
		_ = broker.Close()
	})
	buffer := make([]byte, 4096)
	for {
		n, err := broker.Read(buffer)
		if err != nil {
			break
		}
		s.held.Lock()
		_, err = client.Write(buffer[:n])
		s.held.Unlock()
		if err != nil {
			break
		}
	}
	_ = client.Close()
	both.Wait()
}

// TestStoreTakesNothing has a store without any room, and the broker there: the events go out, the
// phones hear that they are not kept, and the health checks tell it.
func TestStoreTakesNothing(t *testing.T) {
	broker := startEmbedded(t, "")
	w := watch(t, broker.addr)
	s := &scene{watcher: w, house: startSmall(t, broker.addr, 1, nil)}
	s.ready(t)
	for _, event := range []string{"incoming_call", "call_established"} {
		status, body := s.ask(t, "GET /"+event+"?mac="+vendor+"&call_id=a1 HTTP/1.1\r\n\r\n")
		if status != 503 {
			t.Errorf("%s was answered %d %q, want 503", event, status, body)
		}
		checkReason(t, status, body)
	}
	eventually(t, "both events", func() bool { return fmt.Sprint(s.events(vendor)) == "[incoming_call call_established]" })
	s.state(t, vendor, "is right", func(m message) bool { return m.text("call_state") == "talking" })
	if status := s.get(t, "/healthz"); status != 200 {
		t.Errorf("/healthz was answered %d: a restart would not help", status)
	}
	if status, body := s.ask(t, "GET /readyz HTTP/1.1\r\n\r\n"); status != 503 || !strings.Contains(body, "store") {
		t.Errorf("/readyz was answered %d %q, want 503 and the store", status, body)
	}
}

// TestStoreIsFull has no broker: what fits is kept, the rest is answered 503, and when the broker comes
// the first arrives and the state is right.
func TestStoreIsFull(t *testing.T) {
	addr := freeAddr(t)
	h := startSmall(t, addr, 3000, window(0))
	kept := 0
	for n := range 20 {
		switch status, _ := h.ask(t, fmt.Sprintf("GET /outgoing_call?mac=%s&call_id=%d HTTP/1.1\r\n\r\n", vendor, n)); status {
		case 200:
			if kept < n {
				t.Errorf("event %d was kept after others were not", n)
			}
			kept++
		case 503:
		default:
			t.Errorf("event %d was answered %d", n, status)
		}
	}
	if kept == 0 || kept == 20 {
		t.Fatalf("%d of 20 events were kept", kept)
	}
	startEmbedded(t, addr)
	s := &scene{watcher: watch(t, addr), house: h}
	s.ready(t)
	s.state(t, vendor, "has the newest call", func(m message) bool { return strings.Contains(m.member("calls"), `"call_id":"19"`) })
	eventually(t, "what was kept", func() bool { return len(callIDs(s.of(vendor+"/event"))) == kept })
	s.tell(t, vendor, "off_hook")
}

// TestRepeatIsStored sends an event that cannot be stored, and again when it can: it is stored then,
// and it is the same event.
func TestRepeatIsStored(t *testing.T) {
	broker := startEmbedded(t, "")
	slow := startSlowBroker(t, broker.addr)
	h := startSmall(t, slow.addr, 1000, window(time.Hour))
	s := &scene{watcher: watch(t, broker.addr), house: h}
	s.ready(t)
	other := macs(1)[0]
	// With no acknowledgement coming the store fills up.
	slow.held.Lock()
	release := sync.OnceFunc(slow.held.Unlock)
	t.Cleanup(release)
	full := false
	for n := 0; n < 20 && !full; n++ {
		status, _ := s.ask(t, fmt.Sprintf("GET /off_hook?mac=%s&call_id=%d HTTP/1.1\r\n\r\n", other, n))
		full = status == 503
	}
	request := "GET /incoming_call?mac=" + vendor + "&remote=206 HTTP/1.1\r\n\r\n"
	status, body := s.ask(t, request)
	release()
	if !full || status != 503 {
		t.Fatalf("the store is not full: %d %s", status, body)
	}
	// When the broker has acknowledged what waited there is room.
	eventually(t, "the repeat is stored", func() bool { status, _ := s.ask(t, request); return status == 200 })
	eventually(t, "the event comes", func() bool { return len(s.of(vendor+"/event")) > 0 })
	s.until(t, vendor)
	ids := make(map[string]bool)
	for _, m := range s.of(vendor + "/event") {
		if m.text("event_type") == "incoming_call" {
			ids[m.text("id")] = true
		}
	}
	if len(ids) != 1 {
		t.Errorf("the event has %d ids, want 1", len(ids))
	}
}

// TestReady asks for readiness before there is a broker and after.
func TestReady(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	h := startHouse(t, addr, "", nil)
	status, body := h.ask(t, "GET /readyz HTTP/1.1\r\n\r\n")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, addr) {
		t.Errorf("without a broker: %d %q, want 503 and what is missing", status, body)
	}
	if status := h.get(t, "/healthz"); status != 200 {
		t.Errorf("/healthz: %d", status)
	}
	first := startEmbedded(t, addr)
	ready := func() bool { status, _ := h.ask(t, "GET /readyz HTTP/1.1\r\n\r\n"); return status == 200 }
	eventually(t, "it is ready", ready)
	first.stop()
	eventually(t, "it is not", func() bool { return !ready() })
	startEmbedded(t, addr)
	eventually(t, "it is again", ready)
}

// TestLateEvents lets events wait for the broker for longer than EVENT_FRESH, and one less.
func TestLateEvents(t *testing.T) {
	t.Parallel()
	const fresh = 2 * time.Second
	addr := freeAddr(t)
	h := startHouse(t, addr, "", func(c *bridge.Config) {
		c.EventFresh = fresh
		c.Limits.Repeat = 0
	})
	s := &scene{house: h}
	s.tell(t, vendor, "incoming_call", "call_id=a1", "remote=206")
	s.tell(t, vendor, "call_terminated", "call_id=a1")
	old := time.Now()
	<-time.After(time.Until(old.Add(fresh + 10*time.Millisecond)))
	startEmbedded(t, addr)
	s.watcher = watch(t, addr)
	s.ready(t)
	s.tell(t, vendor, "off_hook")
	s.nth(t, vendor+"/event", 1)
	if got := s.events(vendor); fmt.Sprint(got) != "[off_hook]" {
		t.Errorf("fresh events: %v", got)
	}
	late := s.of(vendor + "/event/late")
	var types []string
	for _, m := range late {
		types = append(types, m.text("event_type"))
	}
	if fmt.Sprint(types) != "[incoming_call call_terminated call_ended]" {
		t.Errorf("late events: %v", types)
	}
	if len(late) > 0 && (late[0].text("remote_number") != "206" || late[0].text("call_state") != "ringing" || late[0].retained) {
		t.Errorf("a late event: %v", late[0])
	}
}
