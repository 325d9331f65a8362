package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
)

// The contract tests say what users are promised, sentence by sentence: they know the program by its
// sockets alone. What is added here to the harness of the end-to-end tests is the way they speak.

// scene is the program between its peers.
type scene struct {
	house
	*watcher
	broker testBroker
	phones []*phonetest.Phone
}

// startScene runs the program with the embedded broker, a watcher, and listed phones if any.
func startScene(t *testing.T, change func(*bridge.Config), phones ...*phonetest.Phone) *scene {
	t.Helper()
	return startSceneIn(t, "", change, phones...)
}

// startSceneIn is startScene with a store that is kept.
func startSceneIn(t *testing.T, dir string, change func(*bridge.Config), phones ...*phonetest.Phone) *scene {
	t.Helper()
	broker := startEmbedded(t, "")
	s := &scene{broker: broker, watcher: watch(t, broker.addr), phones: phones}
	s.house = startHouse(t, broker.addr, dir, func(c *bridge.Config) {
		listed(phones...)(c)
		if change != nil {
			change(c)
		}
	})
	s.ready(t)
	return s
}

// tell sends an event of a phone as `/<event>?mac=…&<more>` and wants it taken.
func (s *scene) tell(t *testing.T, mac phone.MAC, event string, more ...string) {
	t.Helper()
	s.tellFrom(t, "", mac, event, more...)
}

// tellFrom is tell from a source address of 127.0.0.0/8.
func (s *scene) tellFrom(t *testing.T, source string, mac phone.MAC, event string, more ...string) {
	t.Helper()
	target := "/" + event + "?" + strings.Join(append([]string{"mac=" + string(mac)}, more...), "&")
	if status, body := s.askFrom(t, source, "GET "+target+" HTTP/1.1\r\nHost: x\r\n\r\n"); status != 200 {
		t.Fatalf("%s from %q: answered %d %s", target, source, status, body)
	}
}

// answersReady waits until /readyz says so: the program hears its own `online` after the watcher, maybe.
func (h house) answersReady(t *testing.T) {
	t.Helper()
	eventually(t, "/readyz is answered 200", func() bool { return h.get(t, "/readyz") == 200 })
}

// askFrom is ask from a source address of its own; empty takes the usual one.
func (h house) askFrom(t *testing.T, source, request string) (status int, body string) {
	t.Helper()
	answer := exchange(t, h.intake, source, request)
	head, body, ok := strings.Cut(answer, "\r\n\r\n")
	if _, err := fmt.Sscanf(head, "HTTP/1.1 %d", &status); err != nil || !ok {
		if _, err := fmt.Sscanf(head, "HTTP/1.0 %d", &status); err != nil {
			t.Fatalf("%.80q was answered %.80q", request, answer)
		}
	}
	return status, body
}

// exchange sends bytes over a connection and reads until the other side closes it.
func exchange(t *testing.T, addr, source, request string) string {
	t.Helper()
	dialer := net.Dialer{Timeout: patience}
	if source != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(source)}
	}
	c, err := dialer.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	// The program may answer and close before it was told all.
	_, _ = io.WriteString(c, request)
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%.80q: after %q: %v", request, answer, err)
	}
	return string(answer)
}

// do sends a command and waits for its result, the next one of that phone.
func (s *scene) do(t *testing.T, mac phone.MAC, command, payload string) message {
	t.Helper()
	n := len(s.of(string(mac) + "/result"))
	s.order(t, mac, command, payload)
	return s.result(t, mac, n+1)
}

// order sends a command; an empty name is the topic `set` itself.
func (s *scene) order(t *testing.T, mac phone.MAC, command, payload string) {
	t.Helper()
	topic := "phone2mqtt/" + string(mac) + "/set"
	if command != "" {
		topic += "/" + command
	}
	s.publish(t, topic, payload, false)
}

// heard waits until the program has every command that was sent so far: it takes them in order, and
// refuses one for an unknown phone at once.
func (s *scene) heard(t *testing.T) {
	t.Helper()
	if result := s.do(t, "001fc1ffffff", "dial", "206"); outcome(result) != "error phone" {
		t.Fatalf("of an unknown phone: %s", result.payload)
	}
}

