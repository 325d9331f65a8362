package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
)

// checkLeaks waits for leaks to end: what a session left behind in paho may take another WriteTimeout.
func checkLeaks(m *testing.M) int {
	code := m.Run()
	leak := goleak.Find()
	for deadline := time.Now().Add(patience); leak != nil && time.Now().Before(deadline); {
		leak = goleak.Find()
	}
	if leak != nil && code == 0 {
		fmt.Println(leak)
		return 1
	}
	return code
}

// TestVendorExample is the example of the vendor document, clause 1.2: the URL `server/$mac/$ip` set
// for incoming calls.
func TestVendorExample(t *testing.T) {
	eachBroker(t, func(t *testing.T, start func(*testing.T, string) testBroker) {
		broker := start(t, "")
		h := startHouse(t, broker.addr, "", nil)
		w := watch(t, broker.addr)
		w.ready(t)
		if status, body := h.ask(t, "GET /"+vendor+"/192.168.0.157 HTTP/1.1\r\nHost: 192.168.0.252\r\n\r\n"); status != 200 || body != "" {
			t.Fatalf("answered %d %q, want 200 and nothing", status, body)
		}
		event := w.nth(t, vendor+"/event", 1)
		for member, want := range map[string]string{"event_type": "incoming_call", "mac": vendor, "call_state": "ringing", "direction": "incoming"} {
			if got := event.text(member); got != want {
				t.Errorf("%s: got %s, want %s", member, got, want)
			}
		}
		all := w.seen()
		state := slices.IndexFunc(all, func(m message) bool { return m.topic == "phone2mqtt/"+vendor+"/state" })
		if at := slices.Index(all, event); state < 0 || state > at {
			t.Errorf("the state came at %d, the event at %d: it must come first", state, at)
		}
		if got := w.of(vendor + "/call_state"); len(got) == 0 || got[0].payload != "ringing" {
			t.Errorf("call_state: %v", got)
		}
		// Who comes later finds what is retained, and no event.
		late := watchAs(t, broker.addr, "late")
		late.last(t, vendor+"/state", "is retained", func(m message) bool { return m.retained && m.text("call_state") == "ringing" })
		late.last(t, vendor+"/availability", "is retained", func(m message) bool { return m.retained && m.payload == "online" })
		if got := late.of(vendor + "/event"); len(got) > 0 {
			t.Errorf("events are retained: %v", got)
		}
	})
}

// TestDialOnTheWire asks for the exact bytes of the vendor document's dialling example, clause 2.1.
func TestDialOnTheWire(t *testing.T) {
	eachBroker(t, func(t *testing.T, start func(*testing.T, string) testBroker) {
		broker := start(t, "")
		p := startPhone(t, phonetest.Options{MAC: vendor})
		startHouse(t, broker.addr, "", listed(p))
		w := watch(t, broker.addr)
		w.ready(t)
		w.publish(t, "phone2mqtt/"+vendor+"/set/dial", `{"number":"206","account":1,"transaction":"t1"}`, false)
		result := w.nth(t, vendor+"/result", 1)
		got := p.Requests()
		want := []phonetest.Received{{
			Line:          "GET /Phone_ActionURL&Command=1&Number=206&Account=1 HTTP/1.1",
			Authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:admin")),
		}}
		for i := range got {
			got[i].Head = ""
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what the phone got (-want +got):\n%s", diff)
		}
		if result.text("status") != "ok" || result.text("transaction") != "t1" || result.member("http_status") != "200" || result.member("sent") != "1" {
			t.Errorf("result: %s", result.payload)
		}
	})
}

// TestDisplayNames sends what callers are called as phones do, raw, and wants it character for
// character.
func TestDisplayNames(t *testing.T) {
	eachBroker(t, func(t *testing.T, start func(*testing.T, string) testBroker) {
		broker := start(t, "")
		h := startHouse(t, broker.addr, "", nil)
		w := watch(t, broker.addr)
		w.ready(t)
		names := []struct{ sent, want string }{
			{`Müller; "R&D" 50% <x> #1 a+b`, `Müller; "R&D" 50% <x> #1 a+b`},
			{"\xcd\xf5\xce\xb0", "王伟"},
			{"Caf\xe9", "Café"},
			{"M%C3%BCller", "Müller"},
			{"A&remote=999&mac=001fc1ffffff", "A&remote=999&mac=001fc1ffffff"},
		}
		for i, name := range names {
			target := fmt.Sprintf("/incoming_call?mac=%s&call_id=%d&remote=206&display_remote=%s", vendor, i, name.sent)
			if status := h.get(t, target); status != 200 {
				t.Fatalf("%s: answered %d", target, status)
			}
			event := w.nth(t, vendor+"/event", i+1)
			if got := event.text("remote_name"); got != name.want {
				t.Errorf("sent %q: got %q, want %q", name.sent, got, name.want)
			}
			if event.text("mac") != vendor || event.text("remote_number") != "206" {
				t.Errorf("a display name changed who the phone or the caller is: %s", event.payload)
			}
		}
	})
}

