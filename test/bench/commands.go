package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// measureCommands lets every phone dial at once, and again while a tenth of them hang.
func measureCommands(ctx context.Context, b *bench) ([]row, error) {
	phones, stop, err := startPhones(ctx, scale(b, 1000, 100))
	if err != nil {
		return nil, err
	}
	defer stop()
	mosquitto, err := b.startBroker(ctx)
	if err != nil {
		return nil, err
	}
	defer mosquitto.Stop()
	results := make(chan result, 4*len(phones))
	sub, err := subscribe(mosquitto.Addr, "phone2mqtt/+/result", sendResults(results))
	if err != nil {
		return nil, err
	}
	defer sub.Disconnect(0)
	list, err := b.writePhones("commands", phoneEntries(phones))
	if err != nil {
		return nil, err
	}
	d, err := b.startDaemon(ctx, mosquitto.Addr, filepath.Join(b.dir, "commands"), "PHONES_FILE="+list)
	if err != nil {
		return nil, err
	}
	defer d.Stop()
	if err := d.Ready(ctx, "readyz"); err != nil {
		return nil, err
	}
	// The first probe of each phone is no part of it.
	if err := stand.Pause(ctx, scale(b, 6*time.Second, time.Second)); err != nil {
		return nil, err
	}

	var all, last samples
	for range scale(b, 5, 1) {
		took, failed, err := dialAll(ctx, sub, phones, results)
		if err != nil {
			return nil, err
		}
		if failed > 0 {
			return nil, fmt.Errorf("%d of %d commands failed", failed, len(phones))
		}
		all, last = append(all, took...), append(last, took.at(1))
	}
	rows := []row{{figure: fmt.Sprintf("command to result, %d phones at once: p50, p99", len(phones)),
		measured: fmt.Sprintf("%.0f, %.0f ms; the last after %s ms", all.median(), all.at(0.99), last.spread("%.0f"))}}

	hanging := len(phones) / 10
	for _, p := range phones[:hanging] {
		p.Behave(phonetest.Behaviour{Fault: phonetest.Hang})
	}
	took, failed, err := dialAll(ctx, sub, phones, results)
	if err != nil || failed != hanging {
		return rows, fmt.Errorf("%d of %d hanging phones failed: %w", failed, hanging, err)
	}
	fine := took[:len(took)-failed]
	return append(rows, row{figure: fmt.Sprintf("the same while %d of them hang: the others' p99 and last", hanging),
		measured: fmt.Sprintf("%.0f, %.0f ms", fine.at(0.99), fine.at(1))}), nil
}

// result is the end of one command.
type result struct {
	at                  time.Time
	status, transaction string
}

// sendResults passes results on.
func sendResults(to chan<- result) func(string, []byte, time.Time) {
	return func(_ string, payload []byte, at time.Time) {
		var r struct{ Status, Transaction string }
		if json.Unmarshal(payload, &r) != nil {
			r.Status = "unreadable"
		}
		to <- result{at, r.Status, r.Transaction}
	}
}

// dialAll sends one command to every phone and waits for the results: their times since the first
// command was published in milliseconds, in the order in which they came, and how many were errors.
func dialAll(ctx context.Context, sub *subscriber, phones []*phonetest.Phone, results <-chan result) (took samples, failed int, err error) {
	begun := time.Now()
	for _, p := range phones {
		sub.Publish("phone2mqtt/"+string(p.MAC())+"/set/dial", 1, false, "206")
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for range phones {
		select {
		case r := <-results:
			took = append(took, milliseconds(r.at.Sub(begun)))
			if r.status != "ok" {
				failed++
			}
		case <-timeout.C:
			return nil, 0, fmt.Errorf("%d of %d results", len(took), len(phones))
		case <-ctx.Done():
			return nil, 0, context.Cause(ctx)
		}
	}
	return took, failed, nil
}

// startPhones makes simulated phones with a web server each.
func startPhones(ctx context.Context, n int) (phones []*phonetest.Phone, stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	stop = func() { cancel(); running.Wait() }
	for i := range n {
		p := phonetest.New(phonetest.Options{MAC: phone.MAC(fmt.Sprintf("001fc107%04x", i))})
		if err := p.Listen("127.0.0.1:0"); err != nil {
			stop()
			return nil, nil, err
		}
		running.Go(func() {
			if err := p.Run(ctx); err != nil {
				progress("a simulated phone: %v", err)
			}
		})
		phones = append(phones, p)
	}
	return phones, stop, nil
}

func phoneEntries(phones []*phonetest.Phone) []string {
	var entries []string
	for _, p := range phones {
		entries = append(entries, fmt.Sprintf("  - {mac: \"%s\", host: \"%s\"}", p.MAC(), p.Addr()))
	}
	return entries
}

// writePhones writes a phones file.
func (b *bench) writePhones(name string, entries []string) (path string, err error) {
	path = filepath.Join(b.dir, name+".yaml")
	return path, os.WriteFile(path, []byte("phones:\n"+strings.Join(entries, "\n")+"\n"), 0o600)
}
