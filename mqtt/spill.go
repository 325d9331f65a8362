package mqtt

import (
	"cmp"
	"slices"
	"time"
)

// The part of the line that deals with the disk: what became of a transaction,
// and which messages are in memory. The writer calls it in the order of places.

// committed books a message whose transaction succeeded, and lets go of its
// payload when memory holds enough of them.
func (l *line) committed(e *entry) {
	previous := l.stored
	l.stored = e.place
	if e.disk != diskWriting {
		return // acknowledged meanwhile
	}
	e.disk, e.kept = diskStored, true
	l.unstored -= e.size
	l.memory += e.size
	if l.memory > l.budget && e.index >= 0 {
		l.spill(e, previous)
	}
}

// spill replaces a waiting message by a span, or by a longer one where nothing
// stored lies between: a span means every stored message within its bounds.
func (l *line) spill(e *entry, previous uint64) {
	l.queue.remove(e)
	l.memory -= e.size
	delete(l.careful, e)
	if l.tail != nil && l.tail.index >= 0 && l.tail.span.last == previous {
		l.tail.span.last = e.place
		l.tail.span.count++
		l.tail.span.bytes += e.size
		return
	}
	l.tail = &entry{class: inTurn, place: e.place, span: &span{last: e.place, count: 1, bytes: e.size, at: e.message.At}}
	l.queue.add(l.tail)
}

// failed books a message whose transaction failed. A message that was promised
// before waits for another try. For the others the promise ends: they go out
// all the same as long as few of them wait, otherwise they are dropped, and the
// disk may hold them nevertheless.
func (l *line) failed(e *entry) (retry, onDisk bool) {
	switch {
	case e.disk != diskWriting:
		return false, false // acknowledged meanwhile
	case e.kept:
		e.disk = diskQueued
		return true, false
	}
	l.unbook(e)
	e.disk = diskFailed
	l.unsaved += e.size
	if l.unsaved <= unsavedLimit || e.index < 0 {
		return false, false
	}
	l.queue.remove(e)
	return false, l.drop(e)
}

// chunk is the beginning of a span, read from the store.
type chunk struct {
	from       span // the span as it was when reading began
	messages   []storedMessage
	unreadable []uint64
	bytes      int64  // of all of these, as stored
	next       uint64 // where to go on
	end        bool   // nothing of the span is left
}

// storedMessage is a message read back.
type storedMessage struct {
	place   uint64
	size    int64
	message Message
	foreign bool
}

// loaded puts messages read back in line and shortens their span. It returns
// how many messages less came back than should have.
func (l *line) loaded(e *entry, c chunk) (missing int) {
	l.wanted = nil
	if e.index < 0 {
		return 0 // its file was damaged and set aside meanwhile
	}
	var bytes int64
	for _, m := range c.messages {
		l.queue.add(&entry{class: inTurn, place: m.place, message: m.message, size: m.size, disk: diskStored, kept: true, foreign: m.foreign})
		bytes += m.size
	}
	l.memory += bytes
	count := len(c.messages) + len(c.unreadable)
	if c.end {
		// Whatever the span still claims to have does not exist.
		count, c.bytes, c.next = c.from.count, c.from.bytes, c.from.last+1
	}
	missing = count - len(c.messages)
	l.waiting -= missing
	l.waitingBytes -= c.bytes - bytes
	if c.end && e.span.last == c.from.last {
		l.queue.remove(e)
		return missing
	}
	e.span.count -= count
	e.span.bytes -= c.bytes
	if n := len(c.messages); n > 0 {
		e.span.at = c.messages[n-1].message.At
	}
	l.queue.move(e, c.next)
	return missing
}

// restart is for a new and empty store: it returns the stored messages that are
// in memory and have to be stored again, in order, and how many were on disk
// only.
func (l *line) restart() (again []*entry, lost int) {
	var spans []*entry
	for e := range l.queue.all {
		if e.span != nil {
			spans = append(spans, e)
		}
	}
	for _, e := range spans {
		l.queue.remove(e)
		lost += e.span.count
		l.waiting -= e.span.count
		l.waitingBytes -= e.span.bytes
	}
	l.wanted, l.tail = nil, nil
	for e := range l.queue.all {
		again = l.again(again, e)
	}
	for _, s := range l.inflight {
		if s.entry != nil {
			again = l.again(again, s.entry)
		}
	}
	slices.SortFunc(again, func(a, b *entry) int { return cmp.Compare(a.place, b.place) })
	return again, lost
}

func (l *line) again(entries []*entry, e *entry) []*entry {
	if e.disk != diskStored {
		return entries
	}
	e.disk = diskWriting
	l.memory -= e.size
	l.unstored += e.size
	return append(entries, e)
}

// oldest is when the oldest promised message came to be, zero when none waits.
func (l *line) oldest() time.Time {
	var oldest time.Time
	see := func(at time.Time) {
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	for e := range l.queue.all {
		if e.span != nil {
			see(e.span.at)
		} else if e.disk.promised() {
			see(e.message.At)
		}
	}
	for _, s := range l.inflight {
		if s.entry != nil && s.entry.disk.promised() {
			see(s.entry.message.At)
		}
	}
	return oldest
}
