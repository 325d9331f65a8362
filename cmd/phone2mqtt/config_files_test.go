package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/secret"
)

func TestSecretFiles(t *testing.T) {
	environment(t, map[string]string{
		"MQTT_USERNAME":       "bridge",
		"MQTT_PASSWORD_FILE":  file(t, "one\n"),
		"PHONE_PASSWORD":      "overruled",
		"PHONE_PASSWORD_FILE": file(t, " two \r\n"),
		"HTTP_TOKEN":          "bad",
		"HTTP_TOKEN_FILE":     file(t, "0123456789abcdef,fedcba9876543210"),
	})
	got, err := loadConfig()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"one", " two ", "0123456789abcdef", "fedcba9876543210"}
	secrets := append([]string{got.MQTT.Password.Reveal(), got.Phone.Password.Reveal()}, secret.Reveal(got.HTTP.Token)...)
	if diff := cmp.Diff(want, secrets); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCertificates(t *testing.T) {
	cert, key := certificate(t)
	environment(t, map[string]string{
		"MQTT_URL":       "mqtts://broker",
		"MQTT_CA_FILE":   cert,
		"MQTT_CERT_FILE": cert,
		"MQTT_KEY_FILE":  key,
		"HTTP_CERT_FILE": cert,
		"HTTP_KEY_FILE":  key,
	})
	got, err := loadConfig()
	if err != nil {
		t.Fatal(err)
	}
	if len(got.HTTP.TLS.Certificates) != 1 || len(got.MQTT.TLS.Certificates) != 1 {
		t.Error("a certificate is missing")
	}
	leaf, err := x509.ParseCertificate(got.MQTT.TLS.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: got.MQTT.TLS.RootCAs}); err != nil {
		t.Errorf("the broker's authority was not taken: %v", err)
	}
}

// certificate writes a self-signed one and its key, and returns both paths.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		DNSNames:              []string{"broker"},
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	key = file(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
	return cert, key
}
