// Package queue is what waits for one phone: commands and probes, which are done one after the other,
// and the results of commands that may be sent twice.
//
// It promises that a hang-up goes before what waits and ends what runs, that the probes of a phone
// never hold up a command, and that an idle queue takes next to no memory: there are thousands. It
// never runs anything and never decides whether a command may.
package queue

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// mostWaiting commands may wait for one phone, and as many hang-ups before them: a call can be ended
// however many others somebody sends.
const mostWaiting = 100

var (
	// ErrFull is why a command is not taken when too many wait.
	ErrFull = errors.New("100 commands wait for this phone already; send it again when they have been answered")
	// ErrHungUp is why a command ends early.
	ErrHungUp = errors.New("a hang-up came first")
)

// Job is a command to give to the phone, or a probe.
type Job struct {
	Command  phone.Command
	Identity Identity // of the command
	Probe    bool
	Refused  bool      // as things stand it will not be sent: nothing has to end for it
	At       time.Time // when it came in
}

// yieldsTo tells that a job has to end early for another: a probe for any command, which would wait for
// a phone that is not there, and a command for a hang-up.
func (j Job) yieldsTo(next Job) bool {
	return j.Probe || next.Command.EndsCall() && !next.Refused && !j.Command.EndsCall()
}

// Queue is one phone's. Its zero value is empty; its methods may be called at the same time.
type Queue struct {
	mu      sync.Mutex
	work    *work // nil: nothing runs or waits, and no worker is there
	closed  error // why nothing is taken any more
	answers answers
}

// work is what a worker has before it.
type work struct {
	waiting []Job
	running Job
	end     context.CancelCauseFunc // of what runs; nil: nothing does
}

// Put takes a job in, a hang-up before all others, and calls start, which must not wait, when a worker
// has to begin with [Queue.Next]. The error is [ErrFull], or why the queue is closed.
func (q *Queue) Put(j Job, start func()) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed != nil:
		return q.closed
	case q.work == nil:
		q.work = new(work)
		start()
	case q.work.isFullFor(j):
		return ErrFull
	}
	q.work.put(j)
	return nil
}

// PutProbe takes a probe in when nothing runs or waits: what does will tell as much.
func (q *Queue) PutProbe(at time.Time, start func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed == nil && q.work == nil {
		q.work = &work{waiting: []Job{{Probe: true, At: at}}}
		start()
	}
}

// hangUps is how many of what waits hang up. They are the first.
func (w *work) hangUps() int {
	n := slices.IndexFunc(w.waiting, func(j Job) bool { return !j.Command.EndsCall() })
	if n < 0 {
		return len(w.waiting)
	}
	return n
}

func (w *work) isFullFor(j Job) bool {
	if j.Command.EndsCall() {
		return w.hangUps() >= mostWaiting
	}
	return len(w.waiting)-w.hangUps() >= mostWaiting
}

func (w *work) put(j Job) {
	place := len(w.waiting)
	if j.Command.EndsCall() {
		// A call that is to end must not go on while a sequence runs or others wait.
		place = w.hangUps()
	}
	if w.end != nil && w.running.yieldsTo(j) {
		w.end(ErrHungUp)
	}
	w.waiting = slices.Insert(w.waiting, place, j)
}

// Next is the job to do, with a context that ends with stopping, when the queue is closed, or when the
// job has to yield to another. When nothing waits there is none, and the worker has to end.
func (q *Queue) Next(stopping context.Context) (Job, context.Context, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.work
	if w.end != nil {
		w.end(nil)
		w.end = nil
	}
	if len(w.waiting) == 0 {
		q.work = nil
		return Job{}, nil, false
	}
	ctx, end := context.WithCancelCause(stopping)
	w.running, w.end = w.waiting[0], end
	w.waiting = slices.Delete(w.waiting, 0, 1)
	return w.running, ctx, true
}

// Close ends what runs, with why as the cause, and returns what waited. Nothing is taken any more.
func (q *Queue) Close(why error) (waiting []Job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = why
	if q.work == nil {
		return nil
	}
	if q.work.end != nil {
		q.work.end(why)
	}
	waiting, q.work.waiting = q.work.waiting, nil
	return waiting
}
