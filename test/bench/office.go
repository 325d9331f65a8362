package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// office is many desk phones, each with an address of its own on loopback, as in a real one: phones
// that share an address make the daemon doubt where each of them is.
type office []*desk

// desk is one phone that sends Action URLs as phones do, each over a new connection, but escaped, for
// the forms that the daemon is compared with refuse what real phones send.
type desk struct {
	mac    string
	ip     net.IP
	dialer net.Dialer
	muted  bool
	answer bytes.Buffer
}

// newOffice makes phones with the addresses 127.net.*.*.
func newOffice(phones int, network byte) office {
	all := make(office, phones)
	for i := range all {
		ip := net.IPv4(127, network, byte(i/250), byte(i%250+1))
		all[i] = &desk{
			mac:    fmt.Sprintf("001fc1%02x%04x", network, i),
			ip:     ip,
			dialer: net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}, Timeout: patience, KeepAlive: -1},
		}
	}
	return all
}

// send sends one event and waits for the answer.
func (d *desk) send(ctx context.Context, intake, event string) error {
	c, err := d.dialer.DialContext(ctx, "tcp", intake)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c, "GET /%s?mac=%s&ip=%s&model=UC926U&firmware=2.0.4.2&active_user=201&call_id=%s-1"+
		"&local=sip:201@192.168.0.1&remote=sip:206@192.168.0.1&display_remote=Bob%%20Miller HTTP/1.1\r\n"+
		"Host: %s\r\nUser-Agent: Htek UC926U 2.0.4.2\r\nAccept: */*\r\nConnection: close\r\n\r\n",
		event, d.mac, d.ip, d.mac, intake)
	if err != nil {
		return err
	}
	d.answer.Reset()
	if _, err := d.answer.ReadFrom(io.LimitReader(c, 64<<10)); err != nil {
		return err
	}
	if ok := []byte("HTTP/1.1 200 "); !bytes.HasPrefix(d.answer.Bytes(), ok) {
		return fmt.Errorf("%s of %s was answered %.200q", event, d.mac, d.answer.Bytes())
	}
	return nil
}

// toggle presses the mute key during a call. It is the event that makes two messages and no more, a
// state with a call in it and the event, however often it is sent.
func (d *desk) toggle(ctx context.Context, intake string) error {
	event := "mute"
	if d.muted {
		event = "unmute"
	}
	d.muted = !d.muted
	return d.send(ctx, intake, event)
}

// each has a number of workers do something with every phone, and returns the first error.
func (o office) each(workers int, do func(*desk) error) error {
	queue := make(chan *desk)
	return inParallel(workers, func(first *atomic.Pointer[error]) {
		for d := range queue {
			if err := do(d); err != nil {
				first.CompareAndSwap(nil, &err)
			}
		}
	}, func() {
		defer close(queue)
		for _, d := range o {
			queue <- d
		}
	})
}

// talk brings every phone into a call.
func (o office) talk(ctx context.Context, intake string) error {
	return o.each(16, func(d *desk) error {
		if err := d.send(ctx, intake, "incoming_call"); err != nil {
			return err
		}
		return d.send(ctx, intake, "call_established")
	})
}

// saturate has that many phones at a time send as fast as they are answered, for this long, and returns
// how many events were answered.
func (o office) saturate(ctx context.Context, intake string, workers int, length time.Duration) (answered int, err error) {
	var count atomic.Int64
	end := time.Now().Add(length)
	next := make(chan office, workers)
	for w := range workers {
		next <- o[w*len(o)/workers : (w+1)*len(o)/workers]
	}
	close(next)
	err = inParallel(workers, func(first *atomic.Pointer[error]) {
		own := <-next
		for n := 0; time.Now().Before(end); n++ {
			if err := own[n%len(own)].toggle(ctx, intake); err != nil {
				first.CompareAndSwap(nil, &err)
				return
			}
			count.Add(1)
		}
	}, func() {})
	return int(count.Load()), err
}

// inParallel runs workers beside feed until all have ended.
func inParallel(workers int, work func(first *atomic.Pointer[error]), feed func()) error {
	var first atomic.Pointer[error]
	var running sync.WaitGroup
	for range workers {
		running.Go(func() { work(&first) })
	}
	feed()
	running.Wait()
	if err := first.Load(); err != nil {
		return *err
	}
	return nil
}
