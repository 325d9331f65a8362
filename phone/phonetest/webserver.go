package phonetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// Received is one request that the web server got.
type Received struct {
	Line          string // the request line as sent, without its line end
	Authorization string // empty without one
	Head          string // the whole head with its line ends
}

// Requests are the requests so far, in the order in which they came in.
func (p *Phone) Requests() []Received {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.received)
}

// AwaitRequests blocks until n requests have come in, and gives all so far, or the context's cause.
func (p *Phone) AwaitRequests(ctx context.Context, n int) ([]Received, error) {
	err := p.await(ctx, func() bool { return len(p.received) >= n })
	return p.Requests(), err
}

// serve answers the one request of a connection.
func (p *Phone) serve(ctx context.Context, c net.Conn) {
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	r, err := readRequest(c)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.received = append(p.received, r)
	// Before anybody is told of the request: who then changes the behaviour means the next one.
	fault, delay := p.strike()
	held := p.held
	p.notify()
	p.mu.Unlock()

	switch fault {
	case NoFault:
	case Slow:
		if !pause(ctx, delay) {
			return
		}
	case Held:
		select {
		case <-held:
		case <-ctx.Done():
			return
		}
	default:
		misbehave(ctx, c, fault, r)
		return
	}
	p.answer(c, r)
}

func readRequest(c net.Conn) (Received, error) {
	in := bufio.NewReader(io.LimitReader(c, 64<<10))
	var r Received
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return r, err
		}
		r.Head += line
		text := strings.TrimRight(line, "\r\n")
		name, value, _ := strings.Cut(text, ":")
		switch {
		case text == "":
			return r, nil
		case r.Line == "":
			r.Line = text
		case strings.EqualFold(name, "Authorization"):
			r.Authorization = strings.TrimSpace(value)
		}
	}
}

// answer judges login and resource, obeys, and answers. Who has the answer finds the events of it in
// line already, and may even have got the first of them.
func (p *Phone) answer(c net.Conn, r Received) {
	target := strings.TrimSuffix(strings.TrimPrefix(r.Line, "GET "), " HTTP/1.1")
	challenge, admitted := p.admit(target, r.Authorization)
	if !admitted {
		reply(c, "401 Unauthorized", "WWW-Authenticate: "+challenge+"\r\n")
		return
	}
	uri, ok := strings.CutPrefix(target, "/Phone_ActionURL&")
	if !ok {
		reply(c, "404 Not Found", "")
		return
	}
	p.obey(uri)
	reply(c, "200 OK", "")
}

func reply(c net.Conn, status, headers string) {
	body := "<html>" + status + "</html>"
	_, _ = fmt.Fprintf(c, "HTTP/1.1 %s\r\nServer: HanLong\r\n%sContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, headers, len(body), body)
}

// misbehave does what no web server should. What it writes may fail: the client has every right to
// leave.
func misbehave(ctx context.Context, c net.Conn, fault Fault, r Received) {
	switch fault {
	case Reset:
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	case Hang:
		wait(c)
	case HangBody:
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<html>")
		wait(c)
	case EndlessHeaders:
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		repeat(ctx, c, "X-More: and more\r\n")
	case EndlessBody:
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		repeat(ctx, c, "more and more\n")
	case Garbage:
		_, _ = io.WriteString(c, "\x00\xff this is no web server\r\n\r\n")
	case Echo:
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+strings.ReplaceAll(r.Head, ":", " ")+"\r\n")
	case Redirect:
		reply(c, "302 Found", "Location: https://"+c.LocalAddr().String()+"/\r\n")
	case Refuse:
		reply(c, "401 Unauthorized", "WWW-Authenticate: Basic realm=\""+realm+"\"\r\n")
	case Forbid:
		reply(c, "403 Forbidden", "")
	case NotFound:
		reply(c, "404 Not Found", "")
	}
}

// wait holds the connection until the client leaves or the phone stops.
func wait(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func repeat(ctx context.Context, c net.Conn, text string) {
	for ctx.Err() == nil {
		if _, err := io.WriteString(c, strings.Repeat(text, 100)); err != nil {
			return
		}
	}
}

// pause waits, and tells whether nobody interrupted it.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
