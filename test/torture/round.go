package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// The load of every round.
const (
	phones            = 40
	eventsPerSecond   = 200
	commandsPerSecond = 20
)

const (
	// before and after the fault there is load for so long.
	before, after = 700 * time.Millisecond, 700 * time.Millisecond
	// settling is how long it may take until all that waits is out.
	settling = 60 * time.Second
	// answering is the same for the results of commands, after that.
	answering = 12 * time.Second
	// memory is what the daemon may take, in bytes, whatever happens to it. Mapped files are not counted,
	// for the kernel takes their memory back when it wants to.
	memory = 80 << 20
)

// outcome is what a round came to.
type outcome struct {
	history    *history
	violations []violation
	usage      usage
	recovery   time.Duration
}

// name of one fault or of a pair.
func nameOf(fs []fault) string {
	var names []string
	for _, f := range fs {
		names = append(names, f.name)
	}
	return strings.Join(names, "+")
}

// play has the faults strike a new world, and judges what came of it. The seed decides the load and
// every moment of chance.
func (t *torture) play(ctx context.Context, fs []fault, round int) (o outcome, err error) {
	name := fmt.Sprintf("%s-%d", nameOf(fs), round)
	sum := fnv.New64a()
	_, _ = fmt.Fprint(sum, name)
	w := &world{plan: merged(fs), dir: filepath.Join(t.dir, name), seed: t.seed ^ sum.Sum64(), round: round, eventsPerSecond: eventsPerSecond, commandsPerSecond: commandsPerSecond}
	if w.program, err = t.programOf(ctx, w.variant); err != nil {
		return o, err
	}
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return o, err
	}
	defer func() {
		if err == nil && len(o.violations) == 0 {
			_ = os.RemoveAll(w.dir)
		}
	}()
	defer w.tearDown()
	err = build(ctx, w, phones)
	if err == nil {
		err = w.live(ctx, fs)
	}
	if err != nil {
		return o, fmt.Errorf("%s, of which the daemon says %q: %w", name, lastLines(w.logText()), err)
	}
	if most := w.usage.Own; most > memory {
		w.journal.note(func(h *history) { h.other = append(h.other, fmt.Sprintf("the daemon took %d MiB", most>>20)) })
	}
	o.history = w.concluded(fs)
	o.violations = o.history.judge()
	o.usage = w.usage
	if len(o.violations) > 0 {
		err = w.keepTrace(o)
	}
	o.recovery = o.history.recovered()
	return o, err
}

// merged is the plan that serves all faults.
func merged(fs []fault) plan {
	var p plan
	for _, f := range fs {
		p.variant += f.plan.variant
		p.limits += f.plan.limits
		p.settings = append(p.settings, f.plan.settings...)
		p.persistent = p.persistent || f.plan.persistent
		p.smallDisk = p.smallDisk || f.plan.smallDisk
		p.more = max(p.more, f.plan.more)
	}
	return p
}

// live is the course of a round.
func (w *world) live(ctx context.Context, fs []fault) error {
	loading, unload := context.WithCancel(ctx)
	defer unload()
	var load, sampling sync.WaitGroup
	load.Go(func() { w.talk(loading) })
	load.Go(func() { w.order(loading) })
	sampled, done := context.WithCancel(ctx)
	defer sampling.Wait()
	defer done()
	sampling.Go(func() { w.sample(sampled) })
	sampling.Go(func() { w.journal.watch(sampled) })

	err := stand.Pause(ctx, before)
	if err == nil {
		err = w.strike(ctx, fs)
	}
	if err == nil {
		err = stand.Pause(ctx, after)
	}
	unload()
	load.Wait()
	if err != nil {
		return err
	}
	if err := w.conclude(ctx); err != nil {
		return err
	}
	done()
	sampling.Wait()
	w.sampleOnce()
	if err := w.count(ctx); err != nil {
		return err
	}
	return w.leave(ctx)
}

// conclude lets all settle, looks at what the broker keeps, and again after a last call.
func (w *world) conclude(ctx context.Context) error {
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
	return w.lookAt(ctx, func(h *history) *retained { return &h.final })
}

