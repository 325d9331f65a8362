package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// measureDrain fills the store while there is no broker, starts the daemon again where there is one,
// and sends commands while what waited goes out. It also follows the size of the store.
func measureDrain(ctx context.Context, b *bench) ([]row, error) {
	const desks = 500
	events := scale(b, 100_000, 5000)
	phones, stop, err := startPhones(ctx, 10)
	if err != nil {
		return nil, err
	}
	defer stop()
	list, err := b.writePhones("drain", phoneEntries(phones))
	if err != nil {
		return nil, err
	}
	store := filepath.Join(b.dir, "drain")
	file := filepath.Join(store, "outbox.db")
	filled, err := b.fill(ctx, newOffice(desks, 9), events, store, list)
	if err != nil {
		return nil, err
	}
	full := size(file)

	mosquitto, err := b.startBroker(ctx)
	if err != nil {
		return nil, err
	}
	defer mosquitto.Stop()
	d, rows, err := b.drain(ctx, mosquitto.Addr, store, list, phones, filled)
	if err != nil {
		return rows, err
	}
	defer d.Stop()
	// What was acknowledged leaves the disk a moment later.
	if err := stand.Pause(ctx, time.Second); err != nil {
		return rows, err
	}
	drained, begun := size(file), time.Now()
	// It is copied into a small one when nothing was written for a while.
	for size(file) > drained/4 && time.Since(begun) < longestRest {
		if err := stand.Pause(ctx, 50*time.Millisecond); err != nil {
			return rows, err
		}
	}
	return append(rows, row{
		figure:   fmt.Sprintf("store with %d events waiting, after they are gone, at rest", filled),
		measured: fmt.Sprintf("%s, %s, %s after %.1f s", mebibytes(full), mebibytes(drained), mebibytes(size(file)), time.Since(begun).Seconds()),
	}), nil
}

// longestRest is how long the store may take to give its space back.
const longestRest = 30 * time.Second

// fill has events stored that cannot be sent, and returns how many.
func (b *bench) fill(ctx context.Context, desks office, events int, store, list string) (filled int, err error) {
	nowhere, err := stand.FreeAddr()
	if err != nil {
		return 0, err
	}
	d, err := b.startDaemon(ctx, nowhere, store, "PHONES_FILE="+list)
	if err != nil {
		return 0, err
	}
	defer d.Stop()
	if err := d.Ready(ctx, "healthz"); err != nil {
		return 0, err
	}
	if err := desks.talk(ctx, d.Intake); err != nil {
		return 0, err
	}
	// Each phone has sent the two events that make it talk.
	each := events/len(desks) - 2
	err = desks.each(atOnce, func(desk *desk) error {
		for range each {
			if err := desk.toggle(ctx, d.Intake); err != nil {
				return err
			}
		}
		return nil
	})
	return (each + 2) * len(desks), err
}

// drain measures from the first event at the subscriber to the last. The daemon goes on running, unless
// there is an error.
func (b *bench) drain(ctx context.Context, broker, store, list string, phones []*phonetest.Phone, filled int) (stand.Daemon, []row, error) {
	results := make(chan result, 10_000)
	pass := sendResults(results)
	var first, last time.Time // written before an event is counted complete, read after
	arrived, complete := 0, make(chan struct{})
	sub, err := subscribe(broker, "phone2mqtt/#", func(topic string, payload []byte, at time.Time) {
		if filepath.Base(topic) == "result" {
			pass(topic, payload, at)
		}
		if !isEvent(topic) {
			return
		}
		if arrived++; arrived == 1 {
			first = at
		}
		if arrived == filled {
			last = at
			close(complete)
		}
	})
	if err != nil {
		return stand.Daemon{}, nil, err
	}
	defer sub.Disconnect(0)
	d, err := b.startDaemon(ctx, broker, store, "DIAL_RATE=0", "PHONES_FILE="+list)
	if err != nil {
		return stand.Daemon{}, nil, err
	}
	begun := time.Now()
	if err := d.Await(ctx, "events arrive", func() bool { return sub.events.Load() > 0 }); err != nil {
		d.Stop()
		return d, nil, err
	}
	early := time.Since(begun)
	requests, answers, err := commandsUntil(ctx, sub, phones, results, complete)
	if err != nil {
		d.Stop()
		return d, nil, err
	}
	rate := float64(filled) / last.Sub(first).Seconds()
	return d, []row{
		{fmt.Sprintf("drain of %d waiting events", filled),
			fmt.Sprintf("%.0f events/s; the first at the subscriber %.0f ms after the start", rate, milliseconds(early)), "≥ 20,000/s", rate >= 20_000},
		{fmt.Sprintf("%d commands meanwhile: until the phone is asked, p50 and longest", len(requests)),
			fmt.Sprintf("%.0f, %.0f ms", requests.median(), requests.at(1)), "< 100 ms", requests.at(1) < 100},
		{"until the result is at the subscriber, p50 and longest",
			fmt.Sprintf("%.0f, %.0f ms", answers.median(), answers.at(1)), "< 100 ms", answers.at(1) < 100},
	}, nil
}

// commandsUntil sends a command every 50 ms, to one phone after the other, until complete. It returns
// how long each took to reach its phone, and how long until its result was there.
func commandsUntil(ctx context.Context, sub *subscriber, phones []*phonetest.Phone, results <-chan result, complete <-chan struct{}) (requests, answers samples, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := make(map[string]time.Time)
	for n := 0; !closed(complete); n++ {
		p, id := phones[n%len(phones)], fmt.Sprint(n)
		began[id] = time.Now()
		sub.Publish("phone2mqtt/"+string(p.MAC())+"/set", 1, false, fmt.Sprintf(`{"command":"dial","number":"206","transaction":%q}`, id))
		if _, err := p.AwaitRequests(ctx, n/len(phones)+1); err != nil {
			return nil, nil, fmt.Errorf("command %d did not reach its phone: %w", n, err)
		}
		requests = append(requests, milliseconds(time.Since(began[id])))
		if err := stand.Pause(ctx, 50*time.Millisecond); err != nil {
			return nil, nil, err
		}
	}
	for range requests {
		select {
		case r := <-results:
			answers = append(answers, milliseconds(r.at.Sub(began[r.transaction])))
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("%d of %d results came", len(answers), len(requests))
		}
	}
	return requests, answers, nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// size is that of a file, 0 when there is none.
func size(path string) int64 {
	file, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return file.Size()
}
