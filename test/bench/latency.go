package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

const eventsPerSecond = 200

// measureLatency sends 200 events a second, whatever becomes of the ones before, and takes the time
// from before the connection to the subscriber's callback.
func measureLatency(ctx context.Context, b *bench) ([]row, error) {
	mosquitto, err := b.startBroker(ctx)
	if err != nil {
		return nil, err
	}
	defer mosquitto.Stop()
	watch := &stopwatch{began: make(map[string]time.Time)}
	sub, err := subscribe(mosquitto.Addr, "#", watch.arrived)
	if err != nil {
		return nil, err
	}
	defer sub.Disconnect(0)
	durable, err := b.startDaemon(ctx, mosquitto.Addr, filepath.Join(b.dir, "latency"))
	if err != nil {
		return nil, err
	}
	defer durable.Stop()
	if err := durable.Ready(ctx, "readyz"); err != nil {
		return nil, err
	}
	plain, err := b.startPeer(ctx, "plain", mosquitto.Addr)
	if err != nil {
		return nil, err
	}
	defer plain.Stop()

	var rows []row
	for i, f := range []struct {
		name string
		stand.Daemon
	}{{"daemon", durable}, {"plain form", plain}} {
		took, err := watch.measure(ctx, f.Intake, newOffice(5*eventsPerSecond, byte(4+i)), sub, scale(b, 30*time.Second, 3*time.Second))
		if err != nil {
			return rows, fmt.Errorf("%s: %w", f.name, err)
		}
		r := row{figure: "event to subscriber at 200/s, p50, p99, longest: " + f.name,
			measured: fmt.Sprintf("%.2f, %.2f, %.1f ms", took.median(), took.at(0.99), took.at(1))}
		if i == 0 {
			r.goal, r.met = "p99 < 4 ms, aim 3", took.at(0.99) < 4
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// stopwatch takes the time of one event per phone at a time.
type stopwatch struct {
	mu    sync.Mutex
	began map[string]time.Time // by MAC
	took  samples              // milliseconds
}

func (s *stopwatch) arrived(topic string, _ []byte, at time.Time) {
	if !isEvent(topic) {
		return
	}
	mac := strings.Split(topic, "/")[1]
	s.mu.Lock()
	defer s.mu.Unlock()
	if begun, ok := s.began[mac]; ok {
		s.took = append(s.took, milliseconds(at.Sub(begun)))
		delete(s.began, mac)
	}
}

// measure lets the phones send in turn.
func (s *stopwatch) measure(ctx context.Context, intake string, phones office, sub *subscriber, length time.Duration) (samples, error) {
	if err := phones.talk(ctx, intake); err != nil {
		return nil, err
	}
	if err := quiet(ctx, sub); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.took = nil
	s.mu.Unlock()
	failed := make(chan error, 1)
	var sending sync.WaitGroup
	clock := time.NewTicker(time.Second / eventsPerSecond)
	defer clock.Stop()
	events := int(length * eventsPerSecond / time.Second)
	for n := range events {
		<-clock.C
		d := phones[n%len(phones)]
		sending.Go(func() {
			s.mu.Lock()
			s.began[d.mac] = time.Now()
			s.mu.Unlock()
			if err := d.toggle(ctx, intake); err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	sending.Wait()
	select {
	case err := <-failed:
		return nil, err
	default:
	}
	if err := quiet(ctx, sub); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.took) != events {
		return nil, fmt.Errorf("%d of %d events arrived", len(s.took), events)
	}
	return s.took, nil
}
