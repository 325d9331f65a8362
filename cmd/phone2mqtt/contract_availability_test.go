package main

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
)

// probing sets PROBE_INTERVAL.
func probing(every time.Duration) func(*bridge.Config) {
	return func(c *bridge.Config) { c.ProbeInterval = every }
}

const often = 100 * time.Millisecond

// available waits until a phone's availability is as wanted.
func (s *scene) available(t *testing.T, mac phone.MAC, want string) {
	t.Helper()
	s.last(t, string(mac)+"/availability", "is "+want, func(m message) bool { return m.payload == want })
}

// webPage is a web port that can be closed and opened again and that counts who connects.
type webPage struct {
	addr string
	mu   sync.Mutex
	l    net.Listener
	came int
	done sync.WaitGroup
}

func openPage(t *testing.T) *webPage {
	t.Helper()
	w := &webPage{addr: "127.0.0.1:0"}
	w.open(t)
	w.addr = w.l.Addr().String()
	t.Cleanup(w.close)
	return w
}

func (w *webPage) open(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	w.l = l
	w.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.mu.Lock()
			w.came++
			w.mu.Unlock()
			_ = c.Close()
		}
	})
}

func (w *webPage) close() {
	_ = w.l.Close()
	w.done.Wait()
}

func (w *webPage) visits() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.came
}

