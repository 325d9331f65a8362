package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/bridge/metrics"
	"github.com/phone2mqtt/phone2mqtt/bridge/policy"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/mqtt/embedded"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
)

// parts is what the program consists of. Whoever fills it has opened the sockets: listen first, serve
// second.
type parts struct {
	intake   net.Listener
	admin    net.Listener     // nil: /metrics is served on intake
	broker   *embedded.Broker // nil: the user's own
	dataDir  string           // empty: a temporary one
	storeMax int64
	mqtt     mqtt.Config
	bridge   bridge.Config
	record   recordings
	phones   phonesFile       // where bridge.Phones were read
	reload   <-chan os.Signal // SIGHUP: read them again; nil: nobody asks
}

// daemon runs the program as the environment says.
func daemon(ctx context.Context, stderr io.Writer) error {
	// From here on, and without a phones file too: left alone SIGHUP would end the program.
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	cfg, err := loadConfig()
	if err != nil {
		return usageError{err}
	}
	log := newLogger(cfg.Log, stderr)
	p := parts{
		dataDir:  string(cfg.DataDir),
		storeMax: int64(cfg.StoreMax),
		mqtt:     cfg.mqttConfig(),
		bridge:   cfg.bridgeConfig(),
		record:   recordings{cfg.Record.Dir, cfg.Record.Plain},
		phones:   phonesFile{cfg.PhonesFile, cfg.Phones},
		reload:   reload,
	}
	if p.bridge.Phones, err = p.phones.read(); err != nil {
		return usageError{err}
	}
	setGarbage(len(p.bridge.Phones))
	if cfg.MQTT.URL.embedded() {
		if p.broker, err = embedded.Listen(string(cfg.BrokerAddr), log); err != nil {
			return brokerInUse(err, string(cfg.BrokerAddr))
		}
		p.mqtt.URL = "mqtt://" + p.broker.Addr()
		log.Warn().Str("address", p.broker.Addr()).Msg("no MQTT_URL: running the embedded broker, which is for trying out only")
	}
	if p.intake, err = listen(ctx, string(cfg.HTTP.Addr)); err != nil {
		return fmt.Errorf("HTTP_ADDR: %w", err)
	}
	if cfg.HTTP.TLS != nil {
		p.intake = tls.NewListener(p.intake, renewed(cfg.HTTP.TLS, cfg.HTTP.CertFile, cfg.HTTP.KeyFile, log))
	}
	admin := ""
	if cfg.AdminAddr != "" {
		if p.admin, err = listen(ctx, string(cfg.AdminAddr)); err != nil {
			return fmt.Errorf("ADMIN_ADDR: %w", err)
		}
		admin = p.admin.Addr().String()
	}
	log.Info().Str("version", p.bridge.Version).Str("intake", p.intake.Addr().String()).Str("admin", admin).Str("intake_url", p.bridge.HTTPURL).
		Str("broker", hostOf(p.mqtt.URL)).Str("base", p.bridge.Base).Str("data_dir", p.dataDir).Int("listed_phones", len(p.bridge.Phones)).
		Bool("learn", p.bridge.Learn).Bool("token", len(p.bridge.Tokens) > 0).Bool("token_per_phone", p.bridge.PerPhone).Bool("discovery", p.bridge.Discovery).Msg("phone2mqtt starts")
	cfg.warnOfLooseFiles(log)
	err = p.run(ctx, log)
	log.Info().Bool("orderly", err == nil).Msg("phone2mqtt has stopped")
	return err
}

// hostOf is a broker's URL as the log may show it: a query can hold a token.
func hostOf(broker string) string {
	u, err := url.Parse(broker)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// brokerInUse tells what an occupied broker port most likely means.
func brokerInUse(err error, addr string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		_, port, _ := net.SplitHostPort(addr)
		return fmt.Errorf("BROKER_ADDR %s is in use; if that is your broker, set PHONE2MQTT_MQTT_URL=mqtt://localhost:%s", addr, port)
	}
	return fmt.Errorf("BROKER_ADDR: %w", err)
}