// result waits for the n-th result of a phone.
func (s *scene) result(t *testing.T, mac phone.MAC, n int) message {
	t.Helper()
	return s.nth(t, string(mac)+"/result", n)
}

// request sends a bridge request and waits for its response, the next one of that operation.
func (s *scene) request(t *testing.T, op, payload string) message {
	t.Helper()
	n := len(s.of("bridge/response/" + op))
	s.publish(t, "phone2mqtt/bridge/request/"+op, payload, false)
	return s.nth(t, "bridge/response/"+op, n+1)
}

// state waits until a phone's state is as wanted.
func (s *scene) state(t *testing.T, mac phone.MAC, what string, wanted func(message) bool) message {
	t.Helper()
	return s.last(t, string(mac)+"/state", what, wanted)
}

// events are the event types of a phone so far, each id once; derived ones in brackets.
func (w *watcher) events(mac phone.MAC) []string {
	var types []string
	seen := make(map[string]bool)
	for _, m := range w.of(string(mac) + "/event") {
		if seen[m.text("id")] {
			continue
		}
		seen[m.text("id")] = true
		name := m.text("event_type")
		if m.member("derived") == "true" {
			name = "[" + name + "]"
		}
		types = append(types, name)
	}
	return types
}

// until sends one more event of the phone, one that changes no call, and gives the event types that
// came before it: events of a phone keep their order, so nothing else can still be on its way.
func (s *scene) until(t *testing.T, mac phone.MAC) []string {
	t.Helper()
	n := times(s.events(mac), "headset_press")
	s.tell(t, mac, "headset_press", fmt.Sprintf("call_id=until-%d", n))
	eventually(t, "the last event of "+string(mac), func() bool { return times(s.events(mac), "headset_press") > n })
	return slices.DeleteFunc(s.events(mac), func(e string) bool { return e == "headset_press" })
}

func times(all []string, word string) (n int) {
	for _, w := range all {
		if w == word {
			n++
		}
	}
	return n
}

// lines are the request lines that a phone got so far, without what is the same in all.
func lines(p *phonetest.Phone) []string {
	all := []string{}
	for _, r := range p.Requests() {
		line := strings.TrimPrefix(r.Line, "GET /Phone_ActionURL&")
		all = append(all, strings.TrimSuffix(line, " HTTP/1.1"))
	}
	return all
}

// awaitRequests waits until a phone has got n requests.
func awaitRequests(t *testing.T, p *phonetest.Phone, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if got, err := p.AwaitRequests(ctx, n); err != nil {
		t.Fatalf("the phone got %d requests, want %d", len(got), n)
	}
}

// outcome is what most tests ask of a result: its status, and behind it the code of an error.
func outcome(result message) string {
	if result.text("status") == "error" {
		return "error " + result.text("code")
	}
	return result.text("status")
}

// object is a payload as a map, for comparing whole ones.
func object(t *testing.T, m message) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(m.payload), &all); err != nil {
		t.Fatalf("%s is no object: %q", m.topic, m.payload)
	}
	return all
}

// members are the names of a payload's members, sorted.
func members(t *testing.T, m message) []string {
	t.Helper()
	var names []string
	for name := range object(t, m) {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func phoneOptions(mac phone.MAC) phonetest.Options { return phonetest.Options{MAC: mac} }

// hold has a phone keep its answers back, those that come from now on: what was held until now goes.
func hold(p *phonetest.Phone) { p.Behave(phonetest.Behaviour{Fault: phonetest.Held}) }

// letGo has a phone answer, what it held too.
func letGo(p *phonetest.Phone) { p.Behave(phonetest.Behaviour{}) }

// holdAt lets a phone that holds its answers give those before the n-th, and waits for that request.
func holdAt(t *testing.T, p *phonetest.Phone, n int) {
	t.Helper()
	for i := 1; i < n; i++ {
		awaitRequests(t, p, i)
		hold(p)
	}
	awaitRequests(t, p, n)
}

// animate gives a phone life.
func animate(t *testing.T, p *phonetest.Phone) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
