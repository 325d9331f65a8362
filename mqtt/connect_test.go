package mqtt

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// hangUp reads what comes first and closes the connection, as brokers do with what they do not
// understand. With TLS it is understood as far as that.
func hangUp(t *testing.T, secure *tls.Config) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_ = conn.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return l.Addr().String()
}

// hangUpOverWebSocket does so when it has agreed to a WebSocket.
func hangUpOverWebSocket(t *testing.T) (addr string) {
	t.Helper()
	upgrader := websocket.Upgrader{Subprotocols: []string{"mqtt"}}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		_, _, _ = conn.ReadMessage()
		_ = conn.Close()
	}))
	t.Cleanup(web.Close)
	return web.Listener.Addr().String()
}

// TestHintAboutTLS connects to what closes the connection: where that may be for TLS the error says so,
// and nowhere else.
func TestHintAboutTLS(t *testing.T) {
	cert := certified(t, time.Now().Add(time.Hour))
	trust := trusting(t, cert)
	plain := hangUp(t, nil)
	secure := hangUp(t, &tls.Config{Certificates: []tls.Certificate{cert}})
	const speechless = "instead of speaking TLS"
	for _, tt := range []struct {
		name, scheme, addr string
		want               string // empty: no hint
	}{
		{"TLS at a port without", "mqtts", plain, speechless},
		{"the same by its other name", "ssl", plain, speechless},
		{"the same over WebSocket", "wss", plain, speechless},
		{"no TLS", "mqtt", plain, "if the port is one for TLS the URL has to begin with mqtts://"},
		{"the same by its other name", "tcp", plain, "if the port is one for TLS the URL has to begin with mqtts://"},
		{"the same over WebSocket", "ws", plain, "if the port is one for TLS the URL has to begin with wss://"},
		{"TLS was spoken", "mqtts", secure, ""},
		{"TLS was spoken, no WebSocket", "wss", secure, ""},
		{"WebSocket was spoken", "ws", hangUpOverWebSocket(t), ""},
	} {
		t.Run(tt.scheme+" "+tt.name, func(t *testing.T) {
			_, port, err := net.SplitHostPort(tt.addr)
			if err != nil {
				t.Fatal(err)
			}
			cfg := testConfig(t, tt.scheme+"://"+net.JoinHostPort("localhost", port))
			cfg.TLS = trust
			c := NewClient(cfg, openStore(t, ""))
			runInBackground(t, c.Run)
			eventually(t, "refused", func() bool { return c.Status().LastErr != nil })
			got := c.Status().LastErr
			if !closedByPeer(got) {
				t.Errorf("not the end of a connection: %v", got)
			}
			if hinted := strings.Contains(got.Error(), "the broker"); hinted != (tt.want != "") || !strings.Contains(got.Error(), tt.want) {
				t.Errorf("got %q, want something with %q", got, tt.want)
			}
		})
	}
}

// TestOwnVerification keeps what the configuration itself wants to see of the broker.
func TestOwnVerification(t *testing.T) {
	cert := certified(t, time.Now().Add(time.Hour))
	_, port, err := net.SplitHostPort(hangUp(t, &tls.Config{Certificates: []tls.Certificate{cert}}))
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(t, "mqtts://"+net.JoinHostPort("localhost", port))
	cfg.TLS = trusting(t, cert)
	cfg.TLS.VerifyConnection = func(tls.ConnectionState) error { return errEnded }
	c := NewClient(cfg, openStore(t, ""))
	runInBackground(t, c.Run)
	eventually(t, "refused", func() bool { return c.Status().LastErr != nil })
	if got := c.Status().LastErr.Error(); !strings.Contains(got, errEnded.Error()) {
		t.Errorf("got %q, want something with %q", got, errEnded)
	}
}
