package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// rules is a broker's hook that refuses what allow does not allow.
type rules struct {
	mochi.HookBase
	allow func(topic string, write bool) bool
	wills atomic.Int32 // published
}

func (*rules) ID() string { return "rules" }

func (*rules) Provides(what byte) bool {
	return what == mochi.OnConnectAuthenticate || what == mochi.OnACLCheck || what == mochi.OnWillSent
}

func (r *rules) OnWillSent(*mochi.Client, packets.Packet) { r.wills.Add(1) }

func (*rules) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

func (r *rules) OnACLCheck(_ *mochi.Client, topic string, write bool) bool {
	return r.allow(topic, write)
}

// startMochi runs a broker with rules on a listener.
func startMochi(t *testing.T, hook *rules, listener func(listeners.Config) listeners.Listener, secure *tls.Config) (addr string) {
	t.Helper()
	server := mochi.New(&mochi.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := server.AddHook(hook, nil); err != nil {
		t.Fatal(err)
	}
	l := listener(listeners.Config{ID: "test", Address: "127.0.0.1:0", TLSConfig: secure})
	if err := server.AddListener(l); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return l.Address()
}

func tcp(c listeners.Config) listeners.Listener { return listeners.NewTCP(c) }

func allow(rule func(topic string, write bool) bool) *rules { return &rules{allow: rule} }

func everything() *rules { return allow(func(string, bool) bool { return true }) }

func TestRefusedSubscriptionDoesNotStopEvents(t *testing.T) {
	addr := startMochi(t, allow(func(topic string, write bool) bool { return write || topic != "cmd/#" }), tcp, nil)
	cfg := testConfig(t, "mqtt://"+addr)
	cfg.Subscriptions = []Subscription{{Filter: "cmd/#", Receive: func(Message) {}}, {Filter: "other", Receive: func(Message) {}}}
	c := NewClient(cfg, openStore(t, ""))
	o := observe(t, cfg.URL, "observer", "dev/#")
	runInBackground(t, c.Run)
	publish(c, event("dev/event", "x"))
	o.expect(t, []string{"dev/event x"})
	if s := c.Status(); !slices.Equal(s.Refused, []string{"cmd/#"}) || !s.Connected {
		t.Errorf("status %+v", s)
	}
	eventually(t, "verified", func() bool { return c.Status().Verified })
}

func TestUnreadablePresenceIsNotVerified(t *testing.T) {
	addr := startMochi(t, allow(func(topic string, write bool) bool { return write || topic != presenceTopic }), tcp, nil)
	c := NewClient(testConfig(t, "mqtt://"+addr), openStore(t, ""))
	runInBackground(t, c.Run)
	eventually(t, "connected", func() bool { return c.Status().Connected })
	publish(c, event("dev/event", "x"))
	eventually(t, "sent", c.drained)
	if s := c.Status(); s.Verified || !slices.Equal(s.Refused, []string{presenceTopic}) {
		t.Errorf("status %+v", s)
	}
}

// TestOffenderIsSetAside has a broker that ends the session on one topic, in
// the midst of a window of others.
func TestOffenderIsSetAside(t *testing.T) {
	addr := startMochi(t, allow(func(topic string, write bool) bool { return !write || !strings.Contains(topic, "poison") }), tcp, nil)
	store := openStore(t, t.TempDir())
	c := NewClient(testConfig(t, "mqtt://"+addr), store)
	o := observe(t, "mqtt://"+addr, "observer", "dev/#")
	var last *Receipt
	var want []string
	for i := range 100 {
		if i == 40 || i == 70 {
			publish(c, event("dev/poison", "x"))
		}
		if i == 50 {
			publish(c, retained("dev/poison/state", "x"))
		}
		last = publish(c, event("dev/event", fmt.Sprint(i)))
		want = append(want, fmt.Sprint("dev/event ", i))
	}
	runInBackground(t, c.Run)
	mustStore(t, last)
	eventually(t, "line worked off", c.drained)
	o.expectFirst(t, want)
	if s := c.Status(); s.SetAside != 3 || s.Waiting != 0 || s.WaitingBytes != 0 {
		t.Errorf("status %+v", s)
	}
	eventually(t, "all set aside", func() bool {
		return slices.Equal(asideTopics(t, store), []string{"dev/poison", "dev/poison/state", "dev/poison"})
	})
}

func TestPresenceIsDefended(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	o := observe(t, url, "observer", presenceTopic)
	c := NewClient(testConfig(t, url), openStore(t, ""))
	stop := runInBackground(t, c.Run)
	eventually(t, "connected", func() bool { return c.Status().Connected })
	o.publish(t, presenceTopic, "offline", true)
	want := []string{presenceTopic + " online", presenceTopic + " offline", presenceTopic + " online"}
	o.expect(t, want)
	stop()
	o.expect(t, append(want, presenceTopic+" offline"))
}

// TestOrderlyEndNeedsNoWill: Offline is ours, and DISCONNECT was said.
func TestOrderlyEndNeedsNoWill(t *testing.T) {
	hook := everything()
	url := "mqtt://" + startMochi(t, hook, tcp, nil)
	o := observe(t, url, "observer", presenceTopic)
	c := NewClient(testConfig(t, url), openStore(t, ""))
	stop := runInBackground(t, c.Run)
	eventually(t, "connected", func() bool { return c.Status().Connected })
	stop()
	o.expect(t, []string{presenceTopic + " online", presenceTopic + " offline"})
	if n := hook.wills.Load(); n != 0 {
		t.Errorf("%d wills", n)
	}
}

// TestKeptPresenceProvesNothing: only what was published in this session does.
func TestKeptPresenceProvesNothing(t *testing.T) {
	s := newSession(NewClient(testConfig(t, nowhere), openStore(t, "")))
	s.presence(Message{Payload: []byte("online"), Retained: true})
	s.presence(Message{Payload: []byte("offline"), Retained: true})
	if s.verified.Load() || len(s.denied) != 0 {
		t.Errorf("verified %t, denied %d", s.verified.Load(), len(s.denied))
	}
}

func TestReceives(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	o := observe(t, url, "observer")
	o.publish(t, "cmd/kept", "old", true)
	var mu sync.Mutex
	var got []string
	receive := func(name string) func(Message) {
		return func(m Message) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, fmt.Sprint(name, " ", m.Topic, " ", string(m.Payload), " ", m.Retained))
		}
	}
	cfg := testConfig(t, url)
	cfg.Subscriptions = []Subscription{{"cmd/#", receive("cmd")}, {presenceTopic, receive("presence")}}
	c := NewClient(cfg, openStore(t, ""))
	runInBackground(t, c.Run)
	eventually(t, "connected", func() bool { return c.Status().Verified })
	o.publish(t, "cmd/live", "new", true)
	o.publish(t, "cmd/live", "", true)
	want := []string{"cmd cmd/kept old true", "cmd cmd/live  false", "cmd cmd/live new false", "presence " + presenceTopic + " online false"}
	sorted := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Sorted(slices.Values(got))
	}
	eventually(t, "all received", func() bool { return slices.Equal(sorted(), want) })
}

