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

// claims sends an event of the victim from where none may come, with headers that claim its address.
func claims(headers ...string) func(context.Context, *world) (verdict, error) {
	return func(ctx context.Context, w *world) (verdict, error) {
		from := w.observer.count()
		var all []string
		for _, h := range headers {
			all = append(all, strings.ReplaceAll(h, "VICTIM", w.victim.ip))
		}
		a, err := w.get(ctx, w.stranger(), w.event("off_hook", w.victim.mac, "ip="+w.victim.ip), all...)
		if err != nil {
			return verdict{}, err
		}
		came, err := w.told(ctx, from)
		if err != nil {
			return verdict{}, err
		}
		if a.status != 403 || len(events(came, "")) > 0 || !strings.Contains(a.body, w.stranger()) {
			return success("%s, %d events", a, len(events(came, "")))
		}
		return refused("%s", a)
	}
}
