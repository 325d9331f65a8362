package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// soak keeps one world under load, with faults that the seed draws and that one daemon outlives, and
// prints now and then what it uses. Then the history of the whole time is judged.
func (t *torture) soak(ctx context.Context, chosen []fault, length time.Duration) (err error) {
	var able []fault
	for _, f := range chosen {
		if !f.ends && !f.long && f.plan.variant == asReleased && f.plan.limits == "" && !f.plan.smallDisk {
			able = append(able, f)
		}
	}
	if len(able) == 0 {
		return errors.New("none of these faults can be repeated in one world")
	}
	w := &world{plan: plan{more: 8}, dir: filepath.Join(t.dir, "soak"), seed: t.seed, eventsPerSecond: 100, commandsPerSecond: 10}
	if w.program, err = t.programOf(ctx, asReleased); err != nil {
		return err
	}
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return err
	}
	defer w.tearDown()
	if err := build(ctx, w, phones); err != nil {
		return err
	}
	if err := w.suffer(ctx, t, able, length); err != nil {
		return err
	}
	h := w.concluded(able)
	o := outcome{history: h, violations: h.judge()}
	fmt.Fprintf(t.out, "\n%d faults, %d events, %d commands, %d broken promises\n", len(h.faults), len(h.events), len(h.commands), len(o.violations))
	for i, v := range o.violations {
		if i < 20 {
			fmt.Fprintf(os.Stderr, "soak: %s: %s\n", v.rule, v.text)
		}
	}
	if t.broken = len(o.violations) > 0; t.broken {
		return w.keepTrace(o)
	}
	return nil
}

// suffer is the time of faults, and what follows it.
func (w *world) suffer(ctx context.Context, t *torture, able []fault, length time.Duration) error {
	loading, unload := context.WithCancel(ctx)
	defer unload()
	var load sync.WaitGroup
	load.Go(func() { w.talk(loading) })
	load.Go(func() { w.order(loading) })
	fmt.Fprintln(t.out, "| minute | fault before | goroutines | open files | RSS | store |\n|---|---|---|---|---|---|")
	random := rand.New(rand.NewPCG(w.seed, 3))
	begun, every := time.Now(), max(length/15, 10*time.Second)
	next := begun
	for time.Since(begun) < length {
		f := able[random.IntN(len(able))]
		if err := w.strike(ctx, []fault{f}); err != nil {
			return err
		}
		if err := stand.Pause(ctx, 8*time.Second); err != nil {
			return err
		}
		if time.Now().After(next) {
			next = time.Now().Add(every)
			if err := w.report(ctx, t, f.name, time.Since(begun)); err != nil {
				return err
			}
		}
	}
	unload()
	load.Wait()
	if err := w.settle(ctx); err != nil {
		return err
	}
	if err := w.lookAt(ctx, func(h *history) *retained { return &h.settled }); err != nil {
		return err
	}
	w.last(ctx)
	if err := w.settle(ctx); err != nil {
		return err
	}
	if err := w.lookAt(ctx, func(h *history) *retained { return &h.final }); err != nil {
		return err
	}
	if err := w.report(ctx, t, "at rest", time.Since(begun)); err != nil {
		return err
	}
	return w.leave(ctx)
}

func (w *world) report(ctx context.Context, t *torture, name string, since time.Duration) error {
	f, err := w.figures(ctx)
	if err != nil {
		return err
	}
	store, err := os.Stat(w.storeFile())
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "| %.1f | %s | %.0f | %.0f | %.1f MiB | %.2f MiB |\n", since.Minutes(), name,
		f["go_goroutines"], f["process_open_fds"], f["process_resident_memory_bytes"]/(1<<20), float64(store.Size())/(1<<20))
	return nil
}
