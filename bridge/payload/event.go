package payload

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

type eventPayload struct {
	ID        string           `json:"id"`
	EventType phone.EventType  `json:"event_type"`
	Derived   bool             `json:"derived"`
	Time      stamp            `json:"time"`
	MAC       phone.MAC        `json:"mac"`
	Name      *string          `json:"name"`
	CallState phone.CallState  `json:"call_state"`
	Direction *phone.Direction `json:"direction"`
	CallID    *string          `json:"call_id"`
	sides
	*endPayload
}

// endPayload is what call_ended adds.
type endPayload struct {
	StartedAt  stamp        `json:"started_at"`
	AnsweredAt stamp        `json:"answered_at"`
	EndedAt    stamp        `json:"ended_at"`
	DurationS  *float64     `json:"duration_s"`
	RingS      *float64     `json:"ring_s"`
	Result     phone.Result `json:"result"`
}

// Event is the event object of a change, with the call state after it. What the event itself does not
// tell of its call is taken from what is known of that call.
func Event(id string, c phone.Change, after phone.CallState, name string) []byte {
	e := c.Event
	call := phone.Call{ID: e.CallID, Account: e.Account.Number, Remote: e.Remote, Local: e.Local}
	if c.Call != nil {
		call = *c.Call
	}
	p := eventPayload{
		ID:        id,
		EventType: e.Type,
		Derived:   c.Derived,
		Time:      stamp(e.Time),
		MAC:       e.MAC,
		Name:      known(name),
		CallState: after,
		Direction: known(call.Direction),
		CallID:    known(call.ID),
		sides:     sidesOf(call),
	}
	if e.Type == phone.CallEnded {
		p.endPayload = &endPayload{
			StartedAt:  stamp(call.StartedAt),
			AnsweredAt: stamp(call.AnsweredAt),
			EndedAt:    stamp(call.EndedAt),
			DurationS:  seconds(call.Talked),
			RingS:      seconds(call.Rang),
			Result:     call.Result,
		}
	}
	return Marshal(p)
}

// NewID is a UUID of version 7 (RFC 9562), so that the ids of events sort by time.
func NewID(at time.Time) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], uint64(max(at.UnixMilli(), 0))<<16)
	_, _ = rand.Read(id[6:]) // never fails: crypto/rand ends the program first
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	text := hex.EncodeToString(id[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
