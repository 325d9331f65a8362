package main

import (
	"slices"
	"time"
)

const (
	// An outage is young for a minute. One begins with the end of a session that lasted for a while: two
	// clients with one id throw each other out for ever.
	young, steady = time.Minute, 10 * time.Second
	// earlyPause and latePause are the most between two tries in a young and in an old outage.
	earlyPause, latePause = 2 * time.Second, 30 * time.Second
	// hurry is how soon after the broker let the daemon in it is online, and the first waiting event out.
	hurry = time.Second
	// found is how soon a link on which nothing passes any more has been given up for another one.
	found = 30 * time.Second
	// slack is what a busy machine is given on top.
	slack = 500 * time.Millisecond
)

// checkTries asks that the daemon tried to connect often enough, and found out when a link was dead.
func (c *check) checkTries() {
	var outage time.Time // when it began
	for i := range len(c.tries) - 1 {
		before, next := &c.tries[i], &c.tries[i+1]
		let, in := c.connected[before.session]
		if outage.IsZero() {
			outage = before.at
		}
		if in && before.gaveUp().Sub(let) >= steady {
			outage = before.gaveUp()
		}
		switch most := c.mostPause(before.ended.Sub(outage)); {
		case c.wasDown(span{before.gaveUp(), next.at}):
		case !before.silent.IsZero():
			if took := c.between(before.silent, next.at); took > found {
				c.complain(slow, "nothing passed any more from %s on, and it took the daemon %s to try another connection", before.silent.Format(stamp), took)
			}
		case before.ended.IsZero():
		case c.between(before.ended, next.at) > most+slack:
			c.complain(slow, "from %s on the daemon did not try to connect for %s, at most %s is good", before.ended.Format(stamp), next.at.Sub(before.ended), most)
		}
	}
}

// between is how long something took, without the time for which the machine let nobody run.
func (c *check) between(from, to time.Time) time.Duration {
	return to.Sub(from) - c.standstill(from, to)
}

// gaveUp is when the connection of a try began to be worth nothing.
func (t *try) gaveUp() time.Time {
	if t.silent.IsZero() {
		return t.ended
	}
	return t.silent
}

func (c *check) mostPause(outage time.Duration) time.Duration {
	if outage < young-slack {
		return earlyPause
	}
	return latePause
}

// wasDown tells that the daemon was not there, or not running, at some moment of a span.
func (c *check) wasDown(s span) bool {
	return slices.ContainsFunc(slices.Concat(c.down, c.frozen), s.meets)
}

// checkGreetings asks that on each connection that lasted the daemon said soon that it is online, and
// that the first event that had waited for it went out soon.
func (c *check) checkGreetings() {
	for _, g := range c.greetings() {
		if g.online.IsZero() || c.between(g.let, g.online) > hurry {
			c.complain(slow, "the broker let the daemon in at %s, and it was online at %s", g.let.Format(stamp), g.online.Format(stamp))
		}
		if g.waited && (g.event.IsZero() || c.between(g.let, g.event) > hurry) {
			c.complain(slow, "the broker let the daemon in at %s, and the first event went out at %s though some waited", g.let.Format(stamp), g.event.Format(stamp))
		}
	}
}

// greeting is when the broker let the daemon in, and when online and an event first went out then; zero:
// never.
type greeting struct {
	let, online, event time.Time
	waited             bool // an event had waited for it
}

// greetings are those of connections that lasted long enough, and that nothing held up.
func (c *check) greetings() (all []greeting) {
	waiting := c.waitedFor()
	onlines, events := c.firsts()
	for i := range c.tries {
		t := &c.tries[i]
		let, in := c.connected[t.session]
		if !in {
			continue
		}
		soon := span{let, let.Add(hurry + slack + c.standstill(let, let.Add(hurry+slack)))}
		lasted := t.gaveUp().IsZero() || t.gaveUp().After(soon.to)
		if !lasted || c.wasDown(soon) || slices.ContainsFunc(c.hampered, soon.meets) {
			continue
		}
		all = append(all, greeting{let, onlines[t.session], events[t.session], waiting[t.session]})
	}
	return all
}

// greeting is the longest time from when the broker let the daemon in to when the first event that had
// waited for it went out; 0 when none had.
func (h *history) greeting() (longest time.Duration) {
	c := &check{history: h}
	for _, g := range c.greetings() {
		if g.waited && !g.event.IsZero() {
			longest = max(longest, c.between(g.let, g.event))
		}
	}
	return longest
}

// firsts are when online and an event first went out on each connection.
func (c *check) firsts() (online, event map[int]time.Time) {
	online, event = make(map[int]time.Time), make(map[int]time.Time)
	for i := range c.publications {
		p := &c.publications[i]
		first := online
		if p.isEvent() {
			first = event
		}
		if _, known := first[p.connection]; !known && (p.online || p.isEvent()) {
			first[p.connection] = p.at
		}
	}
	return online, event
}

// waitedFor tells the connections at whose beginning an event waited: it had come in before, and no
// broker had acknowledged it.
func (c *check) waitedFor() map[int]bool {
	type wait struct {
		from, to time.Time // to is zero when it was never acknowledged
		last     int       // connection on which it was sent
	}
	waits := make(map[string]*wait)
	for i := range c.publications {
		p := &c.publications[i]
		if !p.isEvent() {
			continue
		}
		w := waits[p.said.ID]
		if w == nil {
			w = &wait{from: p.said.Time}
			waits[p.said.ID] = w
		}
		w.last = p.connection
		if w.to.IsZero() {
			w.to = p.confirmed
		}
	}
	waiting := make(map[int]bool)
	for _, w := range waits {
		for session, let := range c.connected {
			if session <= w.last && w.from.Before(let) && (w.to.IsZero() || w.to.After(let)) {
				waiting[session] = true
			}
		}
	}
	return waiting
}
