package bridge

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
	"github.com/phone2mqtt/phone2mqtt/bridge/queue"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
)

// device is one phone as the bridge keeps it. There may be thousands of which most are silent, so what
// only some need is made when they do.
type device struct {
	mac   phone.MAC
	web   *action.Phone
	queue queue.Queue

	mu       sync.Mutex   // guards the rest
	state    *phone.State // replaced, never changed
	renamed  string       // by a bridge request
	online   bool
	reached  bool // its web port has ever answered
	trusted  bool // its events carry the token
	digest   bool // as saved last, see [action.Phone.AsksDigest]
	removed  bool
	missed   uint8     // probes in a row
	missedAt time.Time // the last of them
	shown    shown
	pending  *delivery   // of the last event, nil when that is stored
	expiry   *time.Timer // nil when nothing is due
}

// unheard is the state of every phone before its first event.
var unheard = new(phone.State)

// delivery is what is to become of an event. A repeat is answered as the event that it repeats, and
// stored when that could not be.
type delivery struct {
	events  []mqtt.Message
	receipt *mqtt.Receipt
}

// shown is what the topics that seldom change were last given.
type shown struct {
	callState    phone.CallState
	availability string
	description  uint64 // a sum of what Home Assistant is told
}

// origin is where an event came from.
type origin struct {
	source netip.Addr
	token  bool // it carried a valid token
	asked  asked
}

var (
	errRemoved = errors.New("the phone was removed")
	errStrict  = errors.New("it is listed as strict, and only events from its host are taken")
)

// take applies an event to its phone and puts what follows from it in line. The receipt tells when all
// that is on disk; it is nil for a repeat of an event that is already.
func (b *Bridge) take(d *device, e *phone.Event, from origin) (receipt *mqtt.Receipt, repeat bool, err error) {
	receipt, repeat, robbed, err := b.apply(d, e, from)
	if robbed != nil {
		b.refresh(robbed)
	}
	return receipt, repeat, err
}

// apply does it under the phone's lock. It also returns the phone that lost its address to this one.
func (b *Bridge) apply(d *device, e *phone.Event, from origin) (receipt *mqtt.Receipt, repeat bool, robbed *device, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.removed {
		return nil, false, nil, errRemoved
	}
	if !b.phones.book.Admits(d.mac, from.source) {
		return nil, false, nil, fmt.Errorf("event of %s from %s: %w", d.mac, from.source, errStrict)
	}
	e.Time = time.Now()
	if b.cfg.Record != nil {
		defer b.keep(d, d.state, e.Time, from)
	}
	if d.state.Repeats(*e, b.cfg.Limits.Repeat) {
		return b.again(d), true, nil, nil
	}
	if !d.heard() {
		b.log.Info().Str("mac", string(d.mac)).Stringer("event", e.Type).Str("source", from.source.String()).Msg("first event of a phone")
	}
	robbed = b.locate(d, e, from)
	d.trusted = from.token
	changes := b.setOnline(d, true, e.Time)
	state, told := d.state.Apply(*e)
	d.state = &state
	d.pending = b.publish(d, append(changes, told...))
	return d.pending.receipt, false, robbed, nil
}

// again answers a repeat as the event that it repeats. What could not be stored then is tried again
// under the same id.
func (b *Bridge) again(d *device) *mqtt.Receipt {
	if d.pending == nil {
		return nil
	}
	select {
	case <-d.pending.receipt.Done():
		if d.pending.receipt.Err() != nil {
			d.pending.receipt = b.broker.Publish(mqtt.Batch{Messages: d.pending.events, Records: b.record(d)})
		}
	default:
	}
	return d.pending.receipt
}

// stored lets go of an event that is on disk.
func (d *device) stored(receipt *mqtt.Receipt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pending != nil && d.pending.receipt == receipt {
		d.pending = nil
	}
}

// heard tells that the phone has ever sent an event.
func (d *device) heard() bool { return d.state.Last.Type != phone.NoEvent }

// publish puts a device's state and the events of changes in line, and its record in the store. The
// device is locked.
func (b *Bridge) publish(d *device, changes []phone.Change) *delivery {
	b.schedule(d)
	messages := b.retained(d, len(changes))
	state := len(messages)
	for i := range changes {
		messages = append(messages, b.event(d, &changes[i]))
	}
	receipt := b.broker.Publish(mqtt.Batch{Messages: messages, Records: b.record(d)})
	return &delivery{messages[state:], receipt}
}

func (b *Bridge) event(d *device, c *phone.Change) mqtt.Message {
	if c.Event.Type == phone.CallEnded {
		b.cfg.Meter.CallEnded(c.Call.Direction, c.Call.Result)
	}
	return mqtt.Message{
		Topic:     b.topics.event(d.mac),
		LateTopic: b.topics.lateEvent(d.mac),
		FreshFor:  b.cfg.EventFresh,
		Group:     string(d.mac),
		At:        c.Event.Time,
		Payload:   payload.Event(payload.NewID(c.Event.Time), *c, d.state.CallState(), b.name(d)),
	}
}

// retained are the messages that show a device as it stands, with room for more behind them; what Home
// Assistant is told of it follows in its own time. Call state
// and availability are left out while they are what was published last.
func (b *Bridge) retained(d *device, more int) []mqtt.Message {
	b.announce(d)
	messages := make([]mqtt.Message, 0, 3+more)
	keep := func(topic string, text []byte) {
		messages = append(messages, mqtt.Message{Topic: topic, Payload: text, Retained: true, Group: string(d.mac)})
	}
	keep(b.topics.state(d.mac), payload.State(*d.state, b.name(d), b.phones.book.Host(d.mac)))
	if now := d.state.CallState(); now != d.shown.callState {
		d.shown.callState = now
		keep(b.topics.callState(d.mac), []byte(now))
	}
	if now := d.availability(); now != d.shown.availability {
		d.shown.availability = now
		messages = append(messages, mqtt.Message{Topic: b.topics.availability(d.mac), Payload: []byte(now), Retained: true, Last: true})
	}
	return messages
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

// schedule sets the timer to when something follows from the phone's silence. The device is locked.
func (b *Bridge) schedule(d *device) {
	due := d.state.Due(b.cfg.Limits)
	switch {
	case due.IsZero():
		d.stopExpiry()
	case d.expiry == nil:
		d.expiry = time.AfterFunc(time.Until(due), func() { b.expire(d) })
	default:
		d.expiry.Reset(time.Until(due))
	}
}

// stopExpiry takes the timer away. The device is locked.
func (d *device) stopExpiry() {
	if d.expiry != nil {
		d.expiry.Stop()
		d.expiry = nil
	}
}

// expire tells what follows from a phone's silence, when that is due.
func (b *Bridge) expire(d *device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.removed || !d.heard() || b.stopping.Err() != nil {
		return
	}
	state, changes := d.state.Expire(time.Now(), d.mac, b.cfg.Limits)
	d.state = &state
	if len(changes) > 0 {
		b.publish(d, changes)
		return
	}
	b.schedule(d)
}

// snapshot is the phone's state now.
func (d *device) snapshot() phone.State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return *d.state
}
