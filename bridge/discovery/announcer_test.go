package discovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/phone2mqtt/phone2mqtt/bridge/homeassistant"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	kitchen phone.MAC = "001fc11a8b6c"
	office  phone.MAC = "001fc11a8b6d"
	removed phone.MAC = "001fc11a8b6e"
)

var site = homeassistant.Site{Prefix: "homeassistant", Base: "phone2mqtt", Version: "1.0.0"}

// house is the phones, and a broker that takes an announcement whenever it is asked to ask, as the real
// one does: in turn, and after the pause.
type house struct {
	phones map[phone.MAC]string
	kept   []mqtt.Message // at the broker
	looks  []error        // what looking at it gives, the last one from then on
	failed error          // the last one

	asked chan struct{}
	mu    sync.Mutex
	said  []string
	times []time.Time
}

func newHouse(kept ...mqtt.Message) *house {
	return &house{
		phones: map[phone.MAC]string{kitchen: "Kitchen", office: "Office"},
		kept:   kept,
		looks:  []error{nil},
		asked:  make(chan struct{}, 1), // a test's bubble has another
	}
}

func (h *house) All() []phone.MAC {
	var all []phone.MAC
	for mac := range h.phones {
		all = append(all, mac)
	}
	return all
}

func (h *house) Describe(mac phone.MAC) (homeassistant.Device, bool) {
	name, ok := h.phones[mac]
	return homeassistant.Device{MAC: mac, Name: name}, ok
}

func (h *house) Ask() {
	select {
	case h.asked <- struct{}{}:
	default:
	}
}

// Status is asked after a look that failed.
func (h *house) Status() mqtt.Status { return mqtt.Status{Connected: !errors.Is(h.failed, errLost)} }

var errLost = errors.New("session lost")

func (h *house) Peek(_ context.Context, filter string, _ time.Duration, receive func(mqtt.Message)) error {
	if filter != "homeassistant/device/+/config" {
		return fmt.Errorf("filter %s", filter)
	}
	for _, m := range h.kept {
		receive(m)
	}
	h.failed = h.looks[0]
	if len(h.looks) > 1 {
		h.looks = h.looks[1:]
	}
	return h.failed
}

// send does what the broker's session does with a source.
func (h *house) send(ctx context.Context, a *Announcer) {
	for {
		m, pause := a.Next()
		if m.Topic != "" {
			h.note(m)
			continue
		}
		var timer <-chan time.Time
		if pause > 0 {
			timer = time.After(pause)
		}
		select {
		case <-h.asked:
		case <-timer:
		case <-ctx.Done():
			return
		}
	}
}

// note remembers of a message whom it announces, "-" before it when it takes away, and "!" when it does
// not keep.
func (h *house) note(m mqtt.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	whom := strings.TrimSuffix(strings.TrimPrefix(m.Topic, "homeassistant/device/phone2mqtt_"), "/config")
	if len(m.Payload) == 0 {
		whom = "-" + whom
	}
	if strings.Contains(string(m.Payload), `"old":{"platform":"sensor"}`) {
		whom += " without old"
	}
	if !m.Retained {
		whom = "!" + whom
	}
	h.said = append(h.said, whom)
	h.times = append(h.times, time.Now())
}

// heard is what was said since it was asked last.
func (h *house) heard() []string {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	said := h.said
	h.said, h.times = nil, nil
	return said
}

// inHouse runs an announcer until the test ends.
func inHouse(t *testing.T, on bool, h *house, live func(a *Announcer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h.asked = make(chan struct{}, 1)
		a := New(on, site, h, h, zerolog.Nop())
		var running sync.WaitGroup
		running.Go(func() { a.Run(ctx) })
		running.Go(func() { h.send(ctx, a) })
		live(a)
		cancel()
		running.Wait()
	})
}

func expect(t *testing.T, h *house, what string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, h.heard()); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

func TestLife(t *testing.T) {
	h := newHouse()
	inHouse(t, true, h, func(a *Announcer) {
		a.Changed(kitchen)
		expect(t, h, "before there is a session")
		a.Connected()
		expect(t, h, "connected", "bridge", string(kitchen), string(office))
		a.Changed(office)
		a.Changed(office)
		expect(t, h, "changed at once")
		time.Sleep(spacing)
		expect(t, h, "changed", string(office))
		time.Sleep(spacing)
		expect(t, h, "nothing is told twice")
		delete(h.phones, office)
		a.Changed(office)
		expect(t, h, "gone", "-"+string(office))
		h.phones[office] = "Office"
		a.Changed(office)
		expect(t, h, "back too soon")
		time.Sleep(spacing)
		expect(t, h, "it is back", string(office))
		time.Sleep(spacing)
		a.Connected()
		expect(t, h, "another session", "bridge", string(kitchen), string(office))
		a.Connected()
		a.Changed(office)
		time.Sleep(spacing)
		again := h.heard()
		slices.Sort(again)
		if diff := cmp.Diff([]string{string(kitchen), string(office), "bridge"}, again); diff != "" {
			t.Errorf("and at once another: %s", diff)
		}
	})
}

// TestNeverThere: Home Assistant complains of what is taken away and was not there.
func TestNeverThere(t *testing.T) {
	h := newHouse()
	inHouse(t, true, h, func(a *Announcer) {
		a.Connected()
		h.heard()
		a.Changed(removed)
		expect(t, h, "a phone that came and went")
		delete(h.phones, office)
		a.Changed(office)
		time.Sleep(spacing)
		expect(t, h, "gone", "-"+string(office))
		time.Sleep(spacing)
		a.Connected()
		expect(t, h, "a new session", "bridge", string(kitchen))
	})
}

