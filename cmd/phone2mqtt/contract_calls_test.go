package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// before makes a phone one that has told an answer, after which its silence means something.
const before = "outgoing_call p 1, call_established p, call_terminated p"

// endings are calls and how they have to end, in the words of the contract's "Results".
var endings = []struct {
	name   string
	steps  string // event, call id and number of each, separated by commas
	state  string
	result string // of last_call; empty: there is none
	missed string
	ended  int // calls of which the end is told, each once
}{
	// Incoming.
	{"answered, every end told", "incoming_call a 206, call_established a, call_terminated a, on_hook a, busy_to_idle", "idle", "answered", "0", 1},
	{"answered, laid down", "incoming_call a 206, call_established a, on_hook, call_terminated", "idle", "answered", "0", 1},
	{"answered by the waiting key", before + ", incoming_call a 206, answer_new_incoming_call a, call_terminated a", "idle", "answered", "0", 2},
	{"rejected", "incoming_call a 206, reject_incoming_call a, call_terminated a", "idle", "rejected", "0", 1},
	{"forwarded", "incoming_call a 206, forward_incoming_call a, busy_to_idle", "idle", "forwarded", "0", 1},
	{"elsewhere", "incoming_call a 206, call_completed_elsewhere a", "idle", "elsewhere", "0", 1},
	{"missed", "incoming_call a 206, missed_call a, busy_to_idle", "idle", "missed", "1", 1},
	{"missed, told twice over", "incoming_call a 206, call_remote_canceled a, missed_call a, call_terminated a", "idle", "missed", "1", 1},
	{"missed, no ids", "incoming_call - 206, call_remote_canceled - 206, missed_call - 206", "idle", "missed", "1", 1},
	{"given up", "incoming_call a 206, call_remote_canceled a", "idle", "missed", "1", 1},
	{"terminated", before + ", incoming_call a 206, call_terminated a", "idle", "missed", "1", 2},
	{"on hook", before + ", incoming_call a 206, on_hook", "idle", "missed", "1", 2},
	{"idle", before + ", incoming_call a 206, busy_to_idle", "idle", "missed", "1", 2},
	{"terminated, of a phone that tells no answers", "incoming_call a 206, call_terminated a", "idle", "unknown", "0", 1},
	{"on hook, of such a phone", "incoming_call a 206, on_hook", "idle", "unknown", "0", 1},
	{"idle, of such a phone", "incoming_call a 206, busy_to_idle", "idle", "unknown", "0", 1},
	{"restart", before + ", incoming_call a 206, setup_completed", "idle", "unknown", "0", 2},

	// Outgoing.
	{"answered there", "outgoing_call a 206, call_established a, call_terminated a", "idle", "answered", "0", 1},
	{"busy", "outgoing_call a 206, remote_busy a, call_terminated a, on_hook", "idle", "busy", "0", 1},
	{"canceled", "outgoing_call a 206, cancel_call_out a, on_hook", "idle", "canceled", "0", 1},
	{"canceled by the hook", "outgoing_call a 206, on_hook, call_terminated a", "idle", "canceled", "0", 1},
	{"failed", "outgoing_call a 206, call_terminated a", "idle", "failed", "0", 1},
	{"failed, idle", "outgoing_call a 206, busy_to_idle", "idle", "failed", "0", 1},
	{"restart in a talk", "outgoing_call a 206, call_established a, setup_completed", "idle", "unknown", "0", 1},

	// What comes late tells better.
	{"missed, rejected", before + ", incoming_call a 206, call_terminated a, reject_incoming_call a", "idle", "rejected", "0", 2},
	{"missed, forwarded", before + ", incoming_call a 206, call_terminated a, forward_incoming_call a", "idle", "forwarded", "0", 2},
	{"missed, elsewhere", "incoming_call a 206, call_remote_canceled a, call_completed_elsewhere a", "idle", "elsewhere", "0", 1},
	{"rejected, missed", "incoming_call a 206, reject_incoming_call a, missed_call a", "idle", "missed", "1", 1},
	{"forwarded, missed", "incoming_call a 206, forward_incoming_call a, missed_call a", "idle", "missed", "1", 1},
	{"failed, busy", "outgoing_call a 206, call_terminated a, remote_busy a", "idle", "busy", "0", 1},
	{"failed, canceled", "outgoing_call a 206, call_terminated a, cancel_call_out a", "idle", "canceled", "0", 1},
	{"unknown, missed", "incoming_call a 206, call_terminated a, missed_call a", "idle", "missed", "1", 1},
	{"unknown, rejected", "incoming_call a 206, call_terminated a, reject_incoming_call a", "idle", "rejected", "0", 1},
	{"answered, nothing better", "incoming_call a 206, call_established a, call_terminated a, call_remote_canceled a", "idle", "answered", "0", 1},
	{"canceled, nothing better", "outgoing_call a 206, on_hook, call_terminated a, remote_busy a", "idle", "canceled", "0", 1},
	{"a late answer does not bring it back", "incoming_call a 206, call_terminated a, call_established a", "idle", "", "0", 1},
	{"late hold and mute do not bring it back", "incoming_call a 206, call_established a, call_terminated a, hold a, unhold a, mute a", "idle", "answered", "0", 1},

	// Calls of their own.
	{"missed without ringing", "missed_call a 206", "idle", "none", "1", 0},
	{"missed without ringing, two", "missed_call a 206, missed_call b 207", "idle", "none", "2", 0},
	{"missed fits no ended call", "incoming_call a 206, call_remote_canceled a, missed_call b 207", "idle", "missed", "2", 1},
	{"the same id again", "incoming_call a 206, call_remote_canceled a, incoming_call a 206", "ringing", "missed", "1", 1},
	{"the same number again", "incoming_call - 206, reject_incoming_call - 206, incoming_call - 206", "ringing", "rejected", "0", 1},
	{"idle_to_busy starts nothing", "idle_to_busy", "idle", "none", "0", 0},
	{"off_hook starts nothing", "off_hook", "idle", "none", "0", 0},
}

