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
func (b *Bridge) ownPage(w http.ResponseWriter, path string) bool {
	name, below, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case !slices.Contains([]string{"healthz", "readyz", "metrics", "ui"}, name):
		return false
	case name == "healthz" && below == "":
		plain(w, http.StatusOK, "ok")
	case name == "readyz" && below == "":
		b.ready(w)
	default:
		plain(w, http.StatusNotFound, "nothing is served here")
	}
	return true
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
