package phone

import "time"

// Direction tells who began a call; empty when no event told it.
type Direction string

// The directions.
const (
	Incoming Direction = "incoming"
	Outgoing Direction = "outgoing"
)

// CallState is where a call stands, or a phone as a whole.
type CallState string

// The states. A call is never [Idle]; a phone is when it has no call.
const (
	Idle    CallState = "idle"
	Ringing CallState = "ringing"
	Dialing CallState = "dialing"
	Talking CallState = "talking"
	OnHold  CallState = "on_hold"
)

// Result is how a call ended.
type Result string

// The results. Unknown is said rather than guessed.
const (
	Answered  Result = "answered"
	Missed    Result = "missed"
	Rejected  Result = "rejected"
	Forwarded Result = "forwarded"
	Elsewhere Result = "elsewhere"
	Canceled  Result = "canceled"
	Busy      Result = "busy"
	Failed    Result = "failed"
	Unknown   Result = "unknown"
)

// Call is one call as this phone's events told it.
type Call struct {
	ID        string    `json:"id,omitempty"` // the first that an event told
	Direction Direction `json:"direction,omitempty"`
	State     CallState `json:"state"` // its last one when it has ended
	Account   string    `json:"account,omitempty"`
	Remote    Party     `json:"remote"`
	Local     Party     `json:"local"`

	// Events name it by these as well: some firmware changes ids in mid-call, and a PBX rewrites numbers.
	OtherID     string `json:"other_id,omitempty"`     // the newest that is not the first
	OtherNumber string `json:"other_number,omitempty"` // of the remote party before the newest

	StartedAt  time.Time `json:"started_at"`
	AnsweredAt time.Time `json:"answered_at,omitzero"` // when the first event showed that somebody had answered
	HeardAt    time.Time `json:"heard_at"`             // of the last event about it

	// Waiting tells that the call rings while another is up, or the handset is off: laying that down does
	// not end it.
	Waiting bool `json:"waiting,omitempty"`
	// Leaving tells that a transfer takes the call away when it is finished.
	Leaving bool `json:"leaving,omitempty"`

	// The rest is set when the call has ended.
	EndedAt time.Time `json:"ended_at,omitzero"`
	EndedBy EventType `json:"ended_by,omitzero"` // the last event that told its end; none when a limit did
	Result  Result    `json:"result,omitempty"`
	Rang    Span      `json:"rang,omitzero"`   // begin to answer, or to the end
	Talked  Span      `json:"talked,omitzero"` // answer to end; unknown when only a limit ended it
	Told    Teller    `json:"told,omitempty"`  // who said that it was missed
	Counted bool      `json:"counted,omitempty"`
}

// Teller is who said that a call was missed.
type Teller string

// The tellers.
const (
	Nobody   Teller = ""
	ThePhone Teller = "phone"
	Bridge   Teller = "bridge" // by a derived event
)

// learn takes what the event tells of the call. The newest word counts: a transfer changes the other
// party, and a directory may give it a better name.
func (c *Call) learn(e *Event) {
	c.HeardAt = e.Time
	switch {
	case c.ID == "":
		c.ID = e.CallID
	case e.CallID != "" && e.CallID != c.ID:
		c.OtherID = e.CallID
	}
	if c.Account == "" {
		c.Account = e.Account.Number
	}
	before := c.Remote.Number
	c.Remote = e.Remote.over(c.Remote)
	c.Local = e.Local.over(c.Local)
	if before != "" && before != c.Remote.Number {
		c.OtherNumber = before
	}
}

// move puts a going call into a state.
func (c *Call) move(to CallState, at time.Time) {
	if to == "" {
		return
	}
	c.State = to
	c.Leaving = c.Leaving && to == OnHold
	if c.AnsweredAt.IsZero() {
		c.AnsweredAt = at
	}
}

// end closes a call.
func (c *Call) end(r Result, by *Event) {
	c.EndedAt, c.EndedBy, c.Result = by.Time, by.Type, r
	if by.Type == MissedCall {
		c.Told = ThePhone
	}
	ringUntil := c.AnsweredAt
	// Nobody knows when a call ended that a limit ended.
	if by.Type != NoEvent {
		c.Talked = between(c.AnsweredAt, by.Time)
		if ringUntil.IsZero() {
			ringUntil = by.Time
		}
	}
	c.Rang = between(c.StartedAt, ringUntil)
}

// owesMissed tells that a call was missed and that nobody has said so yet.
func (c *Call) owesMissed() bool { return c.Result == Missed && c.Told == Nobody }
