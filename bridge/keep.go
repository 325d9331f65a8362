package bridge

import (
	"cmp"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge/recording"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// asked is a request as it came, for the recording.
type asked struct{ method, path, query, proto string }

// keep has a request recorded that its phone took, or that repeated one. The device is locked, so that
// requests are recorded in the order in which they were applied.
func (b *Bridge) keep(d *device, before *phone.State, at time.Time, from origin) {
	listing, _ := b.phones.book.Listing(d.mac)
	q := from.asked.recorded(d.mac, at)
	q.Charset = cmp.Or(listing.Charset, b.cfg.Charset)
	q.Name = cmp.Or(listing.Name, d.renamed)
	q.Host = b.phones.book.Host(d.mac)
	q.Before = before
	b.cfg.Record(q)
}

// keepRefused has a request recorded that nothing could be made of. It goes to a phone's recording only
// if that is known: whoever may send requests could otherwise begin as many as there are MACs.
func (b *Bridge) keepRefused(from origin) {
	if b.cfg.Record == nil {
		return
	}
	mac, err := phone.ParseMAC(phone.SplitVariables(from.asked.query)[phone.VarMAC])
	if err != nil || b.phones.find(mac) == nil {
		mac = b.phones.book.Only(from.source)
	}
	q := from.asked.recorded(mac, time.Now())
	listing, _ := b.phones.book.Listing(mac)
	q.Charset = cmp.Or(listing.Charset, b.cfg.Charset)
	b.cfg.Record(q)
}

func (a asked) recorded(mac phone.MAC, at time.Time) recording.Request {
	return recording.Request{MAC: mac, At: at, Method: a.method, Path: a.path, Query: a.query, Proto: a.proto}
}
