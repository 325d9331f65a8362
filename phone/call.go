package phone

import (
	"slices"
	"time"
)

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
	ID        string    `json:"id,omitempty"`
	Direction Direction `json:"direction,omitempty"`
	State     CallState `json:"state"` // its last one when it has ended
	Account   string    `json:"account,omitempty"`
	Remote    Party     `json:"remote"`
	Local     Party     `json:"local"`

	StartedAt  time.Time `json:"started_at"`
	AnsweredAt time.Time `json:"answered_at,omitzero"`
	HeardAt    time.Time `json:"heard_at"` // of the last event about it

	// Waiting tells that the call rang when the handset was off: laying that down does not end it.
	Waiting bool `json:"waiting,omitempty"`

	// The rest is set when the call has ended.
	EndedAt time.Time `json:"ended_at,omitzero"`
	Result  Result    `json:"result,omitempty"`
	Rang    Span      `json:"rang,omitzero"`   // begin to answer, or to the end
	Talked  Span      `json:"talked,omitzero"` // answer to end
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

// Span is a length of time that may be unknown: no answer, or a clock that cannot be believed.
type Span struct {
	Known  bool
	Length time.Duration
}

// IsZero tells that the span is unknown.
func (s Span) IsZero() bool { return !s.Known }

// earliest is the oldest wall clock that is believed: small computers start in 1970 and jump.
var earliest = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

// between measures from one time to a later one: by the monotonic clock when both were taken in this
// process, otherwise by the wall clock, which is believed neither backwards nor before 2020.
func between(from, to time.Time) Span {
	length := to.Sub(from)
	if from.IsZero() || to.IsZero() || length < 0 {
		return Span{}
	}
	if (wallOnly(from) || wallOnly(to)) && (from.Before(earliest) || to.Before(earliest)) {
		return Span{}
	}
	return Span{Known: true, Length: length}
}

// wallOnly tells that a time carries no monotonic reading: it was stored and read back. Equal would not
// see the difference.
func wallOnly(t time.Time) bool { return t == t.Round(0) } //nolint:staticcheck // QF1009: the reading is asked for

// older tells whether limit or more lies between two times. What cannot be measured counts as too
// old: a call of which nobody knows the age must not stay forever.
func older(from, to time.Time, limit time.Duration) bool {
	age := between(from, to)
	return !age.Known || age.Length >= limit
}

// callRule is what an event does to the call that it is about.
type callRule struct {
	means  [][]CallState // in which states a call can be meant: the first group that holds any
	every  bool          // all calls of that group are meant, not the one that fits best
	begins CallState     // with no such call: a new one in this state
	as     Direction     // of a new call
	to     CallState     // the state that the call takes
	ends   ending        // how the call ends
}

// ending is what an event tells of a call's end.
type ending uint8

const (
	goesOn    ending = iota
	over             // it ended, and nothing tells why
	laidDown         // this side went on-hook
	missed           // nobody answered here
	rejected         // this side refused it
	forwarded        // this phone sent it on
	elsewhere        // another device answered
	canceled         // this side gave up
	busy             // the other side refused
	restarted        // the phone started anew, or nothing was heard for too long
)

var (
	ringing   = []CallState{Ringing}
	dialing   = []CallState{Dialing}
	talking   = []CallState{Talking}
	onHold    = []CallState{OnHold}
	likeliest = [][]CallState{talking, dialing, ringing, onHold}
	all       = [][]CallState{{Talking, Dialing, Ringing, OnHold}}
)

// callRules is the call machine. An event without a rule is about no call: idle_to_busy for one, whose
// label a sibling's manual swaps with busy_to_idle. A rule that only says what is meant changes nothing.
var callRules = map[EventType]callRule{
	IncomingCall:    {means: [][]CallState{ringing}, begins: Ringing, as: Incoming},
	OutgoingCall:    {means: [][]CallState{dialing}, begins: Dialing, as: Outgoing},
	CallEstablished: {means: [][]CallState{ringing, dialing, talking, onHold}, begins: Talking, to: Talking},

	AnswerNewIncomingCall: {means: [][]CallState{ringing}, to: Talking},
	Hold:                  {means: [][]CallState{talking}, to: OnHold},
	Unhold:                {means: [][]CallState{onHold}, to: Talking},

	Mute:             {means: likeliest},
	Unmute:           {means: likeliest},
	TransferCall:     {means: likeliest},
	BlindTransfer:    {means: likeliest},
	AttendedTransfer: {means: likeliest},
	TransferFinished: {means: likeliest},
	TransferFailed:   {means: likeliest},

	// A held call outlives the handset's being laid down, and so does one that knocked meanwhile.
	OnHook:         {means: [][]CallState{{Talking, Dialing}, ringing}, every: true, ends: laidDown},
	CallTerminated: {means: likeliest, ends: over},
	BusyToIdle:     {means: all, every: true, ends: over},
	SetupCompleted: {means: all, every: true, ends: restarted},

	MissedCall:             {means: [][]CallState{ringing}, ends: missed},
	CallRemoteCanceled:     {means: [][]CallState{ringing}, ends: missed},
	RejectIncomingCall:     {means: [][]CallState{ringing}, ends: rejected},
	ForwardIncomingCall:    {means: [][]CallState{ringing}, ends: forwarded},
	CallCompletedElsewhere: {means: [][]CallState{ringing}, ends: elsewhere},
	CancelCallOut:          {means: [][]CallState{dialing}, ends: canceled},
	RemoteBusy:             {means: [][]CallState{dialing}, ends: busy},
}

