package phonetest

import (
	"fmt"
	"sync"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Exchange connects simulated phones by number.
type Exchange struct {
	mu     sync.Mutex // held before a phone's own lock
	phones map[string]*Phone
	sides  map[*Phone]*side // of the calls that are up
	dnd    map[*Phone]bool
	calls  int
}

// side is one end of a call. The other end is nil when nobody has the number that was dialled.
type side struct {
	phone       *Phone
	other       *side
	number      string // of the other end
	id          string
	caller      bool
	established bool
	held, muted bool
}

// NewExchange returns one without phones; [New] connects them.
func NewExchange() *Exchange {
	return &Exchange{
		phones: make(map[string]*Phone),
		sides:  make(map[*Phone]*side),
		dnd:    make(map[*Phone]bool),
	}
}

func (x *Exchange) connect(p *Phone) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.phones[p.Number()] = p
}

// What each end of a call sends when the call takes a turn, in order.
var (
	endedAfterTalk   = []phone.EventType{phone.CallTerminated}
	canceledByCaller = []phone.EventType{phone.CancelCallOut}
	missedByCalled   = []phone.EventType{phone.CallRemoteCanceled, phone.MissedCall}
	rejectedByCalled = []phone.EventType{phone.RejectIncomingCall}
	refusedToCaller  = []phone.EventType{phone.RemoteBusy, phone.CallTerminated}
)

// dial begins a call from p. It tells whether it did: a phone with a call does nothing.
func (x *Exchange) dial(p *Phone, number string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.sides[p] != nil || number == "" {
		return false
	}
	x.calls++
	here := &side{phone: p, number: number, id: fmt.Sprintf("%08x@%s", x.calls, p.opt.Domain), caller: true}
	x.sides[p] = here
	p.enqueue(nil, phone.OffHook)
	here.send(phone.OutgoingCall)

	called := x.phones[number]
	if called == nil {
		return true
	}
	if x.sides[called] != nil || x.dnd[called] {
		x.end(here, refusedToCaller)
		return true
	}
	there := &side{phone: called, number: p.Number(), id: here.id, other: here}
	here.other, x.sides[called] = there, there
	there.send(phone.IncomingCall)
	return true
}

// answer establishes the call that rings at p.
func (x *Exchange) answer(p *Phone) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	here := x.sides[p]
	if here == nil || here.caller || here.established {
		return false
	}
	p.enqueue(nil, phone.OffHook)
	for _, s := range []*side{here, here.other} {
		s.established = true
		s.send(phone.CallEstablished)
	}
	return true
}

// hangUp ends p's call, whatever its state.
func (x *Exchange) hangUp(p *Phone) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	here := x.sides[p]
	if here == nil {
		return false
	}
	switch {
	case here.established:
		x.end(here, endedAfterTalk)
		x.end(here.other, endedAfterTalk)
	case here.caller:
		x.end(here, canceledByCaller)
		x.end(here.other, missedByCalled)
	default:
		x.end(here, rejectedByCalled)
		x.end(here.other, refusedToCaller)
	}
	return true
}

// end takes one end out of its call. A handset that was never lifted is not laid down.
func (x *Exchange) end(s *side, how []phone.EventType) {
	if s == nil {
		return
	}
	delete(x.sides, s.phone)
	s.send(how...)
	if s.caller || s.established {
		s.phone.enqueue(nil, phone.OnHook)
	}
	s.phone.enqueue(nil, phone.BusyToIdle)
}

// toggle presses a key that is switched on and off: hold or mute of an established call.
func (x *Exchange) toggle(p *Phone, which func(*side) *bool, on, off phone.EventType) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.sides[p]
	if s == nil || !s.established {
		return
	}
	is := which(s)
	*is = !*is
	if *is {
		s.send(on)
		return
	}
	s.send(off)
}

func (x *Exchange) setDND(p *Phone, on bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.dnd[p] = on
	if on {
		p.enqueue(nil, phone.DNDOn)
		return
	}
	p.enqueue(nil, phone.DNDOff)
}

// send queues events of this end, with what the phone knows of the call.
func (s *side) send(kinds ...phone.EventType) {
	vars := map[phone.Variable]string{
		phone.VarRemote: s.phone.uri(s.number),
		phone.VarCallID: s.id,
	}
	if s.other != nil {
		vars[phone.VarDisplayRemote] = s.other.phone.opt.Name
	}
	s.phone.enqueue(vars, kinds...)
}
