package main

import (
	"net/netip"

	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/bridge/gate"
	"github.com/phone2mqtt/phone2mqtt/bridge/quiet"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
)

// mostConnections are held open by the intake at once, where the system lets it.
const mostConnections = 4096

// adminBounds are for a handful of programs that look on.
var adminBounds = action.Bounds{Open: 64}

// intakeBounds leave half of the descriptors to the store, the broker and the requests to phones. A
// proxy may have as many connections as there is room for: many phones are behind it.
func intakeBounds(cfg bridge.Config, log zerolog.Logger) action.Bounds {
	proxies := gate.Gate{Proxies: cfg.Proxies}
	told := new(quiet.Failures)
	return action.Bounds{
		Open:   min(mostConnections, max(descriptors()/2, 1)),
		Shared: proxies.Trusts,
		Ended: func(source netip.Addr, most int, all bool) {
			kind, from := "all", "" // whoever was the oldest is nobody in particular
			if !all {
				kind, from = source.String(), source.String()
			}
			if n, ok := told.Says(kind); ok {
				log.Warn().Str("source", from).Int("most", most).Int("times", n).Msg("too many connections that ask for nothing, the oldest are ended")
			}
		},
	}
}
