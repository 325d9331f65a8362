// Package discovery tells Home Assistant of the bridge and its phones: after each connect, after Home
// Assistant's birth, when something of a phone changes, and when a phone goes.
//
// It remembers of whom Home Assistant is still to be told, never what: a payload is made when its turn
// comes, for ten thousand of them would take 150 MB. Announcements go out when nothing else waits for the
// broker, at most 200 a second. It clears only what surely is its own, and never believes what it reads
// from the broker: that tells what to take away, not what to say.
package discovery

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/phone2mqtt/phone2mqtt/bridge/homeassistant"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

const (
	// announceRate is how many announcements a second go out at most, announceBurst how many at once: Home
	// Assistant makes eighty entities of each.
	announceRate  = 200
	announceBurst = 20
	announcePause = time.Second * announceBurst / announceRate

	// spacing is the least time between two messages about one phone: Home Assistant drops part of the
	// second while it works on the first, and gives what comes back too soon after it went another name.
	spacing = 3 * time.Second

	// birthDelay bounds the random delay after Home Assistant's birth. It asks for one: everybody answers
	// at the same time, and it is not ready to listen at once.
	birthDelay = 30 * time.Second

	// lookQuiet ends the look at what the broker keeps, once nothing came for so long; lookLimit ends it
	// anyway.
	lookQuiet = time.Second
	lookLimit = 30 * time.Second
)

// bridge stands among the MACs for the bridge itself.
const bridge phone.MAC = ""

// Phones are those that Home Assistant is to be told of.
type Phones interface {
	All() []phone.MAC

	// Describe tells what is known of a phone, false when there is no such phone.
	Describe(phone.MAC) (homeassistant.Device, bool)
}

// Broker is a [mqtt.Client].
type Broker interface {
	Ask()
	Peek(ctx context.Context, filter string, quiet time.Duration, receive func(mqtt.Message)) error
	Status() mqtt.Status
}

// Announcer does the telling. Its methods may be called from any goroutine, with a phone locked but for
// [Announcer.Next].
type Announcer struct {
	on        bool
	texts     *homeassistant.Discovery
	phones    Phones
	broker    Broker
	log       zerolog.Logger
	pace      *rate.Limiter
	connected chan struct{}

	mu      sync.Mutex
	open    bool // the broker was looked at
	waiting []phone.MAC
	known   map[phone.MAC]standing
	retired map[phone.MAC][]homeassistant.Component
	birth   *time.Timer // runs until everything is announced anew
	ended   bool
}

// standing is how things stand between a phone, or the bridge, and Home Assistant.
type standing struct {
	told  time.Time // of the last message about it
	there bool      // announced, or found at the broker
	waits turn
}

// turn is whether something is to be told.
type turn uint8

const (
	nothing turn = iota
	queued
	resting // it will be queued after its spacing
)

// New makes an announcer. One that is not on takes away what was announced before, and announces nothing.
func New(on bool, site homeassistant.Site, phones Phones, broker Broker, log zerolog.Logger) *Announcer {
	return &Announcer{
		on:        on,
		texts:     homeassistant.New(site),
		phones:    phones,
		broker:    broker,
		log:       log,
		pace:      rate.NewLimiter(announceRate, announceBurst),
		connected: make(chan struct{}, 1),
		known:     make(map[phone.MAC]standing),
		retired:   make(map[phone.MAC][]homeassistant.Component),
	}
}

// Changed tells that a phone is new, is described anew, or is no more.
func (a *Announcer) Changed(mac phone.MAC) {
	if !a.on {
		return
	}
	a.mu.Lock()
	a.add(mac)
	a.mu.Unlock()
	a.broker.Ask()
}

// All announces everything, and takes away what is not to be there.
func (a *Announcer) All() {
	phones := a.phones.All()
	slices.Sort(phones)
	a.mu.Lock()
	a.waiting = nil
	for mac, s := range a.known {
		s.waits = nothing
		a.known[mac] = s
	}
	// A phone that names a bridge which nobody knows would get an invented one.
	a.add(bridge)
	a.add(phones...)
	a.add(slices.Sorted(maps.Keys(a.known))...)
	a.birth = nil
	a.mu.Unlock()
	a.broker.Ask()
}

