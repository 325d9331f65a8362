package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/mqtt/embedded"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// The end-to-end tests run the whole program between real peers: a broker, simulated phones and an
// MQTT client that watches. What they assert is what goes over the wire.

const (
	patience = 20 * time.Second
	vendor   = "001fc11a8b6c" // the phone of the vendor's example
)

// asProgram makes this test binary behave as the program, so that tests can kill it.
const asProgram = "RUN_AS_PHONE2MQTT"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(checkLeaks(m))
}

// eachBroker runs a test with the embedded broker and with mosquitto.
func eachBroker(t *testing.T, test func(t *testing.T, start func(t *testing.T, addr string) testBroker)) {
	t.Run("embedded", func(t *testing.T) { test(t, startEmbedded) })
	t.Run("mosquitto", func(t *testing.T) {
		requireMosquitto(t)
		test(t, func(t *testing.T, addr string) testBroker { return startMosquitto(t, addr) })
	})
}

// requireMosquitto skips where it is not installed, unless TEST_REQUIRE names it.
func requireMosquitto(t testing.TB) {
	t.Helper()
	_, err := stand.FindMosquitto()
	switch {
	case err == nil:
	case stand.Required("mosquitto"):
		t.Fatalf("%v, and TEST_REQUIRE asks for it", err)
	default:
		t.Skip(err)
	}
}

// testBroker is a running broker.
type testBroker struct {
	addr string
	stop func()
}

// startEmbedded runs our own broker; an empty addr takes a free port.
func startEmbedded(t *testing.T, addr string) testBroker {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	broker, err := embedded.Listen(addr, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- broker.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return testBroker{broker.Addr(), stop}
}

// startMosquitto runs a mosquitto that keeps nothing; its stop kills it.
func startMosquitto(t testing.TB, addr string) testBroker {
	t.Helper()
	// Longer than the test's own context: what runs against it is stopped by clean-ups of its own.
	broker, err := stand.StartBroker(context.Background(), t.TempDir(), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Kill)
	return testBroker{broker.Addr, broker.Kill}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	addr, err := stand.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// house is the program, running in this process.
type house struct {
	intake string
	stop   func()
}

// testBridge is a configuration that learns phones and waits for nothing but answers.
func testBridge() bridge.Config {
	c := demoBridge("http://test")
	c.Learn = true
	c.KeyPause = time.Millisecond
	c.PhoneTimeout = patience
	c.Allow = append(c.Allow, netip.MustParsePrefix("192.168.0.0/16"))
	return c
}

// startHouse runs the program with a store in dir, or with a temporary one.
func startHouse(t *testing.T, broker, dir string, change func(*bridge.Config)) house {
	t.Helper()
	cfg := testBridge()
	if change != nil {
		change(&cfg)
	}
	return startParts(t, parts{
		dataDir:  dir,
		storeMax: 64 << 20,
		mqtt:     mqtt.Config{URL: "mqtt://" + broker, ClientID: "house", WriteTimeout: time.Second},
		bridge:   cfg,
	})
}

// startParts runs the program with an intake on any free port.
func startParts(t *testing.T, p parts) house {
	t.Helper()
	var err error
	if p.intake, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx, zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the program ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("the program did not end")
		}
	})
	t.Cleanup(stop)
	return house{p.intake.Addr().String(), stop}
}

// startPhone runs a simulated phone that sends its events to the house.
func startPhone(t *testing.T, opt phonetest.Options) *phonetest.Phone {
	t.Helper()
	p := phonetest.New(opt)
	if err := p.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return p
}

// listed tells the program of simulated phones.
func listed(phones ...*phonetest.Phone) func(*bridge.Config) {
	return func(c *bridge.Config) {
		for _, p := range phones {
			c.Phones = append(c.Phones, book.Listing{MAC: p.MAC(), Source: "PHONES", Host: p.Addr()})
		}
	}
}

// get sends a raw request line over a connection of its own, and gives the answer's status.
func (h house) get(t *testing.T, target string) int {
	t.Helper()
	status, _ := h.ask(t, "GET "+target+" HTTP/1.1\r\nHost: x\r\n\r\n")
	return status
}

