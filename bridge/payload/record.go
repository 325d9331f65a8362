package payload

import (
	"encoding/json"
	"errors"
	"net/netip"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Record is a phone as the store keeps it, from one process to the next.
type Record struct {
	State   phone.State `json:"state"`
	Name    string      `json:"name,omitempty"` // by a bridge request
	Online  bool        `json:"online"`
	Reached bool        `json:"reached,omitempty"` // its web port has ever answered
	Trusted bool        `json:"trusted,omitempty"` // its last event carried the token
	Digest  bool        `json:"digest,omitempty"`  // it once asked for Digest
	Address string      `json:"address,omitempty"` // learned from its events
	Source  netip.Addr  `json:"source,omitzero"`   // of its newest event
}

var errState = errors.New("a state that no phone can be in")

// ReadRecord reads what [Record.JSON] wrote, in this version of the program or an earlier one.
func ReadRecord(text []byte) (Record, error) {
	var r Record
	err := json.Unmarshal(text, &r)
	if err == nil && (len(r.State.Calls) > phone.MostCalls || r.State.MissedCalls < 0) {
		err = errState
	}
	return r, err
}

// JSON is the record as encoding/json would write it, and reads it back.
func (r *Record) JSON() []byte {
	return write(func(o object) object {
		return o.keptState(&r.State).
			given("name", r.Name).
			truth("online", r.Online).
			mark("reached", r.Reached).
			mark("trusted", r.Trusted).
			mark("digest", r.Digest).
			given("address", r.Address).
			place("source", r.Source)
	})
}

func (o object) keptState(s *phone.State) object {
	return o.name("state").begin('{').
		keptCalls("calls", s.Calls).
		keptCalls("ended", s.Ended).
		count("missed_calls", uint64(s.MissedCalls)).
		count("off_hook", uint64(s.OffHook)).
		count("muted", uint64(s.Muted)).
		mark("mute_told", s.MuteTold).
		count("dnd", uint64(s.DND)).
		keptForward(s.Forward).
		keptAccounts(s.Accounts).
		count("line", uint64(s.Line)).
		moment("line_failed_at", s.LineFailedAt).
		given("name", s.Name).
		given("model", s.Model).
		given("firmware", s.Firmware).
		place("ip", s.IP).
		keptEvent(&s.Last).
		count("heard", uint64(s.Heard)).
		end('}')
}

func (o object) keptForward(f phone.Forward) object {
	if f == (phone.Forward{}) {
		return o
	}
	return o.name("forward").begin('{').
		count("always", uint64(f.Always)).
		count("busy", uint64(f.Busy)).
		count("no_answer", uint64(f.NoAnswer)).
		end('}')
}

func (o object) keptAccounts(accounts []phone.Account) object {
	if len(accounts) == 0 {
		return o
	}
	o = o.name("accounts").begin('[')
	for _, a := range accounts {
		o = o.begin('{').
			word("number", a.Number).
			given("uri", a.URI).
			truth("registered", a.Registered).
			moment("failed_at", a.FailedAt).
			end('}')
	}
	return o.end(']')
}

func (o object) keptEvent(e *phone.Event) object {
	if *e == (phone.Event{}) {
		return o
	}
	return o.name("last").begin('{').
		word("type", e.Type.String()).
		instant("time", e.Time).
		word("mac", string(e.MAC)).
		place("ip", e.IP).
		given("model", e.Model).
		given("firmware", e.Firmware).
		given("call_id", e.CallID).
		knownParty("account", e.Account).
		knownParty("local", e.Local).
		knownParty("remote", e.Remote).
		end('}')
}

func (o object) keptCalls(name string, calls []phone.Call) object {
	if len(calls) == 0 {
		return o
	}
	o = o.name(name).begin('[')
	for i := range calls {
		o = o.keptCall(&calls[i])
	}
	return o.end(']')
}

func (o object) keptCall(c *phone.Call) object {
	return o.begin('{').
		given("id", c.ID).
		given("direction", string(c.Direction)).
		word("state", string(c.State)).
		given("account", c.Account).
		party("remote", c.Remote).
		party("local", c.Local).
		given("other_id", c.OtherID).
		given("other_number", c.OtherNumber).
		instant("started_at", c.StartedAt).
		moment("answered_at", c.AnsweredAt).
		instant("heard_at", c.HeardAt).
		mark("waiting", c.Waiting).
		mark("leaving", c.Leaving).
		moment("ended_at", c.EndedAt).
		given("ended_by", c.EndedBy.String()).
		given("result", string(c.Result)).
		span("rang", c.Rang).
		span("talked", c.Talked).
		given("told", string(c.Told)).
		mark("counted", c.Counted).
		end('}')
}
