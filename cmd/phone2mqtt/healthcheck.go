package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// healthTimeout bounds the whole question.
const healthTimeout = 3 * time.Second

// healthcheck asks the running daemon whether it is live. It is for containers, which have no shell
// and no curl.
func healthcheck(ctx context.Context) error {
	cfg, err := loadConfig()
	if err != nil {
		return usageError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	url := "http://" + reachable(string(cfg.HTTP.Addr)) + "/healthz"
	if cfg.HTTP.TLS != nil {
		url = strings.Replace(url, "http:", "https:", 1)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// The certificate names the host that phones use, not this loopback address, and nothing secret is
	// asked or told.
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("not live: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 200))
		return fmt.Errorf("not live: %s %s", answer.Status, strings.TrimSpace(string(said)))
	}
	return nil
}

// reachable is where to ask for what listens on addr: on loopback where it listens on all addresses.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
