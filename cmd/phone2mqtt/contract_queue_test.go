package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
)

// busyScene is a listed phone whose first request is under way, and will be until it is let go.
func busyScene(t *testing.T, change func(*bridge.Config)) (s *scene, p *phonetest.Phone) {
	t.Helper()
	p = startPhone(t, phoneOptions(vendor))
	hold(p)
	s = startScene(t, change, p)
	s.order(t, vendor, "redial", `{"transaction":"first"}`)
	awaitRequests(t, p, 1)
	return s, p
}

// outcomes are the results so far as `transaction outcome`.
func (s *scene) outcomes() []string {
	var all []string
	for _, m := range s.of(vendor + "/result") {
		all = append(all, m.text("transaction")+" "+outcome(m))
	}
	return all
}

// awaitOutcomes waits for n results.
func (s *scene) awaitOutcomes(t *testing.T, n int) []string {
	t.Helper()
	eventually(t, fmt.Sprint(n, " results"), func() bool { return len(s.outcomes()) >= n })
	return s.outcomes()
}

// TestOneAfterTheOther has commands wait while one runs into its time-out, then run in the order in
// which they came.
func TestOneAfterTheOther(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phonetest.Options{MAC: vendor, Behaviour: phonetest.Behaviour{Fault: phonetest.Hang}})
	s := startScene(t, func(c *bridge.Config) { c.PhoneTimeout = 2 * time.Second }, p)
	s.order(t, vendor, "redial", `{"transaction":"first"}`)
	awaitRequests(t, p, 1)
	p.Behave(phonetest.Behaviour{})
	for n := range 5 {
		s.order(t, vendor, "line", fmt.Sprintf(`{"value":%d,"transaction":"t%d"}`, n+1, n+1))
	}
	want := []string{"first error timeout", "t1 ok", "t2 ok", "t3 ok", "t4 ok", "t5 ok"}
	if diff := cmp.Diff(want, s.awaitOutcomes(t, 6)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"key=RD", "key=L1", "key=L2", "key=L3", "key=L4", "key=L5"}, lines(p)); diff != "" {
		t.Errorf("what the phone got (-want +got):\n%s", diff)
	}
}

// TestCommandTTL lets a command wait for too long: it is refused, not run late.
func TestCommandTTL(t *testing.T) {
	t.Parallel()
	const ttl = 3 * time.Second // which the first one must not take until it is begun
	s, p := busyScene(t, func(c *bridge.Config) { c.CommandTTL = ttl })
	s.order(t, vendor, "dial", `{"number":"206","transaction":"late"}`)
	s.heard(t)
	<-time.After(ttl)
	letGo(p)
	if diff := cmp.Diff([]string{"first ok", "late error expired"}, s.awaitOutcomes(t, 2)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"key=RD"}, lines(p)); diff != "" {
		t.Errorf("what the phone got (-want +got):\n%s", diff)
	}
}

// TestExpiresAt refuses what the sender does not want any more.
func TestExpiresAt(t *testing.T) {
	p := startPhone(t, phoneOptions(vendor))
	s := startScene(t, nil, p)
	for expires, want := range map[string]string{
		"2020-01-01T00:00:00Z":      "error expired",
		"2026-01-01T00:00:00+02:00": "error expired",
		"2199-01-01T00:00:00.000Z":  "ok",
		"2199-01-01T00:00:00+02:00": "ok",
	} {
		result := s.do(t, vendor, "dial", `{"number":"206","expires_at":"`+expires+`"}`)
		if outcome(result) != want {
			t.Errorf("until %s: %s, want %s", expires, result.payload, want)
		}
	}
	if got := lines(p); len(got) != 2 {
		t.Errorf("the phone got %v", got)
	}
}

