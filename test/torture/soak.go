package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// soak keeps one world under load, with faults that the seed draws and that one daemon outlives, and
// prints now and then what it uses. Then that is judged, and the history of the whole time.
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
	struck, samples, err := w.suffer(ctx, t, able, length)
	if err != nil {
		return err
	}
	h := w.concluded(struck)
	h.other = append(h.other, growth(samples, t.out)...)
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
func (w *world) suffer(ctx context.Context, t *torture, able []fault, length time.Duration) (struck []fault, samples []sample, err error) {
	loading, unload := context.WithCancel(ctx)
	defer unload()
	var load sync.WaitGroup
	load.Go(func() { w.talk(loading) })
	load.Go(func() { w.order(loading) })
	load.Go(func() { w.journal.watch(loading) })
	fmt.Fprintln(t.out, "| minute | fault before | goroutines | open files | RSS | store |\n|---|---|---|---|---|---|")
	random := rand.New(rand.NewPCG(w.seed, 3))
	begun, every := time.Now(), max(length/15, 10*time.Second)
	next := begun
	for time.Since(begun) < length {
		f := able[random.IntN(len(able))]
		struck = append(struck, f)
		if err := w.strike(ctx, []fault{f}); err != nil {
			return nil, nil, err
		}
		// A session that lasts for so long ends an outage.
		if err := stand.Pause(ctx, steady+slack); err != nil {
			return nil, nil, err
		}
		s, err := w.sampled(ctx)
		if err != nil {
			return nil, nil, err
		}
		samples = append(samples, s)
		if time.Now().After(next) {
			next = time.Now().Add(every)
			s.print(t.out, time.Since(begun), f.name)
		}
	}
	unload()
	load.Wait()
	if err := w.conclude(ctx); err != nil {
		return nil, nil, err
	}
	s, err := w.sampled(ctx)
	if err == nil {
		s.print(t.out, time.Since(begun), "at rest")
		err = w.leave(ctx)
	}
	return struck, samples, err
}

// sample is what the daemon uses at a moment.
type sample [4]float64

// resources are what a sample holds, with what the last third of a soak may use on top of the third before:
// so much of it again, and so much in any case.
var resources = [4]struct {
	name       string
	unit       float64
	part, rest float64
}{
	{"goroutines", 1, 0.2, 10},
	{"open files", 1, 0.1, 5},
	{"MiB of RSS", 1 << 20, 0.1, 4},
	{"MiB of store", 1 << 20, 0.2, 1},
}

func (w *world) sampled(ctx context.Context) (s sample, err error) {
	f, err := w.figures(ctx)
	if err != nil {
		return s, err
	}
	store, err := os.Stat(w.storeFile())
	if err != nil {
		return s, err
	}
	s = sample{f["go_goroutines"], f["process_open_fds"], f["process_resident_memory_bytes"], float64(store.Size())}
	for i := range s {
		s[i] /= resources[i].unit
	}
	return s, nil
}

func (s sample) print(out io.Writer, since time.Duration, name string) {
	fmt.Fprintf(out, "| %.1f | %s | %.0f | %.0f | %.1f MiB | %.2f MiB |\n", since.Minutes(), name, s[0], s[1], s[2], s[3])
}

// growth compares what was used, in the middle, in the second and in the last third of a soak: the first
// is for warming up. It returns what has grown.
func growth(samples []sample, out io.Writer) (complaints []string) {
	third := len(samples) / 3
	if third < 3 {
		fmt.Fprintf(out, "\n%d samples are too few to tell growth\n", len(samples))
		return nil
	}
	second, last := samples[third:2*third], samples[2*third:]
	fmt.Fprintln(out)
	for i, r := range resources {
		from, to := middle(second, i), middle(last, i)
		fmt.Fprintf(out, "%s: %.1f in the second third, %.1f in the last\n", r.name, from, to)
		if to > from*(1+r.part)+r.rest {
			complaints = append(complaints, fmt.Sprintf("%s grew from %.1f to %.1f", r.name, from, to))
		}
	}
	return complaints
}

// middle is the median of one resource.
func middle(samples []sample, of int) float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, s[of])
	}
	slices.Sort(all)
	return all[len(all)/2]
}
