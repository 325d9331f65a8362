package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// floods is who sends too much.
var floods = subject{
	name: "floods",
	// A phone that does answer has time to, on a machine that is busy with all this.
	settings: []string{"PHONE_TIMEOUT=3s"},
	attacks: []attack{
		{"to fill the memory with long requests", tooLong},
		{"to fill the memory with a request that never ends", endless},
		{"to wear the intake out with connections that say nothing", storm},
		{"to keep others out by events without end (HTTP_RATE)", rateFlood},
		{"to keep others out by asking for /metrics without end", metricsFlood},
		{"to fill the log with refused requests", fillLog},
		{"to fill the memory with addresses that are refused", manyAddresses},
		{"to fill the state of a phone with calls and accounts", manyCalls},
		{"to fill the memory with invented phones", manyPhones},
		{"to keep a phone's commands from the others", manyCommands},
		{"to fill the memory with commands for phones that are not there", strangeCommands},
		{"to fill the memory with requests to the bridge", manyRequests},
		{"to fill the memory with transactions", manyTransactions},
	},
}

func tooLong(ctx context.Context, w *world) (verdict, error) {
	fill := func(n int) string { return strings.Repeat("a", n) }
	target := w.event("off_hook", w.victim.mac)
	for _, test := range []struct {
		raw    string
		status int
	}{
		{"GET " + target + "&x=" + fill(9<<10) + " HTTP/1.1\r\n\r\n", 414},
		{"GET " + target + "&x=" + fill(8<<20), 414},
		{fill(1<<20) + " / HTTP/1.1\r\n\r\n", 414},
		{"GET " + target + " HTTP/1.1\r\nX: " + fill(17<<10) + "\r\n\r\n", 431},
		{"GET " + target + " HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", 1<<20), 431},
		{"GET " + target + " HTTP/1.1\r\nX: y\r\n" + strings.Repeat(" folded\r\n", 1<<16), 431},
		{"GET " + target + " HTTP/1.1\r\n" + strings.Repeat(":\r\n", 1<<16), 431},
		{"POST " + target + " HTTP/1.1\r\nContent-Length: 5000\r\n\r\n" + fill(5000), 413},
		{"POST " + target + " HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n", 413},
		{"POST " + target + " HTTP/1.1\r\nContent-Length: 99999999999999999999999999\r\n\r\n", 413},
	} {
		a, err := w.ask(ctx, w.stranger(), test.raw)
		if err != nil {
			return verdict{}, err
		}
		// Who still sends while he is answered may lose the answer.
		if a.status != test.status && a.status != 0 {
			return success("%.60q of %d bytes was answered %s, expected %d", test.raw, len(test.raw), a, test.status)
		}
	}
	return refused("414, 431 and 413")
}

// endless sends bodies that go on and on; each connection is read for a moment only.
func endless(ctx context.Context, w *world) (verdict, error) {
	most := int64(0)
	for _, head := range []string{"Transfer-Encoding: chunked\r\n\r\n", "Content-Length: 4096\r\n\r\n"} {
		c, err := w.dial(ctx, w.stranger())
		if err != nil {
			return verdict{}, err
		}
		_, _ = io.WriteString(c, "POST "+w.event("off_hook", w.other.mac, "call_id="+w.fresh())+" HTTP/1.1\r\n"+head)
		chunk := []byte(strings.Repeat("400\r\n"+strings.Repeat("a", 1024)+"\r\n", 64))
		var sent int64
		for err == nil && sent < 256<<20 {
			var n int
			n, err = c.Write(chunk)
			sent += int64(n)
		}
		_ = c.Close()
		most = max(most, sent)
	}
	if most >= 256<<20 {
		return success("it read %d MiB", most>>20)
	}
	return refused("the connection is closed after %d KiB", most>>10)
}

// storm connects and leaves, in every way.
func storm(ctx context.Context, w *world) (verdict, error) {
	const connections = 3000
	err := inParallel(16, connections, func(n int) error {
		c, err := w.dial(ctx, w.stranger())
		if err != nil {
			return err
		}
		if n%3 > 0 {
			_, _ = io.WriteString(c, "GET /off_hook?mac="[:n%18])
		}
		if tcp, ok := c.(*net.TCPConn); ok && n%2 > 0 {
			_ = tcp.SetLinger(0)
		}
		return c.Close()
	})
	if err != nil {
		return verdict{}, err
	}
	return harmless("%d connections came and went", connections)
}

