package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// rule is one promise, by the name of its column.
type rule string

const (
	lost       rule = "lost"       // answered 200 and never acknowledged by a broker
	doubled    rule = "doubled"    // sent again although that cannot have been in doubt, or under a second id
	disordered rule = "disorder"   // first sendings of one phone's events are not in the order of the events
	stale      rule = "stale"      // an event went out before a state that knows it
	wrongState rule = "state"      // what the broker keeps is not what the phone said last
	ranTwice   rule = "ran twice"  // a phone was asked more than once for one command
	ranLate    rule = "ran late"   // a phone was asked after the command had expired
	noResult   rule = "no result"  // a command that was taken has none
	twoResults rule = "two result" // a command has more than one
	slow       rule = "slow"       // it took too long until events went out again
	otherwise  rule = "other"
)

// rules in the order of the table.
var rules = []rule{lost, doubled, disordered, stale, wrongState, ranTwice, ranLate, noResult, twoResults, slow, otherwise}

// violation is one broken promise.
type violation struct {
	rule rule
	text string
}

const (
	// doubt is how long before the end of a connection, which a kill is too, an acknowledgement may have
	// come too late to be remembered: the daemon notes it on disk within 200 ms.
	doubt = time.Second
	// tick is the precision of times in payloads.
	tick = time.Millisecond
	// margin is what a request may take to the phone after it was judged to be in time.
	margin = time.Second
)

// check judges a history.
type check struct {
	*history
	broken []violation
	sentAs [][]int // publications of each event, by its place
	perMAC map[string][]int
}

// judge returns every broken promise of a history.
func (h *history) judge() []violation {
	c := &check{history: h, sentAs: make([][]int, len(h.events)), perMAC: make(map[string][]int)}
	c.match()
	c.checkEvents()
	c.checkOrder()
	c.checkFreshness()
	c.checkRepeats()
	c.checkStates()
	c.checkRequests()
	c.checkResults()
	c.checkRecovery()
	c.checkTries()
	c.checkGreetings()
	if !h.damaged.IsZero() && h.damageLogged && h.damages == 0 {
		c.complain(otherwise, "the damage of the store was logged and not counted")
	}
	if h.yearsDiffer && !slices.ContainsFunc(h.publications, func(p publication) bool { return p.otherYear }) {
		c.complain(otherwise, "the daemon's clock never was a year off")
	}
	for _, text := range h.other {
		c.complain(otherwise, "%s", text)
	}
	return c.broken
}

func (c *check) complain(r rule, format string, args ...any) {
	c.broken = append(c.broken, violation{r, fmt.Sprintf(format, args...)})
}

// checkEvents finds what is lost, and events that have two ids.
func (c *check) checkEvents() {
	for i := range c.events {
		e := &c.events[i]
		confirmed := false
		ids := make(map[string]bool)
		for _, n := range c.sentAs[i] {
			p := &c.publications[n]
			ids[p.said.ID] = true
			confirmed = confirmed || !p.confirmed.IsZero()
		}
		if len(ids) > 1 {
			c.complain(doubled, "%s has %d ids", e, len(ids))
		}
		if e.status != statusOK || confirmed {
			continue
		}
		// What the damage took is not promised, as long as it is told.
		if !c.damaged.IsZero() && e.sent.Before(c.damaged) && c.damageLogged {
			continue
		}
		if !c.aside[e.mac] {
			c.complain(lost, "%s", e)
		}
	}
}

// statusOK is the one answer that is a promise.
const statusOK = 200

// statusFull is the answer when the store cannot take an event.
const statusFull = 503

// checkOrder compares the first sendings of a phone's events with the order of the events. An event
// that the phone gave up may come whenever the daemon gets to it.
func (c *check) checkOrder() {
	for mac, places := range c.perMAC {
		newest, newestAt := -1, time.Time{}
		for _, i := range places {
			if c.events[i].status == 0 || len(c.sentAs[i]) == 0 {
				continue
			}
			at := c.publications[c.sentAs[i][0]].at
			if at.Before(newestAt) {
				c.complain(disordered, "%s: %s went out before %s", mac, &c.events[i], &c.events[newest])
				continue
			}
			newest, newestAt = i, at
		}
	}
	c.checkOrderAgain()
}

// checkOrderAgain asks for the same on each connection: what is sent again goes in order too, for nobody
// may have seen it the first time.
func (c *check) checkOrderAgain() {
	of := make(map[int]int) // the place of the event, by publication
	for place, sent := range c.sentAs {
		for _, n := range sent {
			of[n] = place
		}
	}
	type flow struct {
		connection int
		mac        string
	}
	newest := make(map[flow]int)
	for n := range c.publications {
		p := &c.publications[n]
		place, is := of[n]
		if !is || c.events[place].status == 0 {
			continue
		}
		f := flow{p.connection, p.mac}
		if before, went := newest[f]; went && place < before {
			c.complain(disordered, "%s: %s went out on connection %d after %s", p.mac, &c.events[place], p.connection, &c.events[before])
			continue
		}
		newest[f] = place
	}
}