// ask sends a raw request as it is.
func (h house) ask(t *testing.T, request string) (status int, body string) {
	t.Helper()
	status, body, err := ask(h.intake, request)
	if err != nil {
		t.Fatalf("%.80q: %v", request, err)
	}
	return status, body
}

func ask(addr, request string) (status int, body string, err error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, request); err != nil {
		return 0, "", err
	}
	answer, err := io.ReadAll(c)
	if len(answer) == 0 {
		return 0, "", errors.Join(err, errors.New("no answer"))
	}
	head, rest, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	_, err = fmt.Fscanf(bufio.NewReader(bytes.NewReader(head)), "HTTP/1.1 %d", &status)
	if err != nil {
		_, err = fmt.Fscanf(bufio.NewReader(bytes.NewReader(head)), "HTTP/1.0 %d", &status)
	}
	return status, string(rest), err
}

// message is what the watcher saw.
type message struct {
	topic, payload string
	retained       bool
}

// member is one member of the payload's object, as JSON.
func (m message) member(name string) string {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(m.payload), &object) != nil {
		return "(no object)"
	}
	return string(object[name])
}

// text is a member that is a string.
func (m message) text(name string) string {
	var s string
	if json.Unmarshal([]byte(m.member(name)), &s) != nil {
		return "(" + m.member(name) + ")"
	}
	return s
}

// watcher is an MQTT client that keeps all it sees.
type watcher struct {
	client paho.Client
	mu     sync.Mutex
	all    []message
}

func watch(t *testing.T, broker string) *watcher {
	t.Helper()
	return watchAs(t, broker, "watcher")
}

// watchAs is watch under a client id of its own.
func watchAs(t *testing.T, broker, id string) *watcher {
	t.Helper()
	w := &watcher{}
	w.client = paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + broker).SetClientID(id).SetAutoReconnect(false))
	wait(t, w.client.Connect())
	t.Cleanup(func() { w.client.Disconnect(50) })
	wait(t, w.client.Subscribe("phone2mqtt/#", 1, func(_ paho.Client, m paho.Message) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all = append(w.all, message{m.Topic(), string(m.Payload()), m.Retained()})
	}))
	return w
}

func wait(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("mqtt client: %v", token.Error())
	}
}

func (w *watcher) publish(t *testing.T, topic, payload string, retained bool) {
	t.Helper()
	wait(t, w.client.Publish(topic, 1, retained, payload))
}

// seen are the messages so far.
func (w *watcher) seen() []message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

// of are the messages of one topic below the root, without those that were cleared.
func (w *watcher) of(topic string) []message {
	return slices.DeleteFunc(w.seen(), func(m message) bool { return m.topic != "phone2mqtt/"+topic || m.payload == "" })
}

// last waits until the last message of a topic is as wanted, and returns it.
func (w *watcher) last(t *testing.T, topic, what string, wanted func(message) bool) message {
	t.Helper()
	var last message
	eventually(t, topic+": "+what, func() bool {
		all := w.of(topic)
		if len(all) == 0 {
			return false
		}
		last = all[len(all)-1]
		return wanted(last)
	})
	return last
}

// nth waits for the n-th message of a topic.
func (w *watcher) nth(t *testing.T, topic string, n int) message {
	t.Helper()
	eventually(t, fmt.Sprintf("message %d of %s", n, topic), func() bool { return len(w.of(topic)) >= n })
	return w.of(topic)[n-1]
}

// ready waits until the program has its session.
func (w *watcher) ready(t *testing.T) {
	t.Helper()
	w.last(t, "bridge/state", "is online", func(m message) bool { return m.payload == "online" })
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// macs are the addresses of many phones.
func macs(n int) []phone.MAC {
	all := make([]phone.MAC, n)
	for i := range all {
		all[i] = phone.MAC(fmt.Sprintf("001fc1%06x", i+1))
	}
	return all
}
