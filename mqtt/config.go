package mqtt

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/secret"
)

// Config says which broker, who we are there, and what we want to hear. Zero
// durations and numbers take the default named at each field.
type Config struct {
	// URL of the broker, see ParseURL.
	URL string

	// ClientID has to stay the same over restarts, so that the broker ends an
	// old session before the will of it could overtake the new one.
	ClientID string
	Username string
	Password secret.Text

	// TLS is used for mqtts, ssl and wss; nil means the roots of the system
	// and TLS 1.2 or newer.
	TLS *tls.Config

	// Presence is our own life sign. Its topic is always subscribed to.
	Presence Presence

	// Subscriptions are made anew in each session.
	Subscriptions []Subscription

	// Window is how many messages may wait for their PUBACK at once: 64.
	Window int

	ConnectTimeout time.Duration // from dialling to CONNACK, and for each of SUBACK and the PUBACK of Online: 5 s
	WriteTimeout   time.Duration // writing one message to the network: 4 s
	KeepAlive      time.Duration // whole seconds: 15 s
	PingTimeout    time.Duration // 5 s
	Backoff        Backoff
	DrainTimeout   time.Duration // most that the end of Run waits for the line to empty: 2 s

	// RepublishRate is how many retained messages a second are published
	// again after a connect when nothing else waits: 1,000.
	RepublishRate int

	// OnConnect, when set, is called once per session after Online was
	// acknowledged and before anything of the line is sent. It must not block;
	// it may call Publish.
	OnConnect func()

	// Source, when set, gives retained messages that are made when their turn
	// comes: too many or too large to be kept in memory. They go out when nothing
	// else waits, and are published again in the next session only if given again.
	//
	// It returns the next message, or one without a topic: then it is asked again
	// after a positive pause, at any time when something else was sent, and after
	// [Client.Ask]. It must not block; no lock is held.
	Source func() (m Message, pause time.Duration)

	// OnAcknowledged, when set, is called with the age, since its At, of each
	// message that is not retained when its PUBACK came; not for messages of an
	// earlier process, whose age is a difference of wall clocks. No lock is held,
	// and the line waits for it: it has to be quick.
	OnAcknowledged func(age time.Duration)

	Log zerolog.Logger
}

// Presence is published on Topic, retained: Online at the start of each
// session and whenever the topic says something else, Offline at an orderly
// end and as the will.
type Presence struct {
	Topic           string
	Online, Offline []byte
}

// Subscription is a topic filter and who wants what matches it.
type Subscription struct {
	Filter string

	// Receive is called for one message after the other from the goroutine
	// that reads the network: it must not block, or PUBACKs are not seen
	// either. A message that matches several filters comes once for each.
	Receive func(Message)
}

// Backoff limits the pause between two attempts to connect. In the first minute
// of an outage it grows up to Early (2 s), later up to Late (30 s).
type Backoff struct {
	Early, Late time.Duration
}

// withDefaults fills what was left zero.
func (cfg Config) withDefaults() Config {
	cfg.Window = cmp.Or(cfg.Window, 64)
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, 5*time.Second)
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, 4*time.Second)
	cfg.KeepAlive = cmp.Or(cfg.KeepAlive, 15*time.Second)
	cfg.PingTimeout = cmp.Or(cfg.PingTimeout, 5*time.Second)
	cfg.Backoff.Early = cmp.Or(cfg.Backoff.Early, 2*time.Second)
	cfg.Backoff.Late = cmp.Or(cfg.Backoff.Late, 30*time.Second)
	cfg.DrainTimeout = cmp.Or(cfg.DrainTimeout, 2*time.Second)
	cfg.RepublishRate = cmp.Or(cfg.RepublishRate, 1000)
	return cfg
}

// check returns the address of the broker, or what is wrong in the
// configuration.
func (cfg *Config) check() (*url.URL, error) {
	broker, err := ParseURL(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("broker URL: %w", err)
	}
	if err := checkTopic(cfg.Presence.Topic); err != nil {
		return nil, fmt.Errorf("presence: %w", err)
	}
	if len(cfg.Presence.Online) == 0 || len(cfg.Presence.Offline) == 0 {
		return nil, fmt.Errorf("presence: an empty payload would clear %q instead", cfg.Presence.Topic)
	}
	if cfg.KeepAlive < time.Second {
		return nil, fmt.Errorf("keep-alive of %s, expected at least a second", cfg.KeepAlive)
	}
	for _, s := range cfg.Subscriptions {
		if err := checkFilter(s.Filter); err != nil {
			return nil, err
		}
	}
	return broker, nil
}

// checkFilter applies MQTT 3.1.1, 4.7.1: wildcards stand for whole levels, `#`
// for the last one only.
func checkFilter(filter string) error {
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		whole := level == "+" || level == "#" && i == len(levels)-1
		if !whole && strings.ContainsAny(level, "+#\x00") {
			return fmt.Errorf("topic filter %.100q misplaces a wildcard", filter)
		}
	}
	if filter == "" || len(filter) > maxTopic {
		return fmt.Errorf("topic filter of %d bytes, expected 1 to %d", len(filter), maxTopic)
	}
	return nil
}
