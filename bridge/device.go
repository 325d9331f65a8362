package bridge

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
)

// device is one phone as the bridge keeps it.
type device struct {
	mac   phone.MAC
	web   *action.Phone
	queue queue

	mu       sync.Mutex // guards the rest
	state    phone.State
	renamed  string // by a bridge request
	online   bool
	reached  bool      // its web port has ever answered
	missed   int       // probes in a row
	missedAt time.Time // the last of them
	trusted  bool      // its events carry the token
	digest   bool      // as saved last, see [action.Phone.AsksDigest]
	shown    shown
	last     delivery // of the last event
	expiry   *time.Timer
	removed  bool
}

// delivery is what became of an event: a repeat of it is answered the same, and stored when the first
// could not be.
type delivery struct {
	events  []mqtt.Message
	receipt *mqtt.Receipt
	repeat  bool
}

// shown is what the topics that seldom change were last given.
type shown struct {
	callState    phone.CallState
	availability string
}

// record is a device as the store keeps it.
type record struct {
	State   phone.State `json:"state"`
	Name    string      `json:"name,omitempty"`
	Online  bool        `json:"online"`
	Reached bool        `json:"reached,omitempty"`
	Trusted bool        `json:"trusted,omitempty"`
	Digest  bool        `json:"digest,omitempty"`
	Address string      `json:"address,omitempty"`
	Source  netip.Addr  `json:"source,omitzero"`
}

const recordPrefix = "phone/"

// origin is where an event came from.
type origin struct {
	source netip.Addr
	token  bool // it carried a valid token
}

var (
	errRemoved = errors.New("the phone was removed")
	errStrict  = errors.New("it is listed as strict, and only events from its host are taken")
)

// take applies an event to its phone and puts what follows from it in line. The delivery's receipt
// tells when all that is on disk; it is nil when a repeat was stored by an earlier process.
func (b *Bridge) take(d *device, e phone.Event, from origin) (delivery, error) {
	delivered, robbed, err := b.apply(d, e, from)
	if robbed != nil {
		b.refresh(robbed)
	}
	return delivered, err
}

// apply does it under the phone's lock. It also returns the phone that lost its address to this one.
func (b *Bridge) apply(d *device, e phone.Event, from origin) (delivered delivery, robbed *device, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.removed {
		return delivery{}, nil, errRemoved
	}
	if !b.phones.book.Admits(d.mac, from.source) {
		return delivery{}, nil, fmt.Errorf("event of %s from %s: %w", d.mac, from.source, errStrict)
	}
	e.Time = time.Now()
	if d.state.Repeats(e, b.cfg.Limits.Repeat) {
		return b.again(d), nil, nil
	}
	if d.state.Last.Type == phone.NoEvent {
		b.log.Info().Str("mac", string(d.mac)).Stringer("event", e.Type).Str("source", from.source.String()).Msg("first event of a phone")
	}
	robbed = b.locate(d, e, from)
	d.trusted = from.token
	changes := b.setOnline(d, true, e.Time)
	var told []phone.Change
	d.state, told = d.state.Apply(e)
	d.last = b.publish(d, append(changes, told...))
	return d.last, robbed, nil
}

// again answers a repeat as the event that it repeats. What could not be stored then is tried again
// under the same id.
func (b *Bridge) again(d *device) delivery {
	again := delivery{repeat: true}
	if d.last.receipt == nil {
		return again
	}
	select {
	case <-d.last.receipt.Done():
		if d.last.receipt.Err() != nil {
			d.last.receipt = b.broker.Publish(mqtt.Batch{Messages: d.last.events, Records: b.record(d)})
		}
	default:
	}
	again.receipt = d.last.receipt
	return again
}

// publish puts a device's state and the events of changes in line, and its record in the store. The
// device is locked.
func (b *Bridge) publish(d *device, changes []phone.Change) delivery {
	events := b.events(d, changes)
	d.expiry.Reset(untilDue(d.state.Due(b.cfg.Limits)))
	return delivery{events: events, receipt: b.broker.Publish(mqtt.Batch{
		Messages: append(b.retained(d), events...),
		Records:  b.record(d),
	})}
}

func (b *Bridge) events(d *device, changes []phone.Change) []mqtt.Message {
	var events []mqtt.Message
	for _, c := range changes {
		if c.Event.Type == phone.CallEnded {
			b.cfg.Meter.CallEnded(c.Call.Direction, c.Call.Result)
		}
		events = append(events, mqtt.Message{
			Topic:     b.topics.event(d.mac),
			LateTopic: b.topics.lateEvent(d.mac),
			FreshFor:  b.cfg.EventFresh,
			Group:     string(d.mac),
			At:        c.Event.Time,
			Payload:   payload.Event(payload.NewID(c.Event.Time), c, d.state.CallState(), b.name(d)),
		})
	}
	return events
}

// untilDue is how long to wait for a time; for none, longer than any process lives.
func untilDue(due time.Time) time.Duration {
	if due.IsZero() {
		return 1<<63 - 1
	}
	return time.Until(due)
}

