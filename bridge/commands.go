package bridge

import (
	"errors"
	"fmt"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge/policy"
	"github.com/phone2mqtt/phone2mqtt/bridge/queue"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

var (
	errStopped = errors.New("phone2mqtt is stopping; send it again")
	errGone    = errors.New("the phone was removed")
)

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
		if n, ok := b.refusals.Says("command topic"); ok {
			b.log.Warn().Str("topic", fmt.Sprintf("%.100q", m.Topic)).Int("times", n).Msg("a command topic names no MAC address; the command is ignored")
		}
		return
	}
	cmd, err := phone.ParseCommand(command, m.Payload)
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
	j := queue.Job{Command: cmd, Identity: queue.IdentityOf(cmd, unread), At: time.Now()}
	if again, repeated := d.queue.Expect(j.Identity, j.At); repeated {
		if again != nil {
			b.publishResult(d.mac, *again)
		}
		return
	}
	if unread != nil {
		b.conclude(d, j, unreadable(unread))
		return
	}
	if refusal := b.cfg.Rules.Judge(cmd); refusal != nil {
		// Not in the queue: a forbidden hang-up would end what runs there.
		b.conclude(d, j, b.forbid(d, cmd, refusal, outcome{}))
		return
	}
	// A reject for a call that does not ring must not end the tones of the one that talks.
	j.Refused = cmd.EndsCall() && cmd.Judge(d.snapshot()).Refusal != ""
	if err := d.queue.Put(j, func() { b.begin(d) }); err != nil {
		b.conclude(d, j, failed(err))
	}
}

// forbid ends a command that a rule forbids, and has it logged: somebody tries what is not to be, or the
// rule is not as its owner wants it.
func (b *Bridge) forbid(d *device, cmd phone.Command, refusal *policy.Refusal, o outcome) outcome {
	if n, ok := b.refusals.Says("rule " + refusal.Rule + " on " + string(d.mac)); ok {
		b.log.Warn().Str("mac", string(d.mac)).Str("command", cmd.Name).Str("rule", refusal.Rule).Int("times", n).Msg("a rule forbids a command; it is not run")
	}
	return o.because("rule", refusal.Text)
}

// begin starts the phone's worker. It ends when nothing is left to do, so that phones never wait for
// each other and an idle one costs nothing.
func (b *Bridge) begin(d *device) { b.workers.Go(func() { b.work(d) }) }

// probeNext probes a phone when its queue comes to it.
func (b *Bridge) probeNext(d *device) { d.queue.PutProbe(time.Now(), func() { b.begin(d) }) }

// stopQueue ends what runs and waits for a phone, each command with its result, and takes nothing
// more.
func (b *Bridge) stopQueue(d *device) {
	why := errStopped
	if b.stopping.Err() == nil {
		why = errGone
	}
	for _, j := range d.queue.Close(why) {
		if !j.Probe {
			b.conclude(d, j, failed(why))
		}
	}
}
