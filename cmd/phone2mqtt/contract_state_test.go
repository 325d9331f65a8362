package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/phone2mqtt/phone2mqtt/bridge"
)

// unheard is the state of a phone that was never heard, with all its members.
func unheard() map[string]any {
	return map[string]any{
		"call_state": "idle", "direction": nil, "remote_number": nil, "remote_name": nil, "remote_uri": nil,
		"calls": []any{}, "last_call": nil, "missed_calls": 0.0,
		"off_hook": nil, "muted": nil, "dnd": nil,
		"forward_always": nil, "forward_busy": nil, "forward_no_answer": nil,
		"registered": nil, "accounts": []any{},
		"model": nil, "firmware": nil, "ip": nil, "host": nil, "name": nil,
		"last_event": nil, "last_seen": nil,
	}
}

// stateNow is the state as it stands when what was told last is in it.
func (s *scene) stateNow(t *testing.T, lastEvent string) map[string]any {
	t.Helper()
	return object(t, s.state(t, vendor, "tells "+lastEvent, func(m message) bool { return m.text("last_event") == lastEvent }))
}

// checkState compares a whole state, times left out, with that of a silent phone and what is other.
func checkState(t *testing.T, state, other map[string]any) {
	t.Helper()
	want := unheard()
	for name, value := range other {
		want[name] = value
	}
	if diff := cmp.Diff(want, state, timesAside); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

var timesAside = cmpopts.IgnoreMapEntries(func(name string, value any) bool {
	_, told := value.(string)
	return told && (name == "time" || name == "last_seen" || len(name) > 3 && name[len(name)-3:] == "_at")
})

// TestStateOfListedPhone publishes a listed phone at start, before anything was heard.
func TestStateOfListedPhone(t *testing.T) {
	p := startPhone(t, phoneOptions(vendor))
	s := startScene(t, nil, p)
	state := s.state(t, vendor, "is there", func(message) bool { return true })
	checkState(t, object(t, state), map[string]any{"host": p.Addr()})
	s.last(t, vendor+"/call_state", "is idle", func(m message) bool { return m.payload == "idle" })
	s.last(t, vendor+"/availability", "is offline", func(m message) bool { return m.payload == "offline" })
}

// talk is the variables of one call.
var talk = []string{
	"ip=192.168.0.157", "model=UC860", "firmware=2.0.4.2", "active_user=201",
	"local=sip:201@192.168.0.1", "remote=sip:206@192.168.0.1", "call_id=a1", "display_local=Kitchen", "display_remote=Bob",
}

// TestStateOfCall follows the example of the contract through a call, member by member.
func TestStateOfCall(t *testing.T) {
	s := startScene(t, nil)
	itself := map[string]any{"ip": "192.168.0.157", "model": "UC860", "firmware": "2.0.4.2", "name": "Kitchen"}
	call := map[string]any{
		"call_id": "a1", "direction": "incoming", "state": "ringing", "account": "201",
		"remote_number": "206", "remote_name": "Bob", "remote_uri": "sip:206@192.168.0.1",
		"local_number": "201", "local_uri": "sip:201@192.168.0.1", "answered_at": nil,
	}
	up := func(state string, more map[string]any) map[string]any {
		call["state"] = state
		all := map[string]any{
			"call_state": state, "direction": "incoming", "calls": []any{call}, "muted": false,
			"remote_number": "206", "remote_name": "Bob", "remote_uri": "sip:206@192.168.0.1",
		}
		for _, m := range []map[string]any{itself, more} {
			for name, value := range m {
				all[name] = value
			}
		}
		return all
	}

	s.tell(t, vendor, "incoming_call", talk...)
	checkState(t, s.stateNow(t, "incoming_call"), up("ringing", map[string]any{"last_event": "incoming_call"}))
	s.tell(t, vendor, "off_hook", talk...)
	checkState(t, s.stateNow(t, "off_hook"), up("ringing", map[string]any{"last_event": "off_hook", "off_hook": true}))
	delete(call, "answered_at")
	s.tell(t, vendor, "call_established", talk...)
	state := s.stateNow(t, "call_established")
	checkState(t, state, up("talking", map[string]any{"last_event": "call_established", "off_hook": true}))
	s.tell(t, vendor, "mute", talk...)
	checkState(t, s.stateNow(t, "mute"), up("talking", map[string]any{"last_event": "mute", "off_hook": true, "muted": true}))
	s.tell(t, vendor, "hold", talk...)
	checkState(t, s.stateNow(t, "hold"), up("on_hold", map[string]any{"last_event": "hold", "off_hook": true, "muted": true}))
	s.tell(t, vendor, "unhold", talk...)
	checkState(t, s.stateNow(t, "unhold"), up("talking", map[string]any{"last_event": "unhold", "off_hook": true, "muted": true}))
	s.tell(t, vendor, "call_terminated", talk...)

	state = s.stateNow(t, "call_terminated")
	last, _ := state["last_call"].(map[string]any)
	for _, name := range []string{"started_at", "answered_at", "ended_at"} {
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", fmt.Sprint(last[name])); err != nil {
			t.Errorf("last_call: %s is %v: %v", name, last[name], err)
		}
	}
	if d, ok := last["duration_s"].(float64); !ok || d < 0 || d > patience.Seconds() {
		t.Errorf("last_call: duration_s is %v", last["duration_s"])
	}
	delete(last, "duration_s")
	delete(call, "state") // of a call that is over the contract does not speak
	delete(last, "state")
	call["result"] = "answered"
	checkState(t, state, map[string]any{
		"last_event": "call_terminated", "off_hook": true, "muted": false, "last_call": call,
		"ip": "192.168.0.157", "model": "UC860", "firmware": "2.0.4.2", "name": "Kitchen",
	})
}