// run serves until ctx ends or a part fails, then stops what it started in reverse order.
func (p parts) run(ctx context.Context, log zerolog.Logger, more ...service) error {
	record, err := p.record.open(&p.bridge, log)
	if err != nil {
		return err
	}
	store, err := mqtt.OpenStore(p.dataDir, mqtt.StoreOptions{MaxBytes: p.storeMax, Log: log})
	if err != nil {
		return fmt.Errorf("DATA_DIR: %w", err)
	}
	var b *bridge.Bridge
	var client *mqtt.Client
	meter := metrics.New(metrics.Config{
		Version:  p.bridge.Version,
		StoreMax: p.storeMax,
		Status:   func() mqtt.Status { return client.Status() },
		Phones:   func() (available, unavailable int) { return b.Phones() },
	})
	p.bridge.Meter, p.bridge.Metrics, p.bridge.Admin = meter, meter.Handler(), p.admin != nil
	p.mqtt.OnAcknowledged = meter.Published
	p.mqtt.Log = log
	p.mqtt.Presence = bridge.Presence(p.bridge.Base)
	for _, filter := range bridge.Inbound(p.bridge) {
		p.mqtt.Subscriptions = append(p.mqtt.Subscriptions, mqtt.Subscription{
			Filter:  filter,
			Receive: func(m mqtt.Message) { b.Receive(m) },
		})
	}
	p.mqtt.OnConnect = func() { b.Connected() }
	p.mqtt.Source = func() (mqtt.Message, time.Duration) { return b.Announcement() }
	client = mqtt.NewClient(p.mqtt, store)
	if b, err = bridge.New(p.bridge, client, store, log); err != nil {
		return errors.Join(fmt.Errorf("DATA_DIR: %w", err), store.Close())
	}
	services := []service{client.Run, b.Run, p.phones.follow(p.reload, p.bridge.Phones, b.List, log), serve("intake", p.intake, action.Server{Handler: b, Bounds: intakeBounds(p.bridge, log), Log: log})}
	if p.admin != nil {
		services = append(services, serve("admin", p.admin, action.Server{Handler: http.HandlerFunc(b.ServeAdmin), Bounds: adminBounds, Log: log}))
	}
	if record != nil {
		services = append([]service{record}, services...)
	}
	if p.broker != nil {
		services = append([]service{p.broker.Run}, services...)
	}
	return errors.Join(runAll(ctx, append(services, more...)...), store.Close())
}

// listen opens a socket for [action.Server]. Its connections do not live long enough for keep-alive, which
// would take four system calls for each.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	return (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp", addr)
}

// serve is the service that answers what comes in on a listener.
func serve(name string, l net.Listener, server action.Server) service {
	return func(ctx context.Context) error {
		if err := server.Serve(ctx, l); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
}

// service is a part that lives until its context ends.
type service func(ctx context.Context) error

// runAll runs services until ctx ends or one fails. Then each is stopped before the ones that were
// named before it, which it may still need.
func runAll(ctx context.Context, services ...service) error {
	group, over := errgroup.WithContext(ctx)
	var stops []func()
	for _, serve := range services {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		ended := make(chan struct{})
		group.Go(func() error {
			defer close(ended)
			return serve(own)
		})
		stops = append(stops, func() { cancel(); <-ended })
	}
	<-over.Done()
	for i := len(stops) - 1; i >= 0; i-- {
		stops[i]()
	}
	return group.Wait()
}

func (c config) mqttConfig() mqtt.Config {
	return mqtt.Config{
		URL:      c.MQTT.URL.Address,
		ClientID: c.MQTT.ClientID,
		Username: c.MQTT.Username,
		Password: c.MQTT.Password,
		TLS:      c.MQTT.TLS,
	}
}

func (c config) bridgeConfig() bridge.Config {
	url := string(c.HTTP.URL)
	if url == "" {
		url, _ = c.guessURL()
	}
	b := bridge.Config{
		Version:       programVersion(),
		Base:          string(c.MQTT.Base),
		Embedded:      c.MQTT.URL.embedded(),
		HTTPURL:       url,
		Learn:         c.Learn,
		Tokens:        c.HTTP.Token,
		PerPhone:      c.HTTP.TokenPerPhone,
		Allow:         c.HTTP.Allow,
		Proxies:       c.HTTP.TrustedProxies,
		Rate:          int(c.HTTP.Rate),
		DefaultEvent:  phone.EventType(c.DefaultEvent),
		Charset:       phone.Charset(c.Phone.Charset),
		EventFresh:    c.EventFresh,
		Limits:        phone.Limits{Ring: c.RingLimit, Talk: c.TalkLimit, Repeat: c.RepeatWindow},
		Login:         action.Login{Username: c.Phone.Username, Password: c.Phone.Password},
		PhoneTimeout:  c.Phone.Timeout,
		KeyPause:      c.KeyPause,
		CommandTTL:    c.CommandTTL,
		ProbeInterval: c.ProbeInterval,
		Rules: policy.Rules{
			Commands: c.Commands,
			Allow:    c.Dial.Allow,
			Deny:     c.Dial.Deny,
			Rate:     int(c.Dial.Rate),
		},

		Discovery:       c.Discovery,
		DiscoveryPrefix: string(c.DiscoveryPrefix),
	}
	return b
}
