package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// tokens is who does not know HTTP_TOKEN.
var tokens = subject{
	name:     "tokens",
	settings: []string{"HTTP_TOKEN=" + firstToken + "," + secondToken, "REPEAT_WINDOW=0s", "HTTP_RATE=0"},
	plan:     plan{token: firstToken},
	attacks: []attack{
		{"an event without the token", tokenless(func(event, mac string) string { return "/" + event + "?mac=" + mac })},
		{"an event with the token in the query", tokenless(func(event, mac string) string {
			return "/" + event + "?mac=" + mac + "&token=" + firstToken + "&" + firstToken + "&/" + firstToken + "/"
		})},
		{"an event with the token in another case", tokenless(func(event, mac string) string { return "/" + strings.ToUpper(firstToken) + "/" + event + "?mac=" + mac },
			func(event, mac string) string { return "/" + strings.ToLower(firstToken) + "/" + event + "?mac=" + mac })},
		{"an event with part of the token, or more than it", tokenless(
			func(event, mac string) string {
				return "/" + firstToken[:len(firstToken)-1] + "/" + event + "?mac=" + mac
			},
			func(event, mac string) string { return "/" + firstToken[1:] + "/" + event + "?mac=" + mac },
			func(event, mac string) string { return "/" + firstToken + "x/" + event + "?mac=" + mac },
			func(event, mac string) string { return "/" + firstToken + secondToken + "/" + event + "?mac=" + mac },
			func(event, mac string) string {
				return "/" + firstToken + "," + secondToken + "/" + event + "?mac=" + mac
			},
			func(event, mac string) string { return "/" + firstToken + "%00/" + event + "?mac=" + mac },
			func(event, mac string) string {
				return "/" + firstToken[:8] + "/" + firstToken[8:] + "/" + event + "?mac=" + mac
			})},
		{"an event with the token encoded twice", tokenless(func(event, mac string) string {
			return "/" + strings.ReplaceAll(firstToken, "_", "%255f") + "/" + event + "?mac=" + mac
		})},
		{"an event with the token in a header", tokenInHeaders},
		{"an event with the token of a request on the same connection", tokenOfAnother},
		{"to learn without the token which phones and events there are", oracle},
		{"to guess the token by many tries", guess},
		{"to guess the token by the time that a wrong one takes", timing},
	},
}

// tokenless asks for targets without a valid token: each is refused alike, and nothing comes of it.
func tokenless(targets ...func(event, mac string) string) func(context.Context, *world) (verdict, error) {
	return func(ctx context.Context, w *world) (verdict, error) {
		from := w.observer.count()
		last := ""
		for _, target := range targets {
			for _, method := range []string{"GET", "POST"} {
				a, err := w.request(ctx, w.victim.ip, method, target("off_hook", w.victim.mac))
				if err != nil {
					return verdict{}, err
				}
				if a.status != 403 || last != "" && a.String() != last {
					return success("%s was answered %s", target("off_hook", "MAC"), a)
				}
				last = a.String()
			}
		}
		all, err := w.told(ctx, from)
		if err != nil || len(events(all, "")) > 0 {
			return success("%d events (%v)", len(events(all, "")), err)
		}
		return refused("%s", last)
	}
}

func tokenInHeaders(ctx context.Context, w *world) (verdict, error) {
	a, err := w.get(ctx, w.victim.ip, "/off_hook?mac="+w.victim.mac, "Authorization: Bearer "+firstToken, "X-Token: "+firstToken, "Cookie: token="+firstToken,
		"X-Original-URL: /"+firstToken+"/off_hook", "Referer: http://x/"+firstToken+"/", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(firstToken+":")))
	if err != nil || a.status != 403 {
		return success("%s (%v)", a, err)
	}
	return refused("%s", a)
}

func tokenOfAnother(ctx context.Context, w *world) (verdict, error) {
	from := w.observer.count()
	raw := "GET " + w.event("off_hook", w.other.mac, "call_id="+w.fresh()) + " HTTP/1.1\r\nHost: x\r\n\r\nGET /off_hook?mac=" + w.victim.mac + " HTTP/1.1\r\nHost: x\r\n\r\n"
	if _, err := w.ask(ctx, w.victim.ip, raw); err != nil {
		return verdict{}, err
	}
	all, err := w.told(ctx, from)
	if err != nil || len(events(all, "")) != 1 || len(events(all, w.victim.mac)) > 0 {
		return success("%d events (%v)", len(events(all, "")), err)
	}
	return refused("the second request is never read")
}

// oracle compares what is answered to those who do not know the token.
func oracle(ctx context.Context, w *world) (verdict, error) {
	type form struct{ method, target string }
	all := []form{
		{"GET", "/off_hook?mac=" + w.victim.mac}, {"GET", "/off_hook?mac=0badbadbadba"}, {"GET", "/off_hook?mac=bad"}, {"GET", "/nonsense"}, {"GET", "/"}, {"GET", "/off_hook"},
		{"PUT", "/off_hook?mac=" + w.victim.mac}, {"DELETE", "/nonsense"}, {"GET", "/" + w.victim.mac}, {"GET", "/off_hook/" + w.victim.mac + "/" + w.victim.ip},
	}
	seen := make(map[string]bool)
	for _, from := range []string{w.stranger(), w.victim.ip} {
		for _, f := range all {
			a, err := w.request(ctx, from, f.method, f.target)
			if err != nil {
				return verdict{}, err
			}
			head := ""
			for line := range strings.SplitSeq(a.head, "\r\n") {
				if !strings.HasPrefix(line, "Date:") {
					head += line + "\n"
				}
			}
			seen[head+a.body] = true
		}
	}
	if len(seen) != 1 {
		return success("%d different answers", len(seen))
	}
	return refused("%d requests, one and the same 403", 2*len(all))
}

// guess tries many: all are refused alike, and honest phones go on.
func guess(ctx context.Context, w *world) (verdict, error) {
	var mu sync.Mutex
	seen := make(map[string]int)
	err := inParallel(16, 5000, func(n int) error {
		token := fmt.Sprintf("%s%04d", firstToken[:len(firstToken)-4], n)
		a, err := w.get(ctx, w.stranger(), "/"+token+"/off_hook?mac="+w.victim.mac)
		mu.Lock()
		defer mu.Unlock()
		seen[a.String()]++
		return err
	})
	if err != nil {
		return verdict{}, err
	}
	if len(seen) != 1 {
		return success("%v", seen)
	}
	return refused("5000 guesses that differ in four characters: one and the same 403. Sixteen random ones are 95 bits")
}

// timing is shown by the code, for a measurement would be a matter of luck: tokens are compared by
// crypto/subtle or crypto/hmac, and by nothing else.
func timing(_ context.Context, w *world) (verdict, error) {
	var found []string
	for _, pattern := range []string{"bridge/*.go", "bridge/gate/*.go"} {
		files, err := filepath.Glob(filepath.Join(w.module, pattern))
		if err != nil {
			return verdict{}, err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return verdict{}, err
			}
			if !strings.HasSuffix(file, "_test.go") && (bytes.Contains(text, []byte("subtle.ConstantTimeCompare(")) || bytes.Contains(text, []byte("hmac.Equal("))) {
				name, _ := filepath.Rel(w.module, file)
				found = append(found, filepath.ToSlash(name))
			}
		}
	}
	if len(found) == 0 {
		return success("no comparison in constant time is found")
	}
	return harmless("compared in constant time, in %s", strings.Join(found, ", "))
}
