package main

import (
	"slices"
	"time"
)

// forgotten is how long before a SIGKILL a command may have come whose result went with the process.
const forgotten = 15 * time.Second

// checkRequests asks that no phone was asked twice or late.
func (c *check) checkRequests() {
	asked := make(map[string][]*request)
	for i := range c.requests {
		r := &c.requests[i]
		asked[r.number] = append(asked[r.number], r)
	}
	for i := range c.commands {
		cmd := &c.commands[i]
		requests := asked[cmd.number]
		served := 0
		for _, r := range requests {
			if !r.refused {
				served++
			}
			if r.at.Sub(cmd.expires)-c.standstill(cmd.expires, r.at) > margin && !c.wasFrozen(cmd) {
				c.complain(ranLate, "%s of %s reached the phone %s after it had expired", cmd.transaction, cmd.mac, r.at.Sub(cmd.expires))
			}
		}
		if served > 1 || len(requests) > 2 {
			c.complain(ranTwice, "%s of %s reached the phone %d times, refused %d", cmd.transaction, cmd.mac, len(requests), len(requests)-served)
		}
		delete(asked, cmd.number)
	}
	for number, requests := range asked {
		c.complain(ranTwice, "%s was asked to dial %s, which nobody wanted", requests[0].mac, number)
	}
}

// wasFrozen tells that the daemon was stopped just when it had the command in hand: nothing can look at
// a clock then.
func (c *check) wasFrozen(cmd *command) bool {
	return slices.ContainsFunc(c.frozen, func(f span) bool {
		return !cmd.delivered.IsZero() && cmd.delivered.Before(f.to) && f.from.Sub(cmd.delivered) < margin
	})
}

// checkResults asks for one result of each command that the daemon took.
func (c *check) checkResults() {
	sums := make(map[string]map[uint64]bool)
	confirmed := make(map[string]bool)
	for i := range c.publications {
		p := &c.publications[i]
		t := p.said.Transaction
		if p.topic != "result" || p.said.Repeated || t == "" {
			continue
		}
		if sums[t] == nil {
			sums[t] = make(map[uint64]bool)
		}
		sums[t][p.sum] = true
		confirmed[t] = confirmed[t] || !p.confirmed.IsZero()
	}
	gaveUp := c.givesUp()
	asked := make(map[string]bool)
	for i := range c.requests {
		asked[c.requests[i].number] = true
	}
	for i := range c.commands {
		cmd := &c.commands[i]
		if n := len(sums[cmd.transaction]); n > 1 {
			c.complain(twoResults, "%s of %s has %d different results", cmd.transaction, cmd.mac, n)
		}
		if (cmd.taken || asked[cmd.number]) && !confirmed[cmd.transaction] && !c.wentDown(cmd) && !gaveUp(cmd) {
			c.complain(noResult, "%s of %s, delivered at %s", cmd.transaction, cmd.mac, cmd.delivered.Format(stamp))
		}
	}
}

// keptFor is how long results wait for a broker.
const keptFor = time.Minute

// givesUp tells whether the result of a command may have been given up, since there was no broker for long.
func (c *check) givesUp() func(*command) bool {
	var outages []span
	var ended time.Time
	for i := range c.tries {
		let, in := c.connected[c.tries[i].session]
		if !in {
			continue
		}
		if !ended.IsZero() && let.Sub(ended) >= keptFor {
			outages = append(outages, span{ended.Add(-forgotten), let})
		}
		ended = c.tries[i].gaveUp()
	}
	return func(cmd *command) bool {
		return slices.ContainsFunc(outages, func(s span) bool { return s.holds(cmd.delivered) })
	}
}

// wentDown tells that the daemon was killed while the command, or its result, was in its memory only, or
// that it was stopped when the broker was away, and took nothing any more.
func (c *check) wentDown(cmd *command) bool {
	if c.brokerFails && slices.ContainsFunc(c.stops, func(stop time.Time) bool {
		return (span{stop.Add(-forgotten), stop.Add(stopLimit)}).holds(cmd.delivered) && !c.leftAt(stop)
	}) {
		return true
	}
	return slices.ContainsFunc(c.deaths, func(death time.Time) bool {
		return !death.Before(cmd.delivered) && death.Sub(cmd.delivered) < forgotten
	})
}

// leftAt tells that the daemon, stopped then, took leave of a broker that was there.
func (c *check) leftAt(stop time.Time) (left bool) {
	for i := range c.tries {
		if c.tries[i].at.Before(stop) {
			left = c.tries[i].left
		}
	}
	return left
}
