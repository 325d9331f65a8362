package embedded

import (
	"bytes"
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

// run serves until the test ends, and fails it when that takes long.
func run(t *testing.T, b *Broker) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
}

func listen(t *testing.T) *Broker {
	t.Helper()
	b, err := Listen("127.0.0.1:0", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func connect(t *testing.T, b *Broker, id string, receive paho.MessageHandler) paho.Client {
	t.Helper()
	c := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + b.Addr()).SetClientID(id).
		SetAutoReconnect(false).SetDefaultPublishHandler(receive))
	finish(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(100) })
	return c
}

func finish(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("token: %v", token.Error())
	}
}

func TestKeepsRetainedMessages(t *testing.T) {
	b := listen(t)
	run(t, b)
	heard := make(chan paho.Message, 1)
	publisher := connect(t, b, "publisher", nil)
	finish(t, publisher.Publish("dev/state", 1, true, "on"))
	subscriber := connect(t, b, "subscriber", func(_ paho.Client, m paho.Message) { heard <- m })
	finish(t, subscriber.Subscribe("dev/#", 1, nil))
	select {
	case m := <-heard:
		if m.Topic() != "dev/state" || string(m.Payload()) != "on" || !m.Retained() {
			t.Errorf("heard %s %s, retained %t", m.Topic(), m.Payload(), m.Retained())
		}
	case <-time.After(patience):
		t.Error("heard nothing")
	}
}

// TestClientsWaitForRun: from Listen on, nobody is turned away.
func TestClientsWaitForRun(t *testing.T) {
	b := listen(t)
	c := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + b.Addr()).SetClientID("early").SetAutoReconnect(false))
	token := c.Connect()
	run(t, b)
	finish(t, token)
	c.Disconnect(100)
}

// TestEndsInSpiteOfSilentClients has connections that never say anything, one
// of them in the middle of a packet.
func TestEndsInSpiteOfSilentClients(t *testing.T) {
	b := listen(t)
	run(t, b)
	for _, first := range []string{"", "\x10"} {
		conn, err := net.Dial("tcp", b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := conn.Write([]byte(first)); err != nil {
			t.Fatal(err)
		}
	}
	connect(t, b, "after them", nil)
}

func TestAddressInUse(t *testing.T) {
	b := listen(t)
	run(t, b)
	if _, err := Listen(b.Addr(), zerolog.Nop()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Listen: %v", err)
	}
}

func TestLoopbackOnly(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "nonsense", ""} {
		if _, err := Listen(addr, zerolog.Nop()); err == nil {
			t.Errorf("%q was taken", addr)
		}
	}
}

// TestDelayedWill has an MQTT 5 client whose retained will is sent a second
// after it is gone: mochi reports that one by another way than the others.
func TestDelayedWill(t *testing.T) {
	b := listen(t)
	run(t, b)
	heard := make(chan paho.Message, 1)
	subscriber := connect(t, b, "subscriber", func(_ paho.Client, m paho.Message) { heard <- m })
	finish(t, subscriber.Subscribe("dev/state", 1, nil))

	var packet bytes.Buffer
	will := packets.Packet{
		FixedHeader:     packets.FixedHeader{Type: packets.Connect},
		ProtocolVersion: 5,
		Connect: packets.ConnectParams{
			ProtocolName: []byte("MQTT"), ClientIdentifier: "five", Clean: true, Keepalive: 30,
			WillFlag: true, WillRetain: true, WillTopic: "dev/state", WillPayload: []byte("gone"),
			WillProperties: packets.Properties{WillDelayInterval: 1},
		},
		Properties: packets.Properties{SessionExpiryInterval: 60, SessionExpiryIntervalFlag: true},
	}
	if err := will.ConnectEncode(&packet); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(packet.Bytes()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-heard:
		if string(m.Payload()) != "gone" {
			t.Errorf("heard %s", m.Payload())
		}
	case <-time.After(patience):
		t.Error("no will")
	}
	finish(t, subscriber.Publish("dev/other", 1, true, "still there"))
}
