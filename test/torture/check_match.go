package main

import (
	"slices"
	"time"
)

// sighting is one id under which events of one kind of one phone went out.
type sighting struct {
	publications []int
	fits         []int // places of events that it may be, the likeliest first
}

// matching gives each sighting an event of its own.
type matching struct {
	of map[int]*sighting // by the place of the event
}

// match finds the phone's request that each published event is of. The daemon stamps an event when it
// takes it, which is while the phone waits for the answer. Of an event that a phone gave up nobody knows
// when the daemon took it: there, two of a kind are told apart by their call, and no event is given
// away twice while another one fits.
func (c *check) match() {
	for i := range c.events {
		c.perMAC[c.events[i].mac] = append(c.perMAC[c.events[i].mac], i)
	}
	sightings := make(map[string]*sighting)
	var order []*sighting
	for i := range c.publications {
		p := &c.publications[i]
		if !p.isEvent() || p.said.Derived {
			continue
		}
		s := sightings[p.said.ID]
		if s == nil {
			s = &sighting{fits: c.fitting(p)}
			sightings[p.said.ID] = s
			order = append(order, s)
			if len(s.fits) == 0 {
				c.complain(otherwise, "%s of %s at %s was sent by no phone", p.said.EventType, p.mac, p.said.Time.Format(stamp))
			}
		}
		s.publications = append(s.publications, i)
	}
	m := matching{make(map[int]*sighting)}
	for _, s := range order {
		if len(s.fits) > 0 && !m.place(s, make(map[int]bool)) {
			// More ids than events: somebody has two.
			c.sentAs[s.fits[0]] = append(c.sentAs[s.fits[0]], s.publications...)
		}
	}
	for place, s := range m.of {
		c.sentAs[place] = append(c.sentAs[place], s.publications...)
		slices.Sort(c.sentAs[place])
	}
}

// longestTaking is many times what the daemon can take an event later than its phone sent it: it may stand
// still for half a minute, and phones give up before.
const longestTaking = 10 * time.Minute

// fitting are the places of the events that a published one may be. One that was answered is likelier:
// the daemon took it while its phone waited. A call counts for less, for a daemon that never heard its
// beginning takes its events for those of the call before.
func (c *check) fitting(p *publication) []int {
	var fits [4][]int
	for _, i := range slices.Backward(c.perMAC[p.mac]) {
		e := &c.events[i]
		if p.said.Time.Sub(e.sent) > longestTaking {
			break
		}
		began := !p.said.Time.Before(e.sent.Truncate(tick))
		waited := e.status == 0 || !p.said.Time.After(e.answered)
		if e.kind != p.said.EventType || !began || !waited {
			continue
		}
		likely := 0
		if e.status == 0 {
			likely = 2
		}
		if e.callID != p.said.CallID {
			likely++
		}
		fits[likely] = append(fits[likely], i)
	}
	return slices.Concat(fits[:]...)
}

// place finds an event for a sighting, for which others may have to move (Kuhn's algorithm).
func (m *matching) place(s *sighting, tried map[int]bool) bool {
	for _, i := range s.fits {
		if tried[i] {
			continue
		}
		tried[i] = true
		if held := m.of[i]; held == nil || m.place(held, tried) {
			m.of[i] = s
			return true
		}
	}
	return false
}
