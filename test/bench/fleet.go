package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// measureFleet starts the daemon with 10,000 listed phones: once anew, and once with what it kept. The
// phones' addresses are there, and refuse every probe.
func measureFleet(ctx context.Context, b *bench) ([]row, error) {
	phones := scale(b, 10_000, 1000)
	mosquitto, err := b.startBroker(ctx)
	if err != nil {
		return nil, err
	}
	defer mosquitto.Stop()
	entries := make([]string, phones)
	for i := range entries {
		entries[i] = fmt.Sprintf("  - {mac: \"001fc108%04x\", host: \"127.8.%d.%d:9\", name: \"Desk %d\"}", i, i/250, i%250+1, i)
	}
	list, err := b.writePhones("fleet", entries)
	if err != nil {
		return nil, err
	}
	store := filepath.Join(b.dir, "fleet")
	var rows []row
	for _, start := range []string{"first start", "start with its store"} {
		more, err := b.fleet(ctx, mosquitto.Addr, list, store, phones)
		for _, r := range more {
			r.figure = fmt.Sprintf("%d phones, %s: %s", phones, start, r.figure)
			rows = append(rows, r)
		}
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// fleet is one start.
func (b *bench) fleet(ctx context.Context, broker, list, store string, phones int) ([]row, error) {
	var mu sync.Mutex
	states := make(map[string]bool)
	begun := time.Now()
	sub, err := subscribe(broker, "phone2mqtt/+/state", func(topic string, _ []byte, at time.Time) {
		mu.Lock()
		defer mu.Unlock()
		// What the broker kept of an earlier start comes before; the bridge has a state of its own.
		if mac := strings.Split(topic, "/")[1]; mac != "bridge" && at.After(begun) {
			states[mac] = true
		}
	})
	if err != nil {
		return nil, err
	}
	defer sub.Disconnect(0)
	var announced, announcedBytes atomic.Int64
	house, err := stand.Subscribe(broker, "homeassistant/device/+/config", func(m stand.Message) {
		if !m.Retained {
			announced.Add(1)
			announcedBytes.Add(int64(len(m.Payload)))
		}
	}, nil)
	if err != nil {
		return nil, err
	}
	defer house.Disconnect(0)
	if err := stand.Pause(ctx, 500*time.Millisecond); err != nil {
		return nil, err
	}
	mu.Lock()
	clear(states)
	begun = time.Now()
	mu.Unlock()

	d, err := b.startDaemon(ctx, broker, store, "PHONES_FILE="+list)
	if err != nil {
		return nil, err
	}
	defer d.Stop()
	if err := d.Ready(ctx, "readyz"); err != nil {
		return nil, err
	}
	ready := time.Since(begun)
	err = d.Await(ctx, "every state is published", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(states) == phones
	})
	if err != nil {
		return nil, err
	}
	published := time.Since(begun)

	for quarter := range 4 {
		// The bridge is announced as well.
		enough := int64((quarter + 1) * (phones + 1) / 4)
		err := d.Await(ctx, "the phones are announced", func() bool { return announced.Load() >= enough })
		if err != nil {
			return nil, err
		}
	}
	told := time.Since(begun)

	// By now every phone was probed; memory and processor show how it goes on.
	if err := stand.Pause(ctx, scale(b, 5*time.Second, time.Second)); err != nil {
		return nil, err
	}
	before, err := usageOf(d.Process)
	if err != nil {
		return nil, err
	}
	window := scale(b, 10*time.Second, time.Second)
	if err := stand.Pause(ctx, window); err != nil {
		return nil, err
	}
	after, err := usageOf(d.Process)
	if err != nil {
		return nil, err
	}
	return []row{
		{"ready", fmt.Sprintf("%.0f ms; all states at the subscriber after %.0f ms", milliseconds(ready), milliseconds(published)), "< 1 s", ready < time.Second},
		{figure: "announced to Home Assistant", measured: fmt.Sprintf("after %.0f s, %.0f MB", told.Seconds(), float64(announcedBytes.Load())/1e6)},
		{"RSS", mebibytes(after.rss) + ", at most " + mebibytes(after.rssPeak), "< 60 MB, aim 40", after.rss < 60_000_000},
		{figure: "CPU while nobody calls, probes included", measured: fmt.Sprintf("%.1f %% of a core", 100*(after.cpu-before.cpu).Seconds()/window.Seconds())},
	}, nil
}
