package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime/pprof"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/mqtt"
)

// BenchmarkIntake is one event over a new connection, 64 phones at a time, through the whole program
// with a store that syncs and a mosquitto. Everything that plays the phones carries a profiler label,
// so that a profile can be read without it:
//
//	go test ./cmd/phone2mqtt -run '^$' -bench Intake -benchtime 10s -cpuprofile cpu.out
//	go tool pprof -tagignore side=phones -top -cum cpu.out
func BenchmarkIntake(b *testing.B) {
	requireMosquitto(b)
	intake := benchHouse(b, startMosquitto(b, "").addr)
	const phones, atOnce = 1000, 64
	var sent atomic.Int64
	send := func(n int64, event string) error {
		i := n % phones
		ip := fmt.Sprintf("127.1.%d.%d", i/250, i%250+1)
		return benchSend(intake, ip, fmt.Sprintf("GET /%s?mac=001fc101%04x&ip=%s&model=UC926U&firmware=2.0.4.2&active_user=201&call_id=%d"+
			"&local=sip:201@192.168.0.1&remote=sip:206@192.168.0.1&display_remote=Bob HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", event, i, ip, i))
	}
	for n := range int64(phones) {
		if err := send(n, "call_established"); err != nil {
			b.Fatal(err)
		}
	}
	b.SetParallelism(atOnce / 2)
	b.ResetTimer()
	pprof.Do(context.Background(), pprof.Labels("side", "phones"), func(context.Context) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				// The mute key in a call: a state, an event, and never a repeat.
				n := sent.Add(1)
				if err := send(n, []string{"mute", "unmute"}[n/phones%2]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// benchHouse runs the program and returns the address of its intake.
func benchHouse(b *testing.B, broker string) string {
	b.Helper()
	intake, err := listen(b.Context(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	cfg := testBridge()
	cfg.Allow = append(cfg.Allow, netip.MustParsePrefix("127.0.0.0/8"))
	p := parts{
		intake:   intake,
		dataDir:  b.TempDir(),
		storeMax: 256 << 20,
		mqtt:     mqtt.Config{URL: "mqtt://" + broker, ClientID: "house"},
		bridge:   cfg,
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx, zerolog.Nop()) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	return intake.Addr().String()
}

// benchSend sends a request from an address of its own, as each phone has one, and wants a 200.
func benchSend(intake, ip, request string) error {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	c, err := dialer.Dial("tcp", intake)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	if len(answer) < 12 || string(answer[9:12]) != "200" {
		return fmt.Errorf("answered %.100q", answer)
	}
	return nil
}
