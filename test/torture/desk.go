package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// phoneTimeout is when a phone gives an event up for good, as real ones do.
const phoneTimeout = 8 * time.Second

// manner is how the web server of a phone acts.
type manner int32

const (
	obeys manner = iota
	hangs
	resets
	neverEnds
	refuses // every login
)

// desk is one phone, with an address of its own on loopback: phones that share one make the daemon
// doubt where each of them is.
type desk struct {
	mac     string
	journal *journal
	dialer  net.Dialer
	web     net.Listener
	manner  atomic.Int32
	serving sync.WaitGroup
	sending sync.Mutex // a phone sends one event after the other, whoever has it send
	calls   int
}

func newDesk(n int, j *journal) (*desk, error) {
	ip := net.IPv4(127, 61, byte(n/250), byte(n%250+1))
	web, err := net.Listen("tcp", net.JoinHostPort(ip.String(), "0"))
	if err != nil {
		return nil, err
	}
	d := &desk{
		mac:     fmt.Sprintf("001fc161%04x", n),
		journal: j,
		dialer:  net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}, Timeout: phoneTimeout, KeepAlive: -1},
		web:     web,
	}
	d.serving.Go(d.serve)
	return d, nil
}

func (d *desk) close() {
	_ = d.web.Close()
	d.serving.Wait()
}

// send sends one event and returns the answer's status, 0 when there is none.
func (d *desk) send(ctx context.Context, intake, kind, callID string) (status int) {
	d.sending.Lock()
	defer d.sending.Unlock()
	place := d.journal.begins(d.mac, kind, callID)
	defer func() { d.journal.answered(place, status) }()
	patience := time.Now().Add(phoneTimeout)
	c, err := d.dialer.DialContext(ctx, "tcp", intake)
	if err != nil {
		return 0
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(patience); err != nil {
		return 0
	}
	_, err = fmt.Fprintf(c, "GET /%s?mac=%s&call_id=%s&active_user=201&local=sip:201@192.168.0.1&remote=sip:206@192.168.0.1&display_remote=%s HTTP/1.1\r\n"+
		"Host: %s\r\nConnection: close\r\n\r\n", kind, d.mac, callID, caller(callID), intake)
	if err != nil {
		return 0
	}
	line := make([]byte, len("HTTP/1.1 200 "))
	if _, err := io.ReadFull(c, line); err != nil {
		return 0
	}
	if _, err := fmt.Sscanf(string(line), "HTTP/1.1 %d ", &status); err != nil {
		return 0
	}
	return status
}

// largeCall is a call whose events are larger than others.
const largeCall = "large"

// caller is the name of who calls.
func caller(callID string) string {
	if callID == largeCall {
		return strings.Repeat("\U0001F4DE", 255) // no more characters are kept
	}
	return "Bob Miller"
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

// answer takes one Action URI. A probe of the daemon ends before it begins.
func (d *desk) answer(c net.Conn) {
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(phoneTimeout)); err != nil {
		return
	}
	in := bufio.NewReader(io.LimitReader(c, 16<<10))
	first, err := in.ReadString('\n')
	if err != nil {
		return
	}
	for line := first; strings.TrimSpace(line) != ""; {
		if line, err = in.ReadString('\n'); err != nil {
			return
		}
	}
	_, rest, _ := strings.Cut(first, "&Number=")
	number, _, _ := strings.Cut(rest, " ")
	acts := manner(d.manner.Load())
	d.journal.note(func(h *history) {
		h.requests = append(h.requests, request{d.mac, number, time.Now(), acts == refuses})
	})
	d.act(c, acts)
}

func (d *desk) act(c net.Conn, how manner) {
	switch how {
	case obeys:
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	case refuses:
		_, _ = io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"phone\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	case hangs:
		_, _ = io.Copy(io.Discard, c) // until the daemon leaves
	case resets:
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	case neverEnds:
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		for err == nil {
			_, err = io.WriteString(c, strings.Repeat("more and more\n", 100))
		}
	}
}
