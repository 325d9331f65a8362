package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

func keptCommands(ctx context.Context, w *world) (verdict, error) {
	w.daemon.Stop()
	begin, from := w.victim.count(), w.observer.count()
	topics := []string{"set/dial", "set", "set/reboot", "set/"}
	for _, topic := range topics {
		if err := w.home.plant("phone2mqtt/"+w.victim.mac+"/"+topic, `{"command":"dial","number":"0900","expires_at":"2999-01-01T00:00:00Z","force":true}`); err != nil {
			return verdict{}, err
		}
	}
	if err := w.home.plant("phone2mqtt/00:1F:C1:AA:00:02/set/hangup", "PRESS"); err != nil {
		return verdict{}, err
	}
	if err := w.startDaemon(ctx); err != nil {
		return verdict{}, err
	}
	count := 0
	err := stand.Eventually(ctx, "a result for each", func() bool {
		all := w.observer.heard(from)
		from += len(all)
		for _, m := range all {
			if strings.HasSuffix(m.Topic, "/result") && member(m, "code") == "retained" {
				count++
			}
		}
		return count == len(topics)+1
	})
	if err != nil {
		return success("%d refused as retained: %v", count, err)
	}
	lines, err := w.flush(ctx, w.victim, begin)
	if err != nil || len(lines) > 0 {
		return success("the phone got %q (%v)", lines, err)
	}
	kept, err := w.kept(ctx, "phone2mqtt/+/set/#")
	if err != nil || len(kept) > 0 {
		return success("still kept: %v (%v)", kept, err)
	}
	return refused("%d results with code retained, and cleared at the broker", count)
}

// plantedEverywhere plants what could be believed on each topic of the daemon's own, of a known phone and
// of one that is not, and starts it again.
func plantedEverywhere(ctx context.Context, w *world) (verdict, error) {
	const invented = "0bad00000007"
	begin, planted := w.victim.count(), slices.Concat(w.ownTopics(w.victim.mac), w.ownTopics(invented))
	payload := `{"mac":"` + w.victim.mac + `","name":"planted","host":"` + w.stranger() + `","call_state":"talking","event_type":"call_established","command":"reboot","status":"ok"}`
	for _, topic := range planted {
		if err := w.insider.plant(topic, payload); err != nil {
			return verdict{}, err
		}
	}
	if err := w.restart(ctx); err != nil {
		return verdict{}, err
	}
	if r, err := w.order(ctx, w.victim, "key", "OK"); err != nil || r.outcome() != "guard" {
		return success("the guard believes it: %+v (%v)", r, err)
	}
	if r, err := w.order(ctx, &desk{mac: invented}, "dial", "206"); err != nil || r.outcome() != "phone" {
		return success("a phone was made of it: %+v (%v)", r, err)
	}
	lines, err := w.flush(ctx, w.victim, begin)
	if err != nil || len(lines) > 0 {
		return success("the phone got %q (%v)", lines, err)
	}
	kept, err := w.kept(ctx, "phone2mqtt/#")
	if err != nil {
		return verdict{}, err
	}
	left := 0
	for topic, text := range kept {
		if !strings.Contains(text, "planted") {
			continue
		}
		if strings.HasPrefix(topic, "phone2mqtt/"+w.victim.mac+"/") && (strings.HasSuffix(topic, "state") || strings.HasSuffix(topic, "availability")) || topic == "phone2mqtt/bridge/state" || topic == "phone2mqtt/bridge/info" {
			return success("%s is still %s", topic, text)
		}
		left++
	}
	for _, topic := range planted {
		if strings.Contains(kept[topic], "planted") {
			if err := w.insider.plant(topic, ""); err != nil {
				return verdict{}, err
			}
		}
	}
	return harmless("%d plants, none believed; those on topics that the daemon keeps were put right, %d on others stay until somebody clears them", len(planted), left)
}