// TestRetainedCommand leaves a command on the broker, once, and plants another before each start: none is
// ever run, each is answered once and cleared, and the one that was left is not answered again.
func TestRetainedCommand(t *testing.T) {
	eachBroker(t, func(t *testing.T, start func(*testing.T, string) testBroker) {
		broker := start(t, "")
		p := startPhone(t, phonetest.Options{MAC: vendor})
		w := watch(t, broker.addr)
		dir := t.TempDir()
		results := func(command string) []message {
			return slices.DeleteFunc(w.of(vendor+"/result"), func(m message) bool { return m.text("command") != command })
		}
		w.publish(t, "phone2mqtt/"+vendor+"/set/dial", `{"number":"206","transaction":7}`, true)
		for round := 1; round <= 3; round++ {
			w.publish(t, "phone2mqtt/"+vendor+"/set/redial", "PRESS", true)
			h := startHouse(t, broker.addr, dir, listed(p))
			eventually(t, "the planted one is answered", func() bool { return len(results("redial")) == round })
			h.stop()
			// Whoever subscribes now finds nothing.
			after := watchAs(t, broker.addr, fmt.Sprint("after", round))
			after.last(t, "bridge/state", "is retained", func(m message) bool { return m.payload == "offline" })
			if left := append(after.of(vendor+"/set/dial"), after.of(vendor+"/set/redial")...); len(left) > 0 {
				t.Errorf("round %d: still on the broker: %v", round, left)
			}
		}
		if got := p.Requests(); len(got) > 0 {
			t.Errorf("the phone was told %v", got)
		}
		dials := results("dial")
		if len(dials) != 1 || len(results("redial")) != 3 {
			t.Fatalf("%d and %d results, want 1 and 3", len(dials), len(results("redial")))
		}
		if got := dials[0]; got.text("code") != "retained" || got.member("transaction") != "7" || got.member("sent") != "0" {
			t.Errorf("result: %s", got.payload)
		}
	})
}

// TestTwoCalls has a first call that talks and a second that knocks and is given up.
func TestTwoCalls(t *testing.T) {
	eachBroker(t, func(t *testing.T, start func(*testing.T, string) testBroker) {
		broker := start(t, "")
		h := startHouse(t, broker.addr, "", nil)
		w := watch(t, broker.addr)
		w.ready(t)
		for _, target := range []string{
			"/incoming_call?mac=" + vendor + "&call_id=a1&remote=206",
			"/call_established?mac=" + vendor + "&call_id=a1&remote=206",
			"/incoming_call?mac=" + vendor + "&call_id=a2&remote=207",
			"/missed_call?mac=" + vendor + "&call_id=a2&remote=207",
		} {
			if status := h.get(t, target); status != 200 {
				t.Fatalf("%s: answered %d", target, status)
			}
		}
		state := w.last(t, vendor+"/state", "one missed call", func(m message) bool { return m.member("missed_calls") == "1" })
		if state.text("call_state") != "talking" || state.text("remote_number") != "206" {
			t.Errorf("the first call did not stay: %s", state.payload)
		}
		ended := w.last(t, vendor+"/event", "is call_ended", func(m message) bool { return m.text("event_type") == "call_ended" })
		if ended.text("remote_number") != "207" || ended.text("result") != "missed" || ended.member("derived") != "true" {
			t.Errorf("call_ended: %s", ended.payload)
		}
	})
}

// TestPhonesDoNotWait sends a command to each of 100 phones, ten of which hang until the program stops:
// the others do not wait for them.
func TestPhonesDoNotWait(t *testing.T) {
	eachBroker(t, func(t *testing.T, start func(*testing.T, string) testBroker) {
		broker := start(t, "")
		var phones []*phonetest.Phone
		hangs := make(map[phone.MAC]bool)
		for i, mac := range macs(100) {
			opt := phonetest.Options{MAC: mac}
			if i%10 == 0 {
				opt.Behaviour = phonetest.Behaviour{Fault: phonetest.Hang}
				hangs[mac] = true
			}
			phones = append(phones, startPhone(t, opt))
		}
		h := startHouse(t, broker.addr, "", func(c *bridge.Config) {
			listed(phones...)(c)
			c.PhoneTimeout = 2 * patience
		})
		w := watch(t, broker.addr)
		w.ready(t)
		for _, p := range phones {
			w.publish(t, "phone2mqtt/"+string(p.MAC())+"/set/dial", "206", false)
		}
		results := func() (ok, other []string) {
			for _, m := range w.seen() {
				if !strings.HasSuffix(m.topic, "/result") {
					continue
				}
				if m.text("status") == "ok" {
					ok = append(ok, m.text("mac"))
				} else {
					other = append(other, m.text("mac")+" "+m.text("code"))
				}
			}
			return ok, other
		}
		eventually(t, "the 90 are answered", func() bool { ok, _ := results(); return len(ok) == 90 })
		if _, other := results(); len(other) > 0 {
			t.Errorf("a phone that hangs was given up before the others were answered: %v", other)
		}
		for _, p := range phones {
			awaitRequests(t, p, 1)
		}
		h.stop()
		eventually(t, "the ten are answered", func() bool { _, other := results(); return len(other) == 10 })
		_, other := results()
		for _, result := range other {
			mac, code, _ := strings.Cut(result, " ")
			if !hangs[phone.MAC(mac)] || code != "stopped" {
				t.Errorf("result %s", result)
			}
		}
	})
}