// TestWaitsOnce: however often something changes before it is told, it is told once.
func TestWaitsOnce(t *testing.T) {
	h := newHouse()
	a := New(true, site, h, h, zerolog.Nop())
	a.open = true
	for range 3 {
		a.Changed(kitchen)
	}
	for range 2 {
		if m, _ := a.Next(); m.Topic != "" {
			h.note(m)
		}
	}
	if diff := cmp.Diff([]string{string(kitchen)}, h.said); diff != "" {
		t.Error(diff)
	}
}

func TestBirth(t *testing.T) {
	h := newHouse()
	inHouse(t, true, h, func(a *Announcer) {
		a.Connected()
		h.heard()
		born := mqtt.Message{Topic: "homeassistant/status", Payload: []byte("online")}
		kept := born
		kept.Retained = true
		for _, m := range []mqtt.Message{kept, {Topic: born.Topic, Payload: []byte("offline")}, {Topic: born.Topic}} {
			a.Receive(m)
		}
		time.Sleep(2 * birthDelay)
		expect(t, h, "no birth")
		a.Receive(born)
		a.Receive(born)
		began := time.Now()
		time.Sleep(birthDelay)
		h.mu.Lock()
		if len(h.times) > 0 && h.times[0].Sub(began) <= 0 {
			t.Error("answered at once")
		}
		h.mu.Unlock()
		expect(t, h, "born", "bridge", string(kitchen), string(office))
		a.Receive(born)
		time.Sleep(birthDelay)
		expect(t, h, "born again", "bridge", string(kitchen), string(office))
		a.Receive(born) // and the end comes before the answer
	})
}

// TestPace: not more than 200 a second after the first ones, and all of them.
func TestPace(t *testing.T) {
	h := newHouse()
	for i := range 1000 {
		h.phones[phone.MAC(fmt.Sprintf("001fc1%06x", i))] = ""
	}
	inHouse(t, true, h, func(a *Announcer) {
		a.Connected()
		time.Sleep(time.Minute)
		synctest.Wait()
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.times) != 1003 {
			t.Fatalf("%d announcements", len(h.times))
		}
		for i := range h.times[:len(h.times)-announceRate-announceBurst] {
			if took := h.times[i+announceRate+announceBurst].Sub(h.times[i]); took < time.Second {
				t.Fatalf("%d announcements in %s", announceRate+announceBurst, took)
			}
		}
		if took := h.times[1002].Sub(h.times[0]); took > 6*time.Second {
			t.Errorf("all took %s", took)
		}
	})
}

func announcement(mac phone.MAC, change ...string) mqtt.Message {
	texts := homeassistant.New(site)
	m := mqtt.Message{Topic: texts.PhoneTopic(mac), Payload: texts.Phone(homeassistant.Device{MAC: mac}), Retained: true}
	m.Payload = []byte(strings.NewReplacer(change...).Replace(string(m.Payload)))
	return m
}

// TestOrphans: what is kept of phones that are no more is taken away, what is another's stays, and a
// component that this version does not have goes by itself.
func TestOrphans(t *testing.T) {
	aged := announcement(kitchen, `"components":{`, `"components":{"old":{"platform":"sensor","name":"Old"},`)
	foreign := announcement("001fc11a8b6f", "phone2mqtt/bridge/state", "other/bridge/state")
	h := newHouse(announcement(removed), foreign, announcement(office), aged)
	inHouse(t, true, h, func(a *Announcer) {
		a.Connected()
		expect(t, h, "at the start", "bridge", string(kitchen)+" without old", string(office), "-"+string(removed))
		time.Sleep(spacing)
		expect(t, h, "after it", string(kitchen))
		time.Sleep(spacing)
		a.Connected()
		expect(t, h, "later", "bridge", string(kitchen), string(office))
	})
}

// TestSwitchedOff: everything of ours is taken away, the bridge's device too, and nothing else is said.
func TestSwitchedOff(t *testing.T) {
	texts := homeassistant.New(site)
	h := newHouse(announcement(kitchen), announcement(removed), mqtt.Message{Topic: texts.BridgeTopic(), Payload: texts.Bridge()})
	inHouse(t, false, h, func(a *Announcer) {
		a.Changed(kitchen)
		a.Connected()
		expect(t, h, "at the start", "-bridge", "-"+string(kitchen), "-"+string(removed))
		a.Changed(office)
		a.Receive(mqtt.Message{Topic: "homeassistant/status", Payload: []byte("online")})
		time.Sleep(birthDelay)
		a.Connected()
		expect(t, h, "later")
	})
}

// TestLookFails: a lost session is looked at again in the next one; a broker that refuses does not keep
// the phones from being announced.
func TestLookFails(t *testing.T) {
	h := newHouse(announcement(removed))
	h.looks = []error{errLost, nil}
	inHouse(t, true, h, func(a *Announcer) {
		a.Connected()
		expect(t, h, "lost")
		a.Connected()
		expect(t, h, "not lost", "bridge", string(kitchen), string(office), "-"+string(removed))
	})
	h = newHouse()
	h.looks = []error{errors.New("refused by the broker")}
	inHouse(t, true, h, func(a *Announcer) {
		a.Connected()
		expect(t, h, "refused", "bridge", string(kitchen), string(office))
	})
}
