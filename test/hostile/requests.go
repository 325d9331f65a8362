package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// requests is who hides a request behind another, or speaks HTTP as nobody should.
var requests = subject{
	name:     "requests",
	settings: []string{"REPEAT_WINDOW=0s"},
	attacks: []attack{
		{"a second request behind the first (pipelining)", smuggle("GET FIRST HTTP/1.1\r\nHost: x\r\n\r\nGET SECOND HTTP/1.1\r\nHost: x\r\n\r\n")},
		{"a second request by two lengths (CL.TE)", smuggle("POST FIRST HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET SECOND HTTP/1.1\r\n\r\n")},
		{"a second request by two lengths (TE.CL)", smuggle("POST FIRST HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n3d\r\nGET SECOND HTTP/1.1\r\nX: y\r\n\r\n0\r\n\r\n")},
		{"a second request by a hidden Transfer-Encoding (TE.TE)", smuggle("POST FIRST HTTP/1.1\r\nTransfer-Encoding: xchunked\r\nTransfer-Encoding : chunked\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\nGET SECOND HTTP/1.1\r\n\r\n")},
		{"a second request by different lengths (CL.CL)", smuggle("POST FIRST HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\nGET SECOND HTTP/1.1\r\n\r\n")},
		{"a second request by a length that is none", smuggle("POST FIRST HTTP/1.1\r\nContent-Length: -1\r\nContent-Length: +0x2c\r\n\r\nGET SECOND HTTP/1.1\r\n\r\n")},
		{"a second request in a folded header", smuggle("GET FIRST HTTP/1.1\r\nX: y\r\n GET SECOND HTTP/1.1\r\n\tHost: x\r\n\r\n")},
		{"a second request behind a bare carriage return", smuggle("GET FIRST HTTP/1.1\rGET SECOND HTTP/1.1\r\r\n\r\n")},
		{"a second request behind bare line feeds", smuggle("GET FIRST HTTP/1.1\n\nGET SECOND HTTP/1.1\n\n")},
		{"a second request behind an HTTP/0.9 one", smuggle("GET FIRST\r\nGET SECOND HTTP/1.1\r\n\r\n")},
		{"a second request after 100 Continue", smuggle("POST FIRST HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\nGET SECOND HTTP/1.1\r\n\r\n")},
		{"a second request in an upgraded connection", smuggle("GET FIRST HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET SECOND HTTP/1.1\r\n\r\n")},
		{"a second request in a huge chunk", smuggle("POST FIRST HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nGET SECOND HTTP/1.1\r\n\r\n")},
		{"an event by a method that nobody expects", methods},
		{"an event by a header that names another method or target", overrides},
		{"a connection to elsewhere through the daemon (CONNECT, absolute URI)", asProxy},
		{"his own headers back (TRACE)", trace},
		{"an event by a protocol that is not HTTP/1", protocols},
		{"his own header or page in an answer (response splitting, script)", splitting},
		{"an event from bytes that only nearly are a request", nearly},
	},
}

// smuggle sends FIRST, an event of one phone, and hides SECOND, an event of another.
func smuggle(raw string) func(context.Context, *world) (verdict, error) {
	return func(ctx context.Context, w *world) (verdict, error) {
		from := w.observer.count()
		raw := strings.NewReplacer("FIRST", w.event("off_hook", w.other.mac, "call_id="+w.fresh()), "SECOND", "/off_hook/"+w.victim.mac).Replace(raw)
		a, err := w.ask(ctx, w.stranger(), raw)
		if err != nil {
			return verdict{}, err
		}
		all, err := w.told(ctx, from)
		if err != nil {
			return verdict{}, err
		}
		told := events(all, "")
		if len(told) > 1 || len(events(told, w.victim.mac)) > 0 || strings.Count(a.head+a.body, "HTTP/1.") > 1 {
			return success("%d events, answered %s", len(told), a)
		}
		if a.status != 200 {
			return refused("%s", a)
		}
		return harmless("one request, one event, one answer, and the connection ends")
	}
}

