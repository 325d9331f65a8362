package bridge

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// missing is what keeps the bridge from its work, one short phrase each; nil when nothing does.
func (b *Bridge) missing() []string {
	var missing []string
	status := b.broker.Status()
	if !status.Connected {
		missing = append(missing, "no session with the broker "+status.Broker)
	} else if !status.Verified {
		missing = append(missing, fmt.Sprintf("our own %s on %s did not come back: the broker does not let us write and read it", online, Presence(b.cfg.Base).Topic))
	}
	if len(status.Refused) > 0 {
		missing = append(missing, "the broker refused the subscription to "+strings.Join(status.Refused, ", ")+": commands do not arrive")
	}
	if status.Full {
		missing = append(missing, "the store is full (STORE_MAX): events are refused")
	}
	if status.StoreErr != nil {
		missing = append(missing, "the store takes no events: "+status.StoreErr.Error())
	}
	return missing
}

// ownPage answers what is asked of the bridge itself, which needs no token and does not count for the
// rate. The names are never events, whatever stands below them.
func (b *Bridge) ownPage(w http.ResponseWriter, r *http.Request, path string, metrics bool) bool {
	name, below, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case !slices.Contains([]string{"healthz", "readyz", "metrics", "ui"}, name):
		return false
	case name == "healthz" && below == "":
		plain(w, http.StatusOK, "ok")
	case name == "readyz" && below == "":
		b.ready(w)
	case name == "metrics" && below == "" && metrics && b.cfg.Metrics != nil:
		b.serveMetrics(w, r)
	default:
		plain(w, http.StatusNotFound, "nothing is served here")
	}
	return true
}

// ServeAdmin answers the bridge's own paths and nothing else. It belongs on a listener of its own.
func (b *Bridge) ServeAdmin(w http.ResponseWriter, r *http.Request) {
	if !b.ownPage(w, r, r.URL.Path, true) {
		plain(w, http.StatusNotFound, "nothing is served here; events go to HTTP_ADDR")
	}
}

// serveMetrics answers /metrics, to whom may send events and to this machine.
func (b *Bridge) serveMetrics(w http.ResponseWriter, r *http.Request) {
	source := b.sourceOf(r)
	if source.IsLoopback() || b.gate.Allows(source) {
		b.cfg.Metrics.ServeHTTP(w, r)
		return
	}
	if n, ok := b.refusals.Says(source.String() + " metrics"); ok {
		b.log.Warn().Str("source", source.String()).Int("times", n).Msg("metrics refused")
	}
	plain(w, http.StatusForbidden, fmt.Sprintf("address %s is not in HTTP_ALLOW", source))
}

// ready answers /readyz: what comes in now reaches the broker.
func (b *Bridge) ready(w http.ResponseWriter) {
	if missing := b.missing(); missing != nil {
		plain(w, http.StatusServiceUnavailable, strings.Join(missing, "\n"))
		return
	}
	if b.cfg.Embedded {
		plain(w, http.StatusOK, "ready, with the embedded broker: for trying out only, set PHONE2MQTT_MQTT_URL")
		return
	}
	plain(w, http.StatusOK, "ready")
}
