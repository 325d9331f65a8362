package action

import (
	"context"
	"fmt"
)

// Probe tells whether the phone's web port takes a connection. Nothing is sent: even a harmless
// request could be taken for a command. The error is an [ErrUnreachable], or the cause of ctx's end.
func (p *Phone) Probe(ctx context.Context, to Address) error {
	dialling, cancel := context.WithTimeout(ctx, p.opt.timeout())
	defer cancel()
	conn, err := p.opt.dial(dialling, to)
	if err == nil {
		return conn.Close()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%s: %w", to.Host, ErrUnreachable)
}