// strike has all faults strike at about the same time, and notes from when to when.
func (w *world) strike(ctx context.Context, fs []fault) error {
	var struck uint64
	w.journal.note(func(h *history) { struck = uint64(len(h.faults)) })
	from := time.Now()
	failures := make([]error, len(fs))
	var all sync.WaitGroup
	for i, f := range fs {
		all.Go(func() {
			s := &strike{w, rand.New(rand.NewPCG(w.seed, struck<<8+uint64(i)))}
			if failures[i] = s.upTo(ctx, time.Second); failures[i] == nil {
				failures[i] = f.strike(ctx, s)
			}
		})
	}
	all.Wait()
	w.journal.note(func(h *history) { h.faults = append(h.faults, span{from, time.Now()}) })
	return errors.Join(failures...)
}

// settle waits until the daemon has nothing left to send, and every command has its result. What does
// not happen in time the checks find.
func (w *world) settle(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, settling)
	defer cancel()
	for {
		f, err := w.figures(limit)
		if err == nil && f["phone2mqtt_mqtt_connected"] == 1 && f["phone2mqtt_store_waiting_messages"] == 0 {
			break
		}
		if stand.Pause(limit, 50*time.Millisecond) != nil {
			break
		}
	}
	// States that are clean are published again after the rest, and paced.
	for silence := time.Duration(0); silence < 300*time.Millisecond && limit.Err() == nil; {
		if err := stand.Pause(ctx, 300*time.Millisecond-silence); err != nil {
			return err
		}
		w.journal.note(func(h *history) { silence = time.Since(h.spoke) })
	}
	for end := time.Now().Add(answering); time.Now().Before(end) && w.journal.copied().awaits(); {
		if err := stand.Pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// awaits tells that the result of a command is missing.
func (h *history) awaits() bool {
	c := &check{history: h}
	c.checkResults()
	for _, v := range c.broken {
		if v.rule == noResult {
			return true
		}
	}
	return false
}

func (w *world) lookAt(ctx context.Context, where func(*history) *retained) error {
	begun := time.Now()
	kept, err := look(ctx, w.brokerAddr)
	if err != nil {
		return err
	}
	w.journal.note(func(h *history) {
		*where(h) = kept
		if h.lookedAt.IsZero() {
			h.lookedAt = begun
		}
	})
	return nil
}

// count notes what the daemon counted.
func (w *world) count(ctx context.Context) error {
	f, err := w.figures(ctx)
	if err != nil {
		return err
	}
	told := f["phone2mqtt_store_damages_total"] + f["phone2mqtt_messages_lost_total"] + f["phone2mqtt_messages_set_aside_total"]
	w.journal.note(func(h *history) { h.damages = int(told) })
	return nil
}

// leave ends the daemon in order: it has to say that it is offline.
func (w *world) leave(ctx context.Context) error {
	w.stopDaemon()
	kept, err := look(ctx, w.brokerAddr)
	if got := string(kept["bridge/state"]); err == nil && got != "offline" {
		w.journal.note(func(h *history) { h.other = append(h.other, "after SIGTERM bridge/state is "+got) })
	}
	return err
}

var setAside = regexp.MustCompile(`"topic":"phone2mqtt/([0-9a-f]{12})/[^\n]*message set aside`)

var damageTold = regexp.MustCompile(`store was damaged|stored messages did not come back|headers of the store was damaged`)

// concluded is the history with what the log tells.
func (w *world) concluded(fs []fault) *history {
	h, log := w.journal.copied(), w.logText()
	h.aside = make(map[string]bool)
	for _, match := range setAside.FindAllStringSubmatch(log, -1) {
		h.aside[match[1]] = true
	}
	h.damageLogged = damageTold.MatchString(log)
	if strings.Contains(log, "panic:") || strings.Contains(log, "fatal error:") {
		h.other = append(h.other, "the daemon's log tells of a panic")
	}
	for _, f := range fs {
		// In a pair the other one may hide it: who is not running has nobody to lose.
		if len(fs) == 1 && !strings.Contains(log, f.sign) {
			h.other = append(h.other, fmt.Sprintf("%s did not strike: the log does not say %q", f.name, f.sign))
		}
		h.limit = max(h.limit, f.limit, usual)
		h.brokerFails = h.brokerFails || f.part == theBroker || f.part == theLink
		h.diskFails = h.diskFails || f.part == theDisk
	}
	return h
}

// recovered is the recovery, for the table.
func (h *history) recovered() time.Duration {
	c := &check{history: h, sentAs: make([][]int, len(h.events)), perMAC: make(map[string][]int)}
	c.match()
	return c.recovery()
}

func lastLines(text string) string { return text[max(0, len(text)-2000):] }
