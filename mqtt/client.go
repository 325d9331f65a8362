// Package mqtt is a publisher and subscriber for MQTT 3.1.1 that loses nothing.
//
// What is published enters one line, in the order of the calls. A message
// counts as kept once its Receipt says so: it is then on disk and stays there
// until the broker has acknowledged it, over any number of lost connections,
// crashes and restarts. Everything goes out at QoS 1 in the order of the line;
// after a lost session the line goes on from the first message that was not
// acknowledged. So a message may arrive more than once, and first arrivals are
// in order. Retained messages are published again in every session.
//
// It never blocks a publisher on the network or the disk, never acknowledges to
// itself what the broker did not, never takes anything from what the broker
// kept, and keeps no session there: what is published to us while we are away
// is gone, on purpose.
package mqtt

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// storeTimeout bounds the last transaction: a disk that hangs must not keep the
// process from ending.
const storeTimeout = 2 * time.Second

// Client is one publisher and subscriber. Its methods may be called from any
// goroutine.
type Client struct {
	cfg   Config
	store *Store
	log   zerolog.Logger

	wakeWriter chan struct{}
	wakeSender chan struct{}

	losses repetition // of sessions, for the log; Run's goroutine only
	faults repetition // of the store, the same; the writer's only

	mu      sync.Mutex // guards what follows and is never held during I/O
	started bool
	closed  bool
	line    *line
	work    work
	company int        // how many receipts the next transaction waits for
	current *session   // nil: none is up
	refused []string   // topic filters, in the newest session
	full    bool       // the last durable message was refused
	fullAt  int64      // waiting bytes then
	refusal repetition // of messages that the full store could not take, for the log
	status  Status     // without what is computed from the rest
}

// NewClient returns a client that continues with the messages the store holds.
// It starts nothing. A mistake in cfg is reported by Run.
func NewClient(cfg Config, store *Store) *Client {
	c := &Client{
		cfg:        cfg.withDefaults(),
		store:      store,
		log:        cfg.Log,
		wakeWriter: make(chan struct{}, 1),
		wakeSender: make(chan struct{}, 1),
		line:       newLine(store.found.span, store.found.first, store.found.next),
		work:       newWork(),
	}
	if broker, err := ParseURL(cfg.URL); err == nil {
		c.status.Broker = broker.Host
	}
	return c
}

// Publish puts the batch in line and returns at once. It may be called before
// Run, which then stores and sends it, and while the broker is away. After Run
// has ended the receipt says ErrClosed.
func (c *Client) Publish(b Batch) *Receipt {
	r := newReceipt()
	if err := b.check(); err != nil {
		r.settle(err)
		return r
	}
	now := time.Now()

	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		r.settle(ErrClosed)
		return r
	}
	kept := c.fits(b.Messages)
	durable := false
	for i := range b.Messages {
		durable = c.enter(b.Messages[i], kept, now) || durable
	}
	for _, record := range b.Records {
		c.work.records[record.Key] = record.Value
	}
	if b.Forget != "" {
		c.work.forget = append(c.work.forget, b.Forget)
	}
	refused := durable && !kept
	stores := !refused && (durable || len(b.Records) > 0 || b.Forget != "")
	if stores {
		c.work.promise(r, now)
	}
	if durable && c.full != refused {
		c.full, c.fullAt = refused, c.line.waitingBytes
	}
	tell := c.roomLog(durable, refused, now)
	c.mu.Unlock()

	wake(c.wakeWriter)
	wake(c.wakeSender)
	tell()
	if refused {
		r.settle(ErrFull)
	} else if !stores {
		r.settle(nil)
	}
	return r
}

// roomLog returns what is to be logged, without the lock, about the room that a
// durable message did or did not find.
func (c *Client) roomLog(durable, refused bool, now time.Time) (tell func()) {
	if refused {
		if times, logs := c.refusal.occurs("full", now); logs {
			return func() {
				c.log.Error().Int("times", times).Msg("store is full, messages go out without being kept")
			}
		}
	} else if durable && c.refusal.ends() {
		return func() { c.log.Info().Msg("store takes messages again") }
	}
	return func() {}
}

// fits tells whether the store may take the durable ones among messages.
func (c *Client) fits(messages []Message) bool {
	var size int64
	for i := range messages {
		if messages[i].durable() {
			size += encodedLen(&messages[i])
		}
	}
	if size == 0 {
		return true
	}
	onDisk := c.line.waitingBytes+size <= c.store.maxBytes
	inMemory := c.line.unstored == 0 || c.line.unstored+size <= unstoredLimit
	return onDisk && inMemory
}

// enter gives one message its place and tells whether it is a durable one.
func (c *Client) enter(m Message, kept bool, now time.Time) (durable bool) {
	if m.At.IsZero() {
		m.At = now
	}
	switch {
	case m.Retained:
		c.line.addRetained(&m)
		return false
	case !m.durable():
		c.line.add(&m, diskNever, now)
		return false
	case kept:
		c.work.puts = append(c.work.puts, c.line.add(&m, diskQueued, now))
	case c.current != nil && c.line.unsaved+encodedLen(&m) <= unsavedLimit:
		c.line.add(&m, diskNever, now)
	default:
		c.line.dropped++
	}
	return true
}

// Run connects, sends and receives until ctx ends, and returns nil then: what
// waits is sent as far as the broker takes it within DrainTimeout, Offline is
// published, and what was published until the end is stored. An error means a
// mistake in the configuration, or that the store hangs. Run can be called once.
func (c *Client) Run(ctx context.Context) error {
	c.mu.Lock()
	again := c.started
	c.started = true
	c.mu.Unlock()
	if again {
		return errors.New("client ran already")
	}

	finish, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		c.write(finish)
	}()
	broker, err := c.cfg.check()
	if err == nil {
		c.keepConnected(ctx, broker)
	}

	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	close(finish)
	select {
	case <-finished:
		return err
	case <-time.After(storeTimeout):
		return errors.Join(err, errors.New("the store does not answer, what it was given last may not be kept"))
	}
}

// Status is a picture of this moment.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	if c.current != nil {
		s.Connected = true
		s.Verified = c.current.verified.Load()
		s.Refused = slices.Clone(c.refused)
	}
	s.Waiting = c.line.waiting
	s.WaitingBytes = c.line.waitingBytes
	s.OldestWaiting = c.line.oldest()
	s.Dropped = c.line.dropped
	s.Damages = c.store.damages.Load()
	s.Full = c.full && c.line.waitingBytes >= c.fullAt
	return s
}

// wake tells a goroutine to look again; a signal that waits already is enough.
func wake(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}
