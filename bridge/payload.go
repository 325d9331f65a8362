package bridge

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"net/netip"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// The payloads say null for what is not known: an invented default would be believed.

// stamp is a time as payloads show it: RFC 3339 in UTC with milliseconds, null when zero.
type stamp time.Time

// MarshalJSON writes the stamp.
func (s stamp) MarshalJSON() ([]byte, error) {
	t := time.Time(s)
	if t.IsZero() {
		return []byte("null"), nil
	}
	return []byte(t.UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

// known is a pointer to v, nil when v is its type's zero value.
func known[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func knownFlag(f phone.Flag) *bool {
	if f == phone.NotKnown {
		return nil
	}
	return new(f == phone.On)
}

func knownIP(ip netip.Addr) *string {
	if !ip.IsValid() {
		return nil
	}
	return new(ip.String())
}

// seconds is a span in seconds with three decimals.
func seconds(s phone.Span) *float64 {
	if !s.Known {
		return nil
	}
	return new(math.Round(s.Length.Seconds()*1000) / 1000)
}

type callPayload struct {
	CallID       *string          `json:"call_id"`
	Direction    *phone.Direction `json:"direction"`
	State        *phone.CallState `json:"state"`
	Account      *string          `json:"account"`
	RemoteNumber *string          `json:"remote_number"`
	RemoteName   *string          `json:"remote_name"`
	RemoteURI    *string          `json:"remote_uri"`
	LocalNumber  *string          `json:"local_number"`
	LocalURI     *string          `json:"local_uri"`
	StartedAt    stamp            `json:"started_at"`
	AnsweredAt   stamp            `json:"answered_at"`
}

func callOf(c phone.Call) callPayload {
	return callPayload{
		CallID:       known(c.ID),
		Direction:    known(c.Direction),
		State:        known(c.State),
		Account:      known(c.Account),
		RemoteNumber: known(c.Remote.Number),
		RemoteName:   known(c.Remote.Name),
		RemoteURI:    known(c.Remote.URI),
		LocalNumber:  known(c.Local.Number),
		LocalURI:     known(c.Local.URI),
		StartedAt:    stamp(c.StartedAt),
		AnsweredAt:   stamp(c.AnsweredAt),
	}
}

type endedPayload struct {
	callPayload
	EndedAt   stamp         `json:"ended_at"`
	DurationS *float64      `json:"duration_s"`
	Result    *phone.Result `json:"result"`
}

type accountPayload struct {
	Number     string  `json:"number"`
	URI        *string `json:"uri"`
	Registered bool    `json:"registered"`
}

type statePayload struct {
	CallState       phone.CallState  `json:"call_state"`
	Direction       *phone.Direction `json:"direction"`
	RemoteNumber    *string          `json:"remote_number"`
	RemoteName      *string          `json:"remote_name"`
	RemoteURI       *string          `json:"remote_uri"`
	Calls           []callPayload    `json:"calls"`
	LastCall        *endedPayload    `json:"last_call"`
	MissedCalls     int              `json:"missed_calls"`
	OffHook         *bool            `json:"off_hook"`
	Muted           *bool            `json:"muted"`
	DND             *bool            `json:"dnd"`
	ForwardAlways   *bool            `json:"forward_always"`
	ForwardBusy     *bool            `json:"forward_busy"`
	ForwardNoAnswer *bool            `json:"forward_no_answer"`
	Registered      *bool            `json:"registered"`
	Accounts        []accountPayload `json:"accounts"`
	Model           *string          `json:"model"`
	Firmware        *string          `json:"firmware"`
	IP              *string          `json:"ip"`
	Host            *string          `json:"host"`
	Name            *string          `json:"name"`
	LastEvent       *string          `json:"last_event"`
	LastSeen        stamp            `json:"last_seen"`
}

// stateJSON is the retained state object of a phone.
func stateJSON(s phone.State, name, host string) []byte {
	p := statePayload{
		CallState:       s.CallState(),
		Calls:           make([]callPayload, 0, len(s.Calls)),
		MissedCalls:     s.MissedCalls,
		OffHook:         knownFlag(s.OffHook),
		Muted:           knownFlag(s.Muted),
		DND:             knownFlag(s.DND),
		ForwardAlways:   knownFlag(s.Forward.Always),
		ForwardBusy:     knownFlag(s.Forward.Busy),
		ForwardNoAnswer: knownFlag(s.Forward.NoAnswer),
		Registered:      knownFlag(s.Registered()),
		Accounts:        make([]accountPayload, 0, len(s.Accounts)),
		Model:           known(s.Model),
		Firmware:        known(s.Firmware),
		IP:              knownIP(s.IP),
		Host:            known(host),
		Name:            known(name),
		LastEvent:       known(s.Last.Type.String()),
		LastSeen:        stamp(s.Last.Time),
	}
	if call := s.Current(); call != nil {
		p.Direction = known(call.Direction)
		p.RemoteNumber, p.RemoteName, p.RemoteURI = known(call.Remote.Number), known(call.Remote.Name), known(call.Remote.URI)
	}
	for _, call := range s.Calls {
		p.Calls = append(p.Calls, callOf(call))
	}
	if last := s.LastCall(); last != nil {
		p.LastCall = &endedPayload{callPayload: callOf(*last), EndedAt: stamp(last.EndedAt), DurationS: seconds(last.Talked), Result: known(last.Result)}
		p.LastCall.State = nil
	}
	for _, account := range s.Accounts {
		p.Accounts = append(p.Accounts, accountPayload{account.Number, known(account.URI), account.Registered})
	}
	return marshal(p)
}

type eventPayload struct {
	ID           string           `json:"id"`
	EventType    phone.EventType  `json:"event_type"`
	Derived      bool             `json:"derived"`
	Time         stamp            `json:"time"`
	MAC          phone.MAC        `json:"mac"`
	Name         *string          `json:"name"`
	CallState    phone.CallState  `json:"call_state"`
	Direction    *phone.Direction `json:"direction"`
	CallID       *string          `json:"call_id"`
	Account      *string          `json:"account"`
	RemoteNumber *string          `json:"remote_number"`
	RemoteName   *string          `json:"remote_name"`
	RemoteURI    *string          `json:"remote_uri"`
	LocalNumber  *string          `json:"local_number"`
	LocalURI     *string          `json:"local_uri"`
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

// eventJSON is the event object of a change. What the event itself does not tell of its call is taken
// from what is known of that call.
func eventJSON(id string, c phone.Change, after phone.CallState, name string) []byte {
	e := c.Event
	call := phone.Call{ID: e.CallID, Account: e.Account.Number, Remote: e.Remote, Local: e.Local}
	if c.Call != nil {
		call = *c.Call
	}
	p := eventPayload{
		ID:           id,
		EventType:    e.Type,
		Derived:      c.Derived,
		Time:         stamp(e.Time),
		MAC:          e.MAC,
		Name:         known(name),
		CallState:    after,
		Direction:    known(call.Direction),
		CallID:       known(call.ID),
		Account:      known(call.Account),
		RemoteNumber: known(call.Remote.Number),
		RemoteName:   known(call.Remote.Name),
		RemoteURI:    known(call.Remote.URI),
		LocalNumber:  known(call.Local.Number),
		LocalURI:     known(call.Local.URI),
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
	return marshal(p)
}

// newID is a UUID of version 7 (RFC 9562), so that ids sort by time.
func newID(at time.Time) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], uint64(max(at.UnixMilli(), 0))<<16)
	rand.Read(id[6:]) // never fails: crypto/rand ends the program first
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	text := hex.EncodeToString(id[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// marshal writes JSON as people read it: `<` and `&` as they are. All that is marshalled here are
// structs of strings, numbers and times, which cannot fail.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
