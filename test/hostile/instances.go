package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// instances is who takes the daemon's place.
var instances = subject{
	name: "instances",
	attacks: []attack{
		{"the store of a running daemon, by a second one", secondOnStore},
		{"the port of a running daemon, by a second one", secondOnPort},
		{"the daemon's place at the broker, by its client id and login", thief(bridgeUser)},
		{"the daemon's place at the broker, by its client id and the rights of a dashboard", thief(dashboardUser)},
		{"the daemon's place at the broker, by a second daemon that fights for it", rival},
		{"events of the daemon to be lost, by ending its session at each of them", setAside},
		{"a broker of the daemon's own that others can reach", openBroker},
	},
}

// secondWith starts a second daemon, which has to end with 1 and one line.
func (w *world) secondWith(ctx context.Context, settings ...string) (verdict, error) {
	addr, err := stand.FreeAddr()
	if err != nil {
		return verdict{}, err
	}
	before := w.log.read
	second, err := w.spawn(ctx, append([]string{"HTTP_ADDR=" + addr, "MQTT_CLIENT_ID=second"}, settings...)...)
	if err != nil {
		return verdict{}, err
	}
	defer second.Kill()
	select {
	case <-second.Ended():
	case <-time.After(patience):
		return success("it runs")
	}
	lines := w.log.next()
	w.log.read = before
	// What ends it is one plain line for whoever starts it, not an entry of the log.
	text := lines[len(lines)-1]
	w.log.skip(text)
	if code := second.ExitCode(); code != 1 || strings.HasPrefix(text, "{") {
		return success("exit %d: %q", code, lines)
	}
	return refused("exit 1: %s", strings.ReplaceAll(text, w.dir, "DIR"))
}

func secondOnStore(ctx context.Context, w *world) (verdict, error) { return w.secondWith(ctx) }

func secondOnPort(ctx context.Context, w *world) (verdict, error) {
	return w.secondWith(ctx, "HTTP_ADDR="+w.intake, "DATA_DIR=none")
}

// thief logs in again and again under the daemon's client id while phones go on sending: all of their
// events arrive.
func thief(user string) func(context.Context, *world) (verdict, error) {
	return func(ctx context.Context, w *world) (verdict, error) {
		const events = 30
		from, thefts := w.observer.count(), 0
		for n := range events {
			client := paho.NewClient(w.options(user, "phone2mqtt"))
			if stand.Done(client.Connect()) == nil {
				thefts++
			}
			a, err := w.get(ctx, w.victim.ip, w.event([]string{"dnd_on", "dnd_off"}[n%2], w.victim.mac, fmt.Sprintf("call_id=theft-%s-%d", user, n)))
			client.Disconnect(0)
			if err != nil || a.status != 200 {
				return success("an event was answered %s (%v)", a, err)
			}
			if err := stand.Pause(ctx, 20*time.Millisecond); err != nil {
				return verdict{}, err
			}
		}
		begun := time.Now()
		return w.allArrive(ctx, from, events, "theft-"+user+"-", func() string {
			return fmt.Sprintf("%d thefts during %d events: none lost, the last %d ms after the thief was gone; meanwhile commands do not arrive", thefts, events, time.Since(begun).Milliseconds())
		})
	}
}

// rival starts a second daemon with the client id of the first, while phones go on sending.
func rival(ctx context.Context, w *world) (verdict, error) {
	const events = 40
	addr, err := stand.FreeAddr()
	if err != nil {
		return verdict{}, err
	}
	second, err := w.spawn(ctx, "HTTP_ADDR="+addr, "DATA_DIR=none")
	if err != nil {
		return verdict{}, err
	}
	defer second.Kill()
	from := w.observer.count()
	for n := range events {
		a, err := w.get(ctx, w.victim.ip, w.event([]string{"dnd_on", "dnd_off"}[n%2], w.victim.mac, fmt.Sprintf("call_id=rival-%d", n)))
		if err != nil || a.status != 200 {
			return success("an event was answered %s (%v)", a, err)
		}
		if err := stand.Pause(ctx, 50*time.Millisecond); err != nil {
			return verdict{}, err
		}
	}
	second.Kill()
	begun := time.Now()
	return w.allArrive(ctx, from, events, "rival-", func() string {
		return fmt.Sprintf("%d events during the fight: none lost, the last %d ms after its end", events, time.Since(begun).Milliseconds())
	})
}

