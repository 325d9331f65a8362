package payload

import (
	"math"
	"net/netip"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// The shapes of what is written by hand, for encoding/json.

type sides struct {
	Account      *string `json:"account"`
	RemoteNumber *string `json:"remote_number"`
	RemoteName   *string `json:"remote_name"`
	RemoteURI    *string `json:"remote_uri"`
	LocalNumber  *string `json:"local_number"`
	LocalURI     *string `json:"local_uri"`
}

func sidesOf(c phone.Call) sides {
	return sides{
		Account:      known(c.Account),
		RemoteNumber: known(c.Remote.Number),
		RemoteName:   known(c.Remote.Name),
		RemoteURI:    known(c.Remote.URI),
		LocalNumber:  known(c.Local.Number),
		LocalURI:     known(c.Local.URI),
	}
}

type eventShape struct {
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
	*endShape
}

// endShape is what call_ended adds.
type endShape struct {
	StartedAt  stamp        `json:"started_at"`
	AnsweredAt stamp        `json:"answered_at"`
	EndedAt    stamp        `json:"ended_at"`
	DurationS  *float64     `json:"duration_s"`
	RingS      *float64     `json:"ring_s"`
	Result     phone.Result `json:"result"`
}

func eventShapeOf(id string, c phone.Change, after phone.CallState, name string) eventShape {
	e := c.Event
	call := phone.Call{ID: e.CallID, Account: e.Account.Number, Remote: e.Remote, Local: e.Local}
	if c.Call != nil {
		call = *c.Call
	}
	shape := eventShape{
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
		shape.endShape = &endShape{
			StartedAt:  stamp(call.StartedAt),
			AnsweredAt: stamp(call.AnsweredAt),
			EndedAt:    stamp(call.EndedAt),
			DurationS:  knownSeconds(call.Talked),
			RingS:      knownSeconds(call.Rang),
			Result:     call.Result,
		}
	}
	return shape
}

type callShape struct {
	CallID    *string          `json:"call_id"`
	Direction *phone.Direction `json:"direction"`
	State     *phone.CallState `json:"state"`
	sides
	StartedAt  stamp `json:"started_at"`
	AnsweredAt stamp `json:"answered_at"`
}

func callShapeOf(c phone.Call) callShape {
	return callShape{
		CallID:     known(c.ID),
		Direction:  known(c.Direction),
		State:      known(c.State),
		sides:      sidesOf(c),
		StartedAt:  stamp(c.StartedAt),
		AnsweredAt: stamp(c.AnsweredAt),
	}
}

type lastCallShape struct {
	callShape
	EndedAt   stamp         `json:"ended_at"`
	DurationS *float64      `json:"duration_s"`
	Result    *phone.Result `json:"result"`
}

type accountShape struct {
	Number     string  `json:"number"`
	URI        *string `json:"uri"`
	Registered bool    `json:"registered"`
}

type stateShape struct {
	CallState       phone.CallState  `json:"call_state"`
	Direction       *phone.Direction `json:"direction"`
	RemoteNumber    *string          `json:"remote_number"`
	RemoteName      *string          `json:"remote_name"`
	RemoteURI       *string          `json:"remote_uri"`
	Calls           []callShape      `json:"calls"`
	LastCall        *lastCallShape   `json:"last_call"`
	MissedCalls     int              `json:"missed_calls"`
	OffHook         *bool            `json:"off_hook"`
	Muted           *bool            `json:"muted"`
	DND             *bool            `json:"dnd"`
	ForwardAlways   *bool            `json:"forward_always"`
	ForwardBusy     *bool            `json:"forward_busy"`
	ForwardNoAnswer *bool            `json:"forward_no_answer"`
	Registered      *bool            `json:"registered"`
	Accounts        []accountShape   `json:"accounts"`
	Model           *string          `json:"model"`
	Firmware        *string          `json:"firmware"`
	IP              *string          `json:"ip"`
	Host            *string          `json:"host"`
	Name            *string          `json:"name"`
	LastEvent       *string          `json:"last_event"`
	LastSeen        stamp            `json:"last_seen"`
}

func stateShapeOf(s phone.State, name, host string) stateShape {
	shape := stateShape{
		CallState:       s.CallState(),
		Calls:           make([]callShape, 0, len(s.Calls)),
		MissedCalls:     s.MissedCalls,
		OffHook:         knownFlag(s.OffHook),
		Muted:           knownFlag(s.Muted),
		DND:             knownFlag(s.DND),
		ForwardAlways:   knownFlag(s.Forward.Always),
		ForwardBusy:     knownFlag(s.Forward.Busy),
		ForwardNoAnswer: knownFlag(s.Forward.NoAnswer),
		Registered:      knownFlag(s.Registered()),
		Accounts:        make([]accountShape, 0, len(s.Accounts)),
		Model:           known(s.Model),
		Firmware:        known(s.Firmware),
		IP:              knownIP(s.IP),
		Host:            known(host),
		Name:            known(name),
		LastEvent:       known(s.Last.Type.String()),
		LastSeen:        stamp(s.Last.Time),
	}
	if call := s.Current(); call != nil {
		shape.Direction = known(call.Direction)
		shape.RemoteNumber, shape.RemoteName, shape.RemoteURI = known(call.Remote.Number), known(call.Remote.Name), known(call.Remote.URI)
	}
	for _, call := range s.Calls {
		shape.Calls = append(shape.Calls, callShapeOf(call))
	}
	if last := s.LastCall(); last != nil {
		shape.LastCall = &lastCallShape{callShapeOf(*last), stamp(last.EndedAt), knownSeconds(last.Talked), known(last.Result)}
		shape.LastCall.State = nil
	}
	for _, account := range s.Accounts {
		shape.Accounts = append(shape.Accounts, accountShape{account.Number, known(account.URI), account.Registered})
	}
	return shape
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

func knownSeconds(s phone.Span) *float64 {
	if !s.Known {
		return nil
	}
	return new(math.Round(s.Length.Seconds()*1000) / 1000)
}