// inParallel does something that many times, with so many at once, and returns the first error.
func inParallel(workers, times int, do func(n int) error) error {
	var next atomic.Int64
	var running sync.WaitGroup
	var first atomic.Pointer[error]
	for range workers {
		running.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= times || first.Load() != nil {
					return
				}
				if err := do(n); err != nil {
					first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	running.Wait()
	if err := first.Load(); err != nil {
		return *err
	}
	return nil
}

func rateFlood(ctx context.Context, w *world) (verdict, error) {
	// It may send 5,000 at once, and 1,000 a second.
	var tooMany, slowest atomic.Int64
	err := inParallel(16, 9000, func(n int) error {
		if n%1000 == 999 {
			took, err := w.serves(ctx)
			slowest.Store(max(slowest.Load(), took.Milliseconds()))
			return err
		}
		a, err := w.get(ctx, w.stranger(), "/nonsense")
		if a.status == 429 {
			tooMany.Add(1)
		}
		return err
	})
	if err != nil {
		return success("meanwhile: %v", err)
	}
	if tooMany.Load() == 0 {
		return harmless("this machine is too slow to send more than it may; honest events took at most %d ms", slowest.Load())
	}
	return refused("%d of 9000: 429; honest events took at most %d ms", tooMany.Load(), slowest.Load())
}

func metricsFlood(ctx context.Context, w *world) (verdict, error) {
	var slowest atomic.Int64
	err := inParallel(32, 1000, func(n int) error {
		if n%100 == 99 {
			took, err := w.serves(ctx)
			slowest.Store(max(slowest.Load(), took.Milliseconds()))
			return err
		}
		_, err := w.get(ctx, w.stranger(), "/metrics")
		return err
	})
	if err != nil {
		return success("meanwhile: %v", err)
	}
	return harmless("1000 pages, 32 at a time; honest events took at most %d ms", slowest.Load())
}

func fillLog(ctx context.Context, w *world) (verdict, error) {
	begin := w.log.read
	const most = 16 * 4
	before := len(w.log.next())
	w.log.read = begin
	err := inParallel(8, 3000, func(n int) error {
		target := []string{"/nonsense-%d", "/off_hook?mac=bad-%d", "/off_hook%d/", "/x\x1b[2J%d"}[n%4]
		_, err := w.get(ctx, w.stranger(), fmt.Sprintf(target, n))
		return err
	})
	if err != nil {
		return verdict{}, err
	}
	lines := len(w.log.next()) - before
	w.log.read = begin
	if lines > most {
		return success("3000 bad requests made %d lines", lines)
	}
	return harmless("3000 different bad requests from one address made %d lines", lines)
}

func manyAddresses(ctx context.Context, w *world) (verdict, error) {
	err := inParallel(16, 4000, func(n int) error {
		_, err := w.get(ctx, w.address(100+n/250, 1+n%250), "/nonsense")
		return err
	})
	if err != nil {
		return verdict{}, err
	}
	return refused("4000 addresses, 404 for each")
}

func manyCalls(ctx context.Context, w *world) (verdict, error) {
	from := w.observer.count()
	long := strings.Repeat("\u00fc", 250)
	err := inParallel(8, 3000, func(n int) error {
		kind := []string{"incoming_call", "outgoing_call", "registered", "call_established"}[n%4]
		_, err := w.get(ctx, w.victim.ip, w.event(kind, w.victim.mac, fmt.Sprintf("call_id=%d%s", n, long), fmt.Sprintf("active_user=%d%s", n, long),
			fmt.Sprintf("remote=sip:%d@x", n), "display_remote="+long))
		return err
	})
	if err != nil {
		return verdict{}, err
	}
	all, err := w.told(ctx, from)
	if err != nil {
		return verdict{}, err
	}
	longest := 0
	for _, m := range all {
		longest = max(longest, len(m.Payload))
	}
	if longest > 128<<10 {
		return success("a payload of %d KiB", longest>>10)
	}
	return harmless("3000 calls and accounts; the longest payload has %d KiB", longest>>10)
}

func manyPhones(ctx context.Context, w *world) (verdict, error) {
	var learned, unknown atomic.Int64
	// Strangers before may have used up what the stranger's address may send (HTTP_RATE).
	from := w.address(67, 6)
	err := inParallel(8, 2000, func(n int) error {
		a, err := w.get(ctx, from, w.event("off_hook", fmt.Sprintf("0ddba11%05x", n)))
		switch a.status {
		case 200:
			learned.Add(1)
		case 403:
			unknown.Add(1)
		}
		return err
	})
	if err != nil {
		return verdict{}, err
	}
	a, err := w.get(ctx, w.victim.ip, w.event("off_hook", w.victim.mac, "call_id="+w.fresh()))
	if err != nil {
		return verdict{}, err
	}
	if learned.Load() > 1000 || learned.Load()+unknown.Load() != 2000 || a.status != 200 {
		return success("%d learned, %d refused, a known phone was answered %s", learned.Load(), unknown.Load(), a)
	}
	return refused("%d learned, %d times 403, and known phones go on", learned.Load(), unknown.Load())
}

func manyCommands(ctx context.Context, w *world) (verdict, error) {
	w.victim.behave(func(c net.Conn, _ string) { _, _ = io.Copy(io.Discard, c) }) // it never answers
	defer w.victim.behave(obey)
	from := w.observer.count()
	const commands = 3000
	for range commands {
		w.home.Publish("phone2mqtt/"+w.victim.mac+"/set/volume", 1, false, "UP")
	}
	r, err := w.order(ctx, w.honest, "volume", "UP")
	if err != nil || r.Status != "ok" {
		return success("a command for another phone: %+v (%v)", r, err)
	}
	full := func(m stand.Message) bool { return bytes.Contains(m.Payload, []byte(`"code":"queue"`)) }
	last, err := w.observer.await(ctx, from, "a full queue", full)
	if err != nil {
		return verdict{}, err
	}
	// Each gives one result: those that wait end after COMMAND_TTL.
	count := 0
	err = stand.Eventually(ctx, "a result for each", func() bool {
		all := w.observer.heard(from)
		from += len(all)
		for _, m := range all {
			if m.Topic == "phone2mqtt/"+w.victim.mac+"/result" {
				count++
			}
		}
		return count >= commands
	})
	if err != nil {
		return success("%d results of %d commands: %v", count, commands, err)
	}
	return refused("at most 100 wait: %s; each of %d got one result, other phones go on", member(last, "code"), commands)
}

func strangeCommands(ctx context.Context, w *world) (verdict, error) {
	from := w.observer.count()
	const commands = 4000
	for n := range commands {
		w.home.Publish(fmt.Sprintf("phone2mqtt/0bad%08x/set/dial", n), 1, false, "206")
	}
	r, err := w.order(ctx, w.honest, "volume", "UP")
	if err != nil || r.Status != "ok" {
		return success("a command for a known phone: %+v (%v)", r, err)
	}
	results := 0
	for _, m := range w.observer.heard(from) {
		if strings.HasPrefix(m.Topic, "phone2mqtt/0bad") && strings.HasSuffix(m.Topic, "/result") && member(m, "code") == "phone" {
			results++
		}
	}
	if results < commands {
		return success("%d results", results)
	}
	return refused("%d results with code phone, nothing is kept", results)
}

func manyRequests(ctx context.Context, w *world) (verdict, error) {
	const count = 3000
	from := w.observer.count()
	for n := range count {
		w.home.Publish(fmt.Sprintf("phone2mqtt/bridge/request/nonsense/%d", n), 1, false, "{}")
	}
	begun := time.Now()
	if err := w.home.say("phone2mqtt/bridge/request/health_check", `{"transaction":"last"}`); err != nil {
		return verdict{}, err
	}
	_, err := w.observer.await(ctx, from, "the answer", func(m stand.Message) bool { return m.Topic == "phone2mqtt/bridge/response/health_check" })
	if err != nil {
		return success("%v", err)
	}
	return refused("%d unknown requests got an error each; the next honest one took %d ms", count, time.Since(begun).Milliseconds())
}

func manyTransactions(ctx context.Context, w *world) (verdict, error) {
	const count = 5000
	for n := range count {
		w.home.Publish("phone2mqtt/"+w.other.mac+"/set/nonsense", 1, false, fmt.Sprintf(`{"transaction":"%060d"}`, n))
	}
	r, err := w.order(ctx, w.honest, "volume", "UP")
	if err != nil || r.Status != "ok" {
		return verdict{}, errors.Join(fmt.Errorf("%+v", r), err)
	}
	now, err := w.holds(ctx)
	if err != nil {
		return verdict{}, err
	}
	return refused("%d transactions, of which 1000 are remembered: %s", count, now)
}
