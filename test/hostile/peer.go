package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// peer is a client of the broker that keeps what it hears.
type peer struct {
	paho.Client

	mu       sync.Mutex
	messages []stand.Message
}

// options are those of a client that does not connect again.
func (w *world) options(user, id string) *paho.ClientOptions {
	return paho.NewClientOptions().AddBroker("tcp://" + w.broker.Addr).SetProtocolVersion(4).SetClientID(id).
		SetUsername(user).SetPassword(passwordOf(user)).SetAutoReconnect(false).SetConnectTimeout(patience)
}

// connect logs in and subscribes. The subscriptions stand when it returns.
func (w *world) connect(_ context.Context, user, id string, filters ...string) (*peer, error) {
	p := &peer{}
	options := w.options(user, id)
	p.Client = paho.NewClient(options)
	if err := stand.Done(p.Connect()); err != nil {
		return nil, fmt.Errorf("connect %s: %w", user, err)
	}
	w.mu.Lock()
	w.peers = append(w.peers, p)
	w.mu.Unlock()
	for _, filter := range filters {
		if err := stand.Done(p.Subscribe(filter, 1, p.hear)); err != nil {
			return nil, fmt.Errorf("subscribe to %s: %w", filter, err)
		}
	}
	return p, nil
}

func (p *peer) hear(_ paho.Client, m paho.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages = append(p.messages, stand.Message{Topic: m.Topic(), Payload: m.Payload(), Retained: m.Retained()})
}

// heard are the messages from that one on.
func (p *peer) heard(from int) []stand.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.messages[min(from, len(p.messages)):])
}

func (p *peer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.messages)
}

// say publishes and waits for the broker's acknowledgement, which it also gives for what it drops.
func (p *peer) say(topic string, payload string) error {
	return stand.Done(p.Publish(topic, 1, false, payload))
}

func (p *peer) plant(topic string, payload string) error {
	return stand.Done(p.Publish(topic, 1, true, payload))
}

// attempt publishes what the broker may not take, each over a connection of its own: mosquitto ends one
// for a topic that it does not bear, and some versions for one that is not allowed. How often it did is
// returned.
func (w *world) attempt(ctx context.Context, user string, all ...stand.Message) (cut int, err error) {
	for _, m := range all {
		p, err := w.connect(ctx, user, "attempt-"+w.fresh())
		if err != nil {
			return cut, err
		}
		published := p.Publish(m.Topic, 1, m.Retained, m.Payload)
		answered := published.WaitTimeout(patience)
		p.Disconnect(0)
		if !answered {
			return cut, fmt.Errorf("no answer of the broker to %.100q within %s", m.Topic, patience)
		}
		if published.Error() != nil {
			cut++
		}
	}
	return cut, nil
}

// await waits for a message that fits, from that one on.
func (p *peer) await(ctx context.Context, from int, what string, fits func(stand.Message) bool) (m stand.Message, err error) {
	err = stand.Eventually(ctx, what, func() bool {
		all := p.heard(from)
		i := slices.IndexFunc(all, fits)
		if i < 0 {
			from += len(all)
			return false
		}
		m = all[i]
		return true
	})
	return m, err
}

// kept is what the broker keeps below a filter, by topic.
func (w *world) kept(ctx context.Context, filter string) (map[string]string, error) {
	looker, err := w.connect(ctx, observerUser, "looker-"+w.fresh(), filter)
	if err != nil {
		return nil, err
	}
	defer looker.Disconnect(0)
	// What is kept comes right after the subscription, so before anything that is published now.
	marker := "marker/" + strings.NewReplacer("#", "all", "+", "one").Replace(filter)
	if err := stand.Done(looker.Subscribe("marker/#", 1, looker.hear)); err != nil {
		return nil, err
	}
	if err := w.insider.say(marker, "now"); err != nil {
		return nil, err
	}
	if _, err := looker.await(ctx, 0, "the marker", func(m stand.Message) bool { return m.Topic == marker }); err != nil {
		return nil, err
	}
	found := make(map[string]string)
	for _, m := range looker.heard(0) {
		if m.Retained {
			found[m.Topic] = string(m.Payload)
		}
	}
	return found, nil
}

// commandResult is what the daemon says of a command.
type commandResult struct {
	Transaction any    `json:"transaction"`
	Command     string `json:"command"`
	Status      string `json:"status"`
	Code        string `json:"code"`
	Error       string `json:"error"`
	Sent        int    `json:"sent"`
	MAC         string `json:"mac"`
}

// outcome is the code of an error, otherwise the status.
func (r commandResult) outcome() string {
	if r.Status == "error" {
		return r.Code
	}
	return r.Status
}

// order publishes a command for a phone and waits for its result, the next one of that phone.
func (w *world) order(ctx context.Context, d *desk, command, payload string) (commandResult, error) {
	topic := "phone2mqtt/" + d.mac + "/set"
	if command != "" {
		topic += "/" + command
	}
	return w.orderAt(ctx, w.home, d, topic, payload)
}

func (w *world) orderAt(ctx context.Context, by *peer, d *desk, topic, payload string) (r commandResult, err error) {
	from := w.observer.count()
	if err := by.say(topic, payload); err != nil {
		return r, err
	}
	m, err := w.observer.await(ctx, from, fmt.Sprintf("the result of %.100q on %.100s", payload, topic), func(m stand.Message) bool {
		return m.Topic == "phone2mqtt/"+d.mac+"/result"
	})
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(m.Payload, &r)
}

// flush sends one more command to a phone and returns what it was asked for from that request on, in
// order, without the last: commands of a phone run in order, so nothing is still to come.
func (w *world) flush(ctx context.Context, d *desk, from int) ([]string, error) {
	mark := w.fresh()
	begin := w.observer.count()
	if err := w.home.say("phone2mqtt/"+d.mac+"/set/volume", `{"value":"UP","transaction":"`+mark+`"}`); err != nil {
		return nil, err
	}
	m, err := w.observer.await(ctx, begin, "the result of the last command", func(m stand.Message) bool {
		return m.Topic == "phone2mqtt/"+d.mac+"/result" && strings.Contains(string(m.Payload), `"transaction":"`+mark+`"`)
	})
	if err != nil {
		return nil, err
	}
	all := d.lines(from)
	if len(all) == 0 || all[len(all)-1] != "key=VOLUME_UP" {
		return nil, fmt.Errorf("the last command did not reach the phone, which got %q: %s", all, m.Payload)
	}
	return all[:len(all)-1], nil
}
