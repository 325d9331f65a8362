package main

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// journal takes down a history while it happens. Its methods may be called at the same time.
type journal struct {
	mu        sync.Mutex
	h         history
	byCommand map[string]int // index in h.commands, by transaction
}

func newJournal() *journal {
	return &journal{h: history{observed: make(map[string]bool), connected: make(map[int]time.Time)}, byCommand: make(map[string]int)}
}

// note changes the history under the lock.
func (j *journal) note(change func(h *history)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.h)
}

// copied is the history so far.
func (j *journal) copied() *history {
	j.mu.Lock()
	defer j.mu.Unlock()
	h := j.h
	h.events, h.publications = slices.Clone(h.events), slices.Clone(h.publications)
	h.commands, h.requests = slices.Clone(h.commands), slices.Clone(h.requests)
	h.tries = slices.Clone(h.tries)
	h.observed, h.connected = maps.Clone(h.observed), maps.Clone(h.connected)
	return &h
}

// begins notes that a phone sends an event, and returns its place.
func (j *journal) begins(mac, kind, callID string) (place int) {
	j.note(func(h *history) {
		place = len(h.events)
		h.events = append(h.events, event{mac: mac, kind: kind, callID: callID, sent: time.Now()})
	})
	return place
}

// answered notes what became of an event; status 0: nothing that the phone could see.
func (j *journal) answered(place, status int) {
	j.note(func(h *history) { h.events[place].answered, h.events[place].status = time.Now(), status })
}

// publishes notes that a message goes to the broker, and returns its place.
func (j *journal) publishes(p publication) (place int) {
	j.note(func(h *history) {
		place = len(h.publications)
		p.at = time.Now()
		h.publications = append(h.publications, p)
	})
	return place
}

// tries notes that the daemon tries to connect, and returns the place of it.
func (j *journal) tries() (place int) {
	j.note(func(h *history) {
		place = len(h.tries)
		h.tries = append(h.tries, try{at: time.Now()})
	})
	return place
}

// hampers notes that network or broker were slow or silent since then.
func (j *journal) hampers(from time.Time) {
	j.note(func(h *history) { h.hampered = append(h.hampered, span{from, time.Now()}) })
}

// watch notes when the machine stands still, which no time that the daemon takes may be blamed for. It goes
// by its own pulse.
func (j *journal) watch(ctx context.Context) {
	const pulse, missed = 10 * time.Millisecond, 100 * time.Millisecond
	for before := time.Now(); stand.Pause(ctx, pulse) == nil; before = time.Now() {
		if from := before.Add(pulse); time.Since(from) > missed {
			j.note(func(h *history) { h.stood = append(h.stood, span{from, time.Now()}) })
		}
	}
}

// commands notes that a command is about to be published.
func (j *journal) commands(c command) {
	j.note(func(h *history) {
		j.byCommand[c.transaction] = len(h.commands)
		h.commands = append(h.commands, c)
	})
}

// command changes what is known of one.
func (j *journal) command(transaction string, change func(*command)) {
	j.note(func(h *history) {
		if i, ok := j.byCommand[transaction]; ok {
			change(&h.commands[i])
		}
	})
}
