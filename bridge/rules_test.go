package bridge

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/bridge/policy"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// tally counts commands as the metrics do.
type tally struct {
	unmetered
	commands map[string]int
}

func (c tally) CommandAnswered(name, code string) { c.commands[name+" "+code]++ }

// TestRulesAreTold wants a forbidden command counted each time, and logged after growing silences only,
// without the number.
func TestRulesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		broker, counted := newPaper(t), tally{commands: make(map[string]int)}
		b, err := New(Config{
			Base: "phone2mqtt", Learn: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
			CommandTTL: time.Minute, PhoneTimeout: time.Second, ProbeInterval: time.Hour,
			Rules: policy.Rules{Deny: []policy.Pattern{"0900!"}, Rate: 1},
			Meter: counted,
		}, broker, broker, zerolog.New(&log).Level(zerolog.WarnLevel))
		if err != nil {
			t.Fatal(err)
		}
		d, err := b.deviceOf(phone.MAC(desk), netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			b.Receive(mqtt.Message{Topic: "phone2mqtt/" + desk + "/set/dial", Payload: []byte("0900 123456")})
			time.Sleep(time.Second)
		}
		// Nobody knows the phone's address, but they count: whether one got through is not known to us.
		for range 3 {
			b.Receive(mqtt.Message{Topic: "phone2mqtt/" + desk + "/set/dial", Payload: []byte("206")})
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		b.Receive(mqtt.Message{Topic: "phone2mqtt/" + desk + "/set/dial", Payload: []byte("206")})
		synctest.Wait()
		b.stop(errStopped)
		b.stopQueue(d)
		b.workers.Wait()

		if diff := cmp.Diff(map[string]int{"dial rule": 102, "dial address": 2}, counted.commands); diff != "" {
			t.Errorf("counted (-want +got):\n%s", diff)
		}
		line := func(rule string, times int) string {
			return fmt.Sprintf(`{"level":"warn","mac":"%s","command":"dial","rule":"%s","times":%d,"message":"a rule forbids a command; it is not run"}`, desk, rule, times)
		}
		want := []string{line("DIAL_DENY", 1), line("DIAL_DENY", 61), line("DIAL_RATE", 1)}
		if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(log.String()), "\n")); diff != "" {
			t.Errorf("logged (-want +got):\n%s", diff)
		}
	})
}
