package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"
)

// desk is one phone with a web server that notes what it is asked, byte by byte.
type desk struct {
	mac     string
	ip      string
	web     net.Listener
	serving sync.WaitGroup

	mu    sync.Mutex
	heads []string // of the requests that came
	act   func(c net.Conn, head string)
	open  map[net.Conn]bool
}

// newDesk opens a phone's web server. Where the port cannot be had the error is errUnable.
func (w *world) newDesk(mac, addr string) (*desk, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnable, err)
	}
	ip, _, _ := net.SplitHostPort(l.Addr().String())
	d := &desk{mac: mac, ip: ip, web: l, act: obey, open: make(map[net.Conn]bool)}
	w.desks = append(w.desks, d)
	d.serving.Go(d.serve)
	return d, nil
}

func (d *desk) close() {
	_ = d.web.Close()
	d.mu.Lock()
	for c := range d.open {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.serving.Wait()
}

// behave changes how it answers.
func (d *desk) behave(act func(c net.Conn, head string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.act = act
}

func (d *desk) serve() {
	for {
		c, err := d.web.Accept()
		if err != nil {
			return
		}
		d.serving.Go(func() { d.answer(c) })
	}
}

// answer takes one request. A probe of the daemon ends before it begins.
func (d *desk) answer(c net.Conn) {
	d.mu.Lock()
	d.open[c] = true
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.open, c)
		d.mu.Unlock()
		_ = c.Close()
	}()
	if c.SetDeadline(time.Now().Add(patience)) != nil {
		return
	}
	in := bufio.NewReader(io.LimitReader(c, 64<<10))
	var head strings.Builder
	for {
		line, err := in.ReadString('\n')
		head.WriteString(line)
		if err != nil && head.Len() == 0 {
			return
		}
		if err != nil || strings.TrimSpace(line) == "" {
			break
		}
	}
	d.mu.Lock()
	d.heads = append(d.heads, head.String())
	act := d.act
	d.mu.Unlock()
	act(c, head.String())
}

// got are the heads of the requests from that one on.
func (d *desk) got(from int) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string{}, d.heads[from:]...)
}

func (d *desk) count() int { return len(d.got(0)) }

// lines are what the requests from that one on ask for, without what is always the same.
func (d *desk) lines(from int) []string {
	var all []string
	for _, head := range d.got(from) {
		line, _, _ := strings.Cut(head, "\r\n")
		line = strings.TrimSuffix(strings.TrimPrefix(line, "GET /Phone_ActionURL&"), " HTTP/1.1")
		all = append(all, line)
	}
	return all
}

// authorizations are the logins of the requests from that one on.
func (d *desk) authorizations(from int) []string {
	var all []string
	for _, head := range d.got(from) {
		all = append(all, header(head, "Authorization"))
	}
	return all
}

func header(head, name string) string {
	for line := range strings.SplitSeq(head, "\r\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(key, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// form is every head that the daemon may ever send to a phone. A login tells the phone's own realm back,
// in whatever script it is.
var form = regexp.MustCompile(`^GET /Phone_ActionURL&(Command=1&Number=[0-9*+]([0-9*+]|%23)*(&Account=[1-4])?|Command=1&Number=%23([0-9*+]|%23)*(&Account=[1-4])?|Command=2|key=[A-Za-z0-9_*]+) HTTP/1\.1\r\n` +
	`Host: [0-9a-zA-Z.:\[\]]+\r\nUser-Agent: phone2mqtt/[^\r\n]*\r\nConnection: close\r\n(Authorization: [^\x00-\x1f\x7f]+\r\n)?\r\n$`)

// obey takes everything.
func obey(c net.Conn, _ string) {
	say(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

func say(c net.Conn, text string) { _, _ = io.WriteString(c, text) }
