package homeassistant

import (
	"fmt"
	"os"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/bridge/homeassistant"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// TestRunningHomeAssistant visits a Home Assistant that runs already, at HA_URL, with a long-lived token in
// HA_TOKEN. HA_BROKER is host:port of the broker that it uses, which lets everyone in. The test announces
// one phone below a topic root of its own, and takes everything away again.
func TestRunningHomeAssistant(t *testing.T) {
	url, token, broker := os.Getenv("HA_URL"), os.Getenv("HA_TOKEN"), os.Getenv("HA_BROKER")
	if url == "" || token == "" || broker == "" {
		t.Skip("HA_URL, HA_TOKEN and HA_BROKER are not set: no running Home Assistant to visit")
	}
	h := &house{base: "phone2mqtt_test", files: t.TempDir(), exchange: phonetest.NewExchange(), broker: stand.Broker{Addr: broker}}
	h.server = &server{api: newAPI(url)}
	h.token = token
	h.listen(t)
	t.Cleanup(func() { h.ws.close() })
	intake, err := stand.FreeAddr()
	must(t, err)
	h.kitchen = startPhone(t, intake, phonetest.Options{MAC: kitchen, Number: "201", Exchange: h.exchange})
	h.office = phonetest.New(phonetest.Options{MAC: office, Number: "202", Exchange: h.exchange})
	h.buildDaemon(t, intake, fmt.Sprintf("{mac: %q, host: %q, name: phone2mqtt test, ring: true}", kitchen, h.kitchen.Addr()))
	h.startDaemon(t)
	t.Cleanup(func() { h.daemon.Stop() })
	h.kitchen.Boot()

	h.awaitTable(t, bridge, "phone2mqtt_phone2mqtt_test", homeassistant.BridgeEntities())
	h.awaitTable(t, kitchen, "phone2mqtt_test", homeassistant.PhoneEntities())
	h.awaitCall(t, "idle")
	h.ring(t)
	h.awaitCall(t, "ringing")
	h.press(t, kitchen, "answer")
	h.awaitCall(t, "talking")
	h.press(t, kitchen, "hangup")
	h.awaitCall(t, "idle")

	h.daemon.Stop()
	h.startDaemon(t, "DISCOVERY=false")
	for _, mac := range []phone.MAC{kitchen, bridge} {
		h.awaitGone(t, mac)
	}
	h.daemon.Stop()
	h.clear(t, h.base+"/#")
}

// clear takes away what the broker keeps below a filter.
func (h *house) clear(t *testing.T, filter string) {
	t.Helper()
	topics := h.retained(t, filter)
	s, err := stand.Subscribe(h.broker.Addr, filter, func(stand.Message) {}, nil)
	must(t, err)
	defer s.Disconnect(0)
	for _, topic := range topics {
		must(t, stand.Done(s.Publish(topic, 1, true, "")))
	}
	if left := h.retained(t, filter); len(left) != 0 {
		t.Errorf("the broker keeps %q", left)
	}
}
