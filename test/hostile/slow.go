package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// slow is who holds connections instead of using them.
var slow = subject{
	name: "slow",
	attacks: []attack{
		{"to keep phones out by 2,000 connections that say nothing", idle("", 2000, 1)},
		{"to keep phones out by 2,000 requests that never end (slowloris)", idle("GET /off_hook?mac=001fc1", 2000, 1)},
		{"to keep phones out by 2,000 connections from as many addresses", idle("GET /", 2000, 2000)},
		{"to exhaust the memory by 2,000 heads of 4,000 lines", idle("GET / HTTP/1.1\r\n"+strings.Repeat("a:\r\n", 4000), 2000, 2000)},
		{"to keep phones out by headers that come a byte at a time", drip},
		{"to keep phones out by answers that nobody reads", unread},
		{"to keep phones out by half-closed connections", halfClosed},
	},
}

// idle opens connections that send a beginning and wait, from so many addresses, while an honest phone is
// served.
func idle(begin string, count, addresses int) func(context.Context, *world) (verdict, error) {
	return func(ctx context.Context, w *world) (verdict, error) {
		open := make([]net.Conn, count)
		defer closeAll(open)
		var failed atomic.Int64
		_ = inParallel(16, count, func(n int) error {
			c, err := w.dial(ctx, w.address(100+n%addresses/250, 1+n%addresses%250))
			if err != nil {
				failed.Add(1)
				return nil
			}
			open[n] = c
			_, _ = io.WriteString(c, begin)
			return nil
		})
		var slowest time.Duration
		for range 5 {
			took, err := w.serves(ctx)
			if err != nil {
				return success("with %d connections open: %v", count, err)
			}
			slowest = max(slowest, took)
		}
		return harmless("with %d connections (%d were not let in) an honest event took %d ms", count, failed.Load(), slowest.Milliseconds())
	}
}

// crowd opens connections from a stranger's address, each of which says something. They are to be closed,
// after an error too.
func (w *world) crowd(ctx context.Context, count int, say func(net.Conn) error) ([]net.Conn, error) {
	open := make([]net.Conn, count)
	err := inParallel(16, count, func(n int) error {
		c, err := w.dial(ctx, w.stranger())
		if err != nil {
			return err
		}
		open[n] = c
		return say(c)
	})
	return open, err
}

func closeAll(open []net.Conn) {
	for _, c := range open {
		if c != nil {
			_ = c.Close()
		}
	}
}

// drip sends a byte of a header now and then, until the daemon has had enough.
func drip(ctx context.Context, w *world) (verdict, error) {
	const count, limit = 100, 13 * time.Second
	open := make([]net.Conn, count)
	defer closeAll(open)
	for n := range open {
		c, err := w.dial(ctx, w.stranger())
		if err != nil {
			return verdict{}, err
		}
		open[n] = c
		_, _ = io.WriteString(c, "GET "+w.event("off_hook", w.victim.mac)+" HTTP/1.1\r\nX: ")
	}
	begun := time.Now()
	left := count
	for left > 0 && time.Since(begun) < limit {
		if err := stand.Pause(ctx, 500*time.Millisecond); err != nil {
			return verdict{}, err
		}
		left = 0
		for _, c := range open {
			if _, err := io.WriteString(c, "y"); err == nil {
				left++
			}
		}
		if _, err := w.serves(ctx); err != nil {
			return success("meanwhile: %v", err)
		}
	}
	if left > 0 {
		return success("%d of %d connections live after %s", left, count, limit)
	}
	return refused("all %d were ended after %s, at whatever pace they sent", count, time.Since(begun).Round(time.Second))
}

// unread asks for the longest answer and reads nothing of it.
func unread(ctx context.Context, w *world) (verdict, error) {
	const count = 2000
	open, err := w.crowd(ctx, count, func(c net.Conn) error {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(1 << 10)
		}
		_, _ = io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
		return nil
	})
	defer closeAll(open)
	if err != nil {
		return verdict{}, err
	}
	took, err := w.serves(ctx)
	if err != nil {
		return success("meanwhile: %v", err)
	}
	return harmless("%d answers wait to be read; an honest event took %d ms", count, took.Milliseconds())
}

func halfClosed(ctx context.Context, w *world) (verdict, error) {
	const count = 500
	open, err := w.crowd(ctx, count, func(c net.Conn) error {
		_, _ = fmt.Fprintf(c, "GET /off_hook?mac=%s", w.victim.mac)
		if tcp, ok := c.(*net.TCPConn); ok {
			return tcp.CloseWrite()
		}
		return nil
	})
	defer closeAll(open)
	if err != nil {
		return verdict{}, err
	}
	took, err := w.serves(ctx)
	if err != nil {
		return success("meanwhile: %v", err)
	}
	return refused("%d requests cut short; an honest event took %d ms", count, took.Milliseconds())
}
