package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
)

// demoUser is somebody with an MQTT client: it watches all topics and commands the phones, in a loop.
type demoUser struct {
	broker          string
	screen          *demoScreen
	kitchen, office *phonetest.Phone
	client          paho.Client
}

// run connects and plays its scenes until ctx ends.
func (u *demoUser) run(ctx context.Context) error {
	u.client = paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + u.broker).SetClientID("demo-user").SetAutoReconnect(false))
	if err := settled(ctx, u.client.Connect()); err != nil {
		return u.ended(ctx, err)
	}
	defer u.client.Disconnect(250)
	if err := settled(ctx, u.client.Subscribe(demoBase+"/#", 1, func(_ paho.Client, m paho.Message) {
		u.screen.message(m.Topic(), m.Payload())
	})); err != nil {
		return u.ended(ctx, err)
	}
	u.kitchen.Boot()
	u.office.Boot()
	for {
		for _, scene := range []func(context.Context) error{u.commandedCall, u.missedCall} {
			if err := scene(ctx); err != nil {
				return u.ended(ctx, err)
			}
		}
	}
}

// ended is nil when it was the user who ended it.
func (u *demoUser) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("demo user: %w", err)
}

// commandedCall is a call that MQTT commands make, answer, mute and end.
func (u *demoUser) commandedCall(ctx context.Context) error {
	u.screen.say("A call by MQTT commands: the kitchen calls the office, the office answers, the kitchen mutes and hangs up.")
	return u.play(ctx, []demoStep{
		{500 * time.Millisecond, func() error { return u.command(ctx, u.kitchen, "dial", `{"number":"202"}`) }},
		{time.Second, func() error { return u.command(ctx, u.office, "answer", "PRESS") }},
		{1500 * time.Millisecond, func() error { return u.command(ctx, u.kitchen, "mute", "ON") }},
		{1500 * time.Millisecond, func() error { return u.command(ctx, u.kitchen, "hangup", "{}") }},
		{3 * time.Second, func() error { return nil }},
	})
}

// missedCall is a call by hand that nobody answers.
func (u *demoUser) missedCall(ctx context.Context) error {
	u.screen.say("A call by hand: somebody in the office calls the kitchen, nobody answers.")
	return u.play(ctx, []demoStep{
		{0, func() error { u.office.Dial("201"); return nil }},
		{3 * time.Second, func() error { u.office.HangUp(); return nil }},
		{2 * time.Second, func() error { return u.command(ctx, u.kitchen, "clear_missed", "{}") }},
		{3 * time.Second, func() error { return nil }},
	})
}

// demoStep is done after a pause.
type demoStep struct {
	after time.Duration
	do    func() error
}

func (u *demoUser) play(ctx context.Context, steps []demoStep) error {
	for _, step := range steps {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(step.after):
		}
		if err := step.do(); err != nil {
			return err
		}
	}
	return nil
}

func (u *demoUser) command(ctx context.Context, p *phonetest.Phone, command, payload string) error {
	return settled(ctx, u.client.Publish(fmt.Sprintf("%s/%s/set/%s", demoBase, p.MAC(), command), 1, false, payload))
}

func settled(ctx context.Context, token paho.Token) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-token.Done():
		return token.Error()
	}
}

// demoScreen prints what happens, one line each.
type demoScreen struct {
	mu   sync.Mutex
	out  io.Writer
	last map[string]string // what was printed last of each state topic
}

func (s *demoScreen) welcome(broker, server string) {
	host, port, _ := net.SplitHostPort(broker)
	s.print(`phone2mqtt demo: the daemon, a broker and two simulated phones, all on this machine. Ctrl-C ends it.

  broker  mqtt://%s    watch along:  mosquitto_sub -h %s -p %s -v -t '%s/#'
  intake  %s    be a phone:   curl '%s/dnd_on?mac=001fc1000001'
  phones  Kitchen 001fc1000001 (201), Office 001fc1000002 (202)

  phone -> MQTT: what the phones report      MQTT -> phone: what they are told
`, broker, host, port, demoBase, server, server)
}

func (s *demoScreen) say(text string) { s.print("\n# %s\n", text) }

func (s *demoScreen) print(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Who closed the screen has seen enough; the demo ends by its signal.
	_, _ = fmt.Fprintf(s.out, format, args...)
}

func (s *demoScreen) line(direction, topic, text string) {
	s.print("%s  %-14s %-42s %s\n", time.Now().Format("15:04:05.000"), direction, topic, text)
}

// message prints one MQTT message in short; a state only when that shows something new.
func (s *demoScreen) message(topic string, payload []byte) {
	text := summary(topic, payload)
	if strings.HasSuffix(topic, "/state") && s.last[topic] == text {
		return
	}
	s.last[topic] = text
	direction := "phone -> MQTT"
	if strings.Contains(topic, "/set") {
		direction = "MQTT -> phone"
	}
	s.line(direction, topic, text)
}

// watch prints the Action URIs that a phone gets.
func (s *demoScreen) watch(name string, p *phonetest.Phone) service {
	return func(ctx context.Context) error {
		for n := 1; ; n++ {
			received, err := p.AwaitRequests(ctx, n)
			if err != nil {
				return nil // the demo ends
			}
			s.line("MQTT -> phone", "the "+name+" phone gets", received[n-1].Line)
		}
	}
}

// shown are the members of a payload that tell the story; the others are there, but make long lines.
var shown = map[string][]string{
	"event":  {"event_type", "direction", "remote_number", "remote_name", "result", "duration_s"},
	"state":  {"call_state", "direction", "remote_number", "remote_name", "muted", "missed_calls", "dnd"},
	"result": {"command", "status", "code", "error", "http_status"},
	"info":   {"version", "broker", "http_url"},
}

// summary is a payload in short: of a JSON object the members that tell the story.
func summary(topic string, payload []byte) string {
	leaf := topic[strings.LastIndexByte(topic, '/')+1:]
	var object map[string]any
	if shown[leaf] == nil || strings.Contains(topic, "/bridge/state") || json.Unmarshal(payload, &object) != nil {
		return string(payload)
	}
	var parts []string
	for _, member := range shown[leaf] {
		if value := object[member]; value != nil {
			parts = append(parts, fmt.Sprintf("%s=%v", member, value))
		}
	}
	return strings.Join(parts, " ")
}
