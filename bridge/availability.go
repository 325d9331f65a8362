package bridge

import (
	"context"
	"errors"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
)

const (
	online  = "online"
	offline = "offline"

	// enoughMissed probes in a row make a phone offline whose web port has ever answered.
	enoughMissed = 3
	// firstRound is how soon every phone is probed once after the start.
	firstRound = 5 * time.Second
)

func (d *device) availability() string {
	if d.online {
		return online
	}
	return offline
}

// setOnline notes whether a phone is there, and tells it when that is news. A phone that is met for
// the first time is no news: its first event says so. The device is locked.
func (b *Bridge) setOnline(d *device, is bool, at time.Time) []phone.Change {
	if is {
		d.missed = 0
	}
	if d.online == is {
		return nil
	}
	met := d.online || d.heard()
	d.online = is
	if _, listed := b.phones.book.Listing(d.mac); !listed && !met {
		return nil
	}
	t := phone.PhoneOffline
	if is {
		t = phone.PhoneOnline
	}
	return []phone.Change{{Event: phone.Event{Type: t, Time: at, MAC: d.mac}, Derived: true}}
}

// answered notes that a phone's web port took a request, and what its login asked for.
func (b *Bridge) answered(d *device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.removed {
		return
	}
	changes := b.setOnline(d, true, time.Now())
	news := len(changes) > 0 || !d.reached || d.digest != d.web.AsksDigest()
	d.reached, d.digest = true, d.web.AsksDigest()
	if news {
		b.publish(d, changes)
	}
}

// probeMissed notes that a phone's web port took no connection, of a probe or of a command, which probes
// yield to: several in one interval count once. A port that never answered may be switched off in the
// phone's settings: such a phone is judged by its events alone.
func (b *Bridge) probeMissed(d *device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.removed || !d.reached || time.Since(d.missedAt) < b.cfg.ProbeInterval/2 {
		return
	}
	d.missedAt = time.Now()
	d.missed = min(d.missed+1, enoughMissed)
	if d.missed < enoughMissed {
		return
	}
	if changes := b.setOnline(d, false, time.Now()); len(changes) > 0 {
		b.publish(d, changes)
	}
}

// probe looks whether the phone's web port takes a connection.
func (b *Bridge) probe(ctx context.Context, d *device) {
	address, err := b.address(d)
	if err != nil {
		return
	}
	switch err := d.web.Probe(ctx, address); {
	case err == nil:
		b.answered(d)
	case errors.Is(err, action.ErrUnreachable):
		b.probeMissed(d)
	}
}

// probeAll puts a probe into each phone's queue once every interval, spread over it, until ctx ends.
func (b *Bridge) probeAll(ctx context.Context) {
	round := min(firstRound, b.cfg.ProbeInterval)
	for ctx.Err() == nil {
		devices := b.phones.all()
		for _, d := range devices {
			if !pause(ctx, round/time.Duration(len(devices))) {
				return
			}
			if b.phones.book.Host(d.mac) != "" {
				b.probeNext(d)
			}
		}
		if len(devices) == 0 && !pause(ctx, round) {
			return
		}
		round = b.cfg.ProbeInterval
	}
}

// pause waits, and tells false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Phones counts the known phones by their availability.
func (b *Bridge) Phones() (available, unavailable int) {
	for _, d := range b.phones.all() {
		d.mu.Lock()
		is := d.online
		d.mu.Unlock()
		if is {
			available++
		} else {
			unavailable++
		}
	}
	return available, unavailable
}
