package main

import (
	"testing"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
)

// TestGuardAfterPause has a call end while a command waits for the pause after a key: in idle the key
// OK would open the phone's Status page, so it is not sent.
func TestGuardAfterPause(t *testing.T) {
	t.Parallel()
	broker := startEmbedded(t, "")
	p := startPhone(t, phonetest.Options{MAC: vendor})
	h := startHouse(t, broker.addr, "", func(c *bridge.Config) {
		listed(p)(c)
		c.KeyPause = 3 * time.Second
	})
	w := watch(t, broker.addr)
	w.ready(t)
	h.get(t, "/incoming_call?mac="+vendor)
	w.publish(t, "phone2mqtt/"+vendor+"/set/volume", "UP", false)
	w.nth(t, vendor+"/result", 1)
	w.publish(t, "phone2mqtt/"+vendor+"/set/answer", "PRESS", false)
	h.get(t, "/missed_call?mac="+vendor)
	if result := w.nth(t, vendor+"/result", 2); result.text("code") != "guard" || result.member("sent") != "0" {
		t.Errorf("result: %s", result.payload)
	}
	if got := p.Requests(); len(got) != 1 {
		t.Errorf("the phone got %v", got)
	}
}