// endings is what each ending makes of a call that nobody answered; an answered one was answered,
// whatever ended it, save a restart.
var endings = map[ending]struct{ incoming, outgoing Result }{
	over:      {incoming: Missed, outgoing: Failed},
	laidDown:  {incoming: Missed, outgoing: Canceled},
	missed:    {incoming: Missed},
	rejected:  {incoming: Rejected},
	forwarded: {incoming: Forwarded},
	elsewhere: {incoming: Elsewhere},
	canceled:  {outgoing: Canceled},
	busy:      {outgoing: Busy},
}

// result is how a call ended, from what told its end. A phone that never sent call_established may
// have answered: then only an event that speaks of missing tells it.
func (c Call) result(e ending, tellsAnswers bool) Result {
	if e == restarted {
		return Unknown
	}
	if !c.AnsweredAt.IsZero() {
		return Answered
	}
	r := Unknown
	switch c.Direction {
	case Incoming:
		r = endings[e].incoming
	case Outgoing:
		r = endings[e].outgoing
	}
	guessed := r == Missed && e != missed
	if r == "" || guessed && !tellsAnswers {
		return Unknown
	}
	return r
}

// corrections are the results that a later event may put in the place of one.
var corrections = map[Result][]Result{
	Missed:    {Rejected, Forwarded, Elsewhere},
	Rejected:  {Missed},
	Forwarded: {Missed},
	Elsewhere: {Missed},
	Failed:    {Busy, Canceled},
	Unknown:   {Missed, Rejected, Forwarded, Elsewhere, Busy, Canceled},
}

// corrected is the better result that a late event tells of an ended call.
func (c Call) corrected(e ending) (Result, bool) {
	if e == over || e == laidDown || e == restarted || e == goesOn {
		return "", false
	}
	better := c.result(e, true)
	return better, slices.Contains(corrections[c.Result], better)
}

// fit is how well an event's variables name a call.
type fit uint8

const (
	another  fit = iota // they name another call
	possible            // they name none
	sameParty
	sameID
)

// fits compares an event with a call. An id decides where both sides have one; otherwise the other
// party does, since ids are missing, late or reused on some firmware.
func (c Call) fits(e Event) fit {
	switch {
	case e.CallID != "" && e.CallID == c.ID:
		return sameID
	case e.CallID != "" && c.ID != "":
		return another
	case e.Remote.Number == "" || c.Remote.Number == "":
		return possible
	case e.Remote.Number == c.Remote.Number:
		return sameParty
	}
	return another
}

// learn takes what the event tells of the call. The newest word counts: a transfer changes the other
// party, and a directory may give it a better name.
func (c *Call) learn(e Event) {
	c.HeardAt = e.Time
	if c.ID == "" {
		c.ID = e.CallID
	}
	if c.Account == "" {
		c.Account = e.Account.Number
	}
	c.Remote = e.Remote.over(c.Remote)
	c.Local = e.Local.over(c.Local)
}

// move puts a going call into a state.
func (c *Call) move(to CallState, at time.Time) {
	if to == "" {
		return
	}
	c.State = to
	if to == Talking && c.AnsweredAt.IsZero() {
		c.AnsweredAt = at
	}
}

// end closes a call.
func (c *Call) end(r Result, at time.Time) {
	c.EndedAt, c.Result = at, r
	c.Talked = between(c.AnsweredAt, at)
	answered := c.AnsweredAt
	if answered.IsZero() {
		answered = at
	}
	c.Rang = between(c.StartedAt, answered)
}
