package phonetest

import (
	"math/rand/v2"
	"time"
)

// Auth is the login that a phone asks for.
type Auth int

// The logins. Firmware differs; the old form of Digest is that of RFC 2069, without qop.
const (
	Basic Auth = iota
	Digest
	DigestWithoutQOP
	Open // none: the phone takes everything
)

// Fault is something that a phone does wrong.
type Fault int

// The faults.
const (
	NoFault        Fault = iota
	Slow                 // answers after Delay
	Hang                 // takes the request and never answers
	HangBody             // sends the head of an answer and never its body
	Reset                // resets the connection instead of an answer
	EndlessHeaders       // never comes to the end of the head
	EndlessBody          // never comes to the end of the body
	Garbage              // answers with what is not HTTP
	Echo                 // answers with the request that it got
	Redirect             // sends the client to https
	Refuse               // refuses every login
	Forbid               // answers 403
	NotFound             // answers 404: the firmware does not know the request
	Held                 // answers once [Phone.Behave] is called again
)

// Behaviour is how the web server of a phone acts. The zero one asks for Basic and does nothing wrong.
type Behaviour struct {
	Auth       Auth
	First401   bool // refuses the first request of every two, whatever its login
	FreshNonce bool // a nonce is good for one request
	Fault      Fault
	Share      float64       // of the requests that the fault strikes, 0 to 1; 0 stands for all
	Seed       uint64        // of the choice
	Delay      time.Duration // of Slow
}

// Behave changes how the web server acts, from the next request on, and lets answers go that are held.
func (p *Phone) Behave(b Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behaviour = b
	close(p.held)
	p.held = make(chan struct{})
	p.random = rand.New(rand.NewPCG(b.Seed, uint64(b.Fault)))
	p.login = loginState{}
}

// strike tells which fault the next request meets.
func (p *Phone) strike() (Fault, time.Duration) {
	b := p.behaviour
	if b.Share > 0 && p.random.Float64() >= b.Share {
		return NoFault, 0
	}
	return b.Fault, b.Delay
}
