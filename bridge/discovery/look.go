package discovery

import (
	"context"

	"github.com/phone2mqtt/phone2mqtt/bridge/homeassistant"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
)

// Run looks once at what the broker keeps of discovery, then lets the announcing begin, and returns when
// ctx ends. What is ours there and has no phone any more, since an earlier store knew it, is taken away;
// so is what an earlier version announced of a phone and this one does not.
func (a *Announcer) Run(ctx context.Context) {
	defer a.stop()
	for looked := false; !looked; {
		select {
		case <-a.connected:
			looked = a.look(ctx)
		case <-ctx.Done():
			return
		}
	}
	a.mu.Lock()
	a.open = true
	a.mu.Unlock()
	a.broker.Ask()
	<-ctx.Done()
}

// look tells whether looking again would tell no more.
func (a *Announcer) look(ctx context.Context) (done bool) {
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	err := a.broker.Peek(limited, a.texts.Filter(), lookQuiet, a.found)
	if err == nil {
		return true
	}
	if ctx.Err() != nil || !a.broker.Status().Connected {
		return false
	}
	a.log.Warn().Err(err).Msg("cannot see what the broker keeps for Home Assistant; phones of an earlier store may stay there")
	return true
}

// found notes one payload that the broker keeps.
func (a *Announcer) found(m mqtt.Message) {
	mac, ours := a.texts.Ours(m.Topic, m.Payload)
	if !ours {
		return
	}
	var retired []homeassistant.Component
	if mac != bridge {
		retired = a.texts.Retired(m.Payload)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.known[mac]
	s.there = true
	a.known[mac] = s
	a.add(mac)
	if retired != nil {
		a.retired[mac] = retired
	}
}

func (a *Announcer) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	if a.birth != nil {
		a.birth.Stop()
	}
}
