package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// mostWaiting commands may wait for one phone.
const mostWaiting = 100

var (
	errStopped = errors.New("phone2mqtt is stopping; send it again")
	errHungUp  = errors.New("a hang-up came first")
	errQueue   = errors.New("100 commands wait for this phone already; send it again when they have been answered")
	errGone    = errors.New("the phone was removed")
)

// job is what waits in a phone's queue: a command, or a probe.
type job struct {
	command phone.Command
	probe   bool
	at      time.Time // when it came in
}

// yieldsTo tells that a job has to end early for another: a probe for any command, which would wait for
// a phone that is not there, and a command for a hang-up.
func (j job) yieldsTo(next job) bool {
	return j.probe || next.command.EndsCall() && !j.command.EndsCall()
}

// queue holds what waits for one phone. Its worker starts when something comes and ends when nothing
// is left, so that phones never wait for each other and an idle one costs nothing.
type queue struct {
	mu      sync.Mutex
	waiting []job
	busy    bool // a worker is at it
	running struct {
		job
		end context.CancelCauseFunc // nil: nothing runs
	}
	closed  error // why nothing is taken any more
	answers answers
}

// receiveCommand takes one message of a command topic: it is parsed, which is quick, and enqueued.
func (b *Bridge) receiveCommand(m mqtt.Message) {
	if len(m.Payload) == 0 {
		// Clearing a retained command comes back to us as a live empty message.
		return
	}
	name, command, ok := b.topics.command(m.Topic)
	if !ok {
		return
	}
	mac, err := phone.ParseMAC(name)
	if err != nil {
		if n, ok := b.refusals.says("command topic"); ok {
			b.log.Warn().Str("topic", fmt.Sprintf("%.100q", m.Topic)).Int("times", n).Msg("a command topic names no MAC address; the command is ignored")
		}
		return
	}
	cmd, err := phone.ParseCommand(command, bytes.Clone(m.Payload))
	d := b.phones.find(mac)
	switch {
	case m.Retained:
		b.clear(m.Topic)
		b.respond(mac, cmd, refused("retained", "the broker kept this command from before phone2mqtt subscribed; it is not run and was cleared, send commands without the retain flag"), time.Now())
	case d == nil && err != nil:
		b.respond(mac, cmd, unreadable(err), time.Now())
	case d == nil:
		b.respond(mac, cmd, refused("phone", "no phone with this MAC address is known; list it in PHONES or let it send an event"), time.Now())
	default:
		b.enqueue(d, cmd, err)
	}
}

// clear takes a retained message that is not ours from the broker.
func (b *Bridge) clear(topic string) {
	b.broker.Publish(mqtt.Batch{Messages: []mqtt.Message{{Topic: topic, Retained: true}}})
}

// enqueue puts a command into its phone's queue, or answers why not: what could not be read is answered
// here, so that its transaction is remembered like any other.
func (b *Bridge) enqueue(d *device, cmd phone.Command, unread error) {
	now := time.Now()
	q := &d.queue
	q.mu.Lock()
	again, repeated := q.answers.repeat(cmd.Transaction, now)
	if repeated {
		q.mu.Unlock()
		if again != nil {
			b.publishResult(d.mac, *again)
		}
		return
	}
	q.answers.expect(cmd.Transaction, now)
	j := job{command: cmd, at: now}
	var refusal outcome
	switch {
	case unread != nil:
		refusal = unreadable(unread)
	case q.closed != nil:
		refusal = failed(q.closed)
	case len(q.waiting) >= mostWaiting:
		refusal = failed(errQueue)
	default:
		b.put(d, j)
	}
	q.mu.Unlock()
	if refusal.status != "" {
		b.conclude(d, j, refusal)
	}
}

// put adds a job and sees to it that a worker is there. The queue is locked.
func (b *Bridge) put(d *device, j job) {
	q := &d.queue
	place := len(q.waiting)
	if j.command.EndsCall() {
		// A call that is to end must not go on while a sequence runs or others wait.
		place = slices.IndexFunc(q.waiting, func(w job) bool { return !w.command.EndsCall() })
		if place < 0 {
			place = len(q.waiting)
		}
	}
	if q.running.end != nil && q.running.yieldsTo(j) {
		q.running.end(errHungUp)
	}
	q.waiting = slices.Insert(q.waiting, place, j)
	if !q.busy {
		q.busy = true
		b.workers.Go(func() { b.work(d) })
	}
}

// enqueueProbe probes a phone for which nothing runs or waits: what does will tell as much.
func (b *Bridge) enqueueProbe(d *device) {
	d.queue.mu.Lock()
	defer d.queue.mu.Unlock()
	if d.queue.closed == nil && !d.queue.busy {
		b.put(d, job{probe: true, at: time.Now()})
	}
}

// next is the job to do, with a context that ends when the bridge stops, the phone is removed or a
// hang-up comes. When nothing waits the worker has to end.
func (q *queue) next(stopping context.Context) (job, context.Context, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running.end != nil {
		q.running.end(nil)
		q.running.end = nil
	}
	if len(q.waiting) == 0 {
		q.busy = false
		return job{}, nil, false
	}
	ctx, end := context.WithCancelCause(stopping)
	q.running.job, q.running.end = q.waiting[0], end
	q.waiting = slices.Delete(q.waiting, 0, 1)
	return q.running.job, ctx, true
}

// stopQueue ends what runs and waits for a phone, each command with its result, and takes nothing
// more.
func (b *Bridge) stopQueue(d *device) {
	why := errStopped
	if b.stopping.Err() == nil {
		why = errGone
	}
	q := &d.queue
	q.mu.Lock()
	q.closed = why
	if q.running.end != nil {
		q.running.end(why)
	}
	waiting := q.waiting
	q.waiting = nil
	q.mu.Unlock()
	for _, j := range waiting {
		if !j.probe {
			b.conclude(d, j, failed(why))
		}
	}
}