// retained are the messages that show a device as it stands. Call state and availability are left out
// while they are what was published last.
func (b *Bridge) retained(d *device) []mqtt.Message {
	keep := func(topic string, text []byte) mqtt.Message {
		return mqtt.Message{Topic: topic, Payload: text, Retained: true, Group: string(d.mac)}
	}
	messages := []mqtt.Message{keep(b.topics.state(d.mac), payload.State(d.state, b.name(d), b.phones.book.Host(d.mac)))}
	if now := d.state.CallState(); now != d.shown.callState {
		d.shown.callState = now
		messages = append(messages, keep(b.topics.callState(d.mac), []byte(now)))
	}
	if now := d.availability(); now != d.shown.availability {
		d.shown.availability = now
		messages = append(messages, mqtt.Message{Topic: b.topics.availability(d.mac), Payload: []byte(now), Retained: true, Last: true})
	}
	return messages
}

func (b *Bridge) record(d *device) []mqtt.Record {
	address, source := b.phones.book.Saved(d.mac)
	return []mqtt.Record{{Key: recordPrefix + string(d.mac), Value: payload.Marshal(record{
		State:   d.state,
		Name:    d.renamed,
		Online:  d.online,
		Reached: d.reached,
		Trusted: d.trusted,
		Digest:  d.web.AsksDigest(),
		Address: address,
		Source:  source,
	})}}
}

// name is what people call the phone: as the phones file names it, as they renamed it, or as it names
// itself. The device is locked.
func (b *Bridge) name(d *device) string {
	listing, _ := b.phones.book.Listing(d.mac)
	return cmp.Or(listing.Name, d.renamed, d.state.Name)
}

// refresh publishes a device's state as it stands.
func (b *Bridge) refresh(d *device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.removed {
		b.publish(d, nil)
	}
}

// expire tells what follows from a phone's silence, when that is due.
func (b *Bridge) expire(d *device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.removed || b.stopping.Err() != nil {
		return
	}
	var changes []phone.Change
	d.state, changes = d.state.Expire(time.Now(), d.mac, b.cfg.Limits)
	if len(changes) > 0 {
		b.publish(d, changes)
		return
	}
	d.expiry.Reset(untilDue(d.state.Due(b.cfg.Limits)))
}

// snapshot is the phone's state now.
func (d *device) snapshot() phone.State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

// newDevice makes a device in the state of its record. It is not yet published.
func (b *Bridge) newDevice(mac phone.MAC, r record) *device {
	d := &device{
		mac:     mac,
		state:   r.State,
		renamed: r.Name,
		online:  r.Online,
		reached: r.Reached,
		trusted: r.Trusted,
		digest:  r.Digest,
		web: action.NewPhone(action.Options{
			Timeout:    b.cfg.PhoneTimeout,
			KeyPause:   b.cfg.KeyPause,
			UserAgent:  "phone2mqtt/" + b.cfg.Version,
			AsksDigest: r.Digest,
		}),
	}
	d.expiry = time.AfterFunc(untilDue(time.Time{}), func() { b.expire(d) })
	return d
}

// restore brings back the phones of an earlier process and adds the listed ones. A phone that is no
// longer listed stays as a learned one if it was ever heard.
func (b *Bridge) restore(records Records) error {
	b.phones.book.List(b.cfg.Phones)
	kept := make(map[phone.MAC]record)
	err := records.Records(recordPrefix, func(key string, value []byte) error {
		mac, r, err := readRecord(key, value)
		if err != nil {
			b.log.Error().Err(err).Msg("a record of the store cannot be read; the phone starts anew")
			return nil
		}
		kept[mac] = r
		return nil
	})
	if err != nil {
		return err
	}
	for _, listed := range b.cfg.Phones {
		r, known := kept[listed.MAC]
		d := b.resume(listed.MAC, r)
		if !known {
			// Its topics are to be cleared should it no longer be listed one day.
			b.refresh(d)
		}
		delete(kept, listed.MAC)
	}
	for mac, r := range kept {
		if b.cfg.Learn && r.State.Last.Type != phone.NoEvent {
			b.resume(mac, r)
		} else {
			b.broker.Publish(b.clearing(mac))
		}
	}
	return nil
}

func readRecord(key string, value []byte) (phone.MAC, record, error) {
	var r record
	if len(key) <= len(recordPrefix) {
		return "", r, fmt.Errorf("record %q names no phone", key)
	}
	mac, err := phone.ParseMAC(key[len(recordPrefix):])
	if err != nil {
		return "", r, fmt.Errorf("record %q: %w", key, err)
	}
	if err := json.Unmarshal(value, &r); err != nil {
		return "", r, fmt.Errorf("record %q: %w", key, err)
	}
	return mac, r, nil
}

// resume publishes a phone as it was, and what came due meanwhile.
func (b *Bridge) resume(mac phone.MAC, r record) *device {
	d := b.newDevice(mac, r)
	if r.Address != "" {
		b.phones.book.Take(mac, r.Address)
	}
	if r.Source.IsValid() {
		b.phones.book.Seen(mac, r.Source)
	}
	b.phones.add(d)
	b.expire(d)
	d.mu.Lock()
	defer d.mu.Unlock()
	b.broker.Publish(mqtt.Batch{Messages: b.retained(d)})
	return d
}

// clearing takes all that the broker and the store keep of a phone away.
func (b *Bridge) clearing(mac phone.MAC) mqtt.Batch {
	batch := mqtt.Batch{Records: []mqtt.Record{{Key: recordPrefix + string(mac)}}}
	for _, topic := range b.topics.retained(mac) {
		batch.Messages = append(batch.Messages, mqtt.Message{Topic: topic, Retained: true})
	}
	return batch
}
