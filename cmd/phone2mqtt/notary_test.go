package main

import (
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// notary stands between the program and its broker and notes which messages the broker acknowledged:
// what a broker that is killed had acknowledged and not yet passed on is lost, and not our doing.
type notary struct {
	addr string

	mu           sync.Mutex
	broker       string
	acknowledged []message
}

func startNotary(t *testing.T, broker string) *notary {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &notary{addr: l.Addr().String(), broker: broker}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { n.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); connections.Wait() })
	return n
}

// moveTo passes connections on to another broker from now on.
func (n *notary) moveTo(broker string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.broker = broker
}

// of are the acknowledged messages of one topic below the root, in the order of their acknowledgement.
func (n *notary) of(topic string) []message {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(n.acknowledged), func(m message) bool { return m.topic != "phone2mqtt/"+topic })
}

func (n *notary) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	n.mu.Lock()
	addr := n.broker
	n.mu.Unlock()
	broker, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer func() { _ = broker.Close() }()
	var mu sync.Mutex
	published := make(map[uint16]message)
	var both sync.WaitGroup
	both.Go(func() {
		relay(broker, client, func(p packets.ControlPacket) {
			if m, ok := p.(*packets.PublishPacket); ok {
				mu.Lock()
				defer mu.Unlock()
				published[m.MessageID] = message{m.TopicName, string(m.Payload), m.Retain}
			}
		})
	})
	both.Go(func() {
		relay(client, broker, func(p packets.ControlPacket) {
			if ack, ok := p.(*packets.PubackPacket); ok {
				mu.Lock()
				defer mu.Unlock()
				n.mu.Lock()
				defer n.mu.Unlock()
				n.acknowledged = append(n.acknowledged, published[ack.MessageID])
			}
		})
	})
	both.Wait()
}

// relay passes packets on until one side closes, then closes both.
func relay(to, from net.Conn, note func(packets.ControlPacket)) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	for {
		p, err := packets.ReadPacket(from)
		if err != nil {
			return
		}
		note(p)
		if err := p.Write(to); err != nil {
			return
		}
	}
}
