package action

import (
	"context"
	"fmt"
	"time"
)

// Siblings of these phones lock a user out after five refused logins, for everyone; two in a row and
// a pause stay below that.
const (
	refusalsBeforePause = 2
	loginPause          = 60 * time.Second
)

// pacing is when a phone may be sent the next request. Its times carry the monotonic clock, so that a
// jump of the wall clock neither holds a phone for hours nor rushes it. Its user serialises the calls.
type pacing struct {
	keyPause time.Duration
	next     time.Time // after a key
	until    time.Time // after refused logins
	refusals int       // in a row
	refused  Login     // the one refused last
}

// judge tells whether login may be tried now: [ErrLoginPause] if not. A changed login may be.
func (p *pacing) judge(login Login) error {
	left := time.Until(p.until).Round(time.Second)
	if left <= 0 || login != p.refused {
		return nil
	}
	return fmt.Errorf("nothing is sent to it for another %v (until %s): %w",
		left, p.until.Format(time.TimeOnly), ErrLoginPause)
}

// wait blocks until the pause after the last key is over, or gives the context's cause.
func (p *pacing) wait(ctx context.Context) error {
	left := time.Until(p.next)
	if left <= 0 {
		return nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pressed begins the pause after a key.
func (p *pacing) pressed() { p.next = time.Now().Add(p.keyPause) }

// loggedIn ends a row of refusals.
func (p *pacing) loggedIn() { p.refusals = 0 }

// loginRefused counts one refusal, and begins the pause when they make a row.
func (p *pacing) loginRefused(login Login) {
	if login != p.refused {
		p.refused, p.refusals = login, 0
	}
	p.refusals++
	if p.refusals >= refusalsBeforePause {
		p.until = time.Now().Add(loginPause)
	}
}
