package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/mqtt/embedded"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

const demoBase = "phone2mqtt"

// demo shows the whole program at work: the daemon with the embedded broker, two simulated phones that
// call each other, and on the screen what goes over MQTT. It reads only LOG_*, keeps nothing and
// listens on loopback, so that it touches nothing of a daemon that runs beside it.
func demo(ctx context.Context, stdout, stderr io.Writer) error {
	logging, err := loadLogConfig()
	if err != nil {
		return usageError{err}
	}
	log := newLogger(logging, stderr)
	screen := &demoScreen{out: stdout, last: make(map[string]string)}

	broker, err := demoBroker(log)
	if err != nil {
		return fmt.Errorf("demo broker: %w", err)
	}
	intake, err := demoIntake()
	if err != nil {
		return fmt.Errorf("demo intake: %w", err)
	}
	server := "http://" + intake.Addr().String()
	kitchen, office, err := demoPhones(server)
	if err != nil {
		return fmt.Errorf("demo phones: %w", err)
	}
	screen.welcome(broker.Addr(), server)

	p := parts{
		intake: intake,
		broker: broker,
		mqtt:   mqtt.Config{URL: "mqtt://" + broker.Addr(), ClientID: demoBase},
		bridge: demoBridge(server, kitchen, office),
	}
	// A terminal that is closed ends it as Ctrl-C does.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	user := &demoUser{broker: broker.Addr(), screen: screen, kitchen: kitchen, office: office}
	return p.run(ctx, log,
		kitchen.Run, office.Run,
		screen.watch("Kitchen", kitchen), screen.watch("Office", office),
		user.run,
	)
}

// demoBroker and demoIntake take the usual port, or where that is taken any free one.
func demoBroker(log zerolog.Logger) (*embedded.Broker, error) {
	broker, err := embedded.Listen("127.0.0.1:1883", log)
	if errors.Is(err, syscall.EADDRINUSE) {
		return embedded.Listen("127.0.0.1:0", log)
	}
	return broker, err
}

func demoIntake() (net.Listener, error) {
	intake, err := net.Listen("tcp", "127.0.0.1:8090")
	if errors.Is(err, syscall.EADDRINUSE) {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	return intake, err
}

func demoPhones(server string) (kitchen, office *phonetest.Phone, err error) {
	exchange := phonetest.NewExchange()
	kitchen = phonetest.New(phonetest.Options{MAC: "001fc1000001", Number: "201", Name: "Kitchen", Server: server, Exchange: exchange})
	office = phonetest.New(phonetest.Options{MAC: "001fc1000002", Number: "202", Name: "Office", Server: server, Exchange: exchange})
	return kitchen, office, errors.Join(kitchen.Listen("127.0.0.1:0"), office.Listen("127.0.0.1:0"))
}

func demoBridge(server string, phones ...*phonetest.Phone) bridge.Config {
	c := bridge.Config{
		Version:       programVersion(),
		Base:          demoBase,
		Embedded:      true,
		HTTPURL:       server,
		Allow:         []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Rate:          1000,
		DefaultEvent:  phone.IncomingCall,
		EventFresh:    30 * time.Second,
		Limits:        phone.Limits{Ring: 3 * time.Minute, Talk: 12 * time.Hour, Repeat: 2 * time.Second},
		Login:         action.Login{Username: "admin", Password: secret.New("admin")},
		PhoneTimeout:  5 * time.Second,
		KeyPause:      500 * time.Millisecond,
		CommandTTL:    15 * time.Second,
		ProbeInterval: time.Minute,
	}
	for _, p := range phones {
		c.Phones = append(c.Phones, book.Listing{MAC: p.MAC(), Source: "the demo", Host: p.Addr()})
	}
	return c
}
