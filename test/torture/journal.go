package main

import (
	"maps"
	"slices"
	"sync"
	"time"
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
