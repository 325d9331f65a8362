package mqtt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// certified makes a certificate for localhost that signs itself.
func certified(t *testing.T, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: until.Add(-2 * time.Hour), NotAfter: until,
		DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// trusting is a client's setting that knows a certificate's authority.
func trusting(t *testing.T, cert tls.Certificate) *tls.Config {
	t.Helper()
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// TestTrustIsExplained connects where certificates do not fit: the error tells what to do.
func TestTrustIsExplained(t *testing.T) {
	good, old := certified(t, time.Now().Add(time.Hour)), certified(t, time.Now().Add(-time.Hour))
	serve := func(cert tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{cert}} }
	for _, tt := range []struct {
		name   string
		broker *tls.Config
		host   string
		ours   *tls.Config
		want   string
	}{
		{"unknown authority", serve(good), "localhost", nil, "its CA certificate is needed"},
		{"another host", serve(good), "127.0.0.1", trusting(t, good), "connect by a name or address that stands in it"},
		{"expired", serve(old), "localhost", trusting(t, old), "renew it, or set the clock"},
		{"no TLS there", nil, "localhost", nil, "the port may be one without"},
		{"no certificate of ours", &tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAnyClientCert}, "localhost", trusting(t, good), "client certificate"},
		{"the same before TLS 1.3", &tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, "localhost", trusting(t, good), "client certificate"},
		{"too old", &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS11}, "localhost", trusting(t, good), "protocol version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, port, err := net.SplitHostPort(startMochi(t, everything(), tcp, tt.broker))
			if err != nil {
				t.Fatal(err)
			}
			cfg := testConfig(t, "mqtts://"+net.JoinHostPort(tt.host, port))
			cfg.TLS = tt.ours
			c := NewClient(cfg, openStore(t, ""))
			runInBackground(t, c.Run)
			eventually(t, "refused", func() bool { return c.Status().LastErr != nil })
			if got := c.Status().LastErr.Error(); !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want something with %q", got, tt.want)
			}
		})
	}
}
