package phone

import "slices"

// callRule is what an event does to the call that it is about.
type callRule struct {
	means   [][]CallState // in which states a call can be meant: the first group that holds any
	despite [][]CallState // in which states a call is meant although its number, or its id, is told otherwise
	every   bool          // all calls of the group are meant, not the one that fits best
	begins  CallState     // with no such call: a new one in this state
	as      Direction     // of a new call
	to      CallState     // the state that the call takes
	ends    ending        // how the call ends
	hands   transfer      // what it tells of a transfer
}

// ending is what an event tells of a call's end.
type ending uint8

const (
	goesOn     ending = iota
	over              // it ended, and nothing tells why
	laidDown          // this side went on-hook
	missed            // nobody answered here
	rejected          // this side refused it
	forwarded         // this phone sent it on
	elsewhere         // another device answered
	canceled          // this side gave up
	busy              // the other side refused
	handedOver        // it was transferred, and goes on without this phone
	restarted         // the phone started anew, or nothing was heard for too long
	wasUp             // a late event shows that somebody had answered
)

// transfer is what an event tells of a transfer.
type transfer uint8

const (
	noTransfer transfer = iota
	takesOne            // the call that it means is to leave this phone
	takesBoth           // so is the newest one on hold: the two are to be joined
	givesBack           // what was to leave stays
)

var (
	ringing   = []CallState{Ringing}
	dialing   = []CallState{Dialing}
	talking   = []CallState{Talking}
	onHold    = []CallState{OnHold}
	likeliest = [][]CallState{talking, dialing, ringing, onHold}
	pending   = [][]CallState{dialing, ringing}
	all       = [][]CallState{{Talking, Dialing, Ringing, OnHold}}
)

// callRules is the call machine; docs/calls.md shows it as a table. An event without a rule is about
// no call: idle_to_busy for one, whose label a sibling's manual swaps with busy_to_idle. A rule that
// only says what is meant changes nothing.
var callRules = [eventTypes]callRule{
	IncomingCall:    {means: [][]CallState{ringing}, begins: Ringing, as: Incoming},
	OutgoingCall:    {means: [][]CallState{dialing}, begins: Dialing, as: Outgoing},
	CallEstablished: {means: [][]CallState{dialing, ringing, talking, onHold}, despite: pending, begins: Talking, to: Talking},

	// Only a call that is up can be held: one that seems to ring was answered unheard.
	AnswerNewIncomingCall: {means: [][]CallState{ringing}, despite: [][]CallState{ringing}, to: Talking},
	Hold:                  {means: [][]CallState{talking, dialing, onHold, ringing}, despite: [][]CallState{talking, dialing}, to: OnHold},
	Unhold:                {means: [][]CallState{onHold, talking, dialing, ringing}, despite: [][]CallState{onHold}, to: Talking},

	Mute:             {means: likeliest, despite: likeliest},
	Unmute:           {means: likeliest, despite: likeliest},
	TransferCall:     {means: likeliest, despite: likeliest, hands: takesOne},
	BlindTransfer:    {means: likeliest, despite: likeliest, hands: takesOne},
	AttendedTransfer: {means: likeliest, despite: likeliest, hands: takesBoth},
	TransferFailed:   {means: likeliest, despite: likeliest, hands: givesBack},
	// A transfer that is through takes what it was to take, even with no other word of an end.
	TransferFinished: {means: [][]CallState{talking, onHold}, ends: handedOver},

	// A held call outlives the handset's being laid down, and so does one that knocked meanwhile.
	OnHook:         {means: [][]CallState{{Talking, Dialing}, ringing}, every: true, ends: laidDown},
	CallTerminated: {means: likeliest, despite: likeliest, ends: over},
	BusyToIdle:     {means: all, every: true, ends: over},
	SetupCompleted: {means: all, every: true, ends: restarted},

	// These may tell of a call that never rang here: with another number or id they mean none that does.
	MissedCall:             {means: [][]CallState{ringing}, ends: missed},
	CallRemoteCanceled:     {means: [][]CallState{ringing}, ends: missed},
	RejectIncomingCall:     {means: [][]CallState{ringing}, ends: rejected},
	ForwardIncomingCall:    {means: [][]CallState{ringing}, ends: forwarded},
	CallCompletedElsewhere: {means: [][]CallState{ringing}, ends: elsewhere},
	CancelCallOut:          {means: [][]CallState{dialing}, despite: [][]CallState{dialing}, ends: canceled},
	RemoteBusy:             {means: [][]CallState{dialing}, despite: [][]CallState{dialing}, ends: busy},
}

// aboutCalls tells that there is a rule.
func (r *callRule) aboutCalls() bool { return r.means != nil }

// mayEnd is how many calls an event ends as a rule.
func (r *callRule) mayEnd() int {
	if r.ends == goesOn {
		return 0
	}
	return 1
}

// late is what the event tells of a call that has ended already.
func (r *callRule) late() ending {
	if r.ends == goesOn && r.to != "" {
		return wasUp
	}
	return r.ends
}

// group is the place of a state in a list of groups; -1 when it is in none.
func group(groups [][]CallState, state CallState) int {
	return slices.IndexFunc(groups, func(g []CallState) bool { return slices.Contains(g, state) })
}

// endings is what each ending makes of a call that nobody answered; an answered one was answered,
// whatever ended it, save a restart.
var endings = [...]struct{ incoming, outgoing Result }{
	goesOn:     {},
	over:       {incoming: Missed, outgoing: Failed},
	laidDown:   {incoming: Missed, outgoing: Canceled},
	missed:     {incoming: Missed},
	rejected:   {incoming: Rejected},
	forwarded:  {incoming: Forwarded},
	elsewhere:  {incoming: Elsewhere},
	canceled:   {outgoing: Canceled},
	busy:       {outgoing: Busy},
	handedOver: {},
	restarted:  {},
	wasUp:      {incoming: Answered, outgoing: Answered},
}

// result is how a call ended, from what told its end. A phone that never sent call_established may
// have answered: then only an event that speaks of missing tells it.
func (c *Call) result(e ending, tellsAnswers bool) Result {
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
	Missed:    {Rejected, Forwarded, Elsewhere, Answered},
	Rejected:  {Missed},
	Forwarded: {Missed},
	Elsewhere: {Missed},
	Failed:    {Busy, Canceled, Answered},
	Canceled:  {Answered},
	Unknown:   {Missed, Rejected, Forwarded, Elsewhere, Busy, Canceled, Answered},
}

// corrected is the better result that a late event tells of an ended call.
func (c *Call) corrected(e ending) (Result, bool) {
	if e == over || e == laidDown {
		return "", false
	}
	better := c.result(e, true)
	return better, slices.Contains(corrections[c.Result], better)
}
