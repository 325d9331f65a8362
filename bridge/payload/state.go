package payload

import "github.com/phone2mqtt/phone2mqtt/phone"

// State is the retained state object of a phone. The name is what people call it, the host where its
// commands go.
func State(s phone.State, name, host string) []byte {
	return write(func(o object) object { return o.state(&s, name, host) })
}

func (o object) state(s *phone.State, name, host string) object {
	return o.standing(s.Current()).
		calls(s.Calls).
		lastCall(s.LastCall()).
		number("missed_calls", uint64(s.MissedCalls)).
		flag("off_hook", s.OffHook).
		flag("muted", s.Muted).
		flag("dnd", s.DND).
		flag("forward_always", s.Forward.Always).
		flag("forward_busy", s.Forward.Busy).
		flag("forward_no_answer", s.Forward.NoAnswer).
		flag("registered", s.Registered()).
		accounts(s.Accounts).
		known("model", s.Model).
		known("firmware", s.Firmware).
		address("ip", s.IP).
		known("host", host).
		known("name", name).
		known("last_event", s.Last.Type.String()).
		stamp("last_seen", s.Last.Time)
}

// standing are the members that the call that stands for the phone gives; nil when it is idle.
func (o object) standing(c *phone.Call) object {
	if c == nil {
		c = &phone.Call{State: phone.Idle}
	}
	return o.word("call_state", string(c.State)).
		known("direction", string(c.Direction)).
		known("remote_number", c.Remote.Number).
		known("remote_name", c.Remote.Name).
		known("remote_uri", c.Remote.URI)
}

func (o object) calls(calls []phone.Call) object {
	o = o.name("calls").begin('[')
	for i := range calls {
		o = o.begin('{').call(&calls[i], calls[i].State).end('}')
	}
	return o.end(']')
}

// lastCall is the call that ended last. Its state is over.
func (o object) lastCall(c *phone.Call) object {
	if c == nil {
		return o.name("last_call").null()
	}
	return o.name("last_call").begin('{').
		call(c, "").
		stamp("ended_at", c.EndedAt).
		seconds("duration_s", c.Talked).
		known("result", string(c.Result)).
		end('}')
}

// call are the members that every call has.
func (o object) call(c *phone.Call, state phone.CallState) object {
	return o.known("call_id", c.ID).
		known("direction", string(c.Direction)).
		known("state", string(state)).
		sides(c).
		stamp("started_at", c.StartedAt).
		stamp("answered_at", c.AnsweredAt)
}

// sides are who a call is between, as events and calls show it.
func (o object) sides(c *phone.Call) object {
	return o.known("account", c.Account).
		known("remote_number", c.Remote.Number).
		known("remote_name", c.Remote.Name).
		known("remote_uri", c.Remote.URI).
		known("local_number", c.Local.Number).
		known("local_uri", c.Local.URI)
}

func (o object) accounts(accounts []phone.Account) object {
	o = o.name("accounts").begin('[')
	for _, a := range accounts {
		o = o.begin('{').word("number", a.Number).known("uri", a.URI).truth("registered", a.Registered).end('}')
	}
	return o.end(']')
}
