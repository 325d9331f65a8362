package phone

import (
	"math/rand/v2"
	"slices"
	"time"
)

// temperament is what a kind of phone tells of what happens.
type temperament struct {
	name  string
	sends func(EventType) bool // nil: all
	alter func(*rand.Rand, []Event) []Event
	twins bool // of calls that may be two of one number at once
	// With tellsAll nothing may be told wrong, for nothing is left out; otherwise only these lies may be
	// told, where the contract's words for what is not told have them so. Nil: no bound.
	tellsAll bool
	lies     []lie
}

var endWords = []EventType{
	CallTerminated, OnHook, BusyToIdle, MissedCall, RejectIncomingCall, ForwardIncomingCall, TransferFinished,
	CallCompletedElsewhere, CancelCallOut, RemoteBusy, CallRemoteCanceled,
}

func classic(t EventType) bool { return t.Row().PCode != 0 }

func printed(t EventType) bool { return t.Row().Essential }

func besides(kinds ...EventType) func(EventType) bool {
	return func(t EventType) bool { return !slices.Contains(kinds, t) }
}

func onlyThese(kinds ...EventType) func(EventType) bool {
	return func(t EventType) bool { return slices.Contains(kinds, t) }
}

// noIDs takes the call ids away.
func noIDs(_ *rand.Rand, events []Event) []Event {
	for i := range events {
		events[i].CallID = ""
	}
	return events
}

// nobody takes everything away that names a call.
func nobody(_ *rand.Rand, events []Event) []Event {
	for i := range events {
		events[i].CallID, events[i].Remote, events[i].Account = "", Party{}, Party{}
	}
	return events
}

// lateIDs leaves the first event of a call without its id.
func lateIDs(_ *rand.Rand, events []Event) []Event {
	for i := range events {
		if events[i].Type == IncomingCall || events[i].Type == OutgoingCall {
			events[i].CallID = ""
		}
	}
	return events
}

// numbersRewritten lets the PBX tell outgoing numbers otherwise once they are answered, without ids.
func numbersRewritten(r *rand.Rand, events []Event) []Event {
	for i := range events {
		if events[i].Type == OutgoingCall {
			events[i].Remote.Number = "*8" + events[i].Remote.Number
		}
	}
	return noIDs(r, events)
}

// reordered lets events overtake each other that lie within 50 ms.
func reordered(r *rand.Rand, events []Event) []Event {
	for i := range events {
		events[i].Time = events[i].Time.Add(time.Duration(r.IntN(50)) * time.Millisecond)
	}
	slices.SortStableFunc(events, func(a, b Event) int { return a.Time.Compare(b.Time) })
	return events
}

func twice(_ *rand.Rand, events []Event) []Event {
	var all []Event
	for _, e := range events {
		all = append(all, e, e)
	}
	return all
}

// lossy loses one event in a hundred.
func lossy(r *rand.Rand, events []Event) []Event {
	return slices.DeleteFunc(events, func(Event) bool { return r.IntN(100) == 0 })
}

// backwards tells each moment in the wrong order, the last word first.
func backwards(_ *rand.Rand, events []Event) []Event {
	begin := 0
	for i := 1; i <= len(events); i++ {
		if i == len(events) || events[i].Time.Sub(events[i-1].Time) > time.Second {
			times := events[begin].Time
			slices.Reverse(events[begin:i])
			for j := begin; j < i; j++ {
				events[j].Time = times.Add(time.Duration(j-begin) * time.Millisecond)
			}
			begin = i
		}
	}
	return events
}

func both(first, second func(*rand.Rand, []Event) []Event) func(*rand.Rand, []Event) []Event {
	return func(r *rand.Rand, events []Event) []Event { return second(r, first(r, events)) }
}

// What the contract says of a call of which the phone leaves out the reason.
var (
	elsewhereUntold = []lie{{Elsewhere, Missed}}
	hookFirst       = []lie{{Elsewhere, Missed}, {Busy, Canceled}, {Failed, Canceled}}
	noAnswers       = []lie{{Answered, Canceled}, {Answered, Failed}}
	threeUntold     = []lie{
		{Elsewhere, Missed}, {Rejected, Missed}, {Forwarded, Missed}, {Busy, notTold}, {Canceled, notTold}, {Failed, notTold},
	}
)

func butCallTerminated(t EventType) bool { return printed(t) && t != CallTerminated }

func butCallEstablished(t EventType) bool { return printed(t) && t != CallEstablished }

func butTheHook(t EventType) bool { return printed(t) && besides(OnHook, OffHook, BusyToIdle)(t) }

var temperaments = []temperament{
	{name: "all 45 events", tellsAll: true},
	{name: "all 45, every event twice", alter: twice, tellsAll: true},
	{name: "all 45, reordered within 50 ms", alter: reordered, tellsAll: true},
	{name: "all 45, each moment told backwards", alter: backwards, tellsAll: true},
	{name: "all 45, ids from the second event on", alter: lateIDs, tellsAll: true},
	{name: "all 45, without ids", alter: noIDs, tellsAll: true},
	{name: "all 45, without ids, reordered", alter: both(noIDs, reordered), tellsAll: true},
	{name: "all 45, two calls of one number at once", twins: true, tellsAll: true},
	{name: "all 45, the same without ids", alter: noIDs, twins: true},
	{name: "all 45, names nobody", alter: nobody},
	{name: "classic 33", sends: classic, lies: elsewhereUntold},
	{name: "classic 33, reordered within 50 ms", sends: classic, alter: reordered, lies: elsewhereUntold},
	{name: "classic 33, without ids", sends: classic, alter: noIDs, lies: elsewhereUntold},
	{name: "classic 33, without ids, numbers rewritten", sends: classic, alter: numbersRewritten, lies: elsewhereUntold},
	{name: "classic 33, names nobody", sends: classic, alter: nobody},
	{name: "the twenty printed by default", sends: printed, lies: elsewhereUntold},
	{name: "the twenty, without ids, reordered", sends: printed, alter: both(noIDs, reordered), lies: elsewhereUntold},
	{name: "the twenty, one event in 100 lost", sends: printed, alter: lossy},
	{name: "the twenty without `call_terminated`", sends: butCallTerminated, lies: hookFirst},
	{name: "the twenty without `on_hook`, `off_hook`, `busy_to_idle`", sends: butTheHook, lies: elsewhereUntold},
	{name: "the twenty without `call_established`", sends: butCallEstablished, lies: noAnswers},
	{name: "`incoming_call`, `call_established`, `call_terminated` alone", sends: onlyThese(IncomingCall, CallEstablished, CallTerminated), lies: threeUntold},
	{name: "all 45 but no end of any kind", sends: besides(endWords...), lies: []lie{}},
}
