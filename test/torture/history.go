package main

import (
	"encoding/json"
	"hash/fnv"
	"strings"
	"time"
)

// history is what happened in one round, as seen from outside of the daemon. Times are of one clock.
type history struct {
	events       []event       // in the order of their beginning
	publications []publication // in the order in which they went to the broker
	commands     []command
	requests     []request
	observed     map[string]bool   // ids of events that a subscriber got
	connected    map[int]time.Time // when the broker let the daemon in, by connection
	tries        []try             // of the daemon to connect, in their order
	spoke        time.Time         // when the daemon last published anything
	faults       []span
	deaths       []time.Time     // SIGKILL of the daemon
	stops        []time.Time     // SIGTERM of the daemon
	down         []span          // no daemon was there, or it could open nothing
	frozen       []span          // the daemon did not run
	hampered     []span          // network or broker were slow or silent
	stood        []span          // the machine let nobody run, not even this program
	damaged      time.Time       // the store was damaged; zero: it was not
	damageLogged bool            // the daemon said so
	damages      int             // that it counted
	brokerFails  bool            // the fault may take the broker away
	diskFails    bool            // the fault is that nothing can be noted in time
	alwaysFresh  bool            // no event was held up so long that it may have gone out as a late one
	yearsDiffer  bool            // the daemon's wall clock was off by a year for a while
	yearChanged  time.Time       // the daemon was started again with a wall clock that was a year off
	aside        map[string]bool // phones of which the daemon said that it set a message aside
	settled      retained        // what the broker keeps after the fault, with nothing sent since
	lookedAt     time.Time       // when that was asked
	final        retained        // the same after each phone has begun a last call
	other        []string        // what else was wrong: exit codes, an event of the end that was refused
	limit        time.Duration
}

// span is a time from which to which something was so.
type span struct{ from, to time.Time }

func (s span) holds(t time.Time) bool { return !t.Before(s.from) && !t.After(s.to) }

// meets tells that two of them have a moment in common.
func (s span) meets(other span) bool { return !s.from.After(other.to) && !other.from.After(s.to) }

// try is one of the daemon to reach its broker, whether or not a connection came of it.
type try struct {
	at      time.Time
	ended   time.Time // zero: it never was, as far as anybody could see
	silent  time.Time // from when on nothing passed in some direction; zero: never
	session int       // number of the connection; 0: there was none
	left    bool      // the daemon said DISCONNECT
}

// event is one Action URL request of a phone. A phone sends one after the other.
type event struct {
	mac, kind, callID string
	sent              time.Time
	answered          time.Time // or given up
	status            int       // 0: no answer
}

// publication is one PUBLISH of the daemon.
type publication struct {
	connection int
	topic      string // below the root and the phone: event, state, …
	mac        string // or bridge
	said       said
	otherYear  bool      // the daemon's clock was off by one
	online     bool      // it says that the daemon is there
	sum        uint64    // of the payload
	at         time.Time // it was passed on
	confirmed  time.Time // the broker acknowledged it
	acked      time.Time // the daemon was told so
}

// said is what is looked at in a payload, whatever its topic.
type said struct {
	ID          string    `json:"id"`
	EventType   string    `json:"event_type"`
	Derived     bool      `json:"derived"`
	Time        time.Time `json:"time"`
	CallID      string    `json:"call_id"`
	CallState   string    `json:"call_state"`
	LastEvent   string    `json:"last_event"`
	LastSeen    time.Time `json:"last_seen"`
	Transaction string    `json:"transaction"`
	Repeated    bool      `json:"repeated"`
	Calls       []struct {
		ID string `json:"call_id"`
	} `json:"calls"`
}

// command is one that was published for a phone.
type command struct {
	transaction, mac, number string
	expires                  time.Time
	delivered                time.Time // to the daemon; zero: it never was
	taken                    bool      // the daemon acknowledged it
}

// request is one that a phone got. A refused one (401) is repeated once with another login.
type request struct {
	mac, number string
	at          time.Time
	refused     bool
}

// retained is what a fresh subscriber is given, by topic below the root. nil: it was not asked.
type retained map[string][]byte

// isEvent tells the topics that events are published on.
func (p *publication) isEvent() bool { return p.topic == "event" || p.topic == "event/late" }

// root is the topic root that the daemon is given.
const root = "phone2mqtt/"

// newPublication reads a message of the daemon; ok is false for topics that nobody judges.
func newPublication(m message) (p publication, ok bool) {
	rest, ours := strings.CutPrefix(m.topic, root)
	mac, topic, phone := strings.Cut(rest, "/")
	if !ours || !phone {
		return p, false
	}
	p.mac, p.topic = mac, topic
	sum := fnv.New64a()
	_, _ = sum.Write(m.payload)
	p.sum = sum.Sum64()
	switch topic {
	case "event", "event/late", "result":
		err := json.Unmarshal(m.payload, &p.said)
		p.otherYear = p.said.asOf(time.Now())
		return p, err == nil
	case "state":
		// That of the bridge is no JSON, and has no times to be read.
		p.online = mac == "bridge" && string(m.payload) == "online"
		_ = json.Unmarshal(m.payload, &p.said)
		p.otherYear = p.said.asOf(time.Now())
		return p, true
	}
	return p, false
}
