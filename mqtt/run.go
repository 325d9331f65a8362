package mqtt

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

const (
	firstPause = 100 * time.Millisecond
	// earlyOutage is how long an outage counts as young.
	earlyOutage = time.Minute
	// steady is how long a session has to last for its end to be the beginning
	// of a new outage: two clients with one id throw each other out for ever.
	steady = 10 * time.Second
)

// keepConnected holds one session after the other until ctx ends.
func (c *Client) keepConnected(ctx context.Context, broker *url.URL) {
	outage, attempt := time.Now(), 0
	for {
		began := time.Now()
		s, err := c.connect(ctx, broker)
		if err == nil {
			err = s.serve(ctx)
			if time.Since(began) >= steady {
				outage, attempt = time.Now(), 0
				c.losses = repetition{}
			}
		}
		if ctx.Err() != nil {
			return
		}
		c.mu.Lock()
		c.status.LastErr = err
		c.mu.Unlock()
		if times, logs := c.losses.occurs(cause(err), time.Now()); logs {
			c.log.Warn().Err(err).Str("broker", broker.Host).Int("times", times).Msg("no session with the broker")
		}
		pause := time.NewTimer(c.cfg.Backoff.pause(time.Since(outage), attempt))
		attempt++
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
	}
}

// pause doubles from attempt to attempt up to the limit, of which up to half is
// left to chance: after a broker's restart not everybody shall come at once.
func (b Backoff) pause(outage time.Duration, attempt int) time.Duration {
	limit := b.Early
	if outage >= earlyOutage {
		limit = b.Late
	}
	pause := min(limit, firstPause<<min(attempt, 20))
	return pause/2 + rand.N(pause/2+1)
}

// cause is the text of an error without the addresses of its connection, which
// differ each time. How exactly a connection was closed is left to chance.
func cause(err error) string {
	if closedByPeer(err) || errors.Is(err, net.ErrClosed) {
		return "connection closed"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

// begin makes s the session that sends.
func (c *Client) begin(s *session) {
	c.mu.Lock()
	c.line.begin()
	c.current = s
	c.status.LastErr = nil
	again := c.line.session > 1
	if again {
		c.status.Reconnects++
	}
	reported := slices.Equal(s.refused, c.refused)
	c.refused = s.refused
	c.mu.Unlock()

	if c.losses.ends() || !again {
		c.log.Info().Str("broker", c.status.Broker).Msg("session with the broker")
	}
	if !reported {
		c.log.Warn().Strs("filters", s.refused).Msg("subscriptions refused by the broker")
	}
}

// end puts back in line what s had in flight.
func (c *Client) end(s *session) {
	c.mu.Lock()
	c.current = nil
	s.halted = true
	offender := c.line.rewind(closedByPeer(s.err))
	if offender != nil {
		c.status.SetAside++
		m := offender.message(time.Now())
		c.work.aside = append(c.work.aside, asided{place: offender.place, message: &m})
	}
	c.mu.Unlock()

	if offender != nil {
		wake(c.wakeWriter)
		c.log.Error().Str("topic", offender.name).Int("bytes", len(offender.payload)).
			Msg("message set aside, the broker ended the session on it again and again")
	}
}

// ending lets s send only what waits.
func (c *Client) ending(s *session) {
	c.mu.Lock()
	s.ending = true
	c.mu.Unlock()
	wake(c.wakeSender)
}

// halt lets s send and receive nothing more.
func (c *Client) halt(s *session) {
	c.mu.Lock()
	s.halted = true
	c.mu.Unlock()
}

// haltsAtRest tells that all is sent and acknowledged, and halts s in the same
// breath: else a message could still be received, and its answer would wait for
// a session that never comes.
func (c *Client) haltsAtRest(s *session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.halted = s.halted || c.line.idle() && s.receiving == 0
	return s.halted
}

// admits tells whether s may still receive a message. When it does, received
// has to follow.
func (c *Client) admits(s *session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.halted {
		return false
	}
	s.receiving++
	return true
}

// received ends what admits began.
func (c *Client) received(s *session) {
	c.mu.Lock()
	s.receiving--
	c.mu.Unlock()
	wake(s.progress)
}

// closedByPeer tells an end that the broker made from one that the network
// made: only the former says something about what was sent last.
func closedByPeer(err error) bool {
	var closed *websocket.CloseError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &closed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
