package mqtt

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/phone2mqtt/phone2mqtt/mqtt/embedded"
)

// TestMain waits for leaks to end: what a session left behind in paho may take
// another WriteTimeout.
func TestMain(m *testing.M) {
	code := m.Run()
	// The closing of a damaged file may wait for ever, see abandon.
	closing := goleak.IgnoreAnyFunction("github.com/phone2mqtt/phone2mqtt/mqtt.abandon.func1")
	leak := goleak.Find(closing)
	for deadline := time.Now().Add(patience); leak != nil && time.Now().Before(deadline); {
		leak = goleak.Find(closing)
	}
	if leak != nil && code == 0 {
		fmt.Fprintln(os.Stderr, leak)
		code = 1
	}
	os.Exit(code)
}

const patience = time.Minute

// eventually waits for a condition; what tells what was waited for.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func testLog(t *testing.T) zerolog.Logger {
	if os.Getenv("MQTT_TEST_LOG") == "" {
		return zerolog.Nop()
	}
	return zerolog.New(zerolog.NewTestWriter(t)).With().Timestamp().Logger()
}

// startBroker runs an embedded broker; stop ends it before the test does.
func startBroker(t *testing.T, addr string) (url string, stop func()) {
	t.Helper()
	var b *embedded.Broker
	eventually(t, "address "+addr, func() bool {
		var err error
		b, err = embedded.Listen(addr, zerolog.Nop())
		return err == nil
	})
	return "mqtt://" + b.Addr(), runInBackground(t, b.Run)
}

// runInBackground runs until the test ends or stop is called, and fails the
// test when run returns an error.
func runInBackground(t *testing.T, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run did not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

func openStore(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := OpenStore(dir, StoreOptions{Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

const presenceTopic = "test/bridge/state"

func testConfig(t *testing.T, url string) Config {
	return Config{
		URL: url, ClientID: "test",
		Presence:       Presence{Topic: presenceTopic, Online: []byte("online"), Offline: []byte("offline")},
		ConnectTimeout: 2 * time.Second, WriteTimeout: time.Second,
		Backoff: Backoff{Early: 20 * time.Millisecond, Late: 50 * time.Millisecond},
		Log:     testLog(t),
	}
}

// drained tells that everything was sent and acknowledged.
func (c *Client) drained() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.line.idle()
}

func publish(c *Client, messages ...Message) *Receipt {
	return c.Publish(Batch{Messages: messages})
}

func mustStore(t *testing.T, r *Receipt) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.Wait(ctx); err != nil {
		t.Fatalf("receipt: %v", err)
	}
}

func retained(topic, payload string) Message {
	return Message{Topic: topic, Payload: []byte(payload), Retained: true}
}

func event(topic, payload string) Message {
	return Message{Topic: topic, Payload: []byte(payload)}
}

// observer is an ordinary client that remembers what it hears.
type observer struct {
	client paho.Client
	mu     sync.Mutex
	heard  []string // "topic payload", "R " before it when retained
}

func observe(t *testing.T, url, id string, filters ...string) *observer {
	t.Helper()
	o := &observer{}
	opts := paho.NewClientOptions().AddBroker(url).SetClientID(id).SetAutoReconnect(false)
	opts.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		line := fmt.Sprintf("%s %s", m.Topic(), m.Payload())
		if m.Retained() {
			line = "R " + line
		}
		o.mu.Lock()
		o.heard = append(o.heard, line)
		o.mu.Unlock()
	})
	o.client = paho.NewClient(opts)
	wait(t, o.client.Connect())
	t.Cleanup(func() { o.client.Disconnect(0) })
	for _, f := range filters {
		wait(t, o.client.Subscribe(f, 1, nil))
	}
	return o
}

func wait(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("observer: %v", token.Error())
	}
}

func (o *observer) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.heard)
}

// expect waits until as much was heard as is wanted, and compares.
func (o *observer) expect(t *testing.T, want []string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for len(o.all()) < len(want) && time.Now().Before(deadline) {
		time.Sleep(2 * time.Millisecond)
	}
	if diff := cmp.Diff(want, o.all()); diff != "" {
		t.Error(diff)
	}
}

// expectFirst is expect over the first arrivals.
func (o *observer) expectFirst(t *testing.T, want []string) {
	t.Helper()
	first := func() []string {
		seen := map[string]bool{}
		var first []string
		for _, line := range o.all() {
			if !seen[line] {
				seen[line] = true
				first = append(first, line)
			}
		}
		return first
	}
	deadline := time.Now().Add(patience)
	for len(first()) < len(want) && time.Now().Before(deadline) {
		time.Sleep(2 * time.Millisecond)
	}
	if diff := cmp.Diff(want, first()); diff != "" {
		t.Error(diff)
	}
}

func (o *observer) publish(t *testing.T, topic, payload string, retain bool) {
	t.Helper()
	wait(t, o.client.Publish(topic, 1, retain, payload))
}

// proxy forwards TCP connections and can cut or freeze them.
type proxy struct {
	listener net.Listener
	target   atomic.Value // string
	frozen   atomic.Bool
	mu       sync.Mutex
	conns    map[net.Conn]bool
	cuts     int
	wg       sync.WaitGroup
}

func startProxy(t *testing.T, url string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, conns: map[net.Conn]bool{}}
	p.lead(t, url)
	p.wg.Add(1)
	go p.accept()
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) url() string { return "mqtt://" + p.listener.Addr().String() }

// nowhere is the address of no broker.
const nowhere = "mqtt://127.0.0.1:1"

// lead leads further connections to another broker.
func (p *proxy) lead(t *testing.T, url string) {
	t.Helper()
	u, err := ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	p.target.Store(u.Host)
}

func (p *proxy) accept() {
	defer p.wg.Done()
	for {
		down, err := p.listener.Accept()
		if err != nil {
			return
		}
		target, _ := p.target.Load().(string)
		up, err := net.Dial("tcp", target)
		if err != nil {
			_ = down.Close()
			continue
		}
		p.mu.Lock()
		p.conns[up], p.conns[down] = true, true
		p.mu.Unlock()
		p.wg.Add(2)
		go p.pump(up, down)
		go p.pump(down, up)
	}
}

func (p *proxy) pump(to, from net.Conn) {
	defer p.wg.Done()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		for p.frozen.Load() && p.alive(from) {
			time.Sleep(time.Millisecond)
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_, _ = to.Close(), from.Close()
	p.mu.Lock()
	delete(p.conns, from)
	p.mu.Unlock()
}

func (p *proxy) alive(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conns[c]
}

func (p *proxy) cutCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// cut ends all connections at once.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.conns) > 0 {
		p.cuts++
	}
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok && p.cuts%2 == 0 {
			_ = tcp.SetLinger(0) // a reset instead of an orderly end
		}
		_ = c.Close()
		delete(p.conns, c)
	}
}
