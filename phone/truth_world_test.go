package phone

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// The other way round: a world that knows what really happens at a phone, and tells it as events only
// afterwards. It shares no rule with the state machine, only the words.

// trueCall is a call as it really is.
type trueCall struct {
	number, id, account string
	direction           Direction
	state               CallState
	started, answered   time.Time
	result              Result // empty while it goes on
}

// happening is what happens at one moment, told in the order of a phone that leaves nothing out, and
// the phone's true state after it.
type happening struct {
	at     time.Time
	events []Event
	after  CallState
}

// history is a true one.
type history struct {
	calls      []*trueCall
	happenings []happening
	untold     int // calls that never rang here and that the phone counts as missed
}

// world makes a history.
type world struct {
	*rand.Rand
	history
	now     time.Time
	going   []*trueCall
	handset bool // lifted
	busy    bool
	numbers int
	telling []Event
	// A habit of the phone: it says "terminated" as well of a call that nobody took.
	saysTerminated bool
	twins          bool // two calls at once may have the same number
}

func newHistory(seed uint64, happenings int, twins bool) history {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 6)), now: testBegin, twins: twins}
	w.saysTerminated = w.chance(2)
	// The first call is answered, so that the phone has shown that it tells answers.
	w.dial()
	w.remoteAnswers(w.going[0])
	for range happenings {
		w.something()
	}
	for len(w.going) > 0 {
		w.finish(w.going[0])
	}
	w.layDown()
	return w.history
}

func (w *world) chance(of int) bool { return w.IntN(of) == 0 }

// tell adds events of a call, or of none, to what is being told.
func (w *world) tell(c *trueCall, types ...EventType) {
	for _, t := range types {
		e := Event{Type: t, MAC: testMAC}
		if c != nil {
			e.CallID = c.id
			e.Remote.Number = c.number
			e.Account.Number = c.account
		}
		w.telling = append(w.telling, e)
	}
}

// done closes a happening: some time passes before the next.
func (w *world) done() {
	if w.busy && len(w.going) == 0 && !w.handset {
		w.busy = false
		w.tell(nil, BusyToIdle)
	}
	for i := range w.telling {
		w.telling[i].Time = w.now.Add(time.Duration(i) * 5 * time.Millisecond)
	}
	if len(w.telling) > 0 {
		w.happenings = append(w.happenings, happening{w.now, w.telling, w.state()})
	}
	w.telling = nil
	w.now = w.now.Add(time.Duration(1500+w.IntN(12000)) * time.Millisecond)
}

func (w *world) state() CallState {
	for _, s := range []CallState{Talking, Ringing, Dialing, OnHold} {
		if slices.ContainsFunc(w.going, func(c *trueCall) bool { return c.state == s }) {
			return s
		}
	}
	return Idle
}

func (w *world) in(state CallState) *trueCall {
	for _, c := range slices.Backward(w.going) {
		if c.state == state {
			return c
		}
	}
	return nil
}

// something is one thing that people do at a phone with these calls.
func (w *world) something() {
	talking, ringing, dialing, held := w.in(Talking), w.in(Ringing), w.in(Dialing), w.in(OnHold)
	for _, c := range w.going {
		if c.state == Ringing && w.now.Sub(c.started) > 100*time.Second {
			// Nobody lets a phone ring for long.
			w.untaken(c, Missed, CallRemoteCanceled, MissedCall)
			w.done()
			return
		}
	}
	switch {
	case dialing != nil:
		w.dialOn(dialing)
	case ringing != nil && !w.chance(4):
		w.ringOn(ringing)
	case talking == nil && held == nil:
		w.whenFree(ringing)
	default:
		w.whenUp(talking, held)
	}
	w.done()
}

func (w *world) whenFree(ringing *trueCall) {
	switch n := w.IntN(10); {
	case n < 5 && (ringing == nil || w.chance(3)):
		w.ring()
	case n < 8 && ringing == nil:
		w.dial()
	case n == 8:
		// Do not disturb, or forwarded at once: the phone does not ring.
		w.untold++
		w.tell(&trueCall{number: w.number(), id: w.callID()}, MissedCall)
	default:
		w.tell(nil, []EventType{Registered, DNDOn, DNDOff, IPChanged}[w.IntN(4)])
	}
}

func (w *world) whenUp(talking, held *trueCall) {
	switch n := w.IntN(12); {
	case n < 3 && talking != nil:
		w.end(talking, Answered, CallTerminated)
	case n < 5 && talking != nil && held == nil:
		w.hangUp()
	case n == 5 && talking != nil:
		w.tell(talking, []EventType{Mute, Unmute}[w.IntN(2)])
	case n == 6 && w.in(Ringing) == nil:
		w.ring()
	case n == 7 && talking != nil && held == nil:
		w.hold(talking)
		w.dial()
	case n == 8 && talking != nil && held != nil:
		w.handOver(talking, held)
	case n == 9 && talking != nil && held == nil:
		w.tell(talking, BlindTransfer)
		w.handOver(talking)
	case talking == nil && held != nil:
		held.state = Talking
		w.tell(held, Unhold)
	case talking != nil && held != nil:
		w.hold(talking)
		held.state = Talking
		w.tell(held, Unhold)
	case talking != nil:
		w.hold(talking)
	}
}

