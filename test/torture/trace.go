package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// keepTrace writes down, beside the daemon's log, what happened in a round that broke a promise, in the
// order of time.
func (w *world) keepTrace(o outcome) error {
	file, err := os.Create(filepath.Join(w.dir, "trace.txt"))
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	for _, v := range o.violations {
		fmt.Fprintf(out, "%s: %s\n", v.rule, v.text)
	}
	fmt.Fprintln(out)
	for _, l := range o.history.lines() {
		fmt.Fprintf(out, "%s %s\n", l.at.Format(stamp), l.text)
	}
	return errors.Join(out.Flush(), file.Close())
}

// line of a trace.
type line struct {
	at   time.Time
	text string
}

func (h *history) lines() []line {
	var all []line
	add := func(at time.Time, format string, args ...any) {
		if !at.IsZero() {
			all = append(all, line{at, fmt.Sprintf(format, args...)})
		}
	}
	for i := range h.events {
		e := &h.events[i]
		add(e.sent, "%s sends %s", e.mac, e.kind)
		add(e.answered, "%s was answered %d for %s", e.mac, e.status, e.kind)
	}
	for i := range h.publications {
		p := &h.publications[i]
		what := fmt.Sprintf("%s/%s %s %s%s%s on connection %d", p.mac, p.topic, p.said.EventType, p.said.ID, p.said.Transaction, p.said.LastEvent, p.connection)
		add(p.at, "daemon publishes %s, time %s", what, p.said.Time.Format(stamp))
		add(p.confirmed, "broker acknowledges %s", what)
	}
	for i := range h.commands {
		add(h.commands[i].delivered, "daemon is given %s for %s, acknowledged %v", h.commands[i].transaction, h.commands[i].mac, h.commands[i].taken)
	}
	for i := range h.requests {
		add(h.requests[i].at, "%s is asked to dial %s", h.requests[i].mac, h.requests[i].number)
	}
	for _, f := range h.faults {
		add(f.from, "-- fault begins")
		add(f.to, "-- fault ends")
	}
	for _, at := range h.deaths {
		add(at, "-- daemon is killed")
	}
	for _, t := range h.tries {
		add(t.at, "-- daemon tries to connect")
		add(h.connected[t.session], "-- broker lets it in on connection %d", t.session)
		add(t.silent, "-- nothing passes any more on connection %d", t.session)
		add(t.ended, "-- connection %d ends", t.session)
	}
	for _, s := range h.stood {
		add(s.to, "-- the machine stood still for %s", s.to.Sub(s.from))
	}
	add(h.damaged, "-- store is damaged")
	add(h.lookedAt, "-- settled")
	slices.SortStableFunc(all, func(a, b line) int { return a.at.Compare(b.at) })
	return all
}
