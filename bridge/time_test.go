package bridge

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/bridge/queue"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Minutes and hours of the contract pass here in no time: the bridge runs alone, without sockets and
// without a disk.

const desk = "001fc11a8b6c"

// nine is when everything begins.
var nine = time.Date(2026, time.November, 23, 9, 0, 0, 0, time.UTC)

// paper takes what the bridge publishes and calls it stored.
type paper struct {
	receipts *mqtt.Client

	mu      sync.Mutex
	written []mqtt.Message
}

func newPaper(t testing.TB) *paper {
	t.Helper()
	store, err := mqtt.OpenStore("", mqtt.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &paper{receipts: mqtt.NewClient(mqtt.Config{URL: "mqtt://127.0.0.1"}, store)}
}

func (p *paper) Publish(b mqtt.Batch) *mqtt.Receipt {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written = append(p.written, b.Messages...)
	return p.receipts.Publish(mqtt.Batch{}) // with nothing in it, it is stored at once
}

func (p *paper) Status() mqtt.Status { return mqtt.Status{Broker: "127.0.0.1:1883"} }

func (p *paper) Ask() {}

func (p *paper) Peek(context.Context, string, time.Duration, func(mqtt.Message)) error { return nil }

func (p *paper) Records(string, func(string, []byte) error) error { return nil }

// of are the payloads of one topic of the desk's phone.
func (p *paper) of(leaf string) []map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := []map[string]any{}
	for _, m := range p.written {
		var object map[string]any
		if m.Topic == "phone2mqtt/"+desk+"/"+leaf && json.Unmarshal(m.Payload, &object) == nil {
			all = append(all, object)
		}
	}
	return all
}

func (p *paper) eventTypes() []string {
	types := []string{}
	for _, e := range p.of("event") {
		name, _ := e["event_type"].(string)
		types = append(types, name)
	}
	return types
}

// newest is a member of the newest state.
func (p *paper) newest(member string) any {
	states := p.of("state")
	return states[len(states)-1][member]
}

// inTime runs a test in a bubble of its own time with a bridge that has the contract's defaults.
func inTime(t *testing.T, test func(t *testing.T, b *Bridge, p *paper)) {
	p := newPaper(t)
	synctest.Test(t, func(t *testing.T) {
		// A bubble begins in the year 2000, and the program does not believe a clock before 2020.
		time.Sleep(time.Until(nine))
		b, err := New(Config{
			Base: "phone2mqtt", Learn: true, Rate: 20, DefaultEvent: phone.IncomingCall,
			Allow:      []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, // where httptest's requests come from
			EventFresh: 30 * time.Second,
			Limits:     phone.Limits{Ring: 3 * time.Minute, Talk: 12 * time.Hour, Repeat: 2 * time.Second},
			CommandTTL: 15 * time.Second, PhoneTimeout: 5 * time.Second, ProbeInterval: time.Minute,
		}, p, p, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		test(t, b, p)
	})
}

// tell sends the bridge an event of the desk's phone.
func tell(t *testing.T, b *Bridge, event string, more ...string) {
	t.Helper()
	target := "/" + event + "?" + strings.Join(append([]string{"mac=" + desk}, more...), "&")
	answer := httptest.NewRecorder()
	b.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, target, nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("%s was answered %d %s", target, answer.Code, answer.Body)
	}
}

// TestRegisterFailedFor10Minutes hears it every 30 s: that is news once in ten minutes.
func TestRegisterFailedFor10Minutes(t *testing.T) {
	inTime(t, func(t *testing.T, b *Bridge, p *paper) {
		for range 60 {
			tell(t, b, "register_failed", "active_user=201")
			time.Sleep(30 * time.Second)
		}
		if got := len(p.eventTypes()); got != 3 {
			t.Errorf("in half an hour it was told %d times, want 3", got)
		}
	})
}

// TestLateIsExpired asks as the client does right before a request, which may be long after a command began.
func TestLateIsExpired(t *testing.T) {
	for name, tt := range map[string]struct {
		after, expires time.Duration
		want           string
	}{
		"at once":                {0, time.Second, ""},
		"at the end of its life": {time.Second, time.Second, ""},
		"after it":               {time.Second + 1, time.Second, "expired"},
		"without an end":         {15 * time.Second, 0, ""},
		"after COMMAND_TTL":      {15*time.Second + 1, time.Hour, "expired"},
	} {
		inTime(t, func(t *testing.T, b *Bridge, _ *paper) {
			job := queue.Job{At: time.Now()}
			if tt.expires > 0 {
				job.Command.ExpiresAt = time.Now().Add(tt.expires)
			}
			time.Sleep(tt.after)
			got := ""
			if err := b.inTime(job); err != nil {
				got = codeOf(err)
			}
			if got != tt.want {
				t.Errorf("%s: code %q, want %q", name, got, tt.want)
			}
		})
	}
}

