package recording

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// Trail is one thing that a replay tells, a line of JSON when it is marshalled. Times in it are seconds
// since the first line that was replayed.
type Trail struct {
	At    seconds         `json:"at"`
	MAC   phone.MAC       `json:"mac,omitempty"`
	State json.RawMessage `json:"state,omitempty"` // as on the topic state
	Event json.RawMessage `json:"event,omitempty"` // as on the topic event, counted in place of its id

	Repeat  phone.EventType `json:"repeat,omitzero"`   // a request that said the same again, and changed nothing
	Refused string          `json:"refused,omitempty"` // why nothing could be made of a request
	Dropped int             `json:"dropped,omitempty"` // requests that are missing here
	Full    bool            `json:"full,omitempty"`    // nothing was recorded for the rest of the day
}

// seconds is a time or a length of time, with three decimals where there are some.
type seconds time.Duration

// MarshalJSON writes the number.
func (s seconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Truncate(time.Millisecond).Seconds(), 'f', -1, 64), nil
}

var errUnidentified = errors.New("no phone could be identified")

// Replay runs the lines of any number of files through the code that takes live requests, in the order
// of their times, and tells what follows; after the last one also what follows from silence. In real
// time it lets as much time pass as passed then. The error is that of tell, or the context's.
func Replay(ctx context.Context, lines []Line, realTime bool, tell func(Trail) error) error {
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b Line) int { return cmp.Compare(a.At, b.At) })
	if len(lines) == 0 {
		return nil
	}
	p := &player{
		// As exact as the times in payloads, or these would seem to be before it.
		begun:    lines[0].At.Truncate(time.Millisecond),
		started:  time.Now(),
		realTime: realTime,
		phones:   make(map[phone.MAC]*replayed),
		tell:     tell,
	}
	for _, line := range lines {
		if err := p.expireUntil(ctx, line.At); err != nil {
			return err
		}
		if err := p.play(ctx, line); err != nil {
			return err
		}
	}
	return p.expireUntil(ctx, endless)
}

// endless is later than everything.
const endless time.Duration = 1<<63 - 1

// player is one replay.
type player struct {
	begun    time.Duration
	started  time.Time
	realTime bool
	phones   map[phone.MAC]*replayed
	tell     func(Trail) error
}

// replayed is one phone in it.
type replayed struct {
	start
	mac        phone.MAC
	state      phone.State
	name, host string
	events     int
}

func (p *player) phone(mac phone.MAC) *replayed {
	if p.phones[mac] == nil {
		p.phones[mac] = &replayed{mac: mac}
	}
	return p.phones[mac]
}

// wait lets the time pass until at, in real time.
func (p *player) wait(ctx context.Context, at time.Duration) error {
	if !p.realTime {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(at - p.begun - time.Since(p.started))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// expireUntil lets the phones' silence speak, as far as that is due before until.
func (p *player) expireUntil(ctx context.Context, until time.Duration) error {
	for {
		next, due := p.nextDue()
		if next == nil || due >= until {
			return nil
		}
		if err := p.wait(ctx, due); err != nil {
			return err
		}
		state, changes := next.state.Expire(epoch.Add(due), next.mac, next.limits)
		next.state = state
		if err := p.show(next, due, changes); err != nil {
			return err
		}
	}
}

// nextDue is the phone of whose silence something follows first.
func (p *player) nextDue() (next *replayed, due time.Duration) {
	for _, r := range p.phones {
		at := r.state.Due(r.limits)
		if at.IsZero() {
			continue
		}
		since := at.Sub(epoch)
		if next == nil || since < due || since == due && r.mac < next.mac {
			next, due = r, since
		}
	}
	return next, due
}

func (p *player) play(ctx context.Context, line Line) error {
	if err := p.wait(ctx, line.At); err != nil {
		return err
	}
	r := p.phone(line.MAC)
	switch is := line.is.(type) {
	case *start:
		r.start = *is
		if is.state != nil {
			r.state = *is.state
		}
	case *taken:
		return p.take(r, line.At, is)
	}
	return nil
}

// take runs one request through what a live one runs through.
func (p *player) take(r *replayed, at time.Duration, q *taken) error {
	seen := Trail{At: p.since(at), MAC: r.mac, Dropped: q.Dropped, Full: q.Full}
	if q.Dropped > 0 || q.Full {
		if err := p.tell(seen); err != nil {
			return err
		}
	}
	if q.Full {
		return nil
	}
	event, err := phone.ParseEvent(q.words, q.vars, phone.Dialect{
		Default: r.defaultEvent,
		Known:   func(mac phone.MAC) bool { return mac == r.mac },
		Charset: func(phone.MAC) phone.Charset { return q.Charset },
	})
	if err == nil && r.mac == "" {
		err = errUnidentified
	}
	if err != nil {
		return p.tell(Trail{At: p.since(at), MAC: r.mac, Refused: err.Error()})
	}
	event.MAC, event.Time = r.mac, epoch.Add(at)
	if r.state.Repeats(event, r.limits.Repeat) {
		return p.tell(Trail{At: p.since(at), MAC: r.mac, Repeat: event.Type})
	}
	r.name, r.host = q.Name, q.Host
	state, changes := r.state.Apply(event)
	r.state = state
	return p.show(r, at, changes)
}

// show tells of a phone's changes what the bridge publishes of them: the state, then the events.
func (p *player) show(r *replayed, at time.Duration, changes []phone.Change) error {
	if len(changes) == 0 {
		return nil
	}
	name := cmp.Or(r.name, r.state.Name)
	state := p.relative(payload.State(r.state, name, r.host))
	if err := p.tell(Trail{At: p.since(at), MAC: r.mac, State: state}); err != nil {
		return err
	}
	for _, change := range changes {
		r.events++
		event := p.relative(payload.Event(strconv.Itoa(r.events), change, r.state.CallState(), name))
		if err := p.tell(Trail{At: p.since(at), MAC: r.mac, Event: event}); err != nil {
			return err
		}
	}
	return nil
}

func (p *player) since(at time.Duration) seconds { return seconds(at - p.begun) }

// stamp is a time in a payload. In a text its quotes would be escaped.
var stamp = regexp.MustCompile(`"(time|started_at|answered_at|ended_at|last_seen)":"([^"]+)"`)

// relative puts seconds in the place of a payload's times.
func (p *player) relative(text []byte) []byte {
	return stamp.ReplaceAllFunc(text, func(member []byte) []byte {
		parts := stamp.FindSubmatch(member)
		at, err := time.Parse(time.RFC3339Nano, string(parts[2]))
		if err != nil {
			return member
		}
		number, _ := p.since(at.Sub(epoch)).MarshalJSON()
		return append(append([]byte{'"'}, parts[1]...), append([]byte(`":`), number...)...)
	})
}
