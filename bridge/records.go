package bridge

import (
	"fmt"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
)

// recordPrefix begins the keys of phones in the store; the MAC follows.
const recordPrefix = "phone/"

// record is what the store keeps of a device. The device is locked.
func (b *Bridge) record(d *device) []mqtt.Record {
	r := payload.Record{
		State:   *d.state,
		Name:    d.renamed,
		Online:  d.online,
		Reached: d.reached,
		Trusted: d.trusted,
		Digest:  d.web.AsksDigest(),
	}
	r.Address, r.Source = b.phones.book.Saved(d.mac)
	return []mqtt.Record{{Key: recordPrefix + string(d.mac), Value: r.JSON()}}
}

// newDevice makes a device in the state of its record. It is not yet published.
func (b *Bridge) newDevice(mac phone.MAC, r payload.Record) *device {
	d := &device{
		mac:     mac,
		state:   unheard,
		renamed: r.Name,
		online:  r.Online,
		reached: r.Reached,
		trusted: r.Trusted,
		digest:  r.Digest,
		web:     action.NewPhone(b.web, r.Digest),
	}
	if r.State.Last.Type != phone.NoEvent {
		state := r.State // by itself: the rest of the record is not kept
		d.state = &state
	}
	return d
}

// restore brings back the phones of an earlier process and adds the listed ones. A phone that is no
// longer listed stays as a learned one if it was ever heard.
func (b *Bridge) restore(records Records) error {
	listed := b.cfg.Phones
	b.cfg.Phones = nil
	b.phones.book.List(listed)
	err := records.Records(recordPrefix, func(key string, value []byte) error {
		mac, r, err := readRecord(key, value)
		if err != nil {
			b.log.Error().Err(err).Msg("a record of the store cannot be read; the phone starts anew")
			return nil
		}
		if _, is := b.phones.book.Listing(mac); is || b.cfg.Learn && r.State.Last.Type != phone.NoEvent {
			b.resume(mac, r)
		} else {
			b.broker.Publish(b.clearing(mac))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, l := range listed {
		if b.phones.find(l.MAC) == nil {
			// It is kept from now on: its topics are to be cleared should it no longer be listed one day.
			d := b.newDevice(l.MAC, payload.Record{})
			b.phones.add(d)
			b.refresh(d)
		}
	}
	return nil
}

func readRecord(key string, value []byte) (mac phone.MAC, r payload.Record, err error) {
	if mac, err = phone.ParseMAC(strings.TrimPrefix(key, recordPrefix)); err == nil {
		r, err = payload.ReadRecord(value)
	}
	if err != nil {
		err = fmt.Errorf("record %q: %w", key, err)
	}
	return mac, r, err
}

// resume publishes a phone as it was, and what came due meanwhile.
func (b *Bridge) resume(mac phone.MAC, r payload.Record) {
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
	b.broker.Publish(mqtt.Batch{Messages: b.retained(d, 0)})
}

// clearing takes all that the broker and the store keep of a phone away.
func (b *Bridge) clearing(mac phone.MAC) mqtt.Batch {
	batch := mqtt.Batch{Records: []mqtt.Record{{Key: recordPrefix + string(mac)}}, Forget: string(mac)}
	for _, topic := range b.topics.retained(mac) {
		batch.Messages = append(batch.Messages, mqtt.Message{Topic: topic, Retained: true})
	}
	return batch
}