// number is somebody who had no call here for a while; with twins, in one of two cases the party of a
// call that goes on.
func (w *world) number() string {
	if w.twins && w.chance(2) && len(w.going) > 0 {
		return w.going[0].number
	}
	w.numbers++
	return fmt.Sprint(200 + w.numbers%30)
}

func (w *world) callID() string { return fmt.Sprintf("%08x@pbx", w.Uint32()) }

func (w *world) begin(direction Direction, state CallState) *trueCall {
	c := &trueCall{number: w.number(), id: w.callID(), account: "201", direction: direction, state: state, started: w.now}
	w.calls, w.going = append(w.calls, c), append(w.going, c)
	if !w.busy {
		w.busy = true
		w.tell(nil, IdleToBusy)
	}
	return c
}

func (w *world) ring() {
	w.tell(w.begin(Incoming, Ringing), IncomingCall)
}

func (w *world) dial() {
	if !w.handset {
		w.handset = true
		w.tell(nil, OffHook)
	}
	w.tell(w.begin(Outgoing, Dialing), OutgoingCall)
}

func (w *world) dialOn(c *trueCall) {
	switch n := w.IntN(10); {
	case n < 5:
		w.remoteAnswers(c)
	case n < 7 && w.in(OnHold) == nil && w.in(Ringing) == nil:
		// This side gives up: the handset goes down.
		w.handset = false
		w.tell(c, CancelCallOut)
		w.tell(nil, OnHook)
		w.end(c, Canceled, CallTerminated)
	case n < 9:
		w.end(c, Busy, RemoteBusy, CallTerminated)
	default:
		w.end(c, Failed, CallTerminated)
	}
}

func (w *world) remoteAnswers(c *trueCall) {
	c.state, c.answered = Talking, w.now
	w.tell(c, CallEstablished)
	if len(w.happenings) == 0 {
		w.done()
	}
}

func (w *world) ringOn(c *trueCall) {
	if w.now.Sub(c.started) < 40*time.Second && w.chance(3) {
		return
	}
	switch n := w.IntN(12); {
	case n < 5:
		w.answer(c)
	case n < 8:
		w.untaken(c, Missed, CallRemoteCanceled, MissedCall)
	case n < 10:
		w.untaken(c, Rejected, RejectIncomingCall)
	case n == 10:
		w.untaken(c, Forwarded, ForwardIncomingCall)
	default:
		w.untaken(c, Elsewhere, CallCompletedElsewhere)
	}
}

// answer takes a ringing call; the one that talks is put on hold, and a second held one ends first.
func (w *world) answer(c *trueCall) {
	if talking := w.in(Talking); talking != nil {
		if held := w.in(OnHold); held != nil {
			w.end(held, Answered, CallTerminated)
			w.done()
		}
		w.hold(talking)
		w.tell(c, AnswerNewIncomingCall)
	}
	if !w.handset {
		w.handset = true
		w.tell(nil, OffHook)
	}
	c.state, c.answered = Talking, w.now
	w.tell(c, CallEstablished)
}

// untaken ends a call that nobody took here, with the words for it.
func (w *world) untaken(c *trueCall, r Result, words ...EventType) {
	if w.saysTerminated || r == Elsewhere {
		words = append(words, CallTerminated)
	}
	w.end(c, r, words...)
}

func (w *world) hold(c *trueCall) {
	c.state = OnHold
	w.tell(c, Hold)
}

// hangUp lays the handset down on the call that talks.
func (w *world) hangUp() {
	w.handset = false
	w.tell(nil, OnHook)
	w.end(w.in(Talking), Answered, CallTerminated)
}

func (w *world) handOver(calls ...*trueCall) {
	if len(calls) == 2 {
		w.tell(calls[0], AttendedTransfer)
	}
	w.tell(calls[0], TransferFinished)
	for _, c := range calls {
		w.end(c, Answered, CallTerminated)
	}
}

func (w *world) end(c *trueCall, r Result, words ...EventType) {
	c.result = r
	w.going = slices.DeleteFunc(w.going, func(other *trueCall) bool { return other == c })
	w.tell(c, words...)
}

func (w *world) finish(c *trueCall) {
	switch c.state {
	case Ringing:
		w.untaken(c, Missed, CallRemoteCanceled, MissedCall)
	case Dialing:
		w.end(c, Failed, CallTerminated)
	default:
		w.end(c, Answered, CallTerminated)
	}
	w.done()
}

// layDown puts down a handset with nobody left at the other end.
func (w *world) layDown() {
	if w.handset {
		w.handset = false
		w.tell(nil, OnHook)
	}
	w.done()
}

// String is the history as it is told, for a test that fails.
func (h history) String() string {
	var text strings.Builder
	for _, hap := range h.happenings {
		for _, e := range hap.events {
			fmt.Fprintf(&text, "%7.2f %s %s %.4s\n", e.Time.Sub(testBegin).Seconds(), e.Type, e.Remote.Number, e.CallID)
		}
		fmt.Fprintf(&text, "        = %s\n", hap.after)
	}
	return text.String()
}