// TestCorrectedForAMinute lets an event better a result just before a minute has passed, and just after.
func TestCorrectedForAMinute(t *testing.T) {
	for _, tt := range []struct {
		after  time.Duration
		result string
		missed float64
	}{
		{59 * time.Second, "rejected", 0},
		{61 * time.Second, "missed", 1},
	} {
		inTime(t, func(t *testing.T, b *Bridge, p *paper) {
			tell(t, b, "incoming_call", "call_id=a1", "remote=206")
			tell(t, b, "call_remote_canceled", "call_id=a1")
			time.Sleep(tt.after)
			tell(t, b, "reject_incoming_call", "call_id=a1")
			last, _ := p.newest("last_call").(map[string]any)
			if last["result"] != tt.result || p.newest("missed_calls") != tt.missed || p.newest("call_state") != "idle" {
				t.Errorf("after %s: %v, %v missed, %v", tt.after, last["result"], p.newest("missed_calls"), p.newest("call_state"))
			}
		})
	}
}

// TestMissedCallAfterWindow derives it when REPEAT_WINDOW is over, not before, and once.
func TestMissedCallAfterWindow(t *testing.T) {
	inTime(t, func(t *testing.T, b *Bridge, p *paper) {
		tell(t, b, "incoming_call", "call_id=a1", "remote=206")
		tell(t, b, "call_remote_canceled", "call_id=a1")
		want := []string{"incoming_call", "call_remote_canceled", "call_ended"}
		time.Sleep(2*time.Second - time.Millisecond)
		synctest.Wait()
		if diff := cmp.Diff(want, p.eventTypes()); diff != "" {
			t.Errorf("before the window is over (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if diff := cmp.Diff(append(want, "missed_call"), p.eventTypes()); diff != "" {
			t.Errorf("after it (-want +got):\n%s", diff)
		}
	})
}

// TestLimitsOfSilence ends a call of which nothing was heard for RING_LIMIT or TALK_LIMIT, counted from
// the last event about it.
func TestLimitsOfSilence(t *testing.T) {
	inTime(t, func(t *testing.T, b *Bridge, p *paper) {
		tell(t, b, "incoming_call", "call_id=a1", "remote=206")
		time.Sleep(3*time.Minute - time.Second)
		tell(t, b, "call_established", "call_id=a1")
		time.Sleep(12*time.Hour - time.Second)
		tell(t, b, "hold", "call_id=a1")
		time.Sleep(12*time.Hour - time.Second)
		synctest.Wait()
		if got := p.newest("call_state"); got != "on_hold" {
			t.Errorf("before the limit: %v", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		last, _ := p.newest("last_call").(map[string]any)
		if p.newest("call_state") != "idle" || last["result"] != "unknown" {
			t.Errorf("after it: %v, %v", p.newest("call_state"), last["result"])
		}
		tell(t, b, "outgoing_call", "call_id=a2")
		time.Sleep(3*time.Minute + time.Second)
		synctest.Wait()
		if got := p.newest("call_state"); got != "idle" {
			t.Errorf("a dialing call after RING_LIMIT: %v", got)
		}
		want := []string{"incoming_call", "call_established", "hold", "call_ended", "outgoing_call", "call_ended"}
		if diff := cmp.Diff(want, p.eventTypes()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// TestTransactionForAMinute repeats a result for 60 s and then runs the command again.
func TestTransactionForAMinute(t *testing.T) {
	inTime(t, func(t *testing.T, b *Bridge, p *paper) {
		tell(t, b, "missed_call", "remote=206")
		for _, pause := range []time.Duration{0, 30 * time.Second, 29 * time.Second, 2 * time.Second} {
			time.Sleep(pause)
			b.Receive(mqtt.Message{Topic: "phone2mqtt/" + desk + "/set/clear_missed", Payload: []byte(`{"transaction":"t1"}`)})
			synctest.Wait()
		}
		var repeated []bool
		for _, r := range p.of("result") {
			repeated = append(repeated, r["repeated"] == true)
		}
		if want := []bool{false, true, true, false}; !slices.Equal(repeated, want) {
			t.Errorf("repeated %v, want %v", repeated, want)
		}
	})
}

// TestRepeatWindow takes an equal event for a repeat for two seconds.
func TestRepeatWindow(t *testing.T) {
	inTime(t, func(t *testing.T, b *Bridge, p *paper) {
		for _, pause := range []time.Duration{0, time.Second, 900 * time.Millisecond, 200 * time.Millisecond} {
			time.Sleep(pause)
			tell(t, b, "dnd_on")
		}
		if got := len(p.eventTypes()); got != 2 {
			t.Errorf("%d events, want 2: the window begins with the one that counted", got)
		}
	})
}

// TestRateOverTime takes five times HTTP_RATE at once, then as many a second as it says.
func TestRateOverTime(t *testing.T) {
	inTime(t, func(t *testing.T, b *Bridge, _ *paper) {
		tally := func() (taken int) {
			for range 200 {
				answer := httptest.NewRecorder()
				b.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/nothing", nil))
				if answer.Code != http.StatusTooManyRequests {
					taken++
				}
			}
			return taken
		}
		for _, tt := range []struct {
			pause time.Duration
			want  int
		}{{0, 100}, {time.Second, 20}, {time.Hour, 100}} {
			time.Sleep(tt.pause)
			if got := tally(); got != tt.want {
				t.Errorf("after %s: %d taken, want %d", tt.pause, got, tt.want)
			}
		}
	})
}