// TestTimes wants every time of every payload in the one form.
func TestTimes(t *testing.T) {
	s := startScene(t, nil)
	begun := time.Now().Truncate(time.Millisecond)
	s.tell(t, vendor, "outgoing_call", "call_id=a1")
	s.tell(t, vendor, "call_established", "call_id=a1")
	s.tell(t, vendor, "call_terminated", "call_id=a1")
	result := s.do(t, vendor, "dial", "206")
	s.nth(t, vendor+"/event", 4)
	ended := s.of(vendor + "/event")[3]
	info := s.last(t, "bridge/info", "is there", func(message) bool { return true })
	state := s.state(t, vendor, "is there", func(m message) bool { return m.text("last_event") == "call_terminated" })
	last := message{payload: state.member("last_call")}
	for _, told := range []time.Time{
		at(t, result, "time"), at(t, state, "last_seen"), at(t, ended, "time"),
		at(t, ended, "started_at"), at(t, ended, "answered_at"), at(t, ended, "ended_at"),
		at(t, last, "started_at"), at(t, last, "answered_at"), at(t, last, "ended_at"),
	} {
		if told.Before(begun) || told.After(time.Now()) {
			t.Errorf("a time of now is %s", told)
		}
	}
	at(t, info, "started_at")
}

// TestEventObject wants every member of an event, and of the end of a call those that are added.
func TestEventObject(t *testing.T) {
	s := startScene(t, nil)
	s.tell(t, vendor, "incoming_call", talk...)
	s.tell(t, vendor, "call_established", "call_id=a1")
	s.tell(t, vendor, "on_hook", "call_id=a1")
	s.tell(t, vendor, "registered")
	s.nth(t, vendor+"/event", 5)
	events := s.of(vendor + "/event")
	of := func(event, state string) map[string]any {
		return map[string]any{
			"event_type": event, "derived": event == "call_ended", "mac": vendor, "name": "Kitchen", "call_state": state, "direction": "incoming",
			"call_id": "a1", "account": "201", "remote_number": "206", "remote_name": "Bob", "remote_uri": "sip:206@192.168.0.1",
			"local_number": "201", "local_uri": "sip:201@192.168.0.1",
		}
	}
	ended := of("call_ended", "idle")
	ended["result"] = "answered"
	registered := map[string]any{"event_type": "registered", "derived": false, "mac": vendor, "name": "Kitchen", "call_state": "idle"}
	for _, name := range []string{"direction", "call_id", "account", "remote_number", "remote_name", "remote_uri", "local_number", "local_uri"} {
		registered[name] = nil
	}
	want := []map[string]any{of("incoming_call", "ringing"), of("call_established", "talking"), of("on_hook", "idle"), ended, registered}
	ids := make(map[string]bool)
	for i := range want {
		got := object(t, events[i])
		if id := events[i].text("id"); id == "" || ids[id] {
			t.Errorf("id %q is empty or not new", id)
		} else {
			ids[id] = true
		}
		at(t, events[i], "time")
		delete(got, "id")
		if i == 3 {
			at(t, events[i], "started_at")
			at(t, events[i], "answered_at")
			at(t, events[i], "ended_at")
			for _, name := range []string{"duration_s", "ring_s"} {
				if v, ok := got[name].(float64); !ok || v < 0 || v > patience.Seconds() {
					t.Errorf("%s is %v", name, got[name])
				}
				delete(got, name)
			}
		}
		if diff := cmp.Diff(want[i], got, timesAside); diff != "" {
			t.Errorf("event %d (-want +got):\n%s", i, diff)
		}
	}
}