// TestOnConnectPublishes: what it publishes goes out in that session.
func TestOnConnectPublishes(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	o := observe(t, url, "observer", "dev/#")
	var c *Client
	cfg := testConfig(t, url)
	cfg.OnConnect = func() { publish(c, event("dev/event", "connected")) }
	c = NewClient(cfg, openStore(t, ""))
	runInBackground(t, c.Run)
	o.expect(t, []string{"dev/event connected"})
}

// TestHangingBroker stops a client whose broker neither reads nor answers.
func TestHangingBroker(t *testing.T) {
	t.Parallel()
	url, _ := startBroker(t, "127.0.0.1:0")
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, p *proxy, c *Client)
	}{
		{"in a session", func(t *testing.T, p *proxy, c *Client) {
			eventually(t, "connected", func() bool { return c.Status().Connected })
			p.frozen.Store(true)
			for range 200 { // more than the buffers of the sockets hold
				publish(c, Message{Topic: "dev/event", Payload: make([]byte, 64<<10)})
			}
			time.Sleep(100 * time.Millisecond)
		}},
		{"while connecting", func(t *testing.T, p *proxy, c *Client) {
			p.frozen.Store(true)
			p.cut()
			eventually(t, "lost", func() bool { return !c.Status().Connected })
			time.Sleep(100 * time.Millisecond)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := startProxy(t, url)
			cfg := testConfig(t, p.url())
			// Whoever waited for the broker would wait for long; everything else is short, also on a busy machine.
			const long = 4 * time.Second
			cfg.DrainTimeout, cfg.WriteTimeout, cfg.ConnectTimeout = 300*time.Millisecond, long, long
			c := NewClient(cfg, openStore(t, ""))
			stop := runInBackground(t, c.Run)
			eventually(t, "connected", func() bool { return c.Status().Connected })
			tt.prepare(t, p, c)
			began := time.Now()
			stop()
			if took := time.Since(began); took >= long {
				t.Errorf("stopped after %s", took)
			}
		})
	}
}

