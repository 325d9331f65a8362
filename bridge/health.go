package bridge

import (
	"fmt"
	"net/http"
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
	if status.StoreErr != nil {
		missing = append(missing, "the store takes no events: "+status.StoreErr.Error())
	}
	return missing
}

// live answers /healthz: the process works.
func (b *Bridge) live(w http.ResponseWriter) { plain(w, http.StatusOK, "ok") }

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
