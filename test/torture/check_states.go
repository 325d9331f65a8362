package main

import (
	"encoding/json"
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

// checkSettled compares a phone's retained topics with the last event that it was answered, or with
// one that it sent after that and of which it heard nothing.
func (c *check) checkSettled(mac string, places []int) {
	state, ok := c.retainedState("settled", c.settled, mac)
	if !ok {
		return
	}
	if state.LastSeen.IsZero() && c.events[places[0]].sent.After(c.settledAt()) {
		return // it had said nothing yet
	}
	wanted := "nothing"
	for i := len(places) - 1; i >= 0; i-- {
		e := &c.events[places[i]]
		if e.sent.After(c.settledAt()) {
			continue
		}
		if len(c.sentAs[places[i]]) > 0 {
			p := &c.publications[c.sentAs[places[i]][0]]
			if state.LastEvent == e.kind && state.LastSeen.Equal(p.said.Time) {
				if state.CallState != p.said.CallState {
					c.complain(wrongState, "%s: call_state %s after an event that said %s", mac, state.CallState, p.said.CallState)
				}
				return
			}
			wanted = e.String()
		}
		if e.status == statusOK {
			break
		}
	}
	c.complain(wrongState, "%s: the state is of %s at %s, wanted is %s", mac, state.LastEvent, state.LastSeen.Format(stamp), wanted)
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
	if got := string(kept[mac+"/call_state"]); got != state.CallState {
		c.complain(wrongState, "%s: call_state of %s is %q, its state says %q", name, mac, got, state.CallState)
	}
	if got := string(kept[mac+"/availability"]); got != "online" {
		c.complain(wrongState, "%s: availability of %s is %q", name, mac, got)
	}
	return state, true
}
