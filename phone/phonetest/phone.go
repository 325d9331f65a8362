// Package phonetest simulates desk phones for tests, the demo and load: web servers that take Action
// URIs as a phone does, and that send Action URLs the way phones send them, raw and one after
// another. An [Exchange] connects them, so that a command to one shows in the events of both.
//
// It promises to speak what goes over the wire by itself, without this program's own reader and
// sender, so that it can be a witness for them, and to misbehave exactly as told. It never repeats a
// request and never listens before it is told to.
package phonetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"golang.org/x/text/encoding"
)

// Options say what a phone is. Everything may be left out.
type Options struct {
	MAC      phone.MAC         // 001fc1000001
	IP       string            // $ip; 127.0.0.1
	Model    string            // UC926U
	Firmware string            // 2.0.4.2
	Number   string            // its account, and its number at the exchange; 201
	Name     string            // its display name; empty
	Domain   string            // host part of SIP URIs; 192.168.0.1
	Server   string            // where events go, such as http://192.168.0.252:8090/TOKEN; empty: nowhere
	Charset  encoding.Encoding // of display names; nil: UTF-8
	Literal  bool              // a variable without value goes out as its name, $remote
	Classic  bool              // knows only the 33 events that have a P-code

	Username, Password string // admin, admin
	Behaviour          Behaviour
	Exchange           *Exchange // nil: one of its own, where every other number rings for ever
}

// Phone is one simulated desk phone. Make it with [New], give it a web server with [Phone.Listen] and
// life with [Phone.Run]. Its methods may be called at the same time.
type Phone struct {
	opt      Options
	exchange *Exchange
	listener net.Listener
	sending  chan struct{} // held by the one who sends an event: a phone sends one after another

	mu        sync.Mutex
	behaviour Behaviour
	held      chan struct{} // closed and replaced when the behaviour changes
	random    *rand.Rand
	login     loginState
	received  []Received
	queue     []event
	busy      bool          // an event of the queue is on its way
	changed   chan struct{} // closed and replaced when received, queue or busy changes
	tally     Tally
}

// New returns a phone that is connected to the exchange and does nothing by itself yet.
func New(opt Options) *Phone {
	opt = opt.withDefaults()
	p := &Phone{
		opt:      opt,
		exchange: opt.Exchange,
		sending:  make(chan struct{}, 1),
		held:     make(chan struct{}),
		changed:  make(chan struct{}),
		tally:    Tally{Statuses: make(map[int]int)},
	}
	p.Behave(opt.Behaviour)
	p.exchange.connect(p)
	return p
}

func (o Options) withDefaults() Options {
	defaults := []struct {
		value    *string
		fallback string
	}{
		{(*string)(&o.MAC), "001fc1000001"},
		{&o.IP, "127.0.0.1"},
		{&o.Model, "UC926U"},
		{&o.Firmware, "2.0.4.2"},
		{&o.Number, "201"},
		{&o.Domain, "192.168.0.1"},
		{&o.Username, "admin"},
		{&o.Password, "admin"},
	}
	for _, d := range defaults {
		if *d.value == "" {
			*d.value = d.fallback
		}
	}
	if o.Exchange == nil {
		o.Exchange = NewExchange()
	}
	return o
}

// MAC is the phone's identity.
func (p *Phone) MAC() phone.MAC { return p.opt.MAC }

// Number is what others dial to reach it.
func (p *Phone) Number() string { return p.opt.Number }

// Listen opens the port of its web server, which [Phone.Run] then serves. It is called once, before
// Run.
func (p *Phone) Listen(address string) error {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return fmt.Errorf("listen for Action URIs: %w", err)
	}
	p.listener = l
	return nil
}

// Addr is host:port of its web server, empty without one.
func (p *Phone) Addr() string {
	if p.listener == nil {
		return ""
	}
	return p.listener.Addr().String()
}

// Run serves the web server and sends the queued events until ctx ends, then closes every connection
// and returns nil.
func (p *Phone) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { p.sendQueued(ctx) })
	if p.listener == nil {
		<-ctx.Done()
		return nil
	}
	stop := context.AfterFunc(ctx, func() { _ = p.listener.Close() })
	defer stop()
	for {
		c, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			cancel()
			return fmt.Errorf("serve Action URIs: %w", err)
		}
		running.Go(func() { p.serve(ctx, c) })
	}
}

// notify wakes who waits for a change. The caller holds the lock.
func (p *Phone) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// await blocks until done, which is asked under the lock, is true.
func (p *Phone) await(ctx context.Context, done func() bool) error {
	for {
		p.mu.Lock()
		is, changed := done(), p.changed
		p.mu.Unlock()
		if is {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
