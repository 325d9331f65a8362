package mqtt

import (
	"container/heap"
	"time"
)

// entry is something that has a place in line: a retained topic, a message, or
// a span of messages that are on disk only. Exactly one of topic, span and
// message is in use.
type entry struct {
	class class
	place uint64
	index int // in the queue, -1 when not there

	topic *topic
	span  *span

	message Message
	size    int64 // as stored
	disk    diskState
	kept    bool      // its receipt said that it is stored
	foreign bool      // written by an earlier process
	expires time.Time // of a message with KeepFor, else zero
}

// class says what waits for what, whatever their places.
type class uint8

const (
	atOnce   class = iota // somebody waits for it, now or never: a message with KeepFor
	inTurn                // the rest; where both wait they take turns, so that neither waits long
	whenIdle              // it can wait for all others: what a Source gave
)

// diskState tells how far a message is on its way to the disk.
type diskState uint8

const (
	diskNever   diskState = iota // it does not go there
	diskQueued                   // the writer has not taken it yet
	diskWriting                  // it is in the transaction under way
	diskStored
	diskFailed // its transaction failed; a failed sync may still have left it there
)

// promised tells whether the message counts as kept: its receipt is open or
// said so.
func (d diskState) promised() bool {
	return d == diskQueued || d == diskWriting || d == diskStored
}

// span is a run of stored messages of which only this is in memory. All stored
// messages from the place of its entry to last belong to it.
type span struct {
	last  uint64
	count int
	bytes int64
	at    time.Time // of the first one, or a little before
}

// queue is what waits, in each class the lowest place first.
type queue struct {
	hurried, others entries // those of atOnce, and the rest
	turn            class   // whose turn it is where both wait
}

func (q *queue) empty() bool { return len(q.hurried)+len(q.others) == 0 }

// first is what has its turn.
func (q *queue) first() *entry {
	switch {
	case len(q.hurried) == 0:
		return q.others[0]
	case len(q.others) == 0, q.others[0].class == whenIdle, q.turn == atOnce:
		return q.hurried[0]
	}
	return q.others[0]
}

// pass gives the turn to the other class, and tells whether anything of it waits.
func (q *queue) pass(from class) bool {
	if from == atOnce {
		q.turn = inTurn
		return len(q.others) > 0
	}
	q.turn = atOnce
	return len(q.hurried) > 0
}

func (q *queue) add(e *entry) { heap.Push(q.of(e), e) }

func (q *queue) remove(e *entry) { heap.Remove(q.of(e), e.index) }

// move gives a waiting entry another place.
func (q *queue) move(e *entry, place uint64) {
	e.place = place
	heap.Fix(q.of(e), e.index)
}

func (q *queue) of(e *entry) *entries {
	if e.class == atOnce {
		return &q.hurried
	}
	return &q.others
}

// all are those that wait, in no order.
func (q *queue) all(visit func(*entry) bool) {
	for _, some := range []entries{q.hurried, q.others} {
		for _, e := range some {
			if !visit(e) {
				return
			}
		}
	}
}

// entries implements heap.Interface.
type entries []*entry

func (es entries) Len() int { return len(es) }
func (es entries) Less(i, j int) bool {
	if es[i].class != es[j].class {
		return es[i].class < es[j].class
	}
	return es[i].place < es[j].place
}
func (es entries) Swap(i, j int) {
	es[i], es[j] = es[j], es[i]
	es[i].index, es[j].index = i, j
}

// Push is called by package heap only.
func (es *entries) Push(x any) {
	e, _ := x.(*entry)
	e.index = len(*es)
	*es = append(*es, e)
}

// Pop is called by package heap only.
func (es *entries) Pop() any {
	old := *es
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*es = old[:len(old)-1]
	e.index = -1
	return e
}