// add puts whom to announce, or to take away, behind the others. The announcer is locked.
func (a *Announcer) add(macs ...phone.MAC) {
	for _, mac := range macs {
		if s := a.known[mac]; s.waits == nothing {
			s.waits = queued
			a.known[mac] = s
			a.waiting = append(a.waiting, mac)
		}
	}
}

// Connected tells that a session with the broker has begun, which may be a new and empty one. It is for
// [mqtt.Config.OnConnect].
func (a *Announcer) Connected() {
	a.All()
	select {
	case a.connected <- struct{}{}:
	default:
	}
}

// Receive takes what Home Assistant says on one of its status topics, [homeassistant.StatusTopics].
func (a *Announcer) Receive(m mqtt.Message) {
	// What was kept from before we came is older than what we announced then.
	if !a.on || m.Retained || string(m.Payload) != "online" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.birth == nil && !a.ended {
		a.birth = time.AfterFunc(rand.N(birthDelay), a.All)
	}
}

// Next is the next announcement, as a [mqtt.Config.Source] gives it.
func (a *Announcer) Next() (mqtt.Message, time.Duration) {
	for {
		mac, retired, pause, ok := a.take()
		if !ok {
			return mqtt.Message{}, pause
		}
		m, there := a.message(mac, retired)
		if a.tell(mac, there) {
			return m, 0
		}
	}
}

// take takes who is next. With nobody, pause tells when to ask again, zero that it is not known.
func (a *Announcer) take() (mac phone.MAC, retired []homeassistant.Component, pause time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.open && len(a.waiting) > 0 {
		if a.pace.Tokens() < 1 {
			return "", nil, announcePause, false
		}
		mac, a.waiting = a.waiting[0], a.waiting[1:]
		s := a.known[mac]
		if rest := spacing - time.Since(s.told); rest > 0 {
			s.waits = resting
			a.known[mac] = s
			time.AfterFunc(rest, a.resumer(mac))
			continue
		}
		s.waits = nothing
		a.known[mac] = s
		if retired = a.retired[mac]; retired != nil {
			// A component goes when it is announced without its members; after that it is left out.
			delete(a.retired, mac)
			a.add(mac)
		}
		return mac, retired, 0, true
	}
	return "", nil, 0, false
}

// resumer lets a phone wait again after its spacing.
func (a *Announcer) resumer(mac phone.MAC) func() {
	return func() {
		a.mu.Lock()
		if s := a.known[mac]; s.waits == resting {
			s.waits = queued
			a.known[mac] = s
			a.waiting = append(a.waiting, mac)
		}
		a.mu.Unlock()
		a.broker.Ask()
	}
}

// message announces, or takes away with an empty payload what is not to be there.
func (a *Announcer) message(mac phone.MAC, retired []homeassistant.Component) (m mqtt.Message, there bool) {
	if mac == bridge {
		m = mqtt.Message{Topic: a.texts.BridgeTopic(), Retained: true}
		if a.on {
			m.Payload = a.texts.Bridge()
		}
		return m, a.on
	}
	m = mqtt.Message{Topic: a.texts.PhoneTopic(mac), Retained: true}
	description, known := a.phones.Describe(mac)
	if a.on && known {
		m.Payload = a.texts.Phone(description, retired...)
	}
	return m, a.on && known
}

// tell notes a message about a phone, and tells whether it has to be sent: Home Assistant complains when
// what was never there is taken away.
func (a *Announcer) tell(mac phone.MAC, there bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.known[mac]
	if !there && !s.there {
		if s.waits == nothing {
			delete(a.known, mac)
		}
		return false
	}
	a.pace.Allow()
	s.told, s.there = time.Now(), there
	a.known[mac] = s
	return true
}
