package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// atOnce is how many phones send at the same time: enough to keep two cores busy.
const atOnce = 64

// form is one way of taking events.
type form struct {
	stand.Daemon
	name      string
	publishes bool
	phones    office

	rate      samples // answered events a second
	delivered samples // the same up to the moment when the subscriber had the last one
	cpu       samples // microseconds of the form's own process per event
}

// measureIntake compares the daemon with a handler that publishes without keeping anything, and with
// one that does nothing, in turn: what the machine does meanwhile hits all of them.
func measureIntake(ctx context.Context, b *bench) ([]row, error) {
	mosquitto, err := b.startBroker(ctx)
	if err != nil {
		return nil, err
	}
	defer mosquitto.Stop()
	sub, err := subscribe(mosquitto.Addr, "#", nil)
	if err != nil {
		return nil, err
	}
	defer sub.Disconnect(0)
	durable, err := b.startDaemon(ctx, mosquitto.Addr, filepath.Join(b.dir, "intake"))
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
	bare, err := b.startPeer(ctx, "bare", mosquitto.Addr)
	if err != nil {
		return nil, err
	}
	defer bare.Stop()

	const phones = 1000
	forms := []*form{
		{Daemon: durable, name: "durable daemon", publishes: true, phones: newOffice(phones, 1)},
		{Daemon: plain, name: "plain form", publishes: true, phones: newOffice(phones, 2)},
		{Daemon: bare, name: "bare net/http", phones: newOffice(phones, 3)},
	}
	for _, f := range forms {
		if err := f.phones.talk(ctx, f.Intake); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	for round := range scale(b, 7, 1) {
		for i := range forms {
			f := forms[(i+round)%len(forms)]
			if err := f.round(ctx, sub, scale(b, 4*time.Second, time.Second)); err != nil {
				return nil, fmt.Errorf("%s: %w", f.name, err)
			}
		}
	}
	return intakeRows(forms[0], forms[1], forms[2]), nil
}

// round lets it take events for a while, and waits until all of them have arrived, so that nothing of
// it reaches into the next one's.
func (f *form) round(ctx context.Context, sub *subscriber, length time.Duration) error {
	if err := quiet(ctx, sub); err != nil {
		return err
	}
	// The first connections after a pause are not what is asked for.
	if _, err := f.phones.saturate(ctx, f.Intake, atOnce, length/4); err != nil {
		return err
	}
	if err := quiet(ctx, sub); err != nil {
		return err
	}
	seen := sub.events.Load()
	before, err := usageOf(f.Process)
	if err != nil {
		return err
	}
	begun := time.Now()
	answered, err := f.phones.saturate(ctx, f.Intake, atOnce, length)
	if err != nil {
		return err
	}
	took := time.Since(begun)
	if f.publishes {
		err := f.Await(ctx, "the subscriber has every event", func() bool { return sub.events.Load()-seen >= int64(answered) })
		if err != nil {
			return fmt.Errorf("%d of %d: %w", sub.events.Load()-seen, answered, err)
		}
	}
	all := time.Since(begun)
	after, err := usageOf(f.Process)
	if err != nil {
		return err
	}
	f.rate = append(f.rate, float64(answered)/took.Seconds())
	f.delivered = append(f.delivered, float64(answered)/all.Seconds())
	f.cpu = append(f.cpu, float64((after.cpu-before.cpu).Microseconds())/float64(answered))
	progress("  %s: %.0f/s, delivered %.0f/s, %.0f µs", f.name, f.rate[len(f.rate)-1], f.delivered[len(f.delivered)-1], f.cpu[len(f.cpu)-1])
	return nil
}

// quiet waits until the subscriber has got nothing for a moment.
func quiet(ctx context.Context, sub *subscriber) error {
	for seen := int64(-1); seen != sub.events.Load(); {
		seen = sub.events.Load()
		if err := stand.Pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func intakeRows(durable, plain, bare *form) []row {
	toPlain, toBare := ratios(durable.rate, plain.rate), ratios(durable.rate, bare.rate)
	delivered := ratios(durable.delivered, plain.delivered)
	var rows []row
	for _, f := range []*form{durable, plain, bare} {
		rows = append(rows, row{figure: "intake, a new connection per event: " + f.name, measured: f.rate.spread("%.0f") + " events/s"})
	}
	return append(rows,
		row{"intake: daemon / plain form", toPlain.spread("%.2f"), "≥ 0.85, aim 1.0", toPlain.median() >= 0.85},
		row{figure: "intake: daemon / bare net/http", measured: toBare.spread("%.2f")},
		row{figure: "up to the subscriber: daemon / plain form", measured: delivered.spread("%.2f")},
		row{figure: "CPU of the process per event: daemon, plain form, bare net/http",
			measured: fmt.Sprintf("%.0f, %.0f, %.0f µs", durable.cpu.median(), plain.cpu.median(), bare.cpu.median())},
	)
}

// ratios compares round by round.
func ratios(a, b samples) samples {
	all := make(samples, len(a))
	for i := range a {
		all[i] = a[i] / b[i]
	}
	return all
}