func methods(ctx context.Context, w *world) (verdict, error) {
	from := w.observer.count()
	all := []string{"HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "GETS", "POST2", "SUBSCRIBE"}
	for _, method := range all {
		a, err := w.request(ctx, w.stranger(), method, w.event("off_hook", w.victim.mac, "call_id="+w.fresh()))
		if err != nil {
			return verdict{}, err
		}
		if a.status != 405 {
			return success("%s was answered %s", method, a)
		}
	}
	came, err := w.told(ctx, from)
	if err != nil || len(events(came, "")) > 0 {
		return success("%d events (%v)", len(events(came, "")), err)
	}
	return refused("%d methods: 405", len(all))
}

func overrides(ctx context.Context, w *world) (verdict, error) {
	return w.oneEventOf(ctx, w.other.mac, func(target string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: x\r\nX-HTTP-Method-Override: DELETE\r\nX-Original-URL: /off_hook/" + w.victim.mac +
			"\r\nX-Rewrite-URL: /off_hook/" + w.victim.mac + "\r\nReferer: /off_hook/" + w.victim.mac + "\r\nX-MAC: " + w.victim.mac + "\r\n\r\n"
	})
}

// oneEventOf sends what raw makes of an Action URL, of which exactly one event of that phone may come.
func (w *world) oneEventOf(ctx context.Context, mac string, raw func(target string) string) (verdict, error) {
	from := w.observer.count()
	a, err := w.ask(ctx, w.stranger(), raw(w.event("off_hook", mac, "call_id="+w.fresh())))
	if err != nil {
		return verdict{}, err
	}
	all, err := w.told(ctx, from)
	if err != nil {
		return verdict{}, err
	}
	told := events(all, "")
	if len(told) != 1 || member(told[0], "mac") != mac {
		return success("%d events, answered %s", len(told), a)
	}
	return harmless("one event of the phone that the target names")
}

// asProxy looks whether anything is sent to a server of the attacker's choice.
func asProxy(ctx context.Context, w *world) (verdict, error) {
	goal, err := w.newDesk("", w.address(77, 1)+":0")
	if err != nil {
		return verdict{}, err
	}
	reached := make(chan struct{}, 100)
	goal.behave(func(net.Conn, string) { reached <- struct{}{} })
	at := goal.web.Addr().String()
	from := w.observer.count()
	for _, raw := range []string{
		"CONNECT " + at + " HTTP/1.1\r\nHost: " + at + "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
		"GET http://" + at + "/secret HTTP/1.1\r\nHost: " + at + "\r\n\r\n",
		"GET http://" + at + "/off_hook?mac=" + w.victim.mac + " HTTP/1.1\r\nHost: " + w.intake + "\r\nProxy-Connection: keep-alive\r\n\r\n",
		"GET //" + at + "/ HTTP/1.1\r\nHost: " + at + "\r\n\r\n",
		"GET /off_hook?mac=" + w.victim.mac + "&active_url=http://" + at + "/ HTTP/1.1\r\nHost: " + at + "\r\n\r\n",
	} {
		if _, err := w.ask(ctx, w.stranger(), raw); err != nil {
			return verdict{}, err
		}
	}
	all, err := w.told(ctx, from)
	if err != nil {
		return verdict{}, err
	}
	if len(reached) > 0 || goal.count() > 0 {
		return success("it connected to %s: %q", at, goal.got(0))
	}
	return refused("nothing connected there; an absolute URI is an event like any other (%d came)", len(events(all, "")))
}

func trace(ctx context.Context, w *world) (verdict, error) {
	a, err := w.request(ctx, w.stranger(), "TRACE", "/", "Cookie: crumb-17", "Max-Forwards: 0")
	if err != nil {
		return verdict{}, err
	}
	if strings.Contains(a.head+a.body, "crumb-17") || a.status == 200 {
		return success("%s", a)
	}
	return refused("%s", a)
}

func protocols(ctx context.Context, w *world) (verdict, error) {
	from := w.observer.count()
	target := "/off_hook/" + w.victim.mac
	all := []string{
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + target,
		"GET " + target + " HTTP/2.0\r\n\r\n", "GET " + target + " HTTP/3\r\n\r\n ", "GET " + target + " HTTP/1.23\r\n\r\n", "GET " + target + " HTTP/0.9\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 40) + "\r\n",
		"SSH-2.0-OpenSSH_9.6\r\n", "EHLO " + target + "\r\nMAIL FROM:<x>\r\n", "INVITE sip:206@x SIP/2.0\r\nVia: SIP/2.0/TCP x\r\n\r\n",
		"\x10\x16\x00\x04MQTT\x04\x02\x00\x3c\x00\x0a" + target + "\n", "PROXY TCP4 " + w.victim.ip + " 127.0.0.1 1 2\r\nGET " + target + " HTTP/1.1\r\n\r\n",
		"\r\n\r\n\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11\x00\x0cGET " + target + " HTTP/1.1\r\n\r\n",
		"RTSP/1.0 200 OK\r\n\r\n", "*1\r\n$4\r\nPING\r\n", "<policy-file-request/>\x00\n",
	}
	for _, raw := range all {
		a, err := w.ask(ctx, w.stranger(), raw)
		if err != nil {
			return verdict{}, err
		}
		if a.status == 200 {
			return success("%.60q was answered %s", raw, a)
		}
	}
	came, err := w.told(ctx, from)
	if err != nil || len(events(came, "")) > 0 {
		return success("%d events (%v)", len(events(came, "")), err)
	}
	return refused("%d protocols, none was taken for an event", len(all))
}

func splitting(ctx context.Context, w *world) (verdict, error) {
	for _, target := range []string{
		"/x%0d%0aSet-Cookie:%20crumb=1%0d%0a%0d%0a<script>alert(1)</script>", "/x\rSet-Cookie: crumb=1", "/<script>alert(1)</script>",
		"/off_hook?mac=%0d%0aSet-Cookie:crumb=1", "/off_hook?mac=<script>alert(1)</script>",
	} {
		a, err := w.get(ctx, w.stranger(), target)
		if err != nil {
			return verdict{}, err
		}
		plain := header(a.head, "Content-Type") == "text/plain; charset=utf-8" && header(a.head, "X-Content-Type-Options") == "nosniff"
		if strings.Contains(a.head, "crumb") || !plain || strings.Count(a.body, "\n") != 1 {
			return success("%s was answered %q %q", target, a.head, a.body)
		}
	}
	return harmless("one quoted line of text/plain with nosniff, and no header of his")
}

// nearly are requests that a lenient reader could make an event of.
func nearly(ctx context.Context, w *world) (verdict, error) {
	from := w.observer.count()
	target := "/off_hook/" + w.victim.mac
	all := []string{
		"", "\r\n", "\x00", "GET", "GET \r\n\r\n", "GET\r\n" + target + "\r\n\r\n", " GET " + target + " HTTP/1.1\r\n\r\n", "G\x00ET " + target + " HTTP/1.1\r\n\r\n",
		"GET:" + target + " HTTP/1.1\r\n\r\n", "GET " + target + " HTTP/1.1", "GET " + target + " HTTP/1.1\r\nHost: x\r\n", strings.Repeat("\r\n", 5000) + "GET " + target + " HTTP/1.1\r\n\r\n",
	}
	for _, raw := range all {
		c, err := w.dial(ctx, w.stranger())
		if err != nil {
			return verdict{}, err
		}
		_, _ = io.WriteString(c, raw)
		if half, ok := c.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
		_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
		text, _ := io.ReadAll(c)
		_ = c.Close()
		if a := w.readAnswer(string(text)); a.status == 200 {
			return success("%.40q was answered %s", raw, a)
		}
	}
	came, err := w.told(ctx, from)
	if err != nil || len(events(came, "")) > 0 {
		return success("%d events (%v)", len(events(came, "")), err)
	}
	return refused("%s", fmt.Sprintf("%d of them, each answered with 400 or not at all", len(all)))
}
