package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// pages is who asks for more than there is to see. Pages have a listener of their own here.
var pages = subject{
	name:     "pages",
	settings: []string{"REPEAT_WINDOW=0s"},
	plan:     plan{admin: true},
	attacks: []attack{
		{"files of the machine by the path", files},
		{"pages that nobody knows of (profiler, settings, store)", hidden},
		{"/metrics on the intake's port where pages have one of their own", adminOnly},
		{"an event or a command by the port of the pages", eventsOnAdmin},
		{"another site's rights by the Host header (rebinding)", hosts},
		{"to change something by methods on pages", methodsOnPages},
		{"series of metrics without end", cardinality},
		{"names and numbers of callers in metrics", callersInMetrics},
		{"more of a page by its query or headers", queries},
	},
}

func files(ctx context.Context, w *world) (verdict, error) {
	targets := []string{
		"/../../../../etc/passwd", "/ui/../../../../etc/passwd", "/ui/%2e%2e/%2e%2e/etc/passwd", "/ui/..%2f..%2fetc/passwd", "/ui/....//....//etc/passwd", "/metrics/../../etc/passwd", "//etc/passwd", "/ui/\\..\\..\\etc\\passwd",
		"/ui/%00/etc/passwd", "/.env", "/.git/config", "/data/phone2mqtt.db", "/healthz/..;/etc/passwd", "file:///etc/passwd", "http://x/../../etc/passwd",
	}
	for _, at := range []string{w.intake, w.adminAt} {
		for _, target := range targets {
			a, err := w.askAt(ctx, w.stranger(), at, "GET "+target+" HTTP/1.1\r\nHost: x\r\n\r\n")
			if err != nil {
				return verdict{}, err
			}
			if a.status == 200 || strings.Contains(a.body, "root:") {
				return success("%s was answered %s", target, a)
			}
		}
	}
	return refused("%d paths on two ports: nothing is served from a disk", len(targets))
}

func hidden(ctx context.Context, w *world) (verdict, error) {
	targets := []string{"/debug/pprof/", "/debug/vars", "/debug/pprof/heap", "/config", "/ui", "/ui/", "/admin", "/store", "/api/state", "/server-status", "/swagger", "/metrics/", "/healthz/", "/METRICS", "/%6detrics2", "/metrics%00", "/metrics;x"}
	served := map[string]bool{"/metrics/": true, "/healthz/": true}
	for _, at := range []string{w.intake, w.adminAt} {
		for _, target := range targets {
			a, err := w.askAt(ctx, w.stranger(), at, "GET "+target+" HTTP/1.1\r\nHost: x\r\n\r\n")
			if err != nil {
				return verdict{}, err
			}
			if a.status == 200 && !served[target] {
				return success("%s was answered %s", target, a)
			}
		}
	}
	return refused("%d pages on two ports: 404", len(targets))
}

func adminOnly(ctx context.Context, w *world) (verdict, error) {
	var last answer
	for _, target := range []string{"/metrics", "//metrics", "/metrics?x", "/./metrics", "/%6d%65trics", "/healthz/../metrics", "http://" + w.adminAt + "/metrics"} {
		a, err := w.get(ctx, w.stranger(), target, "Host: "+w.adminAt)
		if err != nil {
			return verdict{}, err
		}
		if last = a; strings.Contains(a.body, "go_goroutines") {
			return success("%s was answered %s", target, a)
		}
	}
	return refused("%s", last)
}

func eventsOnAdmin(ctx context.Context, w *world) (verdict, error) {
	from := w.observer.count()
	for _, method := range []string{"GET", "POST"} {
		a, err := w.askAt(ctx, w.stranger(), w.adminAt, method+" "+w.event("off_hook", w.victim.mac)+" HTTP/1.1\r\nHost: x\r\n\r\n")
		if err != nil || a.status != 404 {
			return success("%s (%v)", a, err)
		}
	}
	all, err := w.told(ctx, from)
	if err != nil || len(events(all, "")) > 0 {
		return success("%d events (%v)", len(events(all, "")), err)
	}
	return refused("404")
}

// hosts asks under other names: what a page of another site could read this way holds no name and no
// number, and nothing lets it be read across sites.
func hosts(ctx context.Context, w *world) (verdict, error) {
	for _, host := range []string{"evil.example", "evil.example:80", "", "127.0.0.1@evil", "x\" onload=\"", "[::1]", strings.Repeat("x", 300)} {
		for _, target := range []string{"/metrics", "/readyz", "/nonsense"} {
			a, err := w.askAt(ctx, w.stranger(), w.adminAt, "GET "+target+" HTTP/1.1\r\nHost: "+host+"\r\nOrigin: http://evil.example\r\nX-Forwarded-Host: evil.example\r\n\r\n")
			if err != nil {
				return verdict{}, err
			}
			if strings.Contains(a.head+a.body, "evil") || strings.Contains(strings.ToLower(a.head), "access-control") {
				return success("%s as %.20q: %q %s", target, host, a.head, a)
			}
		}
	}
	return harmless("the name counts nowhere and is told nowhere; no answer may be read across sites")
}

