package action_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	stdlog "log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
)

// selfSigned makes a certificate for 127.0.0.1 and the pool that trusts it.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestServerOverTLS(t *testing.T) {
	certificate, pool := selfSigned(t)
	h := new(recorder)
	l := listen(t)
	serve(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}), h)

	t.Run("request", func(t *testing.T) {
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: pool})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET /incoming call?x=<y> HTTP/1.0\r\n\r\n")
		if answer, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(answer), `"/incoming call" "x=<y>"`+"\n") {
			t.Errorf("answer %q, %v", answer, err)
		}
	})
	t.Run("line too long", func(t *testing.T) {
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: pool})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, strings.Repeat("GET /", 50<<10))
		if answer, err := io.ReadAll(c); err != nil || !strings.Contains(string(answer), " 414 ") {
			t.Errorf("answer %q, %v", answer, err)
		}
	})
	t.Run("plain http", func(t *testing.T) {
		answer := exchange(t, l.Addr().String(), "GET /incoming_call HTTP/1.1\r\nHost: h\r\n\r\n")
		if !strings.Contains(answer, "plain http sent to an https address") {
			t.Errorf("answer %q", answer)
		}
	})
	t.Run("certificate not trusted", func(t *testing.T) {
		if c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: x509.NewCertPool()}); err == nil {
			_ = c.Close()
			t.Fatal("trusted")
		}
	})
	t.Run("protocol too old", func(t *testing.T) {
		if c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
			_ = c.Close()
			t.Fatal("connected")
		}
	})
	t.Run("gone", func(t *testing.T) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	})

	// The last two handshakes fail on the server a moment after the client has left.
	want := []string{"", "request line over 8 KiB", "plain http sent to an https address", "tls handshake failed", "tls handshake failed"}
	var got []string
	eventually(t, func() bool {
		got = nil
		for _, s := range h.seen() {
			reason, _, _ := strings.Cut(s.Reason, ": ")
			got = append(got, reason)
		}
		return len(got) >= len(want)
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Error("timed out")
			return
		}
	}
}

func TestServerServesOrdinaryClients(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ui/{name}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.PathValue("name")+" "+r.URL.RawQuery+" "+r.Host+strings.Repeat(".", 1<<20))
	})
	l := listen(t)
	serve(t, l, mux)
	answer, err := http.Get("http://" + l.Addr().String() + "/ui/phones?sort=name&q=a%20b")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	want := "phones sort=name&q=a%20b " + l.Addr().String() + strings.Repeat(".", 1<<20)
	if err != nil || string(body) != want || !answer.Close || answer.ProtoMinor != 1 {
		t.Errorf("status %s, %d bytes, close %v, %v", answer.Status, len(body), answer.Close, err)
	}
}

func TestClientOverTLS(t *testing.T) {
	var got []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.RequestURI)
	}))
	certificate, pool := selfSigned(t)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = stdlog.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)

	to := address(t, server.URL)
	client := action.NewPhone(&action.Options{}, false)
	if answer, err := client.Do(t.Context(), to, admin, "Command=2"); !errors.Is(err, action.ErrTLS) || errors.Is(err, action.ErrUnreachable) || !strings.Contains(err.Error(), "x509") {
		t.Errorf("certificate not trusted: %+v, %v", answer, err)
	}
	to.TLS = &tls.Config{RootCAs: pool}
	if answer, err := client.Do(t.Context(), to, admin, "Command=2"); err != nil {
		t.Errorf("certificate trusted: %+v, %v", answer, err)
	}
	if diff := cmp.Diff([]string{"/Phone_ActionURL&Command=2"}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
