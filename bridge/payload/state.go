package payload

import "github.com/phone2mqtt/phone2mqtt/phone"

// sides are who a call is between, as events and calls show it.
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

type callPayload struct {
	CallID    *string          `json:"call_id"`
	Direction *phone.Direction `json:"direction"`
	State     *phone.CallState `json:"state"`
	sides
	StartedAt  stamp `json:"started_at"`
	AnsweredAt stamp `json:"answered_at"`
}

func callOf(c phone.Call) callPayload {
	return callPayload{
		CallID:     known(c.ID),
		Direction:  known(c.Direction),
		State:      known(c.State),
		sides:      sidesOf(c),
		StartedAt:  stamp(c.StartedAt),
		AnsweredAt: stamp(c.AnsweredAt),
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

// State is the retained state object of a phone. The name is what people call it, the host where its
// commands go.
func State(s phone.State, name, host string) []byte {
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
	return Marshal(p)
}
