package main

import (
	"context"
	"strings"
)

// forwarded is who sends from an address that may not, and claims another.
var forwarded = subject{
	name: "forwarded",
	// The honest phones are at 127.*.0.*, which prepare allows.
	plan: plan{prepare: func(w *world) error {
		w.settings = append(w.settings, "HTTP_ALLOW="+w.address(0, 0)+"/24")
		return nil
	}},
	attacks: []attack{
		{"an event from an address that is not allowed", claims()},
		{"an event from an allowed address by X-Forwarded-For", claims("X-Forwarded-For: VICTIM")},
		{"an event from an allowed address by a list, twice or folded", claims("X-Forwarded-For: VICTIM, VICTIM", "X-Forwarded-For: VICTIM", "x-forwarded-for:\r\n VICTIM", "X-Forwarded-For : VICTIM", "X_Forwarded_For: VICTIM")},
		{"an event from an allowed address by other headers", claims("Forwarded: for=VICTIM", "X-Real-IP: VICTIM", "Client-IP: VICTIM", "True-Client-IP: VICTIM", "CF-Connecting-IP: VICTIM", "X-Forwarded: for=VICTIM", "Via: 1.1 VICTIM", "Host: VICTIM", "Origin: http://VICTIM")},
	},
}

// proxied is the same where a proxy is believed, by who cannot be it and by who sends through it.
var proxied = subject{
	name: "proxied",
	plan: plan{prepare: func(w *world) error {
		w.settings = append(w.settings, "HTTP_ALLOW="+w.address(0, 0)+"/24", "HTTP_TRUSTED_PROXIES="+w.proxy())
		return nil
	}},
	attacks: []attack{
		{"an event from an allowed address by X-Forwarded-For, past the proxy", claims("X-Forwarded-For: VICTIM", "X-Forwarded-For: VICTIM, PROXY")},
		{"an event from an allowed address by what he puts before the proxy's word", claimsBy((*world).proxy, "X-Forwarded-For: VICTIM, STRANGER")},
		{"an event from an allowed address by a header of his own before the proxy's", claimsBy((*world).proxy, "X-Forwarded-For: VICTIM", "X-Forwarded-For: STRANGER")},
		{"an event from an allowed address by an entry that nobody can read", claimsBy((*world).proxy, "X-Forwarded-For: VICTIM, unknown")},
		{"an event from an allowed address by spellings of it", claimsBy((*world).proxy, "X-Forwarded-For: STRANGER, VICTIM%eth0;x")},
		{"an event from an allowed address by naming the proxy again and again", claimsBy((*world).proxy, "X-Forwarded-For: VICTIM, STRANGER"+strings.Repeat(", PROXY", 500))},
		{"an event from an allowed address by headers that no proxy sets", claimsBy((*world).proxy, "Forwarded: for=VICTIM", "X-Real-IP: VICTIM", "X-Forwarded-For: STRANGER")},
	},
}

// proxy is the address of the proxy that is believed. It may not send events itself.
func (w *world) proxy() string { return w.address(50, 1) }

// claims sends an event of the victim from where none may come, with headers that claim its address.
func claims(headers ...string) func(context.Context, *world) (verdict, error) {
	return claimsBy((*world).stranger, headers...)
}

func claimsBy(by func(*world) string, headers ...string) func(context.Context, *world) (verdict, error) {
	return func(ctx context.Context, w *world) (verdict, error) {
		from := w.observer.count()
		var all []string
		for _, h := range headers {
			all = append(all, strings.NewReplacer("VICTIM", w.victim.ip, "STRANGER", w.stranger(), "PROXY", w.proxy()).Replace(h))
		}
		a, err := w.get(ctx, by(w), w.event("off_hook", w.victim.mac, "ip="+w.victim.ip), all...)
		if err != nil {
			return verdict{}, err
		}
		came, err := w.told(ctx, from)
		if err != nil {
			return verdict{}, err
		}
		itself := strings.Contains(a.body, w.stranger()) || strings.Contains(a.body, w.proxy())
		if a.status != 403 || len(events(came, "")) > 0 || !itself {
			return success("%s, %d events", a, len(events(came, "")))
		}
		return refused("%s", a)
	}
}
