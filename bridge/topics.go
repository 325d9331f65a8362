package bridge

import (
	"strings"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// topics is the topic tree below one root.
type topics struct{ base string }

func (t topics) info() string              { return t.base + "/bridge/info" }
func (t topics) response(op string) string { return t.base + "/bridge/response/" + op }

func (t topics) availability(mac phone.MAC) string { return t.phone(mac, "availability") }
func (t topics) state(mac phone.MAC) string        { return t.phone(mac, "state") }
func (t topics) callState(mac phone.MAC) string    { return t.phone(mac, "call_state") }
func (t topics) event(mac phone.MAC) string        { return t.phone(mac, "event") }
func (t topics) lateEvent(mac phone.MAC) string    { return t.phone(mac, "event/late") }
func (t topics) result(mac phone.MAC) string       { return t.phone(mac, "result") }

func (t topics) phone(mac phone.MAC, leaf string) string {
	return t.base + "/" + string(mac) + "/" + leaf
}

// retained are the topics of one phone that the broker keeps.
func (t topics) retained(mac phone.MAC) []string {
	return []string{t.state(mac), t.callState(mac), t.availability(mac)}
}

// command takes a command topic apart: `<base>/<phone>/set` or `<base>/<phone>/set/<command>`.
func (t topics) command(topic string) (device, command string, ok bool) {
	rest, ok := strings.CutPrefix(topic, t.base+"/")
	if !ok {
		return "", "", false
	}
	device, rest, ok = strings.Cut(rest, "/set")
	return device, strings.TrimPrefix(rest, "/"), ok
}

// request is the operation that a bridge request topic names.
func (t topics) request(topic string) (op string, ok bool) {
	return strings.CutPrefix(topic, t.base+"/bridge/request/")
}
