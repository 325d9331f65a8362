package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// observe subscribes to all events with a session that the broker is asked to keep, as Home Assistant
// does not and careful users do, and notes the ids that come. What is missing there was lost by the
// broker after it had acknowledged it. The client connects again by itself; its end is the caller's.
func observe(broker string, j *journal) paho.Client {
	receive := func(_ paho.Client, m paho.Message) {
		var event said
		if !strings.Contains(m.Topic(), "/event") || json.Unmarshal(m.Payload(), &event) != nil {
			return
		}
		j.note(func(h *history) { h.observed[event.ID] = true })
	}
	client := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + broker).SetClientID("observer").
		SetCleanSession(false).SetAutoReconnect(true).SetConnectRetry(true).SetConnectRetryInterval(100 * time.Millisecond).
		SetMaxReconnectInterval(200 * time.Millisecond).SetDefaultPublishHandler(receive).
		SetOnConnectHandler(func(c paho.Client) { c.Subscribe(root+"+/event/#", 1, receive) }))
	client.Connect().WaitTimeout(stand.Patience)
	return client
}

// unseen counts the events that the broker acknowledged and the observer never got.
func (h *history) unseen() int {
	ids := make(map[string]bool)
	for i := range h.publications {
		p := &h.publications[i]
		if p.isEvent() && !p.confirmed.IsZero() && !h.observed[p.said.ID] {
			ids[p.said.ID] = true
		}
	}
	return len(ids)
}

// mark is a topic, and a message on it, that only a look knows.
const mark = "looked"

// look asks as a fresh subscriber what the broker keeps.
func look(ctx context.Context, broker string) (retained, error) {
	kept := make(retained)
	r, err := stand.Record(broker, root+"#")
	if err != nil {
		return nil, err
	}
	defer r.Disconnect(0)
	// What it keeps comes at once, and before what is published after the subscription.
	if err := stand.Done(r.Publish(root+mark, 1, false, mark)); err != nil {
		return nil, err
	}
	marked := func(m stand.Message) bool { return m.Topic == root+mark }
	if _, _, err := r.Await(ctx, 0, "the mark after what the broker keeps", marked); err != nil {
		return nil, err
	}
	messages, err := r.Messages()
	for _, m := range messages {
		if !marked(m) {
			kept[strings.TrimPrefix(m.Topic, root)] = slices.Clone(m.Payload)
		}
	}
	return kept, err
}
