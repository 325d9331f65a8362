package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
)

// TestRestartBringsAllBack compares the state before a restart with the one after it, on a broker that
// kept nothing.
func TestRestartBringsAllBack(t *testing.T) {
	dir := t.TempDir()
	s := startSceneIn(t, dir, window(time.Hour))
	s.tell(t, vendor, "registered", "active_user=201", "active_url=sip:201@pbx", "display_local=Kitchen", "model=UC860", "firmware=2.0.4.2", "ip=127.0.0.1")
	s.tell(t, vendor, "register_failed", "active_user=202")
	s.tell(t, vendor, "dnd_on")
	s.tell(t, vendor, "always_forward_on")
	s.tell(t, vendor, "busy_forward_off")
	s.tell(t, vendor, "missed_call", "remote=301", "call_id=m1")
	s.tell(t, vendor, "missed_call", "remote=302", "call_id=m2")
	s.tell(t, vendor, "outgoing_call", "remote=303", "call_id=a1")
	s.tell(t, vendor, "call_established", "remote=303", "call_id=a1")
	s.tell(t, vendor, "call_terminated", "remote=303", "call_id=a1")
	s.tell(t, vendor, "incoming_call", "remote=sip:304@pbx", "call_id=a2", "display_remote=Bob")
	s.tell(t, vendor, "call_established", "call_id=a2")
	s.tell(t, vendor, "mute", "call_id=a2")
	s.until(t, vendor)
	told := func() map[string]any {
		return object(t, s.state(t, vendor, "is there", func(m message) bool { return m.text("last_event") == "headset_press" }))
	}
	before := told()
	s.stop()
	s = startSceneIn(t, dir, window(time.Hour))
	after := told()
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the state after a restart (-before +after):\n%s", diff)
	}
	if after["missed_calls"] != 2.0 || after["call_state"] != "talking" || after["muted"] != true {
		t.Errorf("state: %v", after)
	}
	if got := s.of(vendor + "/event"); len(got) > 0 {
		t.Errorf("a restart gives events: %v", got)
	}
	// The call goes on and ends as one that began before.
	s.tell(t, vendor, "call_terminated", "call_id=a2")
	if diff := cmp.Diff([]string{"call_terminated", "[call_ended]"}, s.until(t, vendor)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	ended := s.of(vendor + "/event")[1]
	if ended.text("result") != "answered" || ended.text("remote_number") != "304" || ended.member("duration_s") == "null" {
		t.Errorf("call_ended: %s", ended.payload)
	}
}

// TestRestartAndRepeat keeps what makes a repeat, what guards judge by, and what is still to be told.
func TestRestartAndRepeat(t *testing.T) {
	dir := t.TempDir()
	s := startSceneIn(t, dir, window(time.Hour))
	s.tell(t, vendor, "incoming_call", "call_id=a1", "remote=206")
	s.tell(t, vendor, "call_remote_canceled", "call_id=a1")
	s.stop()
	s = startSceneIn(t, dir, window(time.Hour))
	s.tell(t, vendor, "call_remote_canceled", "call_id=a1")
	if got := s.until(t, vendor); len(got) > 0 {
		t.Errorf("a repeat after a restart gives %v", got)
	}
	if result := s.do(t, vendor, "answer", "{}"); outcome(result) != "error guard" {
		t.Errorf("answer, of a phone that tells ringing: %s", result.payload)
	}
	s.stop()
	// With a short window the missed call that nobody told is due at once.
	s = startSceneIn(t, dir, window(time.Millisecond))
	eventually(t, "missed_call", func() bool { return cmp.Equal(s.events(vendor), []string{"[missed_call]"}) })
	s.stop()
	s = startSceneIn(t, dir, window(time.Millisecond))
	if got := s.until(t, vendor); len(got) > 0 {
		t.Errorf("it was told again: %v", got)
	}
}

// TestRestartAfterSilence ends the calls that were due while the program was not there.
func TestRestartAfterSilence(t *testing.T) {
	dir := t.TempDir()
	s := startSceneIn(t, dir, nil)
	s.tell(t, vendor, "incoming_call", "call_id=a1", "remote=206")
	s.until(t, vendor)
	s.stop()
	s = startSceneIn(t, dir, func(c *bridge.Config) { c.Limits.Ring = time.Millisecond })
	s.state(t, vendor, "is idle", func(m message) bool { return m.text("call_state") == "idle" })
	eventually(t, "call_ended", func() bool { return cmp.Equal(s.events(vendor), []string{"[call_ended]"}) })
	if got := s.of(vendor + "/event")[0].text("result"); got != "unknown" {
		t.Errorf("result %s, want unknown", got)
	}
}

