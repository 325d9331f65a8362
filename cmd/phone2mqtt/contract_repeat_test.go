package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge"
)

// window sets REPEAT_WINDOW.
func window(d time.Duration) func(*bridge.Config) {
	return func(c *bridge.Config) { c.Limits.Repeat = d }
}

// TestRepeats sends events twice: one that is equal in every variable to the last one of its phone is
// answered and changes nothing.
func TestRepeats(t *testing.T) {
	s := startScene(t, window(time.Hour))
	other := macs(1)[0]
	s.tell(t, vendor, "incoming_call", "call_id=a1", "remote=206")
	s.tell(t, vendor, "incoming_call", "call_id=a1", "remote=206")
	s.tell(t, vendor, "incoming_call", "remote=206", "call_id=a1") // the same variables in another order
	s.tell(t, other, "incoming_call", "call_id=a1", "remote=206")  // another phone
	s.tell(t, vendor, "mute", "call_id=a1")
	s.tell(t, vendor, "unmute", "call_id=a1")
	s.tell(t, vendor, "mute", "call_id=a1") // not the last one, so no repeat
	s.tell(t, vendor, "mute", "call_id=a1", "remote=206")
	want := []string{"incoming_call", "mute", "unmute", "mute", "mute"}
	if diff := cmp.Diff(want, s.until(t, vendor)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"incoming_call"}, s.until(t, other)); diff != "" {
		t.Errorf("events of the other phone (-want +got):\n%s", diff)
	}
}

// TestRepeatChangesNothing sends a repeat from another address: neither state nor address change.
func TestRepeatChangesNothing(t *testing.T) {
	s := startScene(t, window(time.Hour))
	s.tellFrom(t, "127.0.0.2", vendor, "missed_call", "remote=206")
	first := s.state(t, vendor, "counts the call", func(m message) bool { return m.member("missed_calls") == "1" })
	s.tellFrom(t, "127.0.0.3", vendor, "missed_call", "remote=206")
	// A command makes the state be published as it is now.
	s.do(t, vendor, "clear_missed", "{}")
	now := s.state(t, vendor, "has none", func(m message) bool { return m.member("missed_calls") == "0" })
	want := object(t, first)
	want["missed_calls"] = 0.0
	if diff := cmp.Diff(want, object(t, now)); diff != "" {
		t.Errorf("a repeat changed (-want +got):\n%s", diff)
	}
}

// TestRepeatWindowPasses sends an equal event after the window: it is one of its own.
func TestRepeatWindowPasses(t *testing.T) {
	const short = 50 * time.Millisecond
	s := startScene(t, window(short))
	s.tell(t, vendor, "off_hook")
	answered := time.Now()
	<-time.After(time.Until(answered.Add(short)))
	s.tell(t, vendor, "off_hook")
	if diff := cmp.Diff([]string{"off_hook", "off_hook"}, s.until(t, vendor)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestRegisterFailed hears every 30 s that a registration fails: that is one piece of news.
func TestRegisterFailed(t *testing.T) {
	s := startScene(t, window(0))
	s.tell(t, vendor, "register_failed", "active_user=201")
	s.tell(t, vendor, "off_hook")
	s.tell(t, vendor, "register_failed", "active_user=201")
	s.tell(t, vendor, "register_failed", "active_user=201", "call_id=x")
	s.tell(t, vendor, "register_failed", "active_user=202")
	s.tell(t, vendor, "registered", "active_user=201")
	s.tell(t, vendor, "register_failed", "active_user=201")
	s.tell(t, vendor, "register_failed", "active_user=201")
	want := []string{"register_failed", "off_hook", "register_failed", "registered", "register_failed"}
	if diff := cmp.Diff(want, s.until(t, vendor)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestMissedCallIsDerived lets a call be given up on a phone that tells no missed call: after the
// window the bridge does.
func TestMissedCallIsDerived(t *testing.T) {
	t.Parallel()
	const short = 200 * time.Millisecond
	s := startScene(t, window(short))
	s.tell(t, vendor, "incoming_call", "call_id=a1", "remote=206")
	s.tell(t, vendor, "call_remote_canceled", "call_id=a1")
	eventually(t, "missed_call is derived", func() bool { return len(s.events(vendor)) == 4 })
	want := []string{"incoming_call", "call_remote_canceled", "[call_ended]", "[missed_call]"}
	if diff := cmp.Diff(want, s.until(t, vendor)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	ended, missed := s.of(vendor + "/event")[2], s.of(vendor + "/event")[3]
	if missed.text("remote_number") != "206" || missed.text("call_id") != "a1" || missed.text("direction") != "incoming" {
		t.Errorf("it does not tell the call: %s", missed.payload)
	}
	if waited := at(t, missed, "time").Sub(at(t, ended, "time")); waited < short || waited > short+patience {
		t.Errorf("it came %s after the end, want %s", waited, short)
	}
	if got := s.state(t, vendor, "is there", func(message) bool { return true }).member("missed_calls"); got != "1" {
		t.Errorf("missed_calls is %s, want 1", got)
	}
}

// at is a time that a payload tells.
func at(t *testing.T, m message, member string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05.000Z", m.text(member))
	if err != nil {
		t.Fatalf("%s of %s: %v", member, m.payload, err)
	}
	return at
}

// TestMissedCallIsNotDerived has the phone, or a better result, come before the window ends.
func TestMissedCallIsNotDerived(t *testing.T) {
	const short = 3 * time.Second
	for name, tt := range map[string]struct {
		says   string
		want   []string
		result string
		missed string
	}{
		"its own":   {"missed_call", []string{"incoming_call", "call_remote_canceled", "[call_ended]", "missed_call"}, "missed", "1"},
		"rejected":  {"reject_incoming_call", []string{"incoming_call", "call_remote_canceled", "[call_ended]", "reject_incoming_call"}, "rejected", "0"},
		"forwarded": {"forward_incoming_call", []string{"incoming_call", "call_remote_canceled", "[call_ended]", "forward_incoming_call"}, "forwarded", "0"},
		"elsewhere": {"call_completed_elsewhere", []string{"incoming_call", "call_remote_canceled", "[call_ended]", "call_completed_elsewhere"}, "elsewhere", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startScene(t, window(short))
			s.tell(t, vendor, "incoming_call", "call_id=a1", "remote=206")
			s.tell(t, vendor, "call_remote_canceled", "call_id=a1")
			s.tell(t, vendor, tt.says, "call_id=a1")
			answered := time.Now()
			// A second after the window's end nothing has been added.
			<-time.After(time.Until(answered.Add(short + time.Second)))
			if diff := cmp.Diff(tt.want, s.until(t, vendor)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			state := s.state(t, vendor, "is there", func(message) bool { return true })
			last := message{payload: state.member("last_call")}
			if last.text("result") != tt.result || state.member("missed_calls") != tt.missed {
				t.Errorf("result %s, %s missed: want %s, %s", last.text("result"), state.member("missed_calls"), tt.result, tt.missed)
			}
		})
	}
}
