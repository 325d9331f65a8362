package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang" //nolint:depguard // what watches the program must not be a part of it
)

// broker is a mosquitto that drops nothing and keeps nothing.
type broker struct {
	*process
	addr string
}

func (b *bench) startBroker(ctx context.Context) (broker, error) {
	addr, err := freeAddr()
	if err != nil {
		return broker{}, err
	}
	_, port, _ := net.SplitHostPort(addr)
	config := filepath.Join(b.dir, "mosquitto-"+port+".conf")
	// As root it would change to a user of its own.
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nmax_inflight_messages 1000\nuser root\nlog_type error\n", port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return broker{}, err
	}
	p, err := start(ctx, "mosquitto", "mosquitto", []string{"-c", config}, nil)
	if err != nil {
		return broker{}, err
	}
	return broker{p, addr}, p.await(ctx, "mosquitto listens", func() bool {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}

// subscriber sees what goes over the broker.
type subscriber struct {
	paho.Client
	events atomic.Int64 // messages on event topics so far
}

// subscribe has receive called, one after the other, for every message that fits a filter, after it was
// counted. receive may be nil, and must not wait.
func subscribe(addr, filter string, receive func(topic string, payload []byte, at time.Time)) (*subscriber, error) {
	s := &subscriber{}
	lost := func(_ paho.Client, err error) { progress("the subscriber lost its session: %v", err) }
	s.Client = paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID("bench").SetProtocolVersion(4).
		SetAutoReconnect(false).SetConnectionLostHandler(lost).SetCustomOpenConnectionFn(dialBuffered))
	if err := done(s.Connect()); err != nil {
		return nil, err
	}
	return s, done(s.Subscribe(filter, 1, func(_ paho.Client, m paho.Message) {
		now := time.Now()
		if topic := m.Topic(); isEvent(topic) {
			s.events.Add(1)
		}
		if receive != nil {
			receive(m.Topic(), m.Payload(), now)
		}
	}))
}

// bufferedConn saves the subscriber three of four reads, which paho makes byte by byte: what it costs
// to watch is taken from what is watched.
type bufferedConn struct {
	net.Conn
	in *bufio.Reader
}

func (c bufferedConn) Read(p []byte) (int, error) { return c.in.Read(p) }

func dialBuffered(broker *url.URL, opt paho.ClientOptions) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", broker.Host, opt.ConnectTimeout) //nolint:noctx // paho gives none
	if err != nil {
		return nil, err
	}
	return bufferedConn{c, bufio.NewReaderSize(c, 64<<10)}, nil
}

// isEvent tells the topics .../event and .../event/late.
func isEvent(topic string) bool {
	const fresh, late = "/event", "/event/late"
	return len(topic) > len(late) && (topic[len(topic)-len(fresh):] == fresh || topic[len(topic)-len(late):] == late)
}

// done waits for paho.
func done(t paho.Token) error {
	if !t.WaitTimeout(patience) {
		return fmt.Errorf("no answer of the broker within %s", patience)
	}
	return t.Error()
}
