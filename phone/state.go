package phone

import (
	"net/netip"
	"slices"
	"time"
)

// Flag is something that is on, off, or not known because no event told it.
type Flag uint8

// The values of a [Flag].
const (
	NotKnown Flag = iota
	Off
	On
)

// Limits are how long a phone's silence is believed, see [State.Expire].
type Limits struct {
	Ring   time.Duration // of a ringing or dialing call
	Talk   time.Duration // of a talking or held one
	Repeat time.Duration // how long an equal event is a repeat, and a missed_call of the phone's own is waited for
}

const (
	// correctable is how long after its end a call's result may be corrected by a late event.
	correctable = time.Minute
	// failing is how long one failed registration is one piece of news: phones tell it every 30 s.
	failing = 10 * time.Minute

	// More of these come only from something that lies.
	mostEnded    = 8 // of those that can still be corrected
	mostAccounts = 64
)

// MostCalls is how many calls of one phone go on at once; more come only from something that lies. A
// state with more, read from elsewhere, is not to be used: its methods would not see all of them.
const MostCalls = 16

// State is what is known of one phone from its events. Its zero value is a phone never heard of.
// It is a value: [State.Apply] gives a new one and leaves the old untouched.
type State struct {
	Calls       []Call    `json:"calls,omitempty"` // those going on, the newest last
	Ended       []Call    `json:"ended,omitempty"` // the last one, and those that a late event may still correct
	MissedCalls int       `json:"missed_calls,omitempty"`
	OffHook     Flag      `json:"off_hook,omitempty"`
	Muted       Flag      `json:"muted,omitempty"`
	MuteTold    bool      `json:"mute_told,omitempty"` // Muted comes from an event of the present call, not from its begin
	DND         Flag      `json:"dnd,omitempty"`
	Forward     Forward   `json:"forward,omitzero"`
	Accounts    []Account `json:"accounts,omitempty"`

	Line         Flag      `json:"line,omitempty"` // registered, as events said that name no account
	LineFailedAt time.Time `json:"line_failed_at,omitzero"`

	Name     string     `json:"name,omitempty"` // what the phone calls itself: $display_local
	Model    string     `json:"model,omitempty"`
	Firmware string     `json:"firmware,omitempty"`
	IP       netip.Addr `json:"ip,omitzero"` // what the phone says of itself

	Last  Event    `json:"last,omitzero"` // the last one that was no repeat
	Heard EventSet `json:"heard,omitempty"`
}

// Forward is what a phone does with calls by itself.
type Forward struct {
	Always   Flag `json:"always,omitempty"`
	Busy     Flag `json:"busy,omitempty"`
	NoAnswer Flag `json:"no_answer,omitempty"`
}

// EventSet is a set of event types.
type EventSet uint64

// Has tells whether the set holds any of these.
func (s EventSet) Has(types ...EventType) bool {
	return slices.ContainsFunc(types, func(t EventType) bool { return s&(1<<t) != 0 })
}

// Change is something to tell the world: the event itself, or what it or passing time gave rise to.
type Change struct {
	Event   Event
	Derived bool
	Call    *Call // the call that it is about, as it stands after the change; nil for none
}

// CallState is the phone's state as a whole: that of [State.Current].
func (s State) CallState() CallState {
	if call := s.Current(); call != nil {
		return call.State
	}
	return Idle
}

// Current is the call that stands for the phone: a talking one before a ringing, a dialing, a held
// one, among equals the newest. It is nil when the phone is idle.
func (s State) Current() *Call {
	for _, state := range []CallState{Talking, Ringing, Dialing, OnHold} {
		for i := range slices.Backward(s.Calls) {
			if s.Calls[i].State == state {
				return &s.Calls[i]
			}
		}
	}
	return nil
}

// LastCall is the call that ended last, nil before the first.
func (s State) LastCall() *Call {
	if len(s.Ended) == 0 {
		return nil
	}
	return &s.Ended[len(s.Ended)-1]
}

// Any tells whether a call is in one of these states.
func (s State) Any(states ...CallState) bool {
	return slices.ContainsFunc(s.Calls, func(c Call) bool { return slices.Contains(states, c.State) })
}

// Up tells whether a call is up: dialing, talking or on hold.
func (s State) Up() bool { return s.Any(Dialing, Talking, OnHold) }

// ClearMissed is the state with no missed calls counted.
func (s State) ClearMissed() State {
	s.MissedCalls = 0
	s.Ended = slices.Clone(s.Ended)
	for i := range s.Ended {
		s.Ended[i].Counted = false
	}
	return s
}

// identify keeps what an event tells of the phone itself.
func (s *State) identify(e *Event) {
	if e.Local.Name != "" {
		s.Name = e.Local.Name
	}
	if e.Model != "" {
		s.Model = e.Model
	}
	if e.Firmware != "" {
		s.Firmware = e.Firmware
	}
	if e.IP.IsValid() {
		s.IP = e.IP
	}
}