// TestOnlineByEvent has a listed phone that was never heard, and one event of it.
func TestOnlineByEvent(t *testing.T) {
	s := startScene(t, func(c *bridge.Config) {
		c.ProbeInterval = time.Hour
		c.Phones = append(c.Phones, book.Listing{MAC: vendor})
	})
	s.available(t, vendor, "offline")
	s.tell(t, vendor, "off_hook")
	s.available(t, vendor, "online")
	if diff := cmp.Diff([]string{"[phone_online]", "off_hook"}, s.until(t, vendor)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestLearnedIsOnline has a learned phone online with its first event, which is news enough.
func TestLearnedIsOnline(t *testing.T) {
	s := startScene(t, nil)
	s.tell(t, vendor, "off_hook")
	s.available(t, vendor, "online")
	if diff := cmp.Diff([]string{"off_hook"}, s.until(t, vendor)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestOnlineByProbe has a listed phone that never sends anything, and a web page.
func TestOnlineByProbe(t *testing.T) {
	p := startPhone(t, phoneOptions(vendor))
	s := startScene(t, probing(often), p)
	s.available(t, vendor, "online")
	state := s.state(t, vendor, "is there", func(message) bool { return true })
	if state.member("last_event") != "null" || state.member("last_seen") != "null" {
		t.Errorf("a probe is no event: %s", state.payload)
	}
	if got := lines(p); len(got) > 0 {
		t.Errorf("a probe sends %v", got)
	}
}

// TestOnlineByCommand has the answer to a command show that the phone is there, whatever it says.
func TestOnlineByCommand(t *testing.T) {
	p := startPhone(t, phonetest.Options{MAC: vendor, Behaviour: phonetest.Behaviour{Fault: phonetest.NotFound}})
	s := startScene(t, probing(time.Hour), p)
	s.available(t, vendor, "offline")
	if result := s.do(t, vendor, "redial", "{}"); outcome(result) != "error http" {
		t.Errorf("result: %s", result.payload)
	}
	s.available(t, vendor, "online")
}

// TestThreeMissedProbes takes a phone's web page away and gives it back, and then has the phone speak.
func TestThreeMissedProbes(t *testing.T) {
	page := openPage(t)
	s := startScene(t, func(c *bridge.Config) {
		c.ProbeInterval = often
		c.Phones = append(c.Phones, book.Listing{MAC: vendor, Host: page.addr})
	})
	s.available(t, vendor, "online")
	s.tell(t, vendor, "incoming_call", "call_id=a1", "remote=206")
	page.close()
	closed := time.Now()
	s.available(t, vendor, "offline")
	if took := time.Since(closed); took < often {
		t.Errorf("offline after %s, want three missed probes", took)
	}
	eventually(t, "phone_offline", func() bool { return slices.Contains(s.events(vendor), "[phone_offline]") })
	state := s.state(t, vendor, "is there", func(message) bool { return true })
	if state.text("call_state") != "ringing" {
		t.Errorf("offline ended a call: %s", state.payload)
	}

	page.open(t)
	s.available(t, vendor, "online")
	page.close()
	s.available(t, vendor, "offline")
	s.tell(t, vendor, "mute", "call_id=a1")
	s.available(t, vendor, "online")
	got := slices.DeleteFunc(s.until(t, vendor), func(e string) bool { return e == "[phone_offline]" || e == "[phone_online]" })
	if diff := cmp.Diff([]string{"incoming_call", "mute"}, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	online, offline := times(s.events(vendor), "[phone_online]"), times(s.events(vendor), "[phone_offline]")
	// Online at first, by a probe, and by an event; the page may have been missed again since.
	if online < 3 || offline < 2 || online-offline > 1 || offline > online {
		t.Errorf("phone_online %d times, phone_offline %d times", online, offline)
	}
	for _, m := range s.of(vendor + "/event") {
		if name := m.text("event_type"); (name == "phone_online" || name == "phone_offline") && (m.member("derived") != "true" || m.text("mac") != vendor) {
			t.Errorf("event %s", m.payload)
		}
	}
}

// TestNeverReached stays online by its events alone: its web page may be switched off.
func TestNeverReached(t *testing.T) {
	nowhere := freeAddr(t)
	page := openPage(t)
	s := startScene(t, func(c *bridge.Config) {
		c.ProbeInterval = often
		c.Phones = append(c.Phones, book.Listing{MAC: vendor, Host: nowhere}, book.Listing{MAC: first, Host: page.addr})
	})
	s.tell(t, vendor, "off_hook")
	// Both are probed in the same rounds.
	before := page.visits()
	eventually(t, "six rounds of probes", func() bool { return page.visits() >= before+6 })
	s.available(t, vendor, "online")
	if diff := cmp.Diff([]string{"[phone_online]", "off_hook"}, s.until(t, vendor)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestAvailabilityIsKept restarts the program with a phone online, one offline, and one never heard:
// that gives no event, and all of it is retained.
func TestAvailabilityIsKept(t *testing.T) {
	dir := t.TempDir()
	page := openPage(t)
	set := func(interval time.Duration) func(*bridge.Config) {
		return func(c *bridge.Config) {
			c.ProbeInterval = interval
			c.Phones = append(c.Phones, book.Listing{MAC: vendor, Host: page.addr}, book.Listing{MAC: second})
		}
	}
	s := startSceneIn(t, dir, set(often))
	s.available(t, vendor, "online")
	s.tell(t, vendor, "incoming_call", "call_id=a1")
	page.close()
	s.available(t, vendor, "offline")
	s.tell(t, first, "off_hook")
	s.available(t, first, "online")
	s.until(t, first)
	s.stop()

	s = startSceneIn(t, dir, set(time.Hour))
	s.available(t, vendor, "offline")
	s.available(t, first, "online")
	s.available(t, second, "offline")
	s.state(t, vendor, "still rings", func(m message) bool { return m.text("call_state") == "ringing" })
	// A phone that was offline is back with its first event, one that was online was never away.
	s.tell(t, vendor, "mute", "call_id=a1")
	if diff := cmp.Diff([]string{"[phone_online]", "mute"}, s.until(t, vendor)); diff != "" {
		t.Errorf("events of the one offline (-want +got):\n%s", diff)
	}
	s.tell(t, first, "on_hook")
	if diff := cmp.Diff([]string{"on_hook"}, s.until(t, first)); diff != "" {
		t.Errorf("events of the one online (-want +got):\n%s", diff)
	}
	late := watchAs(t, s.broker.addr, "late")
	for mac, want := range map[phone.MAC]string{vendor: "online", first: "online", second: "offline"} {
		for _, leaf := range []string{"availability", "state", "call_state"} {
			late.last(t, string(mac)+"/"+leaf, "is retained", func(m message) bool { return m.retained && (leaf != "availability" || m.payload == want) })
		}
	}
	for _, m := range late.seen() {
		if !m.retained || m.topic == "phone2mqtt/"+vendor+"/event" {
			t.Errorf("who comes later gets %v", m)
		}
	}
}

// TestRepublishing gives the program an empty broker: every retained topic is published again, with
// the availability of a phone behind its state.
func TestRepublishing(t *testing.T) {
	eachBroker(t, func(t *testing.T, start func(*testing.T, string) testBroker) {
		broker := start(t, "")
		h := startHouse(t, broker.addr, "", probing(time.Hour))
		s := &scene{house: h, watcher: watch(t, broker.addr)}
		s.ready(t)
		for _, mac := range []phone.MAC{vendor, first, second} {
			s.tell(t, mac, "incoming_call", "call_id=a1")
			s.until(t, mac)
		}
		// What the watcher has got may not be acknowledged yet, and would rightly come again.
		eventually(t, "the broker has all", func() bool {
			_, body := h.ask(t, "GET /metrics HTTP/1.1\r\n\r\n")
			return strings.Contains(body, "\nphone2mqtt_store_waiting_messages 0\n")
		})
		broker.stop()
		broker = start(t, broker.addr)
		w := watchAs(t, broker.addr, "after")
		w.ready(t)
		w.last(t, "bridge/info", "is there", func(message) bool { return true })
		for _, mac := range []phone.MAC{vendor, first, second} {
			w.last(t, string(mac)+"/availability", "is online", func(m message) bool { return m.payload == "online" })
			w.last(t, string(mac)+"/call_state", "rings", func(m message) bool { return m.payload == "ringing" })
		}
		all := w.seen()
		for _, mac := range []phone.MAC{vendor, first, second} {
			index := func(leaf string) int {
				return slices.IndexFunc(all, func(m message) bool { return m.topic == "phone2mqtt/"+string(mac)+"/"+leaf })
			}
			if state, available := index("state"), index("availability"); state < 0 || state > available {
				t.Errorf("%s: state came at %d, availability at %d", mac, state, available)
			}
			if event := index("event"); event >= 0 {
				t.Errorf("%s: an event came again: %v", mac, all[event])
			}
		}
	})
}
