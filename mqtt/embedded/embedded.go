// Package embedded is an MQTT broker inside the process, for trying out and for
// tests. It listens on loopback only and lets everybody in. It keeps retained
// messages and sessions in memory, so a restart forgets them; it delivers what
// it queued for an absent session in any order. It never replaces a real broker
// and is used through ordinary MQTT clients, so one can take its place.
package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"sync"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/rs/zerolog"
)

// Broker is an MQTT broker that has its address already.
type Broker struct {
	listener net.Listener
	log      zerolog.Logger
}

// Listen takes the address, host:port on loopback (port 0: any free one), and
// serves nothing yet: clients wait in the backlog until Run. An address in use
// gives an error that is syscall.EADDRINUSE.
func Listen(addr string, log zerolog.Logger) (*Broker, error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	if !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("embedded broker: %s is not a loopback address", addr)
	}
	l, err := net.ListenTCP("tcp", tcp)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	// What mochi says below an error, each start and each client that leaves, is for its own authors.
	if log.GetLevel() > zerolog.DebugLevel {
		log = log.Level(zerolog.ErrorLevel)
	}
	return &Broker{listener: l, log: log}, nil
}

// Addr is the address that was taken, host:port.
func (b *Broker) Addr() string { return b.listener.Addr().String() }

// Run serves until ctx ends, then closes every connection. It can be called
// once and returns nil after an orderly end.
func (b *Broker) Run(ctx context.Context) error {
	defer func() { _ = b.listener.Close() }()
	capabilities := mochi.NewDefaultServerCapabilities()
	// Any other value deletes retained messages after that many seconds.
	capabilities.MaximumMessageExpiryInterval = 0
	// Beyond these a slow subscriber loses messages that were acknowledged to
	// their publisher.
	capabilities.MaximumClientWritesPending = math.MaxUint16
	capabilities.MaximumInflight = math.MaxUint16

	server := mochi.New(&mochi.Options{
		Capabilities: capabilities,
		Logger:       slog.New(zerolog.NewSlogHandler(b.log)),
	})
	for _, hook := range []mochi.Hook{new(everybody), &inTurn{topicAliases: capabilities.TopicAliasMaximum}} {
		if err := server.AddHook(hook, nil); err != nil {
			return fmt.Errorf("embedded broker: %w", err)
		}
	}
	if err := server.Serve(); err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	err := b.serve(ctx, server)
	if err := server.Close(); err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	return err
}

// serve hands mochi one connection after the other and returns when the last
// client has left after ctx's end. The listener is not mochi's to close: it
// would close its clients under a lock that it takes twice, and hang when one
// leaves by itself at that moment.
func (b *Broker) serve(ctx context.Context, server *mochi.Server) error {
	stop := context.AfterFunc(ctx, func() { _ = b.listener.Close() })
	defer stop()
	var clients sync.WaitGroup
	defer clients.Wait()
	for {
		c, err := b.listener.Accept()
		if ctx.Err() != nil && err != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("embedded broker: %w", err)
		}
		clients.Go(func() {
			stop := context.AfterFunc(ctx, func() { _ = c.Close() })
			defer stop()
			// mochi has logged why a client left.
			_ = server.EstablishConnection("loopback", c)
		})
	}
}

// everybody may connect, read and write.
type everybody struct{ mochi.HookBase }

func (*everybody) ID() string { return "everybody" }

func (*everybody) Provides(what byte) bool {
	return what == mochi.OnConnectAuthenticate || what == mochi.OnACLCheck
}

func (*everybody) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

func (*everybody) OnACLCheck(*mochi.Client, string, bool) bool { return true }

// inTurn lets a retained message be kept and a subscription be made only one after the other: mochi
// reads the index of retained topics without a lock, while another client's message changes it.
type inTurn struct {
	mochi.HookBase
	topicAliases uint16
	turn         sync.Mutex
}

func (*inTurn) ID() string { return "in turn" }

func (*inTurn) Provides(what byte) bool {
	switch what {
	case mochi.OnPacketRead, mochi.OnPacketProcessed, mochi.OnWill, mochi.OnWillSent:
		return true
	}
	return false
}

func (h *inTurn) OnPacketRead(_ *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if h.concerns(pk) {
		h.turn.Lock()
	}
	return pk, nil
}

func (h *inTurn) OnPacketProcessed(_ *mochi.Client, pk packets.Packet, _ error) {
	if h.concerns(pk) {
		h.turn.Unlock()
	}
}

// concerns leaves out packets that mochi refuses: it does not tell when it is through with them.
func (h *inTurn) concerns(pk packets.Packet) bool {
	switch pk.FixedHeader.Type {
	case packets.Subscribe:
		return pk.SubscribeValidate() == packets.CodeSuccess
	case packets.Publish:
		return pk.FixedHeader.Retain && pk.PublishValidate(h.topicAliases) == packets.CodeSuccess
	}
	return false
}

func (h *inTurn) OnWill(_ *mochi.Client, will mochi.Will) (mochi.Will, error) {
	if will.Retain && will.WillDelayInterval == 0 {
		h.turn.Lock()
	}
	return will, nil
}

// OnWillSent is called for delayed wills too, for which OnWill took no turn.
func (h *inTurn) OnWillSent(_ *mochi.Client, pk packets.Packet) {
	if pk.FixedHeader.Retain && pk.Connect.WillProperties.WillDelayInterval == 0 {
		h.turn.Unlock()
	}
}