// TestBrokerReplaced kills the broker while events come and puts an empty one in its place: every event
// that was answered 200 is acknowledged by one of both, none overtakes another of its phone, and on the
// new one none comes before its phone's state.
func TestBrokerReplaced(t *testing.T) {
	eachBroker(t, func(t *testing.T, start func(*testing.T, string) testBroker) {
		first := start(t, "")
		proxy := startNotary(t, first.addr)
		h := startHouse(t, proxy.addr, filepath.Join(t.TempDir(), "data"), nil)
		watch(t, first.addr).ready(t)

		const phones, each = 8, 60
		answered := make([][]string, phones)
		half := make(chan struct{})
		done := make(chan error, phones)
		for i, mac := range macs(phones) {
			go func() {
				for n := range each {
					if i == 0 && n == each/2 {
						close(half)
					}
					id := fmt.Sprintf("%d-%d", i, n)
					status, body, err := ask(h.intake, "GET /outgoing_call?mac="+string(mac)+"&call_id="+id+" HTTP/1.1\r\n\r\n")
					if err != nil || status != 200 {
						done <- fmt.Errorf("%s: %d %s %w", id, status, body, err)
						return
					}
					answered[i] = append(answered[i], id)
				}
				done <- nil
			}()
		}
		<-half
		first.stop()
		second := start(t, "")
		after := watch(t, second.addr)
		proxy.moveTo(second.addr)
		for range phones {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		for i, mac := range macs(phones) {
			last := answered[i][len(answered[i])-1]
			var got []string
			eventually(t, "the last event of "+string(mac)+" is acknowledged", func() bool {
				got = callIDs(proxy.of(string(mac) + "/event"))
				return slices.Contains(got, last)
			})
			if diff := cmp.Diff(answered[i], got); diff != "" {
				t.Errorf("%s: events as acknowledged (-answered +acknowledged):\n%s", mac, diff)
			}
			eventually(t, "the new broker passes it on", func() bool { return slices.Contains(callIDs(after.of(string(mac)+"/event")), last) })
			checkStateFirst(t, after, mac)
		}
	})
}

// callIDs are the call ids of outgoing_call events, each where its event first came.
func callIDs(events []message) []string {
	var ids []string
	seen := make(map[string]bool)
	for _, m := range events {
		if m.text("event_type") == "outgoing_call" && !seen[m.text("id")] {
			seen[m.text("id")] = true
			ids = append(ids, m.text("call_id"))
		}
	}
	return ids
}

// checkStateFirst holds that on a broker no event of a phone came before a state of it.
func checkStateFirst(t *testing.T, w *watcher, mac phone.MAC) {
	t.Helper()
	all := w.seen()
	index := func(leaf string) int {
		return slices.IndexFunc(all, func(m message) bool { return strings.HasPrefix(m.topic, "phone2mqtt/"+string(mac)+"/"+leaf) })
	}
	if state, event := index("state"), index("event"); event >= 0 && (state < 0 || state > event) {
		t.Errorf("%s: the first event came at %d, the first state at %d", mac, event, state)
	}
}

// TestStops ends the program in the middle of things: within five seconds, orderly, each command with
// its result.
func TestStops(t *testing.T) {
	broker := startEmbedded(t, "")
	p := startPhone(t, phonetest.Options{MAC: vendor, Behaviour: phonetest.Behaviour{Fault: phonetest.Hang}})
	h := startHouse(t, broker.addr, "", func(c *bridge.Config) {
		listed(p)(c)
		c.PhoneTimeout = time.Minute
	})
	w := watch(t, broker.addr)
	w.ready(t)
	for range 3 {
		w.publish(t, "phone2mqtt/"+vendor+"/set/redial", "PRESS", false)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := p.AwaitRequests(ctx, 1); err != nil {
		t.Fatal(err)
	}
	idle, err := net.Dial("tcp", h.intake) // a client that says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = idle.Close() }()
	begun := time.Now()
	h.stop()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("stopping took %s", took)
	}
	w.last(t, "bridge/state", "is offline", func(m message) bool { return m.payload == "offline" })
	results := w.of(vendor + "/result")
	for _, r := range results {
		if r.text("code") != "stopped" {
			t.Errorf("result: %s", r.payload)
		}
	}
	if len(results) != 3 {
		t.Errorf("%d results for three commands", len(results))
	}
}
