package main

import (
	"sync/atomic"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// subscriber sees what goes over the broker.
type subscriber struct {
	*stand.Subscriber
	events atomic.Int64 // messages on event topics so far
}

// subscribe has receive called, one after the other, for every message that fits a filter, after it was
// counted. receive may be nil, and must not wait.
func subscribe(addr, filter string, receive func(topic string, payload []byte, at time.Time)) (*subscriber, error) {
	s := &subscriber{}
	var err error
	s.Subscriber, err = stand.Subscribe(addr, filter, func(m stand.Message) {
		if isEvent(m.Topic) {
			s.events.Add(1)
		}
		if receive != nil {
			receive(m.Topic, m.Payload, m.At)
		}
	}, func(err error) { progress("the subscriber lost its session: %v", err) })
	return s, err
}

// isEvent tells the topics .../event and .../event/late.
func isEvent(topic string) bool {
	const fresh, late = "/event", "/event/late"
	return len(topic) > len(late) && (topic[len(topic)-len(fresh):] == fresh || topic[len(topic)-len(late):] == late)
}
