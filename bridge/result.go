package bridge

import (
	"cmp"
	"encoding/json"
	"errors"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

const (
	statusOK      = "ok"
	statusSkipped = "skipped"
	statusError   = "error"

	// resultKeep is how long a result waits for a broker, and how long a transaction is remembered.
	resultKeep = time.Minute
	// mostAnswers is how many transactions of one phone are remembered at most.
	mostAnswers = 1000
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
func (b *Bridge) conclude(d *device, j job, o outcome) {
	r := b.respond(d.mac, j.command, o, j.at)
	d.queue.mu.Lock()
	repeats := d.queue.answers.settle(j.command.Transaction, r)
	d.queue.mu.Unlock()
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

// answers remembers the results of one phone's commands by transaction: a QoS 1 publisher may send a
// command twice. The queue's lock guards it.
type answers map[string]*answer

type answer struct {
	at      time.Time
	result  *payload.Result // nil while the command waits or runs
	repeats int             // that came while it did
}

// repeat tells whether a transaction was seen already, and gives its result when there is one.
func (a answers) repeat(transaction json.RawMessage, now time.Time) (*payload.Result, bool) {
	seen, ok := a[string(transaction)]
	if transaction == nil || !ok || seen.result != nil && now.Sub(seen.at) >= resultKeep {
		return nil, false
	}
	if seen.result == nil {
		seen.repeats++
		return nil, true
	}
	r := *seen.result
	r.Repeated = true
	return &r, true
}

// expect notes a transaction whose result is still to come, and drops those that are over.
func (a *answers) expect(transaction json.RawMessage, now time.Time) {
	if transaction == nil {
		return
	}
	if *a == nil {
		*a = make(answers)
	}
	for key, seen := range *a {
		if seen.result != nil && (now.Sub(seen.at) >= resultKeep || len(*a) >= mostAnswers) {
			delete(*a, key)
		}
	}
	(*a)[string(transaction)] = &answer{at: now}
}

// settle notes a result and tells how many repeats wait for it.
func (a answers) settle(transaction json.RawMessage, r payload.Result) (repeats int) {
	seen, ok := a[string(transaction)]
	if transaction == nil || !ok {
		return 0
	}
	seen.result = &r
	return seen.repeats
}