func methodsOnPages(ctx context.Context, w *world) (verdict, error) {
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUIT"} {
		for _, target := range []string{"/healthz", "/readyz", "/metrics"} {
			a, err := w.askAt(ctx, w.stranger(), w.adminAt, method+" "+target+" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
			if err != nil {
				return verdict{}, err
			}
			if strings.Contains(strings.ToLower(a.head), "\r\nallow: ") && strings.Contains(a.head, "DELETE") {
				return success("%s %s: %q", method, target, a.head)
			}
		}
	}
	if a, err := w.get(ctx, w.stranger(), "/healthz"); err != nil || a.status != 200 {
		return success("%s (%v)", a, err)
	}
	return harmless("pages only tell; any method reads them, none changes anything")
}

var sample = regexp.MustCompile(`(?m)^[a-z_]+(\{[^}]*\})? `)

// series is how many figures there are.
func (w *world) series(ctx context.Context) (int, error) {
	page, err := w.metrics(ctx)
	return len(sample.FindAllString(page, -1)), err
}

// cardinality invents whatever could become a label. Each kind is sent once before, so that only what
// grows with the inventions is counted.
func cardinality(ctx context.Context, w *world) (verdict, error) {
	invent := func(from, to int) error {
		return inParallel(8, to-from, func(n int) error {
			n += from
			target := []string{"/invented-%d", "/off_hook?mac=invented-%d", "/off_hook?mac=%012x", "/incoming_call?mac=" + w.victim.mac + "&call_id=%d&remote=%[1]d", "/x/y/z?%d"}[n%5]
			method := "GET"
			if n%7 == 0 {
				method = fmt.Sprintf("M%d", n)
			}
			if _, err := w.request(ctx, w.stranger(), method, fmt.Sprintf(target, n), fmt.Sprintf("User-Agent: a%d", n)); err != nil {
				return err
			}
			return w.home.say("phone2mqtt/"+w.other.mac+"/set", fmt.Sprintf(`{"command":"invented-%d"}`, n))
		})
	}
	if err := invent(0, 100); err != nil {
		return verdict{}, err
	}
	before, err := w.series(ctx)
	if err != nil {
		return verdict{}, err
	}
	if err := invent(100, 1100); err != nil {
		return verdict{}, err
	}
	after, err := w.series(ctx)
	if err != nil || after > before+2 {
		return success("%d series before, %d after (%v)", before, after, err)
	}
	return harmless("1000 invented events, paths, methods, phones, callers and commands: %d series before, %d after", before, after)
}

func callersInMetrics(ctx context.Context, w *world) (verdict, error) {
	for _, kind := range []string{"incoming_call", "call_established", "call_terminated"} {
		if _, err := w.get(ctx, w.victim.ip, w.event(kind, w.victim.mac, "call_id=seen-1", "remote=sip:0171234567@x", "display_remote=Erika Mustermann")); err != nil {
			return verdict{}, err
		}
	}
	if _, err := w.order(ctx, w.victim, "dial", "0171234567"); err != nil {
		return verdict{}, err
	}
	page, err := w.metrics(ctx)
	if err != nil {
		return verdict{}, err
	}
	for _, word := range []string{"0171234567", "Erika", w.victim.mac, w.victim.ip, "seen-1"} {
		if strings.Contains(page, word) {
			return success("the page holds %s", word)
		}
	}
	for _, line := range strings.Split(w.wholeLog(), "\n") {
		if strings.Contains(line, "0171234567") || strings.Contains(line, "Erika") {
			return success("the log holds %q", line)
		}
	}
	return harmless("neither number nor name, neither phone nor call; the log, at debug, has none either")
}

func queries(ctx context.Context, w *world) (verdict, error) {
	for _, target := range []string{"/metrics?name[]=x&debug=1", "/metrics?collect[]=../../etc/passwd", "/readyz?verbose=1", "/healthz?callback=alert(1)", "/metrics?" + strings.Repeat("x", 7000)} {
		a, err := w.askAt(ctx, w.stranger(), w.adminAt, "GET "+target+" HTTP/1.1\r\nHost: x\r\nAccept: ../../x, text/html;q=1, */*;q=0\r\nAccept-Encoding: gzip, br, x-evil\r\nRange: bytes=0-1000000000,-1\r\nIf-None-Match: *\r\n\r\n")
		if err != nil {
			return verdict{}, err
		}
		if a.status >= 500 || strings.Contains(a.body, "alert") || strings.Contains(a.head, "x-evil") {
			return success("%s was answered %q %s", target, a.head, a)
		}
	}
	return harmless("queries, ranges and encodings change nothing of a page")
}
