package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// subscribeRefused is the return code of SUBACK (MQTT 3.1.1, 3.9.3).
const subscribeRefused = 0x80

// connect opens a session: CONNACK, SUBACK, and the PUBACK of Online.
func (c *Client) connect(ctx context.Context, broker *url.URL) (*session, error) {
	s := newSession(c)
	s.paho = paho.NewClient(s.options(ctx, broker))
	err := s.open(ctx, broker.Scheme)
	if err != nil {
		s.cut()
		return nil, err
	}
	return s, nil
}

func (s *session) open(ctx context.Context, scheme string) error {
	cfg := &s.client.cfg
	connected := s.paho.Connect()
	// paho bounds dialling and CONNACK together; it is given a little more.
	if err := s.await(ctx, connected.Done(), cfg.ConnectTimeout+time.Second); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := connected.Error(); err != nil {
		if scheme == "mqtt" || scheme == "tcp" {
			err = unanswered(err, "mqtts")
		}
		return fmt.Errorf("connect: %w", explained(err))
	}
	if err := s.subscribe(ctx); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	go s.keepPresence()
	if err := s.await(ctx, s.present, cfg.ConnectTimeout); err != nil {
		return fmt.Errorf("publish presence: %w", err)
	}
	return nil
}

// options are such that a token without error means a PUBACK: paho's own
// reconnecting completes tokens without one, loses the order, and has a data
// race. So each connection has a client of its own, and nothing is resumed.
func (s *session) options(ctx context.Context, broker *url.URL) *paho.ClientOptions {
	cfg := &s.client.cfg
	o := paho.NewClientOptions()
	o.Servers = []*url.URL{broker}
	o.SetClientID(cfg.ClientID).SetUsername(cfg.Username).SetPassword(cfg.Password.Reveal())
	o.SetAutoReconnect(false).SetConnectRetry(false).SetCleanSession(true)
	o.SetStore(noStore{}).SetOrderMatters(true)
	o.SetProtocolVersion(4) // else every refusal is tried again as MQTT 3.1
	o.SetConnectTimeout(cfg.ConnectTimeout).SetWriteTimeout(cfg.WriteTimeout)
	o.SetKeepAlive(cfg.KeepAlive).SetPingTimeout(cfg.PingTimeout)
	o.SetBinaryWill(cfg.Presence.Topic, cfg.Presence.Offline, 1, true)
	// Ours are acknowledged when they were received, see receive. One that nobody
	// handles would never be.
	o.SetAutoAckDisabled(true)
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { m.Ack() })
	o.SetConnectionLostHandler(func(_ paho.Client, err error) { s.fail(err) })
	o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
		conn, err := cfg.dial(ctx, broker)
		if err != nil {
			return nil, err
		}
		if err := s.hold(conn); err != nil {
			return nil, err
		}
		return newWire(conn, cfg.WriteTimeout), nil
	})
	return o
}

// dial opens the connection, never through a proxy from the environment, which
// is meant for the web.
func (cfg *Config) dial(ctx context.Context, broker *url.URL) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
	defer cancel()
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.TLS != nil {
		secure = cfg.TLS.Clone()
	}
	spoke := whenSpoken(secure)
	webSocket := func() (net.Conn, error) {
		direct := func(*http.Request) (*url.URL, error) { return nil, nil }
		return paho.NewWebsocket(broker.String(), secure, cfg.ConnectTimeout, nil, &paho.WebsocketOptions{Proxy: direct})
	}
	switch broker.Scheme {
	case "ws":
		conn, err := webSocket()
		return conn, unanswered(err, "wss")
	case "wss":
		conn, err := webSocket()
		return conn, speechless(err, *spoke)
	case "mqtts", "ssl":
		conn, err := (&tls.Dialer{Config: secure}).DialContext(ctx, "tcp", broker.Host)
		return conn, speechless(err, *spoke)
	default:
		return (&net.Dialer{}).DialContext(ctx, "tcp", broker.Host)
	}
}

// whenSpoken notes that the other side has shown a certificate that we trust: what
// ends the connection later is not for want of TLS.
func whenSpoken(secure *tls.Config) (spoke *bool) {
	spoke = new(bool)
	verify := secure.VerifyConnection
	secure.VerifyConnection = func(state tls.ConnectionState) error {
		*spoke = true
		if verify == nil {
			return nil
		}
		return verify(state)
	}
	return spoke
}

// speechless puts a hint before the end of a connection that should have spoken
// TLS.
func speechless(err error, spoke bool) error {
	if spoke || !closedByPeer(err) {
		return err
	}
	return fmt.Errorf("the broker closed the connection instead of speaking TLS, the port may be one without: %w", err)
}

// unanswered is the same for one without TLS. Brokers have other reasons, too.
func unanswered(err error, secure string) error {
	if !closedByPeer(err) {
		return err
	}
	return fmt.Errorf("the broker closed the connection before it answered, if the port is one for TLS the URL has to begin with %s://: %w", secure, err)
}

// subscribe asks for everything at once and reads what was granted: a refusal
// is no error to paho. Events go on without the refused ones.
func (s *session) subscribe(ctx context.Context) error {
	cfg := &s.client.cfg
	receivers := map[string][]func(Message){cfg.Presence.Topic: {s.presence}}
	filters := map[string]byte{cfg.Presence.Topic: 1}
	for _, sub := range cfg.Subscriptions {
		receivers[sub.Filter] = append(receivers[sub.Filter], sub.Receive)
		filters[sub.Filter] = 1
	}
	for filter, receive := range receivers {
		s.paho.AddRoute(filter, func(_ paho.Client, m paho.Message) { s.receive(m, receive) })
	}
	token := s.paho.SubscribeMultiple(filters, nil)
	if err := s.answered(ctx, token); err != nil {
		return err
	}
	granted, ok := token.(*paho.SubscribeToken)
	if !ok {
		return errors.New("no SUBACK")
	}
	for filter, code := range granted.Result() {
		if code == subscribeRefused {
			s.refused = append(s.refused, filter)
		}
	}
	slices.Sort(s.refused)
	return nil
}

// receive hands a message over and acknowledges it. One that comes when nothing
// can be sent any more is neither handed over nor acknowledged: whoever takes it
// could answer only into the void.
func (s *session) receive(m paho.Message, receivers []func(Message)) {
	if !s.client.admits(s) {
		return
	}
	for _, receive := range receivers {
		receive(Message{Topic: m.Topic(), Payload: m.Payload(), Retained: m.Retained()})
	}
	s.client.received(s)
	m.Ack()
}

// noStore makes paho keep nothing: the line is the only memory.
type noStore struct{}

func (noStore) Open()                             {}
func (noStore) Put(string, packets.ControlPacket) {}
func (noStore) Get(string) packets.ControlPacket  { return nil }
func (noStore) All() []string                     { return nil }
func (noStore) Del(string)                        {}
func (noStore) Close()                            {}
func (noStore) Reset()                            {}
