package stand

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// Message is one message as a subscriber got it.
type Message struct {
	Topic    string
	Payload  []byte
	Retained bool // the broker had kept it from before the subscription
	At       time.Time
}

// Subscriber is a client of the broker that sees what fits a filter, and may publish. It does not
// connect again.
type Subscriber struct{ paho.Client }

// Subscribe has receive called, one after the other, for every message that fits a filter; it must not
// wait. lost is called once when the session breaks by itself, and may be nil. The subscription stands
// when Subscribe returns.
func Subscribe(broker, filter string, receive func(Message), lost func(error)) (*Subscriber, error) {
	options := paho.NewClientOptions().AddBroker("tcp://" + broker).SetProtocolVersion(4).
		// Of two clients with one name the broker ends the older.
		SetClientID(fmt.Sprintf("observer-%08x", rand.Uint32())).
		SetAutoReconnect(false).SetCustomOpenConnectionFn(dialBuffered)
	if lost != nil {
		options.SetConnectionLostHandler(func(_ paho.Client, err error) { lost(err) })
	}
	s := &Subscriber{paho.NewClient(options)}
	if err := Done(s.Connect()); err != nil {
		return nil, fmt.Errorf("connect an observer: %w", err)
	}
	err := Done(s.Subscribe(filter, 1, func(_ paho.Client, m paho.Message) {
		receive(Message{m.Topic(), m.Payload(), m.Retained(), time.Now()})
	}))
	if err != nil {
		s.Disconnect(0)
		return nil, fmt.Errorf("subscribe to %s: %w", filter, err)
	}
	return s, nil
}

// Done waits until the broker has answered a request, for at most [Patience].
func Done(t paho.Token) error {
	if !t.WaitTimeout(Patience) {
		return fmt.Errorf("no answer of the broker within %s", Patience)
	}
	return t.Error()
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
