package mqtt

import (
	"context"
	"errors"
	"fmt"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

var errNoSession = errors.New("no session with the broker")

// Peek gives every message that the broker keeps under a filter, which must not
// be one of the Subscriptions. It returns when none came for the time quiet, or
// with an error when the session ends, the broker refuses, or ctx ends. Receive
// is called as that of a [Subscription].
//
// It asks for QoS 0: a broker queues only so much at QoS 1 for a client, and
// what it keeps here must not push out commands.
func (c *Client) Peek(ctx context.Context, filter string, quiet time.Duration, receive func(Message)) error {
	if err := checkFilter(filter); err != nil {
		return err
	}
	c.mu.Lock()
	s := c.current
	c.mu.Unlock()
	if s == nil {
		return errNoSession
	}
	heard := make(chan struct{}, 1)
	token := s.paho.Subscribe(filter, 0, func(_ paho.Client, m paho.Message) {
		if m.Retained() {
			receive(Message{Topic: m.Topic(), Payload: m.Payload(), Retained: true})
			wake(heard)
		}
	})
	err := s.answered(ctx, token)
	if granted, ok := token.(*paho.SubscribeToken); ok && err == nil && granted.Result()[filter] == subscribeRefused {
		err = errors.New("refused by the broker")
	}
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", filter, err)
	}
	err = s.awaitSilence(ctx, heard, quiet)
	if err == nil {
		err = s.answered(ctx, s.paho.Unsubscribe(filter))
	}
	return err
}

// answered waits until the broker has answered a request, and gives its error.
func (s *session) answered(ctx context.Context, token paho.Token) error {
	if err := s.await(ctx, token.Done(), s.client.cfg.ConnectTimeout); err != nil {
		return err
	}
	return token.Error()
}

// awaitSilence waits until nothing was heard for the time quiet.
func (s *session) awaitSilence(ctx context.Context, heard <-chan struct{}, quiet time.Duration) error {
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	for {
		select {
		case <-heard:
			timer.Reset(quiet)
		case <-timer.C:
			return nil
		case <-s.lost:
			return s.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
