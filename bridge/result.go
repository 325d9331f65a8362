package bridge

import (
	"cmp"
	"errors"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
	"github.com/phone2mqtt/phone2mqtt/bridge/queue"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

const (
	statusOK      = "ok"
	statusSkipped = "skipped"
	statusError   = "error"

	// resultKeep is how long a result waits for a broker.
	resultKeep = time.Minute
)

// outcome is what became of a command.
type outcome struct {
	status     string
	code       string
	text       string // for a person: what was wrong and what to do
	httpStatus int
	sent       int
	assumed    bool
}

// refused is a command that was not run.
func refused(code, text string) outcome { return outcome{}.because(code, text) }

// failed is a command that an error of ours ended before it began.
func failed(err error) outcome { return refused(codeOf(err), err.Error()) }

// unreadable is a command that could not be parsed.
func unreadable(err error) outcome {
	code := "payload"
	if bad, ok := errors.AsType[*phone.CommandError](err); ok {
		code = bad.Code
	}
	return refused(code, err.Error())
}

func (o outcome) because(code, text string) outcome {
	o.status, o.code, o.text = statusError, code, text
	return o
}

// conclude publishes the result of a command that was in the queue, and again for each repeat of its
// transaction that came meanwhile.
func (b *Bridge) conclude(d *device, j queue.Job, o outcome) {
	r := b.respond(d.mac, j.Command, o, j.At)
	repeats := d.queue.Settle(j.Identity, r)
	r.Repeated = true
	for range repeats {
		b.publishResult(d.mac, r)
	}
}

// respond publishes the one result of a command that came in at since.
func (b *Bridge) respond(mac phone.MAC, cmd phone.Command, o outcome, since time.Time) payload.Result {
	now := time.Now()
	r := payload.Result{
		Transaction: cmd.Transaction,
		Command:     cmd.Name,
		Status:      o.status,
		Code:        o.code,
		Error:       o.text,
		HTTPStatus:  o.httpStatus,
		Sent:        o.sent,
		Took:        now.Sub(since),
		Time:        now,
		MAC:         mac,
		Assumed:     o.assumed,
	}
	b.log.Debug().Str("mac", string(mac)).Str("command", cmd.Name).Str("status", o.status).Str("code", o.code).Int("sent", o.sent).Msg("command answered")
	b.cfg.Meter.CommandAnswered(cmd.Name, cmp.Or(o.code, o.status))
	b.publishResult(mac, r)
	return r
}

func (b *Bridge) publishResult(mac phone.MAC, r payload.Result) {
	b.broker.Publish(mqtt.Batch{Messages: []mqtt.Message{{Topic: b.topics.result(mac), Payload: r.JSON(), KeepFor: resultKeep}}})
}
