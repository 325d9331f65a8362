package payload

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Event is the event object of a change, with the call state after it. What the event itself does not
// tell of its call is taken from what is known of that call; call_ended adds how that went.
func Event(id string, c phone.Change, after phone.CallState, name string) []byte {
	return write(func(o object) object { return o.event(id, &c, after, name) })
}

func (o object) event(id string, c *phone.Change, after phone.CallState, name string) object {
	e := &c.Event
	call := c.Call
	if call == nil {
		call = &phone.Call{ID: e.CallID, Account: e.Account.Number, Remote: e.Remote, Local: e.Local}
	}
	o = o.word("id", id).
		word("event_type", e.Type.String()).
		truth("derived", c.Derived).
		stamp("time", e.Time).
		word("mac", string(e.MAC)).
		known("name", name).
		word("call_state", string(after)).
		known("direction", string(call.Direction)).
		known("call_id", call.ID).
		sides(call)
	if e.Type != phone.CallEnded {
		return o
	}
	return o.stamp("started_at", call.StartedAt).
		stamp("answered_at", call.AnsweredAt).
		stamp("ended_at", call.EndedAt).
		seconds("duration_s", call.Talked).
		seconds("ring_s", call.Rang).
		word("result", string(call.Result))
}

// NewID is a UUID of version 7 (RFC 9562), so that the ids of events sort by time. Nothing is guarded
// by it: it only has to be unique.
func NewID(at time.Time) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], uint64(max(at.UnixMilli(), 0))<<16|rand.Uint64()>>48)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	text := hex.AppendEncode(make([]byte, 0, 36), id[:4])
	for _, group := range [][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
		text = hex.AppendEncode(append(text, '-'), group)
	}
	return string(text)
}