// TestExpiresWhileWaiting judges expires_at when the command's turn comes.
func TestExpiresWhileWaiting(t *testing.T) {
	t.Parallel()
	s, p := busyScene(t, nil)
	soon := time.Now().Add(300 * time.Millisecond)
	s.order(t, vendor, "dial", `{"number":"206","transaction":"late","expires_at":"`+soon.UTC().Format(time.RFC3339Nano)+`"}`)
	s.heard(t)
	<-time.After(time.Until(soon))
	letGo(p)
	if diff := cmp.Diff([]string{"first ok", "late error expired"}, s.awaitOutcomes(t, 2)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

// TestQueueIsFull refuses more than a hundred that wait, and gives each a result.
func TestQueueIsFull(t *testing.T) {
	t.Parallel()
	s, p := busyScene(t, func(c *bridge.Config) { c.CommandTTL = time.Minute })
	for n := range 103 {
		s.order(t, vendor, "soft", fmt.Sprintf(`{"value":1,"transaction":"t%d"}`, n))
	}
	// However much waits, the call can be ended.
	s.order(t, vendor, "hangup", `{"transaction":"end"}`)
	s.heard(t)
	letGo(p)
	results := s.awaitOutcomes(t, 105)
	tally := make(map[string]int)
	for _, r := range results {
		_, what, _ := strings.Cut(r, " ")
		tally[what]++
	}
	if diff := cmp.Diff(map[string]int{"ok": 102, "error queue": 3}, tally); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if got := lines(p); len(got) != 102 || got[1] != "Command=2" {
		t.Errorf("the phone got %d requests, want 102, of which the second hangs up: %q", len(got), got[:2])
	}
}

// TestHangUpGoesFirst sends a hang-up behind others: it goes before them.
func TestHangUpGoesFirst(t *testing.T) {
	for _, command := range []string{"hangup", "reject"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			s, p := busyScene(t, nil)
			s.order(t, vendor, "soft", `{"value":1,"transaction":"t1"}`)
			s.order(t, vendor, "soft", `{"value":2,"transaction":"t2"}`)
			s.order(t, vendor, command, `{"transaction":"end"}`)
			s.heard(t)
			letGo(p)
			// The request under way is let through, for nobody would know what it did.
			want := []string{"first ok", "end ok", "t1 ok", "t2 ok"}
			if diff := cmp.Diff(want, s.awaitOutcomes(t, 4)); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"key=RD", "Command=2", "key=F1", "key=F2"}, lines(p)); diff != "" {
				t.Errorf("what the phone got (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHangUpEndsSequence sends a hang-up while digits are pressed: they stop, and `sent` says how many
// went out.
func TestHangUpEndsSequence(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions(vendor))
	hold(p)
	s := startScene(t, nil, p)
	s.order(t, vendor, "dtmf", `{"value":"123456","transaction":"digits"}`)
	holdAt(t, p, 2)
	s.order(t, vendor, "hangup", `{"transaction":"end"}`)
	s.heard(t)
	letGo(p)
	if diff := cmp.Diff([]string{"digits error stopped", "end ok"}, s.awaitOutcomes(t, 2)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"key=1", "key=2", "Command=2"}, lines(p)); diff != "" {
		t.Errorf("what the phone got (-want +got):\n%s", diff)
	}
	if got := s.of(vendor + "/result")[0].member("sent"); got != "2" {
		t.Errorf("sent is %s, want the 2 that the phone got", got)
	}
}

// TestRefusedRejectEndsNothing sends a reject while nothing rings: the tones of the call go on.
func TestRefusedRejectEndsNothing(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions(vendor))
	hold(p)
	s := startScene(t, nil, p)
	for _, event := range []string{"incoming_call", "call_established"} {
		s.tell(t, vendor, event, "call_id=a1")
	}
	s.order(t, vendor, "dtmf", `{"value":"1234","transaction":"digits"}`)
	holdAt(t, p, 2)
	s.order(t, vendor, "reject", `{"transaction":"end"}`)
	s.heard(t)
	letGo(p)
	if diff := cmp.Diff([]string{"digits ok", "end error guard"}, s.awaitOutcomes(t, 2)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"key=1", "key=2", "key=3", "key=4"}, lines(p)); diff != "" {
		t.Errorf("what the phone got (-want +got):\n%s", diff)
	}
}

// TestTransactionOfAnother uses one transaction for everything: what is another command is run.
func TestTransactionOfAnother(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions(vendor))
	s := startScene(t, nil, p)
	for _, c := range []struct{ command, payload, want string }{
		{"dial", `{"number":"206","transaction":"x"}`, "ok"},
		{"dial", `{"number":"207","transaction":"x"}`, "ok"},
		{"hangup", `{"value":"now","transaction":"x"}`, "error argument"},
		{"hangup", `{"transaction":"x"}`, "ok"},
		{"hangup", `{"transaction":"x","expires_at":"2999-01-01T00:00:00Z"}`, "ok"}, // the same again
	} {
		if result := s.do(t, vendor, c.command, c.payload); outcome(result) != c.want {
			t.Errorf("%s %s: %s, want %s", c.command, c.payload, result.payload, c.want)
		}
	}
	if diff := cmp.Diff([]string{"Command=1&Number=206", "Command=1&Number=207", "Command=2"}, lines(p)); diff != "" {
		t.Errorf("what the phone got (-want +got):\n%s", diff)
	}
}

