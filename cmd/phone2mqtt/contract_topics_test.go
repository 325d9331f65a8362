package main

import (
	"slices"
	"strings"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
)

// ownTopics are the topics that the program publishes, the phone's below its MAC, and whether they are
// retained.
var ownTopics = map[string]bool{
	"bridge/state":                 true,
	"bridge/info":                  true,
	"bridge/response/health_check": false,
	"MAC/availability":             true,
	"MAC/state":                    true,
	"MAC/call_state":               true,
	"MAC/event":                    false,
	"MAC/result":                   false,
}

// TestTopics lets a phone live for a while and looks at every topic that comes of it: none but those of
// the contract, retained or not as it says, everything at QoS 1.
func TestTopics(t *testing.T) {
	eachBroker(t, func(t *testing.T, start func(*testing.T, string) testBroker) {
		broker := start(t, "")
		qos := watchQoS(t, broker.addr)
		p := startPhone(t, phoneOptions(vendor))
		s := &scene{broker: broker, watcher: watch(t, broker.addr), house: startHouse(t, broker.addr, "", listed(p))}
		s.ready(t)
		s.tell(t, vendor, "incoming_call", talk...)
		s.tell(t, vendor, "call_established", talk...)
		s.tell(t, vendor, "call_terminated", talk...)
		s.do(t, vendor, "dial", "206")
		s.request(t, "health_check", "{}")
		s.until(t, vendor)

		seen := make(map[string]bool)
		for _, m := range s.seen() {
			name := strings.ReplaceAll(strings.TrimPrefix(m.topic, "phone2mqtt/"), vendor, "MAC")
			if strings.Contains(name, "/set") || strings.Contains(name, "/request/") {
				continue
			}
			if _, known := ownTopics[name]; !known {
				t.Errorf("the contract knows no topic %s: %s", m.topic, m.payload)
			}
			seen[name] = true
		}
		late := watchAs(t, broker.addr, "late")
		for name, retained := range ownTopics {
			if !seen[name] {
				t.Errorf("nothing came on %s", name)
			}
			if retained {
				late.last(t, strings.ReplaceAll(name, "MAC", vendor), "is retained", func(m message) bool { return m.retained })
			}
		}
		for _, m := range late.seen() {
			name := strings.ReplaceAll(strings.TrimPrefix(m.topic, "phone2mqtt/"), vendor, "MAC")
			if m.retained != ownTopics[name] {
				t.Errorf("who comes later gets %v", m)
			}
		}
		for _, topic := range qos() {
			t.Errorf("not at QoS 1: %s", topic)
		}
	})
}

// watchQoS gives the topics that came at another QoS than 1.
func watchQoS(t *testing.T, broker string) func() []string {
	t.Helper()
	others := make(chan string, 1000)
	client := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + broker).SetClientID("qos").SetAutoReconnect(false))
	wait(t, client.Connect())
	t.Cleanup(func() { client.Disconnect(50) })
	wait(t, client.Subscribe("phone2mqtt/#", 2, func(_ paho.Client, m paho.Message) {
		if m.Qos() != 1 {
			others <- m.Topic()
		}
	}))
	return func() []string {
		var topics []string
		for len(others) > 0 {
			topics = append(topics, <-others)
		}
		return topics
	}
}

// TestWill kills the connection of a program and has the broker tell that it is offline; when it is
// back it says so itself, and when somebody else says that it is gone.
func TestWill(t *testing.T) {
	eachBroker(t, func(t *testing.T, start func(*testing.T, string) testBroker) {
		broker := start(t, "")
		proxy := startSlowBroker(t, broker.addr)
		w := watch(t, broker.addr)
		startHouse(t, proxy.addr, "", nil)
		w.ready(t)
		proxy.cut()
		w.last(t, "bridge/state", "is offline", func(m message) bool { return m.payload == "offline" })
		proxy.mend()
		w.last(t, "bridge/state", "is online again", func(m message) bool { return m.payload == "online" })
		n := len(w.of("bridge/state"))
		w.publish(t, "phone2mqtt/bridge/state", "offline", true)
		w.nth(t, "bridge/state", n+2)
		w.last(t, "bridge/state", "is corrected", func(m message) bool { return m.payload == "online" })
	})
}

// TestBase puts everything below another root, of two levels.
func TestBase(t *testing.T) {
	broker := startEmbedded(t, "")
	p := startPhone(t, phonetest.Options{MAC: vendor})
	h := startBase(t, broker.addr, "phone2mqtt/second-floor", listed(p))
	s := &scene{broker: broker, house: h, watcher: watch(t, broker.addr)}
	below := "second-floor/"
	s.last(t, below+"bridge/state", "is online", func(m message) bool { return m.payload == "online" })
	s.tell(t, vendor, "off_hook")
	s.nth(t, below+vendor+"/event", 2)
	s.last(t, below+vendor+"/state", "is there", func(m message) bool { return m.text("last_event") == "off_hook" })
	s.last(t, below+vendor+"/availability", "is online", func(m message) bool { return m.payload == "online" })
	s.publish(t, "phone2mqtt/"+below+vendor+"/set/dial", "206", false)
	if result := s.nth(t, below+vendor+"/result", 1); outcome(result) != "ok" {
		t.Errorf("result: %s", result.payload)
	}
	s.publish(t, "phone2mqtt/"+below+"bridge/request/health_check", "{}", false)
	s.nth(t, below+"bridge/response/health_check", 1)
	if info := s.nth(t, below+"bridge/info", 1); info.text("base") != "phone2mqtt/second-floor" {
		t.Errorf("bridge/info: %s", info.payload)
	}
	// The same command below the usual root is nobody's.
	s.publish(t, "phone2mqtt/"+vendor+"/set/dial", "207", false)
	s.publish(t, "phone2mqtt/"+below+vendor+"/set", `{"command":"dial","number":"208"}`, false)
	s.nth(t, below+vendor+"/result", 2)
	if diff := cmp.Diff([]string{"Command=1&Number=206", "Command=1&Number=208"}, lines(p)); diff != "" {
		t.Errorf("what the phone got (-want +got):\n%s", diff)
	}
	if i := slices.IndexFunc(s.seen(), func(m message) bool {
		return !strings.HasPrefix(m.topic, "phone2mqtt/"+below) && !strings.Contains(m.topic, "/set")
	}); i >= 0 {
		t.Errorf("published outside its root: %v", s.seen()[i])
	}
}

// startBase runs the program with another topic root.
func startBase(t *testing.T, broker, base string, change func(*bridge.Config)) house {
	t.Helper()
	return startHouse(t, broker, "", func(c *bridge.Config) {
		change(c)
		c.Base = base
	})
}
