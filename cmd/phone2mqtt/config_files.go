package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// secrets are the variables that may stand in a file, which the variable with _FILE after its name
// tells.
var secrets = []string{"MQTT_PASSWORD", "PHONE_PASSWORD", "HTTP_TOKEN"}

// readSecrets takes the secrets that stand in files. They win over those in the environment.
func (c *config) readSecrets() error {
	for _, s := range []struct {
		name, path string
		secret     envconfig.Decoder
	}{
		{"MQTT_PASSWORD_FILE", c.MQTT.PasswordFile, &c.MQTT.Password},
		{"PHONE_PASSWORD_FILE", c.Phone.PasswordFile, &c.Phone.Password},
		{"HTTP_TOKEN_FILE", c.HTTP.TokenFile, &c.HTTP.Token},
	} {
		if s.path == "" {
			continue
		}
		content, err := os.ReadFile(s.path)
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			err = failed.Err // without the path: people write the secret itself there
		}
		if err != nil {
			return wrong(s.name, "expected a file that holds the secret and nothing else: %w", err)
		}
		// Editors and echo end a line; no secret is meant to end with one.
		value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
		if value == "" {
			return wrong(s.name, "%s is empty, expected the secret in it", s.path)
		}
		if err := s.secret.Decode(value); err != nil {
			return wrong(s.name, "%s: %w", s.path, err)
		}
	}
	return nil
}

// checkFiles finds certificate files that would be of no use. Without this a broker behind mqtt://
// would be spoken to in the clear, although somebody took care to name its authority.
func (c *config) checkFiles() error {
	for _, pair := range []struct{ kind, cert, key string }{
		{"MQTT", c.MQTT.CertFile, c.MQTT.KeyFile},
		{"HTTP", c.HTTP.CertFile, c.HTTP.KeyFile},
	} {
		if pair.cert != "" && pair.key == "" {
			return wrong(pair.kind+"_CERT_FILE", "a certificate without its key, expected %s_%s_KEY_FILE with it", prefix, pair.kind)
		}
		if pair.cert == "" && pair.key != "" {
			return wrong(pair.kind+"_KEY_FILE", "a key without its certificate, expected %s_%s_CERT_FILE with it", prefix, pair.kind)
		}
	}
	if c.MQTT.URL.encrypted() {
		return nil
	}
	for _, file := range []struct{ name, path string }{
		{"MQTT_CA_FILE", c.MQTT.CAFile},
		{"MQTT_CERT_FILE", c.MQTT.CertFile},
	} {
		if file.path != "" {
			return wrong(file.name, "nothing is encrypted, expected %s_MQTT_URL to be mqtts:// or wss://", prefix)
		}
	}
	return nil
}

// readCertificates makes the TLS settings, so that a bad file ends the start and not the first
// connection.
func (c *config) readCertificates() error {
	if c.HTTP.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.HTTP.CertFile, c.HTTP.KeyFile)
		if err != nil {
			return wrong("HTTP_CERT_FILE", "expected a certificate and its key in PEM files: %w", err)
		}
		c.HTTP.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	if c.MQTT.CAFile == "" && c.MQTT.CertFile == "" {
		return nil
	}
	c.MQTT.TLS = &tls.Config{}
	if c.MQTT.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.MQTT.CertFile, c.MQTT.KeyFile)
		if err != nil {
			return wrong("MQTT_CERT_FILE", "expected a certificate and its key in PEM files: %w", err)
		}
		c.MQTT.TLS.Certificates = []tls.Certificate{cert}
	}
	if c.MQTT.CAFile != "" {
		authorities, err := readAuthorities(c.MQTT.CAFile)
		if err != nil {
			return wrong("MQTT_CA_FILE", "expected certificates in a PEM file: %w", err)
		}
		c.MQTT.TLS.RootCAs = authorities
	}
	return nil
}

func readAuthorities(path string) (*x509.CertPool, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, errors.New(path + " holds none")
	}
	return pool, nil
}