// TestEndOfUnansweredCall has null where there is no time to tell.
func TestEndOfUnansweredCall(t *testing.T) {
	s := startScene(t, nil)
	s.tell(t, vendor, "outgoing_call", "remote=206")
	s.tell(t, vendor, "cancel_call_out")
	s.nth(t, vendor+"/event", 3)
	ended := object(t, s.of(vendor + "/event")[2])
	if ended["event_type"] != "call_ended" || ended["result"] != "canceled" || ended["answered_at"] != nil || ended["duration_s"] != nil || ended["call_id"] != nil {
		t.Errorf("call_ended: %v", ended)
	}
	if _, ok := ended["ring_s"].(float64); !ok {
		t.Errorf("ring_s: %v", ended["ring_s"])
	}
	last, _ := s.stateNow(t, "cancel_call_out")["last_call"].(map[string]any)
	if last["result"] != "canceled" || last["answered_at"] != nil || last["duration_s"] != nil {
		t.Errorf("last_call: %v", last)
	}
}

// TestPartyChanges transfers a call: what an event tells of the other party arrives as it was told.
func TestPartyChanges(t *testing.T) {
	s := startScene(t, nil)
	s.tell(t, vendor, "incoming_call", "call_id=a1", "remote=sip:206@pbx", "display_remote=Bob")
	s.tell(t, vendor, "call_established", "call_id=a1", "remote=sip:207@pbx", "display_remote=Eve")
	s.nth(t, vendor+"/event", 2)
	if e := s.of(vendor + "/event")[1]; e.text("remote_number") != "207" || e.text("remote_name") != "Eve" || e.text("remote_uri") != "sip:207@pbx" {
		t.Errorf("the event does not tell what the phone said: %s", e.payload)
	}
}

// TestSeveralCalls has the state stand for the call that the contract names.
func TestSeveralCalls(t *testing.T) {
	s := startScene(t, nil)
	for _, step := range []struct {
		event, id, number string
		state, current    string
	}{
		{"outgoing_call", "a1", "301", "dialing", "301"},
		{"incoming_call", "a2", "302", "ringing", "302"},
		{"call_established", "a1", "301", "talking", "301"},
		{"hold", "a1", "301", "ringing", "302"},
		{"call_established", "a2", "302", "talking", "302"},
		{"hold", "a2", "302", "on_hold", "302"},
		{"call_terminated", "a2", "302", "on_hold", "301"},
		{"unhold", "a1", "301", "talking", "301"},
		{"call_terminated", "a1", "301", "idle", ""},
	} {
		s.tell(t, vendor, step.event, "call_id="+step.id, "remote="+step.number)
		state := s.stateNow(t, step.event)
		eventually(t, step.event+" "+step.id, func() bool {
			state = s.stateNow(t, step.event)
			number, _ := state["remote_number"].(string)
			return state["call_state"] == step.state && number == step.current
		})
		call := s.last(t, vendor+"/call_state", "is "+step.state, func(m message) bool { return m.payload == step.state })
		if call.payload != step.state {
			t.Errorf("call_state: %v", call)
		}
	}
}

// TestSilentCallsEnd ends calls of which nothing was heard for too long.
func TestSilentCallsEnd(t *testing.T) {
	s := startScene(t, func(c *bridge.Config) { c.Limits.Ring, c.Limits.Talk = 100*time.Millisecond, 300*time.Millisecond })
	s.tell(t, vendor, "incoming_call", "call_id=a1", "remote=206")
	s.tell(t, vendor, "incoming_call", "call_id=a2", "remote=207")
	s.tell(t, vendor, "call_established", "call_id=a2")
	eventually(t, "both end", func() bool { return times(s.events(vendor), "[call_ended]") == 2 })
	state := s.state(t, vendor, "is idle", func(m message) bool { return m.text("call_state") == "idle" })
	if last := (message{payload: state.member("last_call")}); last.text("result") != "unknown" {
		t.Errorf("last_call: %s", last.payload)
	}
}