// TestKeyPause wants the pause between keys of a sequence, and between commands.
func TestKeyPause(t *testing.T) {
	const pause = 150 * time.Millisecond
	p := startPhone(t, phoneOptions(vendor))
	s := startScene(t, func(c *bridge.Config) { c.KeyPause = pause }, p)
	begun := time.Now()
	s.do(t, vendor, "dtmf", "1234")
	s.do(t, vendor, "hangup", "{}")
	if took := time.Since(begun); took < 4*pause {
		t.Errorf("four keys and a hang-up took %s, want at least %s", took, 4*pause)
	}
	// Hang-ups are no keys: nothing follows for which this pause would be waited.
	s = startScene(t, func(c *bridge.Config) { c.KeyPause = 2 * patience }, p)
	s.do(t, vendor, "hangup", "{}")
	s.do(t, vendor, "hangup", "{}")
}

// TestTransactions sends one transaction again, while it runs and after: it is run once, and its result
// comes again. For another phone it is another one.
func TestTransactions(t *testing.T) {
	t.Parallel()
	other := startPhone(t, phoneOptions(macs(1)[0]))
	p := startPhone(t, phoneOptions(vendor))
	hold(p)
	s := startScene(t, nil, p, other)
	dial := `{"number":"206","transaction":"t1"}`
	s.order(t, vendor, "dial", dial)
	awaitRequests(t, p, 1)
	s.order(t, vendor, "dial", dial)
	s.order(t, vendor, "dial", dial)
	s.heard(t)
	letGo(p)
	s.result(t, vendor, 3)
	s.order(t, vendor, "", `{"command":"dial","number":"206","transaction":"t1"}`)
	s.result(t, vendor, 4)
	s.order(t, other.MAC(), "dial", dial)
	s.result(t, other.MAC(), 1)
	s.do(t, vendor, "dial", `{"number":"207","transaction":"t2"}`)

	results := s.of(vendor + "/result")
	for i, m := range results {
		want := "true"
		if i == 0 || i == 4 {
			want = ""
		}
		if got := m.member("repeated"); got != want || outcome(m) != "ok" {
			t.Errorf("result %d: %s, want repeated %q", i, m.payload, want)
		}
	}
	first, again := object(t, results[0]), object(t, results[3])
	delete(again, "repeated")
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the result that came again (-first +again):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Command=1&Number=206", "Command=1&Number=207"}, lines(p)); diff != "" {
		t.Errorf("what the phone got (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Command=1&Number=206"}, lines(other)); diff != "" {
		t.Errorf("what the other phone got (-want +got):\n%s", diff)
	}
}

// TestTransactionOfRefusal repeats the transaction of a command that was refused at once.
func TestTransactionOfRefusal(t *testing.T) {
	s := startScene(t, nil, startPhone(t, phoneOptions(vendor)))
	for _, command := range []string{`{"value":"NOKEY","transaction":"t1"}`, `{"value":"OK","transaction":"t2"}`} {
		first := s.do(t, vendor, "key", command)
		again := s.do(t, vendor, "key", command)
		if again.member("repeated") != "true" || again.text("time") != first.text("time") {
			t.Errorf("a refused one was judged anew: %s", again.payload)
		}
	}
}

// TestWithoutTransaction runs equal commands as often as they come; an empty transaction is none.
func TestWithoutTransaction(t *testing.T) {
	p := startPhone(t, phoneOptions(vendor))
	s := startScene(t, nil, p)
	for _, payload := range []string{"206", "206", `{"number":"206","transaction":null}`, `{"number":"206","transaction":null}`} {
		if result := s.do(t, vendor, "dial", payload); outcome(result) != "ok" || result.member("transaction") != "null" {
			t.Errorf("%s: %s", payload, result.payload)
		}
	}
	if got := len(lines(p)); got != 4 {
		t.Errorf("the phone got %d requests, want 4", got)
	}
}