func keptRequests(ctx context.Context, w *world) (verdict, error) {
	a, err := w.get(ctx, w.stranger(), w.event("off_hook", "001fc1aa0bad"))
	if err != nil || a.status != 200 {
		return verdict{}, fmt.Errorf("learn a phone: %s (%w)", a, err)
	}
	w.daemon.Stop()
	if err := w.home.plant("phone2mqtt/bridge/request/phone/remove", `{"mac":"001fc1aa0bad"}`); err != nil {
		return verdict{}, err
	}
	from := w.observer.count()
	if err := w.startDaemon(ctx); err != nil {
		return verdict{}, err
	}
	m, err := w.observer.await(ctx, from, "an answer", func(m stand.Message) bool { return m.Topic == "phone2mqtt/bridge/response/phone/remove" })
	if err != nil {
		return verdict{}, err
	}
	if _, err := w.honestEvent(ctx); err != nil {
		return verdict{}, err
	}
	kept, err := w.kept(ctx, "phone2mqtt/#")
	if err != nil || kept["phone2mqtt/001fc1aa0bad/state"] == "" || kept["phone2mqtt/bridge/request/phone/remove"] != "" {
		return success("%s, kept: %d (%v)", m.Payload, len(kept), err)
	}
	return refused("%s", member(m, "error"))
}

// keptWhileListening sends one with the retain flag: it runs once, and its copy never.
func keptWhileListening(ctx context.Context, w *world) (verdict, error) {
	begin := w.victim.count()
	if err := w.home.plant("phone2mqtt/"+w.victim.mac+"/set/dial", "206"); err != nil {
		return verdict{}, err
	}
	if err := w.restart(ctx); err != nil {
		return verdict{}, err
	}
	lines, err := w.flush(ctx, w.victim, begin)
	if err != nil || len(lines) > 1 {
		return success("the phone got %q (%v)", lines, err)
	}
	kept, err := w.kept(ctx, "phone2mqtt/+/set/#")
	if err != nil || len(kept) > 0 {
		return success("still kept: %v (%v)", kept, err)
	}
	return harmless("it ran once, as one that is not kept; after a restart its copy was refused and cleared")
}

func oldCommands(ctx context.Context, w *world) (verdict, error) {
	begin, past := w.victim.count(), time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	for _, expires := range []string{past, "1970-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:01Z"} {
		r, err := w.order(ctx, w.victim, "dial", `{"number":"206","force":true,"expires_at":"`+expires+`"}`)
		if err != nil || r.outcome() != "expired" {
			return success("%s: %+v (%v)", expires, r, err)
		}
	}
	for _, expires := range []string{"yesterday", "2999-13-01T00:00:00Z", "", "2999-01-01", "9999999999"} {
		r, err := w.order(ctx, w.victim, "dial", `{"number":"206","expires_at":"`+expires+`"}`)
		if err != nil || r.outcome() != "payload" {
			return success("%q: %+v (%v)", expires, r, err)
		}
	}
	// However late it may run by its own word, it does not wait longer than COMMAND_TTL.
	w.victim.behave(func(c net.Conn, _ string) { _, _ = io.Copy(io.Discard, c) })
	for range 6 {
		w.home.Publish("phone2mqtt/"+w.victim.mac+"/set/volume", 1, false, "UP")
	}
	begun := time.Now()
	r, err := w.orderLast(ctx, `{"number":"206","transaction":"late","expires_at":"2999-01-01T00:00:00Z"}`)
	w.victim.behave(obey)
	if err != nil || r.outcome() != "expired" {
		return success("%+v (%v)", r, err)
	}
	took := time.Since(begun)
	lines, err := w.flush(ctx, w.victim, begin)
	if err != nil || strings.Contains(strings.Join(lines, " "), "Number") {
		return success("the phone got %q (%v)", lines, err)
	}
	return refused("expired: by expires_at, and behind a busy phone after %s (COMMAND_TTL)", took.Round(100*time.Millisecond))
}

// orderLast gives the victim a number to dial, behind all that waits for it already.
func (w *world) orderLast(ctx context.Context, payload string) (r commandResult, err error) {
	from := w.observer.count()
	if err := w.home.say("phone2mqtt/"+w.victim.mac+"/set/dial", payload); err != nil {
		return r, err
	}
	m, err := w.observer.await(ctx, from, "its result", func(m stand.Message) bool {
		return member(m, "transaction") == "late" && strings.HasSuffix(m.Topic, "/result")
	})
	return commandResult{Status: member(m, "status"), Code: member(m, "code"), Error: member(m, "error")}, err
}
