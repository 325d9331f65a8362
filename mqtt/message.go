package mqtt

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Message is one PUBLISH at QoS 1. Its payload must not be changed once it was
// published or received.
type Message struct {
	// Topic is a topic name without wildcards, at most 65,535 bytes of UTF-8.
	Topic string

	// Payload is at most 268,435,455 bytes together with the topic.
	Payload []byte

	// Retained asks the broker to keep the message. While it waits, a newer
	// one of the same topic replaces it and inherits its place in line. An
	// empty payload clears the topic; once acknowledged it is forgotten.
	// Retained messages are never written to disk: who publishes them
	// publishes them again after a restart.
	//
	// On a received message it tells that the broker kept it from before we
	// subscribed (MQTT 3.1.1, 3.3.1.3).
	Retained bool

	// Group names what belongs together, for example one device. In every
	// session the retained messages of a group go out before the first other
	// message of that group, sent before or not: the broker may be a new and
	// empty one.
	Group string

	// Last, for retained messages, puts this one behind all that are not Last
	// when everything is published again after a connect, and exempts it from
	// the rule about groups.
	Last bool

	// At is when the message came to be; zero means when Publish was called.
	At time.Time

	// FreshFor is the age over which LateTopic is used instead of Topic,
	// judged at each sending. Zero, or no LateTopic: always Topic. Neither
	// concerns retained messages.
	FreshFor  time.Duration
	LateTopic string

	// KeepFor, when positive, keeps a message that is not retained in memory
	// only and drops it when it could not be sent within this time. Zero: the
	// message is durable.
	KeepFor time.Duration
}

// durable tells whether the message belongs on disk.
func (m *Message) durable() bool { return !m.Retained && m.KeepFor <= 0 }

// Record is something the owner wants kept beside the messages, written in the
// same transaction as the messages of its batch.
type Record struct {
	Key   string // 1 to 1024 bytes
	Value []byte // nil deletes the record
}

// Batch is what becomes durable together or not at all.
type Batch struct {
	// Messages enter the line in this order.
	Messages []Message
	Records  []Record

	// Forget names a group whose messages that were set aside are deleted.
	// Those that wait are sent as promised.
	Forget string
}

var (
	// ErrFull tells that waiting messages take all the space that they may
	// take, or that the disk does not keep up. The records and the retained messages of the batch were taken; the
	// others are sent only if a session is up, without the promise.
	ErrFull = errors.New("store is full")

	// ErrClosed tells that the client has ended. Nothing of the batch was taken.
	ErrClosed = errors.New("client is closed")

	// ErrMessage tells of a message or record that can never be sent or stored,
	// the caller's mistake. Nothing of its batch was taken.
	ErrMessage = errors.New("not publishable")
)

const (
	maxTopic     = 65535       // MQTT 3.1.1, 1.5.3
	maxRemaining = 268_435_455 // MQTT 3.1.1, 2.2.3
	maxKey       = 1024
)

// check reports the first reason why the batch can never be published. It has
// to catch everything that bbolt or paho would refuse later: there one bad
// message would fail the batches of others that share its transaction.
func (b *Batch) check() error {
	for i := range b.Messages {
		m := &b.Messages[i]
		if err := checkTopic(m.Topic); err != nil {
			return err
		}
		if m.LateTopic != "" {
			if err := checkTopic(m.LateTopic); err != nil {
				return err
			}
		}
		if len(m.Payload)+max(len(m.Topic), len(m.LateTopic))+4 > maxRemaining {
			return fmt.Errorf("payload of %d bytes for %.100q is too long: %w", len(m.Payload), m.Topic, ErrMessage)
		}
	}
	for _, r := range b.Records {
		if r.Key == "" || len(r.Key) > maxKey {
			return fmt.Errorf("record key of %d bytes, expected 1 to %d: %w", len(r.Key), maxKey, ErrMessage)
		}
	}
	return nil
}

// checkTopic applies MQTT 3.1.1, 4.7: what the broker would answer by closing
// the connection.
func checkTopic(topic string) error {
	switch {
	case topic == "":
		return fmt.Errorf("empty topic: %w", ErrMessage)
	case len(topic) > maxTopic:
		return fmt.Errorf("topic of %d bytes is too long: %w", len(topic), ErrMessage)
	case strings.ContainsAny(topic, "+#\x00"):
		return fmt.Errorf("topic %.100q holds a wildcard or NUL: %w", topic, ErrMessage)
	case !utf8.ValidString(topic):
		return fmt.Errorf("topic %.100q is not UTF-8: %w", topic, ErrMessage)
	}
	return nil
}

// Receipt tells when a batch is on disk, or that it cannot be.
type Receipt struct {
	done chan struct{}
	err  error
}

func newReceipt() *Receipt { return &Receipt{done: make(chan struct{})} }

// settle may be called once.
func (r *Receipt) settle(err error) {
	r.err = err
	close(r.done)
}

// Wait blocks until the batch is stored (nil) or cannot be: ErrFull, ErrClosed,
// ErrMessage or the error of the store. A batch without records and durable
// messages has nothing to wait for. When ctx ends first its error is returned
// and the batch goes its way.
func (r *Receipt) Wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Done is closed when Err has its value.
func (r *Receipt) Done() <-chan struct{} { return r.done }

// Err is what Wait returns. It is valid after Done is closed.
func (r *Receipt) Err() error { return r.err }