// TestEndings plays each of them on a phone of its own.
func TestEndings(t *testing.T) {
	s := startScene(t, window(time.Hour))
	for i, tt := range endings {
		t.Run(tt.name, func(t *testing.T) {
			mac := phone.MAC(fmt.Sprintf("001fc2%06x", i))
			var want []string
			for step := range strings.SplitSeq(tt.steps, ", ") {
				words := append(strings.Fields(step), "-", "-")
				var vars []string
				if words[1] != "-" {
					vars = append(vars, "call_id="+words[1])
				}
				if words[2] != "-" {
					vars = append(vars, "remote="+words[2])
				}
				s.tell(t, mac, words[0], vars...)
				want = append(want, words[0])
			}
			got := s.until(t, mac)
			if n := times(got, "[call_ended]"); n != tt.ended {
				t.Errorf("%d ends were told, want %d: %v", n, tt.ended, got)
			}
			told := slices.DeleteFunc(got, func(e string) bool { return strings.HasPrefix(e, "[") })
			if diff := cmp.Diff(want, told); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			state := s.last(t, string(mac)+"/state", "is there", func(m message) bool { return m.text("last_event") == "headset_press" })
			if got := state.text("call_state"); got != tt.state {
				t.Errorf("call_state is %s, want %s", got, tt.state)
			}
			if got := state.member("missed_calls"); got != tt.missed {
				t.Errorf("missed_calls is %s, want %s", got, tt.missed)
			}
			checkLastCall(t, state, tt.result)
		})
	}
}

func checkLastCall(t *testing.T, state message, result string) {
	t.Helper()
	switch last := (message{payload: state.member("last_call")}); result {
	case "":
	case "none":
		if last.payload != "null" {
			t.Errorf("last_call is %s, want none", last.payload)
		}
	default:
		if last.text("result") != result {
			t.Errorf("result is %s, want %s", last.text("result"), result)
		}
	}
}

// TestEndIsToldAtOnce wants call_ended right behind the event that ended the call, with the result
// known then, and the state before both.
func TestEndIsToldAtOnce(t *testing.T) {
	s := startScene(t, window(time.Hour))
	s.tell(t, vendor, "incoming_call", "call_id=a1", "remote=206")
	s.tell(t, vendor, "call_remote_canceled", "call_id=a1")
	s.tell(t, vendor, "reject_incoming_call", "call_id=a1")
	want := []string{"incoming_call", "call_remote_canceled", "[call_ended]", "reject_incoming_call"}
	if diff := cmp.Diff(want, s.until(t, vendor)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	all := s.seen()
	ended := slices.IndexFunc(all, func(m message) bool { return m.text("event_type") == "call_ended" })
	if got := all[ended].text("result"); got != "missed" {
		t.Errorf("call_ended says %s, want what was known then: missed", got)
	}
	// A state that still waits gives way to a newer one, here to the corrected one.
	idle := slices.IndexFunc(all, func(m message) bool {
		return m.topic == "phone2mqtt/"+vendor+"/state" && strings.Contains(m.payload, `"result":`)
	})
	if idle < 0 || idle > ended {
		t.Errorf("the state with the ended call came at %d, call_ended at %d", idle, ended)
	}
}

// TestStateIsNeverBehind sends many events of several phones at once: when one arrives, the state that
// came last before it already knows it.
func TestStateIsNeverBehind(t *testing.T) {
	eachBroker(t, func(t *testing.T, start func(*testing.T, string) testBroker) {
		broker := start(t, "")
		h := startHouse(t, broker.addr, "", nil)
		w := watch(t, broker.addr)
		w.ready(t)
		const phones, each = 10, 30
		sendRounds(t, h, macs(phones), 0, each)
		for _, mac := range macs(phones) {
			eventually(t, "all of "+string(mac), func() bool { return len(callIDs(w.of(string(mac)+"/event"))) == each })
		}
		seen := make(map[string]time.Time)
		for _, m := range w.seen() {
			mac := strings.Split(m.topic, "/")[1]
			switch {
			case strings.HasSuffix(m.topic, "/state") && mac != "bridge":
				seen[mac] = at(t, m, "last_seen")
			case strings.HasSuffix(m.topic, "/event"):
				if told := at(t, m, "time"); told.After(seen[mac]) {
					t.Errorf("%s: an event of %s came when the state was of %s", mac, told, seen[mac])
				}
			}
		}
	})
}
