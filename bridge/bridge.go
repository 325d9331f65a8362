// Package bridge is the application: it turns what phones report into MQTT messages and MQTT commands
// into requests to phones.
//
// One event: [Bridge.ServeHTTP] judges the request and has it understood (intake.go), the phone's
// device takes it under its lock, where state, payloads and the place in line are made in one step
// (device.go), and the phone is answered when the receipt says that the event is on disk.
//
// One command: [Bridge.Receive] parses it, judges it by the rules ([policy.Rules]) and puts it into that
// phone's queue (commands.go), the phone's worker judges it by the state, sends the requests (worker.go)
// and publishes one result.
//
// A command never changes a phone's state: only the phone's next event does. Nothing is ever taken
// from a retained message. No lock is held during I/O; a device's lock is taken before those of the
// phone book and of the outbox, never after.
//
// Which phones are listed, and how, is the phone book's to know ([book.Listing]); [Bridge.List] changes
// it at run time (listing.go).
package bridge

import (
	"context"
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/bridge/discovery"
	"github.com/phone2mqtt/phone2mqtt/bridge/gate"
	"github.com/phone2mqtt/phone2mqtt/bridge/homeassistant"
	"github.com/phone2mqtt/phone2mqtt/bridge/limit"
	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
	"github.com/phone2mqtt/phone2mqtt/bridge/policy"
	"github.com/phone2mqtt/phone2mqtt/bridge/quiet"
	"github.com/phone2mqtt/phone2mqtt/bridge/recording"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// Config is what the bridge is told at start.
type Config struct {
	Version  string
	Base     string // topic root, without a slash at its ends
	Embedded bool   // the broker is the try-out one
	HTTPURL  string // how phones reach the intake

	Phones       []book.Listing // see [Bridge.List]
	Learn        bool           // take in phones that are not listed
	Tokens       []secret.Text  // see [gate.Gate], as the next three
	PerPhone     bool
	Allow        []netip.Prefix
	Proxies      []netip.Prefix
	Rate         int // events a second from one address; 0: no limit
	DefaultEvent phone.EventType
	Charset      phone.Charset
	EventFresh   time.Duration
	Limits       phone.Limits

	Login         action.Login // goes only to phones listed with their host, or whose events carry the token
	PhoneTimeout  time.Duration
	KeyPause      time.Duration
	CommandTTL    time.Duration
	ProbeInterval time.Duration
	Rules         policy.Rules // on commands

	Discovery       bool // tell Home Assistant of the phones, or take back what it was told
	DiscoveryPrefix string

	Record  func(recording.Request) // keeps what phones send; nil: nothing is kept
	Meter   Meter                   // nil: nothing is counted
	Metrics http.Handler            // of /metrics; nil: nothing is served there
	Admin   bool                    // /metrics is served by [Bridge.ServeAdmin] only
}

// Broker takes what is to be published. It is a [mqtt.Client], or in tests one that fails.
type Broker interface {
	Publish(mqtt.Batch) *mqtt.Receipt
	discovery.Broker
}

// Records gives back what an earlier process put into its batches. It is a [mqtt.Store].
type Records interface {
	Records(prefix string, visit func(key string, value []byte) error) error
}

// Bridge connects phones and a broker.
type Bridge struct {
	cfg     Config
	topics  topics
	broker  Broker
	log     zerolog.Logger
	started time.Time

	phones   registry
	listing  sync.Mutex // one change of what is listed at a time; held before a device's lock
	gate     gate.Gate
	limiter  *limit.Addresses
	refusals quiet.Failures
	pace     *policy.Pace
	web      *action.Options

	announcer *discovery.Announcer
	births    []string     // topics of Home Assistant
	seed      maphash.Seed // of the sums of descriptions

	workers  sync.WaitGroup
	stopping context.Context
	stop     context.CancelCauseFunc
}

// New makes a bridge from its configuration and the records that an earlier one left in the store. It
// publishes all retained topics and starts nothing else: see [Bridge.Run]. The error is the store's.
func New(cfg Config, broker Broker, records Records, log zerolog.Logger) (*Bridge, error) {
	b := &Bridge{
		cfg:     cfg,
		topics:  topics{cfg.Base},
		broker:  broker,
		log:     log,
		started: time.Now(),
		phones:  newRegistry(),
		births:  homeassistant.StatusTopics(cfg.DiscoveryPrefix),
		seed:    maphash.MakeSeed(),
		gate:    gate.Gate{Tokens: cfg.Tokens, PerPhone: cfg.PerPhone, Allow: cfg.Allow, Proxies: cfg.Proxies},
		limiter: limit.New(cfg.Rate),
		pace:    policy.NewPace(cfg.Rules.Rate),
		web: &action.Options{
			Timeout:   cfg.PhoneTimeout,
			KeyPause:  cfg.KeyPause,
			UserAgent: "phone2mqtt/" + cfg.Version,
		},
	}
	b.announcer = discovery.New(cfg.Discovery, homeassistant.Site{Prefix: cfg.DiscoveryPrefix, Base: cfg.Base, Version: cfg.Version}, announced{b}, broker, log)
	if cfg.Meter == nil {
		b.cfg.Meter = unmetered{}
	}
	b.stopping, b.stop = context.WithCancelCause(context.Background())
	if err := b.restore(records); err != nil {
		return nil, err
	}
	b.publishInfo()
	return b, nil
}

// Inbound are the topic filters whose messages belong to [Bridge.Receive].
func Inbound(cfg Config) []string {
	own := []string{cfg.Base + "/+/set", cfg.Base + "/+/set/+", cfg.Base + "/bridge/request/#"}
	if !cfg.Discovery {
		return own
	}
	return append(own, homeassistant.StatusTopics(cfg.DiscoveryPrefix)...)
}

// Presence tells below a topic root that the bridge is there.
func Presence(base string) mqtt.Presence {
	return mqtt.Presence{Topic: base + "/bridge/state", Online: []byte(online), Offline: []byte(offline)}
}

// Receive takes one message from the broker. It never blocks.
func (b *Bridge) Receive(m mqtt.Message) {
	if op, ok := b.topics.request(m.Topic); ok {
		b.receiveRequest(op, m)
		return
	}
	if b.birth(m) {
		return
	}
	b.receiveCommand(m)
}

// Run announces and probes the phones until ctx ends. Then it takes no more commands, ends those that run or wait,
// each with its result, and returns.
func (b *Bridge) Run(ctx context.Context) error {
	b.workers.Go(func() { b.announcer.Run(ctx) })
	b.probeAll(ctx)
	b.stop(errStopped)
	for _, d := range b.phones.all() {
		b.stopQueue(d)
	}
	b.workers.Wait()
	return nil
}

func (b *Bridge) publishInfo() {
	broker := b.broker.Status().Broker
	if b.cfg.Embedded {
		broker += " (embedded, for trying out only)"
	}
	b.broker.Publish(mqtt.Batch{Messages: []mqtt.Message{{
		Topic:    b.topics.info(),
		Retained: true,
		Last:     true,
		Payload: payload.Bridge{
			Version:   b.cfg.Version,
			StartedAt: b.started,
			Base:      b.cfg.Base,
			Broker:    broker,
			Phones:    b.phones.count(),
			HTTPURL:   b.cfg.HTTPURL,
		}.JSON(),
	}}})
}
