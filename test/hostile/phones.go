package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// phones is what sits where a phone is listed and answers as no phone should. It may know the login, for
// it is at that address; it must not get anything else, nor hold anything up.
var phones = subject{
	name:     "phones",
	settings: []string{"PROBE_INTERVAL=1h", "PHONE_TIMEOUT=3s"},
	attacks: []attack{
		{"to lead a command elsewhere by a redirect", redirects},
		{"to have a command sent for ever by new nonces", nonces},
		{"to get the password as Basic after asking for Digest", downgrade},
		{"to try logins for ever", refusesAll},
		{"to fill the memory by a body without end", answers(http200+"\r\n", "more and more ", 1<<30)},
		{"to fill the memory by headers without end", answers("HTTP/1.1 200 OK\r\n", "X-Padding: "+strings.Repeat("y", 1000)+"\r\n", 1<<30)},
		{"to fill the memory by one header of 64 KB", answers("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("y", 64<<10)+"\r\n\r\n", "", 0)},
		{"to fill the memory by chunks without end", answers(http200+"Transfer-Encoding: chunked\r\n\r\n", "400\r\n"+strings.Repeat("z", 1024)+"\r\n", 1<<30)},
		{"to fill the memory by a gzip bomb", answers(http200+"Content-Encoding: gzip\r\n\r\n"+bomb(), "", 0)},
		{"to hold a command up by 100 Continue for ever", answers("", "HTTP/1.1 100 Continue\r\n\r\n", 1<<20)},
		{"to hold a command up by a byte at a time", trickle},
		{"to hold a command up by saying nothing", silent},
		{"to have a command sent again by breaking the connection", breaksOff},
		{"to put the login or control characters into log and results", reflects},
		{"to break the reader of answers", oddAnswers},
		{"to break the login by its challenge", oddChallenges},
	},
}

const http200 = "HTTP/1.1 200 OK\r\nConnection: close\r\n"

// dials gives the victim one number to dial, which must end within its time-out and some, and have gone
// out at most that often.
func (w *world) dials(ctx context.Context, act func(c net.Conn, head string), most int) (r commandResult, requests []string, err error) {
	begin := w.victim.count()
	w.victim.behave(act)
	begun := time.Now()
	r, err = w.order(ctx, w.victim, "dial", "206")
	took := time.Since(begun)
	w.victim.behave(obey)
	requests = w.victim.got(begin)
	switch {
	case err != nil:
	case took > 5*time.Second:
		err = fmt.Errorf("it took %s, with PHONE_TIMEOUT 3s", took)
	case len(requests) > most:
		err = fmt.Errorf("%d requests, expected at most %d", len(requests), most)
	}
	return r, requests, err
}

func redirects(ctx context.Context, w *world) (verdict, error) {
	goal, err := w.newDesk("", w.address(77, 2)+":0")
	if err != nil {
		return verdict{}, err
	}
	at := goal.web.Addr().String()
	targets := []string{"http://" + at + "/", "https://" + at + "/", "//" + at + "/", "file:///etc/passwd", "/Phone_ActionURL&key=Reboot", "gopher://" + at + "/", "http://" + w.other.web.Addr().String() + "/Phone_ActionURL&key=Reboot"}
	count := 0
	for _, target := range targets {
		for _, status := range []int{301, 302, 303, 307, 308, 300, 305} {
			answer := fmt.Sprintf("HTTP/1.1 %d Moved\r\nLocation: %s\r\nRefresh: 0;url=%s\r\nContent-Length: 0\r\n\r\n", status, target, target)
			r, _, err := w.dials(ctx, func(c net.Conn, _ string) { say(c, answer) }, 1)
			if err != nil || r.outcome() != "http" {
				return success("%d to %s: %+v (%v)", status, target, r, err)
			}
			count++
		}
	}
	if goal.count() > 0 {
		return success("the goal got %q", goal.got(0))
	}
	return refused("%d redirects, none followed: code http", count)
}

func nonces(ctx context.Context, w *world) (verdict, error) {
	n := 0
	r, requests, err := w.dials(ctx, func(c net.Conn, _ string) {
		n++
		say(c, fmt.Sprintf("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"%d\", stale=true, qop=\"auth\"\r\nContent-Length: 0\r\n\r\n", n))
	}, 2)
	if err != nil || r.outcome() != "login" {
		return success("%+v (%v)", r, err)
	}
	return refused("%d requests, then: %s", len(requests), r.Error)
}

// downgrade follows nonces: the phone has asked for Digest.
func downgrade(ctx context.Context, w *world) (verdict, error) {
	r, requests, err := w.dials(ctx, func(c net.Conn, _ string) {
		say(c, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n")
	}, 2)
	if err != nil || r.outcome() != "login" {
		return success("%+v (%v)", r, err)
	}
	for _, head := range requests {
		if strings.HasPrefix(header(head, "Authorization"), "Basic") {
			return success("it was sent %q", head)
		}
	}
	return refused("%s", r.Error)
}

// refusesAll is left alone after two refused commands in a row, which the attacks before have been.
func refusesAll(ctx context.Context, w *world) (verdict, error) {
	begin := w.other.count()
	w.other.behave(func(c net.Conn, _ string) {
		say(c, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n")
	})
	defer w.other.behave(obey)
	var last commandResult
	for range 10 {
		r, err := w.order(ctx, w.other, "dial", "206")
		if err != nil || r.outcome() != "login" {
			return success("%+v (%v)", r, err)
		}
		last = r
	}
	// The victim was paused too; the next attacks need it, so it starts anew.
	if err := w.restart(ctx); err != nil {
		return verdict{}, err
	}
	sent := w.other.count() - begin
	if sent > 4 {
		return success("%d logins for ten commands", sent)
	}
	return refused("%d requests for ten commands: %s", sent, last.Error)
}

// answers says a beginning, and then more of the same until that many bytes are out or nobody reads.
func answers(begin, more string, most int) func(context.Context, *world) (verdict, error) {
	return func(ctx context.Context, w *world) (verdict, error) {
		var sent atomic.Int64
		r, requests, err := w.dials(ctx, func(c net.Conn, _ string) {
			n, err := io.WriteString(c, begin)
			sent.Store(int64(n))
			for block := strings.Repeat(more, 50); err == nil && block != "" && sent.Load() < int64(most); {
				n, err = io.WriteString(c, block)
				sent.Add(int64(n))
			}
		}, 1)
		if err != nil {
			return success("%+v (%v)", r, err)
		}
		if sent.Load() > 64<<20 {
			return success("it took %d MiB", sent.Load()>>20)
		}
		return harmless("%d request, result %s, the connection is closed (he got rid of %d KiB, most of it in buffers)", len(requests), r.outcome(), sent.Load()>>10)
	}
}

// bomb is 64 MiB of zeros, packed.
func bomb() string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	zeros := make([]byte, 1<<20)
	for range 64 {
		_, _ = z.Write(zeros)
	}
	_ = z.Close()
	return b.String()
}

func trickle(ctx context.Context, w *world) (verdict, error) {
	r, _, err := w.dials(ctx, func(c net.Conn, _ string) {
		for {
			if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nX: yyyyyyyyyyyyy"[:1]); err != nil || stand.Pause(ctx, 300*time.Millisecond) != nil {
				return
			}
		}
	}, 1)
	if err != nil || r.outcome() != "timeout" {
		return success("%+v (%v)", r, err)
	}
	return refused("%s: %s", r.Code, r.Error)
}

func silent(ctx context.Context, w *world) (verdict, error) {
	r, _, err := w.dials(ctx, func(c net.Conn, _ string) { _, _ = io.Copy(io.Discard, c) }, 1)
	if err != nil || r.outcome() != "timeout" {
		return success("%+v (%v)", r, err)
	}
	return refused("%s: %s", r.Code, r.Error)
}

func breaksOff(ctx context.Context, w *world) (verdict, error) {
	count := 0
	for _, text := range []string{"", "HTTP/1.1 ", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nX:", "\r\n"} {
		for _, reset := range []bool{false, true} {
			r, _, err := w.dials(ctx, func(c net.Conn, _ string) {
				say(c, text)
				if tcp, ok := c.(*net.TCPConn); ok && reset {
					_ = tcp.SetLinger(0)
				}
			}, 1)
			if err != nil || r.outcome() != "http" {
				return success("%q: %+v (%v)", text, r, err)
			}
			count++
		}
	}
	return refused("%d times broken off, one request each", count)
}

// reflects sends back what it got, in places that are logged or told. What is seen is judged afterwards.
func reflects(ctx context.Context, w *world) (verdict, error) {
	count := 0
	for _, form := range []string{"%s", "HTTP/1.1 %s\r\n\r\n", "HTTP/1.1 500 %s\r\n\r\n", "HTTP/1.1 200 OK\r\nX-%s: y\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: https://%s\r\n\r\n", "HTTP/1.1 401 x\r\nWWW-Authenticate: %s\r\n\r\n", "HTTP/1.1 403 \x1b[2J\u202e%s\r\n\r\n"} {
		_, _, err := w.dials(ctx, func(c net.Conn, head string) {
			say(c, fmt.Sprintf(form, strings.ReplaceAll(strings.TrimSpace(head), "\r\n", " "+nasty)))
		}, 2)
		if err != nil {
			return success("%q: %v", form, err)
		}
		count++
	}
	return harmless("%d ways to send the request back; neither log nor result hold anything of it", count)
}

func oddAnswers(ctx context.Context, w *world) (verdict, error) {
	got := make(map[string]int)
	for _, text := range []string{
		"HTTP/0.9 200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 -1 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", "HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 204 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 401 x\r\n\r\n",
		"\x00\x01\x02\xff", "\x15\x03\x01\x00\x02\x02\x28", "SIP/2.0 200 OK\r\n\r\n", "<html>", strings.Repeat("\r\n", 10000) + "HTTP/1.1 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n",
	} {
		r, _, err := w.dials(ctx, func(c net.Conn, _ string) { say(c, text) }, 2)
		if err != nil || r.outcome() != "ok" && r.outcome() != "http" && r.outcome() != "timeout" {
			return success("%.60q: %+v (%v)", text, r, err)
		}
		got[r.outcome()]++
	}
	return harmless("results: %v", got)
}

func oddChallenges(ctx context.Context, w *world) (verdict, error) {
	got := make(map[string]int)
	for _, challenge := range []string{
		`Digest realm="x`, `Digest nonce=""`, `Digest`, `Digest realm="x", nonce="` + strings.Repeat("n", 12000) + `"`, `Digest realm="a\"b\\", nonce="n", qop="auth-int,auth"`, `Digest realm="x", nonce="n", algorithm=MD4`,
		`Digest realm="x", nonce="n", algorithm=MD5-sess, qop=auth`, `Digest realm="x", nonce="n", userhash=true`, `Negotiate abc, Basic realm="x", Digest realm="x", nonce="n"`, `Digest realm="é` + "\xff" + `", nonce="n"`, `Bearer realm="x"`, `,,,,`, `Digest realm=x, realm=y, nonce=n, nonce=m, opaque="a, Basic realm=\"b"`,
	} {
		r, requests, err := w.dials(ctx, func(c net.Conn, _ string) {
			say(c, "HTTP/1.1 401 x\r\nWWW-Authenticate: "+challenge+"\r\nContent-Length: 0\r\n\r\n")
		}, 2)
		if err != nil || r.outcome() != "login" && r.outcome() != "http" {
			return success("%.60q: %+v (%v)", challenge, r, err)
		}
		for _, head := range requests {
			if !form.MatchString(head) {
				return success("%.60q: it was sent %.300q", challenge, head)
			}
		}
		got[r.outcome()]++
		// Two refusals in a row make a pause; a login that is taken ends the row.
		if _, err := w.flush(ctx, w.victim, w.victim.count()); err != nil {
			return verdict{}, err
		}
	}
	return refused("results: %v", got)
}