// checkFreshness asks that within each connection a state went out before the event that it knows of.
func (c *check) checkFreshness() {
	type view struct {
		connection int
		mac        string
	}
	seen := make(map[view]time.Time)
	for i := range c.publications {
		p := &c.publications[i]
		at := view{p.connection, p.mac}
		switch {
		case c.alwaysFresh && p.topic == "event/late":
			c.complain(otherwise, "%s of %s at %s went out as a late one", p.said.EventType, p.mac, p.said.Time.Format(stamp))
		case p.topic == "state":
			seen[at] = p.said.LastSeen
		case !p.isEvent() || p.said.Derived || c.aside[p.mac] || p.said.Time.Before(c.damaged):
		case seen[at].Before(p.said.Time):
			c.complain(stale, "%s of %s at %s: the state was of %s", p.said.EventType, p.mac, p.said.Time.Format(stamp), seen[at].Format(stamp))
		}
	}
}

// checkRepeats asks that nothing was sent again of which the daemon knew that the broker has it.
func (c *check) checkRepeats() {
	type identity struct {
		mac, topic, id string
		sum            uint64
	}
	before := make(map[identity]*publication)
	for i := range c.publications {
		p := &c.publications[i]
		who := identity{mac: p.mac, id: p.said.ID}
		verdict := doubled
		switch {
		case p.topic == "result":
			who, verdict = identity{mac: p.mac, topic: p.topic, sum: p.sum}, twoResults
			if p.said.Transaction == "" || p.said.Repeated {
				continue
			}
		case !p.isEvent():
			continue
		}
		if b := before[who]; b != nil && !c.mayRepeat(b, p) {
			c.complain(verdict, "%s %s of %s, acknowledged at %s, went out again at %s", p.said.EventType, cmp.Or(p.said.ID, p.said.Transaction), p.mac, b.acked.Format(stamp), p.at.Format(stamp))
		}
		before[who] = p
	}
}

// mayRepeat tells whether the daemon could be in doubt about the sending before: the acknowledgement came
// when the connection was about to end, when the daemon was frozen, or when it could not be noted.
func (c *check) mayRepeat(before, again *publication) bool {
	if before.connection == again.connection {
		return false
	}
	if before.acked.IsZero() {
		return true
	}
	// An acknowledgement may also be noted just after its connection ended: it came to nobody then.
	near := func(end time.Time) bool {
		return !end.IsZero() && end.Sub(before.acked)-c.standstill(before.acked, end) < doubt
	}
	within := func(s span) bool { return s.holds(before.acked) || s.from.After(before.acked) && near(s.from) }
	ownEnd := func(t try) bool { return t.session == before.connection && near(t.ended) }
	return slices.ContainsFunc(c.tries, ownEnd) || slices.ContainsFunc(c.frozen, within) ||
		c.diskFails && slices.ContainsFunc(c.faults, within)
}

// checkRecovery asks how long it took, after the fault, until an event that came after it was out.
func (c *check) checkRecovery() {
	if len(c.faults) == 0 || c.limit == 0 {
		return
	}
	end, took := c.faults[len(c.faults)-1].to, c.recovery()
	if took -= c.standstill(end, end.Add(took)); took > c.limit {
		c.complain(slow, "it took %s until an event after the fault was acknowledged, at most %s is good", took.Round(time.Millisecond), c.limit)
	}
}

// standstill is for how long of a time the machine let nobody run.
func (c *check) standstill(from, to time.Time) (sum time.Duration) {
	for _, s := range c.stood {
		begun, ended := s.from, s.to
		if begun.Before(from) {
			begun = from
		}
		if ended.After(to) {
			ended = to
		}
		sum += max(0, ended.Sub(begun))
	}
	return sum
}

// recovery is the time from the end of the last fault to the first acknowledgement of an event that a
// phone sent after it; an hour when there is none.
func (c *check) recovery() time.Duration {
	if len(c.faults) == 0 {
		return 0
	}
	end, first := c.faults[len(c.faults)-1].to, time.Duration(0)
	for i := range c.events {
		if c.events[i].sent.Before(end) {
			continue
		}
		for _, n := range c.sentAs[i] {
			took := c.publications[n].confirmed.Sub(end)
			if took > 0 && (first == 0 || took < first) {
				first = took
			}
		}
	}
	if first == 0 {
		return time.Hour
	}
	return first
}

// stamp is how traces show times.
const stamp = "15:04:05.000"

func (e *event) String() string {
	return fmt.Sprintf("%s of %s, sent %s, answered %d at %s", e.kind, e.mac, e.sent.Format(stamp), e.status, e.answered.Format(stamp))
}
