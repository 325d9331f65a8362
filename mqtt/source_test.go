package mqtt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestWhatGoesFirst: a result overtakes what waits, what a source gave waits
// for all of it.
func TestWhatGoesFirst(t *testing.T) {
	l := emptyLine()
	l.begin()
	config, state, event, result := retained("config", ""), retained("state", ""), event("event", ""), Message{Topic: "result", KeepFor: time.Minute}
	l.addIdle(&config)
	l.addRetained(&state)
	l.add(&event, diskQueued, t0)
	l.add(&result, diskNever, t0)
	var sent []string
	for s := l.take(t0); s != nil; s = l.take(t0) {
		sent = append(sent, fmt.Sprint(s.name, " ", s.retained()))
	}
	if diff := cmp.Diff([]string{"result false", "state true", "event false", "config true"}, sent); diff != "" {
		t.Error(diff)
	}
	l.rewind(false)
	if s := l.take(t0); s.name != "result" {
		t.Errorf("after a lost session %s goes first", s.name)
	}
	for len(l.inflight) > 0 || !l.queue.empty() {
		if l.take(t0) == nil {
			l.acknowledge(l.inflight[0])
		}
	}
	if l.unsaved != 0 || l.volatile != 0 || l.waiting != 0 {
		t.Errorf("left over: %d, %d, %d", l.unsaved, l.volatile, l.waiting)
	}
}

// TestTurns has many results and many events wait: neither kind waits for all of the other, and what can
// wait goes last. Events that have to be read from the store first hold up no result.
func TestTurns(t *testing.T) {
	l := newLine(span{last: 4, count: 4, bytes: 400}, 1, 5)
	l.begin()
	config := retained("config", "")
	l.addIdle(&config)
	add := func(topic string, keep time.Duration) {
		l.add(&Message{Topic: topic, KeepFor: keep}, diskNever, t0)
	}
	for n := range 4 {
		add(fmt.Sprint("result", n), time.Minute)
		add(fmt.Sprint("event", n), 0)
	}
	var sent []string
	take := func() bool {
		s := l.take(t0)
		if s != nil {
			sent = append(sent, s.name)
		}
		return s != nil
	}
	for range 2 {
		take()
	}
	if l.wanted == nil {
		t.Fatal("what is stored has no turn while results wait")
	}
	var stored chunk
	stored.from, stored.end = *l.wanted.span, true
	for place := uint64(1); place <= 4; place++ {
		stored.messages = append(stored.messages, storedMessage{place: place, size: 100, message: Message{Topic: fmt.Sprint("stored", place)}})
	}
	l.loaded(l.wanted, stored)
	for take() {
	}
	want := []string{"result0", "result1", "stored1", "result2", "stored2", "result3", "stored3", "stored4", "event0", "event1", "event2", "event3", "config"}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// announcements is a source of so many messages, one at a time.
type announcements struct {
	mu    sync.Mutex
	left  []string
	pause bool // before the next one
}

func (a *announcements) Next() (Message, time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pause = !a.pause
	if len(a.left) == 0 {
		return Message{}, 0
	}
	if a.pause {
		return Message{}, time.Millisecond
	}
	text := a.left[0]
	a.left = a.left[1:]
	return retained(text, "config"), 0
}

func (a *announcements) add(texts ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left = append(a.left, texts...)
}

// TestSource: what it gives is published when nothing else waits, is retained,
// is not published again, and a message that nobody may publish is passed over.
func TestSource(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	p := startProxy(t, url)
	source := &announcements{left: []string{"conf/a", "conf/+", "conf/b"}}
	cfg := testConfig(t, p.url())
	cfg.Source = source.Next
	c := NewClient(cfg, openStore(t, ""))
	publish(c, event("conf/event", "first"))
	o := observe(t, url, "observer", "conf/#")
	runInBackground(t, c.Run)
	o.expect(t, []string{"conf/event first", "conf/a config", "conf/b config"})
	source.add("conf/c")
	c.Ask()
	o.expect(t, []string{"conf/event first", "conf/a config", "conf/b config", "conf/c config"})
	eventually(t, "nothing is left", c.drained)

	p.cut()
	eventually(t, "connected again", func() bool { return c.Status().Reconnects > 0 && c.Status().Connected })
	source.add("conf/d")
	c.Ask()
	o.expect(t, []string{"conf/event first", "conf/a config", "conf/b config", "conf/c config", "conf/d config"})
	late := observe(t, url, "late", "conf/#")
	eventually(t, "all kept", func() bool { return len(late.all()) == 4 })
	for _, line := range late.all() {
		if !strings.HasPrefix(line, "R ") {
			t.Errorf("%q was not kept", line)
		}
	}
}

// TestPeek looks twice: once until all has come, and once until nothing comes any more.
func TestPeek(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	o := observe(t, url, "observer")
	var want []string
	for i := range 50 {
		topic := fmt.Sprintf("conf/%02d", i)
		o.publish(t, topic, "x", true)
		want = append(want, topic)
	}
	c := NewClient(testConfig(t, url), openStore(t, ""))
	if err := c.Peek(t.Context(), "conf/+", time.Millisecond, nil); err == nil {
		t.Error("no session, and no error")
	}
	runInBackground(t, c.Run)
	eventually(t, "connected", func() bool { return c.Status().Connected })
	ended, end := context.WithCancel(t.Context())
	defer end()
	var mu sync.Mutex
	var got, again []string
	receive := func(m Message) {
		mu.Lock()
		defer mu.Unlock()
		if got = append(got, m.Topic); len(got) == len(want) {
			end()
		}
	}
	if err := c.Peek(ended, "conf/+", patience, receive); !errors.Is(err, context.Canceled) {
		t.Errorf("not all came, or ctx ended for nothing: %v", err)
	}
	const quiet = 50 * time.Millisecond // in which as much comes as the broker is quick
	begun := time.Now()
	err := c.Peek(t.Context(), "conf/+", quiet, func(m Message) {
		mu.Lock()
		defer mu.Unlock()
		again = append(again, m.Topic)
	})
	if took := time.Since(begun); err != nil || took < quiet {
		t.Fatalf("it looked for %s: %v", took, err)
	}
	o.publish(t, "conf/new", "x", true) // nobody listens any more
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, topic := range again {
		if !slices.Contains(want, topic) {
			t.Errorf("somebody still listens, to %s", topic)
		}
	}
	if err := c.Peek(ended, "other/+", time.Minute, receive); err == nil {
		t.Error("ctx ended, and no error")
	}
	if err := c.Peek(t.Context(), "other/#/x", time.Minute, receive); err == nil {
		t.Error("a filter that cannot be, and no error")
	}
}

// TestPeekRefused: a broker that does not let us look.
func TestPeekRefused(t *testing.T) {
	addr := startMochi(t, allow(func(topic string, write bool) bool { return write || !strings.HasPrefix(topic, "conf") }), tcp, nil)
	c := NewClient(testConfig(t, "mqtt://"+addr), openStore(t, ""))
	runInBackground(t, c.Run)
	eventually(t, "connected", func() bool { return c.Status().Connected })
	if err := c.Peek(t.Context(), "conf/+", time.Minute, nil); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error %v", err)
	}
}
