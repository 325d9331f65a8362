package policy

import (
	"fmt"
	"sync"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// span is the time in which the calls of a phone are counted.
const span = time.Minute

// Pace holds each phone to so many dials and transfers in any minute. It remembers phones by their MAC,
// so that one which is removed and comes back has not forgotten its calls. Its methods may be called at
// the same time.
type Pace struct {
	most int

	mu    sync.Mutex
	begun map[phone.MAC][]time.Time // in the last minute, the oldest first
	swept time.Time                 // when the phones without any were last dropped
}

// NewPace allows each phone that many a minute, any number when it is zero.
func NewPace(most int) *Pace {
	return &Pace{most: most, begun: make(map[phone.MAC][]time.Time)}
}

// Judge takes a command that is about to be sent to a phone, or tells that there were too many; nil is
// no objection. One that is refused does not count. Times must not go back; those of [time.Now] do
// not.
func (p *Pace) Judge(mac phone.MAC, c phone.Command, now time.Time) *Refusal {
	if p.most == 0 || !amountsTo(c, "dial", "transfer") {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep(now)
	begun := recent(p.begun[mac], now)
	if len(begun) >= p.most {
		return &Refusal{DialRate, fmt.Sprintf("%d calls and transfers were begun on this phone within a minute, which is the most (%s); send it again later", p.most, DialRate)}
	}
	p.begun[mac] = append(begun, now)
	return nil
}

// sweep drops once a minute the phones that began no call in the last one.
func (p *Pace) sweep(now time.Time) {
	if now.Sub(p.swept) < span {
		return
	}
	p.swept = now
	for mac, begun := range p.begun {
		if len(recent(begun, now)) == 0 {
			delete(p.begun, mac)
		}
	}
}

// recent are the times of the last minute.
func recent(times []time.Time, now time.Time) []time.Time {
	for len(times) > 0 && now.Sub(times[0]) >= span {
		times = times[1:]
	}
	return times
}
