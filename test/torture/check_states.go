package main

import (
	"encoding/json"
	"slices"
	"time"
)

// lastCall is the call that every phone begins when all is over, and the events of it.
const lastCall = "the-last-call"

var lastEvents = []string{"setup_completed", "incoming_call", "call_established"}

// checkStates judges what the broker keeps.
func (c *check) checkStates() {
	for mac, places := range c.perMAC {
		// A store that was damaged has forgotten the phones; their next event tells all.
		if c.settled != nil && c.damaged.IsZero() && !c.aside[mac] {
			c.checkSettled(mac, places)
		}
		if c.final != nil {
			c.checkFinal(mac)
		}
	}
	for name, kept := range map[string]retained{"settled": c.settled, "final": c.final} {
		if kept != nil && string(kept["bridge/state"]) != "online" {
			c.complain(wrongState, "%s: bridge/state is %q", name, kept["bridge/state"])
		}
	}
}

// checkSettled compares a phone's retained topics with the newest event that the daemon took of it. One
// of which its phone heard nothing may have gone with a process that was killed, but none that was
// answered.
func (c *check) checkSettled(mac string, places []int) {
	state, ok := c.retainedState("settled", c.settled, mac)
	if !ok {
		return
	}
	if state.LastSeen.IsZero() && c.events[places[0]].sent.After(c.settledAt()) {
		return // it had said nothing yet
	}
	shown, newest := c.taken(mac, func(p *publication) bool {
		return p.said.EventType == state.LastEvent && p.said.Time.Equal(state.LastSeen)
	}), c.taken(mac, func(p *publication) bool { return c.isAnswered(p) })
	switch {
	case newest == nil && shown == nil && state.LastSeen.IsZero():
	case shown == nil && (newest == nil || newest.said.Time.Before(state.LastSeen)) && c.wasRefused(places, &state):
		// The state is right, and the event need not go out.
	case shown == nil, newest != nil && shown.said.Time.Before(newest.said.Time):
		wanted := "nothing"
		if newest != nil {
			wanted = newest.said.EventType + " at " + newest.said.Time.Format(stamp)
		}
		c.complain(wrongState, "%s: the state is of %s at %s, wanted is %s", mac, state.LastEvent, state.LastSeen.Format(stamp), wanted)
	case shown.said.Time.Before(c.yearChanged) && state.CallState == "idle":
		// Nobody can tell how long its call went on.
	case shown.said.CallState != state.CallState:
		c.complain(wrongState, "%s: call_state %s after an event that said %s", mac, state.CallState, shown.said.CallState)
	}
}

// wasRefused tells that a state is of an event that the store could not take.
func (c *check) wasRefused(places []int, state *said) bool {
	return slices.ContainsFunc(places, func(i int) bool {
		e := &c.events[i]
		return e.status == statusFull && e.kind == state.LastEvent &&
			span{e.sent.Truncate(tick), e.answered}.holds(state.LastSeen)
	})
}

// taken is the newest event of a phone, of before the first look, that went out and fits.
func (c *check) taken(mac string, fits func(*publication) bool) (newest *publication) {
	for i := range c.publications {
		p := &c.publications[i]
		if p.mac != mac || !p.isEvent() || p.said.Derived || p.said.Time.After(c.settledAt()) || !fits(p) {
			continue
		}
		if newest == nil || !p.said.Time.Before(newest.said.Time) {
			newest = p
		}
	}
	return newest
}

// isAnswered tells that the phone was told that the event is kept.
func (c *check) isAnswered(p *publication) bool {
	return slices.ContainsFunc(c.fitting(p), func(i int) bool {
		return c.events[i].status == statusOK && slices.ContainsFunc(c.sentAs[i], func(n int) bool { return c.publications[n].said.ID == p.said.ID })
	})
}

// settledAt is when the first look was taken: before the last calls began.
func (c *check) settledAt() time.Time {
	if c.lookedAt.IsZero() {
		return time.Now()
	}
	return c.lookedAt
}

// checkFinal asks for the one call that every phone has begun last.
func (c *check) checkFinal(mac string) {
	state, ok := c.retainedState("final", c.final, mac)
	if !ok {
		return
	}
	if state.CallState != "talking" || state.LastEvent != "call_established" || len(state.Calls) != 1 || state.Calls[0].ID != lastCall {
		c.complain(wrongState, "%s: after the last call began: %s", mac, c.final[mac+"/state"])
	}
}

// retainedState reads a phone's state; call_state and availability have to agree with it.
func (c *check) retainedState(name string, kept retained, mac string) (state said, ok bool) {
	if err := json.Unmarshal(kept[mac+"/state"], &state); err != nil {
		c.complain(wrongState, "%s: state of %s is %q", name, mac, kept[mac+"/state"])
		return state, false
	}
	state.asOf(c.settledAt())
	if got := string(kept[mac+"/call_state"]); got != state.CallState {
		c.complain(wrongState, "%s: call_state of %s is %q, its state says %q", name, mac, got, state.CallState)
	}
	if got := string(kept[mac+"/availability"]); got != "online" {
		c.complain(wrongState, "%s: availability of %s is %q", name, mac, got)
	}
	return state, true
}
