package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/phone2mqtt/phone2mqtt/bridge/gate"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// patience bounds every conversation of an attacker.
const patience = 15 * time.Second

// answer is what the intake said; without any the status is 0.
type answer struct {
	status     int
	head, body string
}

func (a answer) String() string {
	return strings.TrimSpace(fmt.Sprintf("%d %.80s", a.status, strings.TrimSpace(a.body)))
}

// dial connects to the intake from one of the world's addresses.
func (w *world) dial(ctx context.Context, from string) (net.Conn, error) {
	return w.dialTo(ctx, from, w.intake)
}

func (w *world) dialTo(ctx context.Context, from, to string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience, KeepAlive: -1}
	c, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		return nil, err
	}
	return c, c.SetDeadline(time.Now().Add(patience))
}

// ask sends bytes as they are and reads all that comes back until the connection ends. An error means
// that there was no connection.
func (w *world) ask(ctx context.Context, from, raw string) (answer, error) {
	return w.askAt(ctx, from, w.intake, raw)
}

func (w *world) askAt(ctx context.Context, from, to, raw string) (answer, error) {
	c, err := w.dialTo(ctx, from, to)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	// The daemon may answer and leave before it has read everything.
	_, _ = io.WriteString(c, raw)
	text, _ := io.ReadAll(io.LimitReader(c, 4<<20))
	return w.readAnswer(string(text)), nil
}

func (w *world) readAnswer(text string) answer {
	w.mu.Lock()
	w.answers = append(w.answers, text)
	w.mu.Unlock()
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	a := answer{head: head, body: body}
	if _, rest, ok := strings.Cut(head, " "); ok && strings.HasPrefix(head, "HTTP/1.") {
		a.status, _ = strconv.Atoi(rest[:min(3, len(rest))])
	}
	return a
}

// get asks for a target, which may hold anything but a line end.
func (w *world) get(ctx context.Context, from, target string, headers ...string) (answer, error) {
	return w.request(ctx, from, "GET", target, headers...)
}

func (w *world) request(ctx context.Context, from, method, target string, headers ...string) (answer, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, w.intake)
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n")
	return w.ask(ctx, from, b.String())
}

// event is the target of an Action URL of a phone, with the token where there is one.
func (w *world) event(kind, mac string, more ...string) string {
	target := "/" + kind
	switch {
	case w.perPhone:
		target = "/" + gate.PhoneToken(w.token, phone.MAC(mac)) + target
	case w.token != "":
		target = "/" + w.token + target
	}
	target += "?mac=" + mac
	for _, m := range more {
		target += "&" + m
	}
	return target
}

// fresh is a call id that was not used before, so that nothing is taken for a repeat.
func (w *world) fresh() string { return fmt.Sprintf("c%d", w.asked.Add(1)) }
