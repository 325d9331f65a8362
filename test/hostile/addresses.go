package main

import (
	"context"
	"fmt"
	"net"
	"strings"
)

// addresses is who wants commands to go where they do not belong. Learned phones are asked on port 80.
var addresses = subject{
	name:     "addresses",
	settings: []string{"REPEAT_WINDOW=0s"},
	attacks: []attack{
		{"to have a listed phone's commands sent to himself", stealListed},
		{"to have his own commands press keys on another's desk", claimAddress},
		{"to have commands reach the wrong desk after DHCP swapped two leases", swapLeases},
		{"to have the daemon connect to a third party (request forgery)", reachThird},
		{"to have an address read as more than one", oddAddresses},
	},
}

func stealListed(ctx context.Context, w *world) (verdict, error) {
	thief, err := w.newDesk("", w.address(66, 7)+":80")
	if err != nil {
		return verdict{}, err
	}
	for _, more := range []string{"", "ip=" + thief.ip, "ip=" + w.victim.ip} {
		a, err := w.get(ctx, thief.ip, w.event("registered", w.victim.mac, more, "call_id="+w.fresh()))
		if err != nil || a.status != 200 {
			return verdict{}, fmt.Errorf("%s (%w)", a, err)
		}
	}
	begin := w.victim.count()
	r, err := w.order(ctx, w.victim, "dial", "206")
	if err != nil {
		return verdict{}, err
	}
	lines, err := w.flush(ctx, w.victim, begin)
	if err != nil || thief.count() > 0 || len(lines) != 1 {
		return success("the thief got %q, the phone %q, %+v (%v)", thief.got(0), lines, r, err)
	}
	return harmless("his events count as the phone's, as docs/security.md says; its commands go to the listed host, he gets none")
}

// claimAddress has learned phones name the address of another.
func claimAddress(ctx context.Context, w *world) (verdict, error) {
	learned, err := w.newDesk("001fc1aa0101", w.address(5, 1)+":80")
	if err != nil {
		return verdict{}, err
	}
	if _, err := w.get(ctx, learned.ip, w.event("registered", learned.mac)); err != nil {
		return verdict{}, err
	}
	begin := w.victim.count()
	rogue := &desk{mac: "001fc1aa0102"}
	for _, ip := range []string{learned.ip, w.victim.ip, learned.ip + ":80", "::ffff:" + learned.ip} {
		if _, err := w.get(ctx, w.stranger(), w.event("registered", rogue.mac, "ip="+ip, "call_id="+w.fresh())); err != nil {
			return verdict{}, err
		}
		r, err := w.order(ctx, rogue, "dial", "206")
		if err != nil || r.outcome() != "address" {
			return success("ip=%s: %+v (%v)", ip, r, err)
		}
	}
	lines, err := w.flush(ctx, w.victim, begin)
	if err != nil || learned.count() > 0 || len(lines) > 0 {
		return success("the desks got %q and %q (%v)", learned.got(0), lines, err)
	}
	if r, err := w.order(ctx, learned, "hangup", "{}"); err != nil || r.Status != "ok" {
		return success("the learned phone lost its address: %+v (%v)", r, err)
	}
	return refused("code address: an event whose ip is not where it came from gives none; the other keeps its own")
}

func swapLeases(ctx context.Context, w *world) (verdict, error) {
	var desks [2]*desk
	for n := range desks {
		var err error
		if desks[n], err = w.newDesk(fmt.Sprintf("001fc1aa020%d", n), w.address(6, n+1)+":80"); err != nil {
			return verdict{}, err
		}
		if _, err := w.get(ctx, desks[n].ip, w.event("registered", desks[n].mac, "ip="+desks[n].ip)); err != nil {
			return verdict{}, err
		}
	}
	// The first now has the second's address, and the second has not spoken yet.
	if _, err := w.get(ctx, desks[1].ip, w.event("registered", desks[0].mac, "call_id="+w.fresh())); err != nil {
		return verdict{}, err
	}
	r, err := w.order(ctx, desks[1], "hangup", "{}")
	if err != nil || r.outcome() != "address" || desks[0].count()+desks[1].count() > 0 {
		return success("%+v, the desks got %q and %q (%v)", r, desks[0].got(0), desks[1].got(0), err)
	}
	// A desk where a listed phone is cannot be taken over at all.
	if _, err := w.get(ctx, w.victim.ip, w.event("registered", desks[0].mac, "call_id="+w.fresh())); err != nil {
		return verdict{}, err
	}
	return refused("code address for the one that lost its lease; nothing reached either desk")
}

// reachThird looks whether anything is sent to an address that is neither the sender's nor a phone's.
func reachThird(ctx context.Context, w *world) (verdict, error) {
	third, err := w.newDesk("", w.address(88, 1)+":80")
	if err != nil {
		return verdict{}, err
	}
	reached := make(chan struct{}, 100)
	third.behave(func(net.Conn, string) { reached <- struct{}{} })
	mac := "001fc1aa0301"
	for _, more := range []string{
		"ip=" + third.ip, "active_host=" + third.ip, "active_url=http://" + third.ip + "/", "remote=sip:206@" + third.ip, "local=sip:1@" + third.ip + ":80", "ip=http://" + third.ip, "model=" + third.ip,
	} {
		if _, err := w.get(ctx, w.stranger(), w.event("registered", mac, more, "call_id="+w.fresh())); err != nil {
			return verdict{}, err
		}
		if _, err := w.order(ctx, &desk{mac: mac}, "dial", "206"); err != nil {
			return verdict{}, err
		}
	}
	if _, err := w.get(ctx, w.stranger(), "/registered/"+mac+"/"+third.ip, "X-Forwarded-For: "+third.ip, "Host: "+third.ip); err != nil {
		return verdict{}, err
	}
	if _, err := w.order(ctx, &desk{mac: mac}, "dial", "206"); err != nil {
		return verdict{}, err
	}
	if len(reached) > 0 || third.count() > 0 {
		return success("it got %q", third.got(0))
	}
	return refused("nothing was sent there")
}

func oddAddresses(ctx context.Context, w *world) (verdict, error) {
	mac, codes := "001fc1aa0401", make(map[string]int)
	for _, ip := range []string{
		"127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "169.254.169.254", "fe80::1%25eth0;reboot", "::1", "localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "1.2.3.4, 127.0.0.1", strings.Repeat("1", 300),
	} {
		if _, err := w.get(ctx, w.stranger(), w.event("registered", mac, "ip="+ip, "call_id="+w.fresh())); err != nil {
			return verdict{}, err
		}
		r, err := w.order(ctx, &desk{mac: mac}, "dial", "206")
		if err != nil {
			return verdict{}, err
		}
		codes[r.outcome()]++
		if r.Sent > 0 {
			return success("ip=%s: %+v", ip, r)
		}
	}
	return refused("results: %v; what cannot be read as an address is none, and the sender's own counts", codes)
}
