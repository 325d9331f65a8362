package phonetest

import (
	"context"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Boot sends what a phone sends when it was switched on: it is there, and its account is registered.
func (p *Phone) Boot() { p.enqueue(nil, phone.SetupCompleted, phone.Registered) }

// enqueue puts events in line; they leave in this order, one connection after another. A phone that
// has no server set, or does not know an event, has an empty field for it and sends nothing.
func (p *Phone) enqueue(vars map[phone.Variable]string, kinds ...phone.EventType) {
	if p.opt.Server == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kind := range kinds {
		if p.opt.Classic && kind.Row().PCode == 0 {
			continue
		}
		p.queue = append(p.queue, event{kind, vars})
	}
	p.notify()
}

// Flush blocks until every event in line was sent, or gives the context's cause.
func (p *Phone) Flush(ctx context.Context) error {
	return p.await(ctx, func() bool { return len(p.queue) == 0 && !p.busy })
}

// sendQueued sends what is in line until ctx ends. A failed event is counted and forgotten, as phones
// do; what is still in line at the end was never sent, and is not counted as failed.
func (p *Phone) sendQueued(ctx context.Context) {
	for {
		err := p.await(ctx, func() bool { return len(p.queue) > 0 })
		if err != nil || ctx.Err() != nil {
			return
		}
		p.mu.Lock()
		next := p.queue[0]
		p.queue, p.busy = p.queue[1:], true
		p.mu.Unlock()

		_, _ = p.Send(ctx, next.kind, next.vars)

		p.mu.Lock()
		p.busy = false
		p.notify()
		p.mu.Unlock()
	}
}