// TestListChanges starts with other lists of phones: one never heard disappears with its entry, one
// that was heard stays as a learned one.
func TestListChanges(t *testing.T) {
	dir := t.TempDir()
	broker := startEmbedded(t, "")
	w := watch(t, broker.addr)
	with := func(macs ...phone.MAC) func(*bridge.Config) {
		return func(c *bridge.Config) {
			for _, mac := range macs {
				c.Phones = append(c.Phones, book.Listing{MAC: mac})
			}
		}
	}
	s := &scene{broker: broker, watcher: w, house: startHouse(t, broker.addr, dir, with(vendor, first))}
	s.ready(t)
	s.tell(t, first, "off_hook")
	s.until(t, first)
	s.state(t, vendor, "is there", func(message) bool { return true })
	s.stop()

	s.house = startHouse(t, broker.addr, dir, with(second))
	s.last(t, "bridge/info", "counts two", func(m message) bool { return m.member("phones") == "2" })
	for _, leaf := range []string{"state", "call_state", "availability"} {
		eventually(t, leaf+" of the one never heard is cleared", func() bool {
			last := "none"
			for _, m := range w.seen() {
				if m.topic == "phone2mqtt/"+vendor+"/"+leaf {
					last = m.payload
				}
			}
			return last == ""
		})
	}
	if result := s.do(t, vendor, "dial", "206"); outcome(result) != "error phone" {
		t.Errorf("it is still known: %s", result.payload)
	}
	s.state(t, second, "is there", func(message) bool { return true })
	s.state(t, first, "is there", func(m message) bool { return m.member("off_hook") == "true" })
	// Learned now, it can be removed.
	if response := s.request(t, "phone/remove", `{"mac":"`+string(first)+`"}`); response.text("status") != "ok" {
		t.Errorf("removing what is no longer listed: %s", response.payload)
	}
}

// TestRetainedWhileListening publishes a command with the retain flag while the program listens: it
// runs once, and its kept copy is refused at the next connect.
func TestRetainedWhileListening(t *testing.T) {
	dir := t.TempDir()
	p := startPhone(t, phoneOptions(vendor))
	broker := startEmbedded(t, "")
	s := &scene{broker: broker, watcher: watch(t, broker.addr), house: startHouse(t, broker.addr, dir, listed(p))}
	s.ready(t)
	s.publish(t, "phone2mqtt/"+vendor+"/set", `{"command":"dial","number":"206","transaction":"t1"}`, true)
	if result := s.result(t, vendor, 1); outcome(result) != "ok" {
		t.Errorf("while listening: %s", result.payload)
	}
	s.stop()
	s.house = startHouse(t, broker.addr, dir, listed(p))
	result := s.result(t, vendor, 2)
	if outcome(result) != "error retained" || result.text("transaction") != "t1" || result.text("command") != "dial" || result.member("sent") != "0" {
		t.Errorf("its kept copy: %s", result.payload)
	}
	s.stop()
	after := watchAs(t, broker.addr, "after")
	after.last(t, "bridge/state", "is retained", func(m message) bool { return m.payload == "offline" })
	if left := after.of(vendor + "/set"); len(left) > 0 {
		t.Errorf("still on the broker: %v", left)
	}
	if got := lines(p); len(got) != 1 {
		t.Errorf("the phone got %v, want one call", got)
	}
}

// TestRetainedToNobody finds kept commands that cannot be read, and one for a phone that nobody knows.
func TestRetainedToNobody(t *testing.T) {
	broker := startEmbedded(t, "")
	w := watch(t, broker.addr)
	w.publish(t, "phone2mqtt/"+vendor+"/set/dial", `{`, true)
	w.publish(t, "phone2mqtt/001fc1ffffff/set/dial", `206`, true)
	s := &scene{broker: broker, watcher: w, house: startHouse(t, broker.addr, "", func(c *bridge.Config) {
		c.Phones = append(c.Phones, book.Listing{MAC: vendor})
	})}
	for _, mac := range []phone.MAC{vendor, "001fc1ffffff"} {
		if result := s.result(t, mac, 1); outcome(result) != "error retained" {
			t.Errorf("%s: %s", mac, result.payload)
		}
		eventually(t, "it is cleared", func() bool {
			for _, m := range w.seen() {
				if m.topic == "phone2mqtt/"+string(mac)+"/set/dial" && m.payload == "" {
					return true
				}
			}
			return false
		})
	}
}

// TestResultsAreNotKept restarts the program while no broker is there: events come, results do not.
func TestResultsAreNotKept(t *testing.T) {
	dir := t.TempDir()
	p := startPhone(t, phoneOptions(vendor))
	broker := startEmbedded(t, "")
	hold(p)
	h := startHouse(t, broker.addr, dir, listed(p))
	s := &scene{broker: broker, watcher: watch(t, broker.addr), house: h}
	s.ready(t)
	s.order(t, vendor, "dial", `{"number":"206","transaction":"t1"}`)
	awaitRequests(t, p, 1)
	broker.stop()
	letGo(p)
	s.tell(t, vendor, "outgoing_call", "call_id=a1")
	s.stop()
	broker = startEmbedded(t, broker.addr)
	s = &scene{broker: broker, watcher: watchAs(t, broker.addr, "after"), house: startHouse(t, broker.addr, dir, listed(p))}
	s.ready(t)
	if got := s.until(t, vendor); len(got) < 1 || got[len(got)-1] != "outgoing_call" {
		t.Errorf("events %v, want outgoing_call", got)
	}
	if got := s.of(vendor + "/result"); len(got) > 0 {
		t.Errorf("a result was kept: %v", got)
	}
}
