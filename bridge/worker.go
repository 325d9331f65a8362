package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge/queue"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// work does what waits for one phone, one thing after the other, and ends when nothing is left.
func (b *Bridge) work(d *device) {
	for {
		j, ctx, ok := d.queue.Next(b.stopping)
		if !ok {
			return
		}
		if j.Probe {
			b.probe(ctx, d)
			continue
		}
		b.conclude(d, j, b.execute(ctx, d, j))
	}
}

// execute runs one command, and tells what became of it.
func (b *Bridge) execute(ctx context.Context, d *device, j queue.Job) outcome {
	cmd := j.Command
	inTime := func() error { return b.inTime(j) }
	if err := inTime(); err != nil {
		return refused("expired", err.Error())
	}
	if cmd.IsOurs() {
		b.clearMissed(d)
		return outcome{status: statusOK}
	}
	if err := d.web.Ready(ctx); err != nil {
		return failed(err)
	}
	state := d.snapshot()
	verdict := cmd.Judge(state)
	requests := cmd.Requests(state)
	switch {
	case verdict.Refusal != "":
		return refused("guard", verdict.Refusal)
	case verdict.Skip, len(requests) == 0:
		return outcome{status: statusSkipped}
	}
	if refusal := b.cfg.Rules.JudgeTyping(cmd, state); refusal != nil {
		return b.forbid(d, cmd, refusal, outcome{})
	}
	// The last of all: what the others refuse does not count.
	if refusal := b.pace.Judge(d.mac, cmd, time.Now()); refusal != nil {
		return b.forbid(d, cmd, refusal, outcome{})
	}
	o := b.send(ctx, d, cmd, requests, inTime)
	o.assumed = verdict.Assumed
	return o
}

// lateError is why a command is not run any more.
type lateError string

func (e lateError) Error() string { return string(e) }

// inTime tells that a command may still be run.
func (b *Bridge) inTime(j queue.Job) error {
	if at := j.Command.ExpiresAt; !at.IsZero() && time.Now().After(at) {
		return lateError("its expires_at has passed")
	}
	if time.Since(j.At) > b.cfg.CommandTTL {
		return lateError(fmt.Sprintf("it could not be started within %s (COMMAND_TTL), the phone was busy with others", b.cfg.CommandTTL))
	}
	return nil
}

// send makes the requests of a command one after the other. When one fails, or guard or rule no longer
// let it go on, the rest is not sent. They and the address are asked right before each request: while
// the pause after a key lasted the call may have ended, or another phone got the address. inTime is asked
// as late, for the first one only: what was begun is brought to its end.
func (b *Bridge) send(ctx context.Context, d *device, cmd phone.Command, requests []phone.ActionURI, inTime func() error) outcome {
	o := outcome{status: statusOK}
	for i, uri := range requests {
		if i > 0 {
			if err := d.web.Ready(ctx); err != nil {
				return o.because(codeOf(err), fmt.Sprintf("at %s: %s", uri, err))
			}
			state := d.snapshot()
			if verdict := cmd.Judge(state); verdict.Refusal != "" {
				return o.because("guard", fmt.Sprintf("stopped before %s: %s", uri, verdict.Refusal))
			}
			if refusal := b.cfg.Rules.JudgeTyping(cmd, state); refusal != nil {
				refusal.Text = fmt.Sprintf("stopped before %s: %s", uri, refusal.Text)
				return b.forbid(d, cmd, refusal, o)
			}
		}
		address, err := b.address(d)
		if err != nil {
			return o.because("address", "no address of this phone is known; list it with its host, or let it send an event that comes from itself")
		}
		wanted := inTime
		if i > 0 {
			wanted = func() error { return nil }
		}
		answer, err := d.web.DoWhile(b.interruptible(ctx, len(requests)), address, b.login(d), uri, wanted)
		o.httpStatus = answer.Status
		if answer.Status != 0 {
			b.answered(d)
		}
		if answer.Sent {
			o.sent++
			b.cfg.Meter.PhoneRequested(answer.Duration)
		}
		if err == nil {
			continue
		}
		if errors.Is(err, action.ErrUnreachable) {
			b.probeMissed(d)
		}
		code := codeOf(err)
		if len(requests) > 1 {
			err = fmt.Errorf("at %s: %w", uri, err)
		}
		return o.because(code, err.Error())
	}
	return o
}

// interruptible is the context of a request: a hang-up ends a sequence, but a single request is let
// through, for once begun it takes no longer than its time-out and nobody would know what it did.
func (b *Bridge) interruptible(ctx context.Context, requests int) context.Context {
	if requests > 1 {
		return ctx
	}
	return b.stopping
}

// login is what a phone is logged in with. The configured password goes only to phones that are listed
// with their host, or whose events carry the token: whoever sends an event from an allowed address
// would be given it otherwise. The vendor's default is no secret.
func (b *Bridge) login(d *device) action.Login {
	d.mu.Lock()
	trusted := d.trusted
	d.mu.Unlock()
	listing, _ := b.phones.book.Listing(d.mac)
	if !trusted && listing.Host == "" {
		return action.Login{Username: "admin", Password: secret.New("admin")}
	}
	return action.Login{
		Username: cmp.Or(listing.Login.Username, b.cfg.Login.Username),
		Password: cmp.Or(listing.Login.Password, b.cfg.Login.Password),
	}
}

// address is where the phone's web server is; the error is [action.ErrAddress] when nobody knows.
func (b *Bridge) address(d *device) (action.Address, error) {
	address, err := action.ParseAddress(b.phones.book.Host(d.mac))
	listing, _ := b.phones.book.Listing(d.mac)
	address.TLS = listing.TLS()
	return address, err
}

// clearMissed sets the counter of missed calls to zero.
func (b *Bridge) clearMissed(d *device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.removed {
		state := d.state.ClearMissed()
		d.state = &state
		b.publish(d, nil)
	}
}

// codeOf is the result's code for an error of a request.
func codeOf(err error) string {
	if late := lateError(""); errors.As(err, &late) {
		return "expired"
	}
	switch {
	case errors.Is(err, action.ErrUnreachable), errors.Is(err, action.ErrTLS):
		return "unreachable"
	case errors.Is(err, action.ErrTimeout):
		return "timeout"
	case errors.Is(err, action.ErrLogin):
		return "login"
	case errors.Is(err, errStopped), errors.Is(err, queue.ErrHungUp), errors.Is(err, errGone):
		return "stopped"
	case errors.Is(err, queue.ErrFull):
		return "queue"
	}
	return "http"
}