// allArrive waits until events with numbered call ids have come, and the session stands.
func (w *world) allArrive(ctx context.Context, from, count int, id string, what func() string) (verdict, error) {
	seen := make(map[string]bool)
	err := stand.Eventually(ctx, "all events", func() bool {
		all := w.observer.heard(from)
		from += len(all)
		for _, m := range all {
			if call := member(m, "call_id"); strings.HasSuffix(m.Topic, "/event") && strings.HasPrefix(call, id) {
				seen[call] = true
			}
		}
		return len(seen) == count
	})
	if err != nil {
		return success("%d of %d events arrived: %v", len(seen), count, err)
	}
	said := what()
	return verdict{isHarmless, said}, w.daemon.AwaitPage(ctx, "http://"+w.intake+"/readyz")
}

// setAside ends the session as soon as an event may be on its way, by what can be seen at the broker: a
// message on which the broker ends the session three times is set aside as one that it does not bear.
func setAside(ctx context.Context, w *world) (verdict, error) {
	const events = 40
	from := w.observer.count()
	stop, done := make(chan struct{}), make(chan struct{})
	thefts := 0
	go func() {
		defer close(done)
		seen := from
		for {
			select {
			case <-stop:
				return
			default:
			}
			// The daemon's session stands: its own online came.
			all := w.observer.heard(seen)
			seen += len(all)
			for _, m := range all {
				if m.Topic == "phone2mqtt/bridge/state" && string(m.Payload) == "online" {
					client := paho.NewClient(w.options(dashboardUser, "phone2mqtt"))
					if stand.Done(client.Connect()) == nil {
						thefts++
					}
					client.Disconnect(0)
				}
			}
			_ = stand.Pause(ctx, 200*time.Microsecond)
		}
	}()
	first := paho.NewClient(w.options(dashboardUser, "phone2mqtt"))
	_ = stand.Done(first.Connect())
	first.Disconnect(0)
	var failed error
	for n := range events {
		a, err := w.get(ctx, w.victim.ip, w.event([]string{"dnd_on", "dnd_off"}[n%2], w.victim.mac, fmt.Sprintf("call_id=aside-%d", n)))
		if err != nil || a.status != 200 {
			failed = errors.Join(fmt.Errorf("an event was answered %s", a), err)
			break
		}
		if failed = stand.Pause(ctx, 100*time.Millisecond); failed != nil {
			break
		}
	}
	close(stop)
	<-done
	if failed != nil {
		return verdict{}, failed
	}
	return w.allArrive(ctx, from, events, "aside-", func() string {
		return fmt.Sprintf("%d sessions ended at their first message, %d events: none lost", thefts, events)
	})
}

func openBroker(ctx context.Context, w *world) (verdict, error) {
	for _, addr := range []string{"0.0.0.0:0", ":1883", "[::]:1883", "192.0.2.1:1883"} {
		text, code := w.run(ctx, []string{"MQTT_URL=embedded", "BROKER_ADDR=" + addr, "HTTP_ADDR=127.0.0.1:0", "DATA_DIR=none"})
		if code != 2 && code != 1 {
			return success("%s: exit %d, %q", addr, code, text)
		}
	}
	return refused("it listens on loopback only: the program ends")
}

// skip leaves a line out of what is looked at next.
func (l *logbook) skip(line string) { l.skipped = append(l.skipped, line) }

// wholeLog is all that was logged until now.
func (w *world) wholeLog() string {
	text, err := os.ReadFile(w.log.file)
	if err != nil {
		return ""
	}
	return string(text)
}