// TestDeadLinkIsNoticed: no FIN, no answer, while publishing.
func TestDeadLinkIsNoticed(t *testing.T) {
	t.Parallel()
	url, _ := startBroker(t, "127.0.0.1:0")
	p := startProxy(t, url)
	cfg := testConfig(t, p.url())
	cfg.KeepAlive, cfg.PingTimeout = time.Second, time.Second
	c := NewClient(cfg, openStore(t, ""))
	runInBackground(t, c.Run)
	eventually(t, "connected", func() bool { return c.Status().Connected })
	p.frozen.Store(true)
	publish(c, event("dev/event", "x"))
	eventually(t, "lost", func() bool { return !c.Status().Connected })
	p.cut()
	p.frozen.Store(false)
	eventually(t, "sent", func() bool { return c.Status().Connected && c.drained() })
	if s := c.Status(); s.SetAside != 0 || s.Reconnects == 0 {
		t.Errorf("status %+v", s)
	}
}

// TestTransports publishes over each kind of connection, with a proxy in the
// environment that does not exist.
func TestTransports(t *testing.T) {
	t.Setenv("all_proxy", "socks5://127.0.0.1:1")
	t.Setenv("ALL_PROXY", "socks5://127.0.0.1:1")
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	web.Close()
	secure := &tls.Config{Certificates: web.TLS.Certificates}
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	trust := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	webSocket := func(c listeners.Config) listeners.Listener { return listeners.NewWebsocket(c) }
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		return l.Addr().String()
	}
	onFree := func(c listeners.Config) listeners.Listener {
		c.Address = free() // mochi does not tell which port a WebSocket got
		return webSocket(c)
	}
	for _, tt := range []struct {
		scheme string
		listen func(listeners.Config) listeners.Listener
		secure *tls.Config
	}{
		{"mqtt", tcp, nil},
		{"mqtts", tcp, secure},
		{"ws", onFree, nil},
		{"wss", onFree, secure},
	} {
		t.Run(tt.scheme, func(t *testing.T) {
			addr := startMochi(t, everything(), tt.listen, tt.secure)
			cfg := testConfig(t, tt.scheme+"://"+addr)
			cfg.TLS = trust
			c := NewClient(cfg, openStore(t, ""))
			stop := runInBackground(t, c.Run)
			publish(c, event("dev/event", "x"))
			eventually(t, "sent", func() bool { return c.Status().Verified && c.drained() })
			stop()
		})
	}
}
