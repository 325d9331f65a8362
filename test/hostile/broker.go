package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// broker is other clients of the broker: one who may only read, one who may command, and one who may do
// anything, as everybody may where the broker has no access list.
var broker = subject{
	name:     "mqtt",
	settings: []string{"REPEAT_WINDOW=0s"},
	attacks: []attack{
		{"to command with the rights of a dashboard", dashboardCommands},
		{"to plant state, events and presence with the rights of a dashboard or of automations", plantsByUsers},
		{"to have a planted state believed (no access list)", plantedState},
		{"to erase what is kept of a phone (no access list)", erasedState},
		{"to have the bridge taken for dead by a planted or willed offline (no access list)", plantedPresence},
		{"to have an event or a result of his believed by the daemon (no access list)", plantedEvents},
		{"to have plants on each of its topics believed after a restart (no access list)", plantedEverywhere},
		{"to have a command run when the daemon comes back (kept by the broker)", keptCommands},
		{"to have a request to the bridge run when the daemon comes back", keptRequests},
		{"to have a kept command run again and again", keptWhileListening},
		{"to have an old command run late", oldCommands},
		{"to command by odd spellings of the topic", oddTopics},
		{"to command all phones at once by wildcards", wildcards},
		{"to break the connection by the longest topic", longestTopic},
		{"to have a command run twice, or another's not at all, by its transaction", replayed},
		{"to make the daemon answer itself for ever", loops},
	},
}

func dashboardCommands(ctx context.Context, w *world) (verdict, error) {
	begin, from := w.victim.count(), w.observer.count()
	for _, m := range [][2]string{
		{"phone2mqtt/" + w.victim.mac + "/set/dial", "0900"}, {"phone2mqtt/" + w.victim.mac + "/set", `{"command":"reboot"}`}, {"phone2mqtt/" + w.victim.mac + "/set/", `{"command":"reboot"}`},
		{"phone2mqtt/bridge/request/phone/remove", `{"mac":"` + w.victim.mac + `"}`}, {"phone2mqtt/bridge/request/health_check", "{}"}, {"homeassistant/status", "online"},
	} {
		if _, err := w.attempt(ctx, dashboardUser, stand.Message{Topic: m[0], Payload: []byte(m[1])}); err != nil {
			return verdict{}, err
		}
	}
	lines, err := w.flush(ctx, w.victim, begin)
	if err != nil || len(lines) > 0 {
		return success("the phone got %q (%v)", lines, err)
	}
	for _, m := range w.observer.heard(from) {
		if strings.Contains(m.Topic, "/response/") || strings.Contains(m.Topic, "/set/dial") {
			return success("%s %s", m.Topic, m.Payload)
		}
	}
	return refused("by the broker, with the example's access list")
}

// ownTopics are those that the daemon alone publishes.
func (w *world) ownTopics(mac string) []string {
	var all []string
	for _, leaf := range []string{"bridge/state", "bridge/info", "bridge/response/health_check", mac + "/state", mac + "/call_state", mac + "/availability", mac + "/event", mac + "/event/late", mac + "/result"} {
		all = append(all, "phone2mqtt/"+leaf)
	}
	return all
}

func plantsByUsers(ctx context.Context, w *world) (verdict, error) {
	for _, user := range []string{dashboardUser, homeUser} {
		for _, topic := range w.ownTopics(w.victim.mac) {
			if _, err := w.attempt(ctx, user, stand.Message{Topic: topic, Payload: []byte(`"planted"`), Retained: true}); err != nil {
				return verdict{}, err
			}
		}
	}
	kept, err := w.kept(ctx, "phone2mqtt/#")
	if err != nil {
		return verdict{}, err
	}
	for topic, payload := range kept {
		if strings.Contains(payload, "planted") {
			return success("%s %s", topic, payload)
		}
	}
	return refused("by the broker: %d topics for two users, none of them is kept", len(w.ownTopics("")))
}

func plantedState(ctx context.Context, w *world) (verdict, error) {
	topic, from := "phone2mqtt/"+w.victim.mac+"/state", w.observer.count()
	planted := `{"call_state":"talking","host":"` + w.stranger() + `","ip":"` + w.stranger() + `","name":"planted"}`
	for _, t := range []string{topic, "phone2mqtt/0bad00000001/state"} {
		if err := w.insider.plant(t, planted); err != nil {
			return verdict{}, err
		}
	}
	if err := w.insider.plant("phone2mqtt/"+w.victim.mac+"/call_state", "talking"); err != nil {
		return verdict{}, err
	}
	// A phone in idle is not asked to press OK.
	begin := w.victim.count()
	r, err := w.order(ctx, w.victim, "key", "OK")
	if err != nil || r.outcome() != "guard" {
		return success("the guard believes it: %+v (%v)", r, err)
	}
	if lines, err := w.flush(ctx, w.victim, begin); err != nil || len(lines) > 0 {
		return success("%q (%v)", lines, err)
	}
	if _, err := w.get(ctx, w.victim.ip, w.event("off_hook", w.victim.mac, "call_id="+w.fresh())); err != nil {
		return verdict{}, err
	}
	_, err = w.observer.await(ctx, from, "the true state", func(m stand.Message) bool { return m.Topic == topic && member(m, "last_event") == "off_hook" })
	if err != nil {
		return success("%v", err)
	}
	if err := w.restarted(ctx); err != nil {
		return verdict{}, err
	}
	kept, err := w.kept(ctx, "phone2mqtt/#")
	switch {
	case err != nil:
		return verdict{}, err
	case strings.Contains(kept[topic], "planted") || kept["phone2mqtt/"+w.victim.mac+"/call_state"] != "idle":
		return success("it outlived a restart: %s %s", kept[topic], kept["phone2mqtt/"+w.victim.mac+"/call_state"])
	}
	_ = w.insider.plant("phone2mqtt/0bad00000001/state", "")
	return harmless("nothing is taken from it; the phone's next event puts state right, the next connection call_state and availability; that of an invented phone stays")
}

func erasedState(ctx context.Context, w *world) (verdict, error) {
	erased := []string{"state", "call_state", "availability"}
	for _, leaf := range erased {
		if err := w.insider.plant("phone2mqtt/"+w.victim.mac+"/"+leaf, ""); err != nil {
			return verdict{}, err
		}
	}
	if _, err := w.get(ctx, w.victim.ip, w.event("on_hook", w.victim.mac, "call_id="+w.fresh())); err != nil {
		return verdict{}, err
	}
	if _, err := w.honestEvent(ctx); err != nil {
		return verdict{}, err
	}
	after, err := w.kept(ctx, "phone2mqtt/"+w.victim.mac+"/#")
	if err != nil {
		return verdict{}, err
	}
	if after["phone2mqtt/"+w.victim.mac+"/state"] == "" {
		return success("the state is still missing after an event")
	}
	if err := w.restarted(ctx); err != nil {
		return verdict{}, err
	}
	healed, err := w.kept(ctx, "phone2mqtt/"+w.victim.mac+"/#")
	if err != nil || len(healed) != len(erased) {
		return success("%d of %d topics are back (%v)", len(healed), len(erased), err)
	}
	return harmless("the next event brings %d of %d topics back, the next connection all; until then subscribers that come see nothing", len(after), len(erased))
}

func plantedPresence(ctx context.Context, w *world) (verdict, error) {
	const topic = "phone2mqtt/bridge/state"
	from := w.observer.count()
	healed := func() (time.Duration, error) {
		begun := time.Now()
		_, err := w.observer.await(ctx, from, "offline", func(m stand.Message) bool { return m.Topic == topic && string(m.Payload) != "online" })
		if err != nil {
			return 0, err
		}
		return time.Since(begun), stand.Eventually(ctx, "online again", func() bool {
			all := w.observer.heard(from)
			for i := len(all) - 1; i >= 0; i-- {
				if all[i].Topic == topic {
					return string(all[i].Payload) == "online"
				}
			}
			return false
		})
	}
	if err := w.insider.plant(topic, "offline"); err != nil {
		return verdict{}, err
	}
	first, err := healed()
	if err != nil {
		return success("%v", err)
	}
	// A will is published when its client goes without a word.
	from = w.observer.count()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", w.broker.Addr)
	if err != nil {
		return verdict{}, err
	}
	options := w.options(insiderUser, "willing").SetBinaryWill(topic, []byte("offline"), 1, true).
		SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return conn, nil })
	willing := paho.NewClient(options)
	if err := stand.Done(willing.Connect()); err != nil {
		return verdict{}, err
	}
	_ = conn.Close()
	second, err := healed()
	if err != nil {
		return success("%v", err)
	}
	return harmless("online again after %d and %d ms", first.Milliseconds(), second.Milliseconds())
}

func plantedEvents(ctx context.Context, w *world) (verdict, error) {
	begin := w.victim.count()
	for _, topic := range w.ownTopics(w.victim.mac)[2:] {
		payload := `{"event_type":"call_established","call_state":"talking","mac":"` + w.victim.mac + `","command":"reboot","status":"ok"}`
		if strings.HasSuffix(topic, "_state") || strings.HasSuffix(topic, "availability") {
			payload = "offline"
		}
		if err := w.insider.say(topic, payload); err != nil {
			return verdict{}, err
		}
	}
	// What comes after this event is the daemon's own again.
	if _, err := w.honestEvent(ctx); err != nil {
		return verdict{}, err
	}
	if r, err := w.order(ctx, w.victim, "key", "OK"); err != nil || r.outcome() != "guard" {
		return success("%+v (%v)", r, err)
	}
	lines, err := w.flush(ctx, w.victim, begin)
	if err != nil || len(lines) > 0 {
		return success("the phone got %q (%v)", lines, err)
	}
	return harmless("the daemon reads none of these topics")
}

func oddTopics(ctx context.Context, w *world) (verdict, error) {
	begin, from := w.victim.count(), w.observer.count()
	mac := w.victim.mac
	all := []string{
		"PHONE2MQTT/" + mac + "/set/dial", "phone2mqtt/" + mac + "/SET/dial", "phone2mqtt/" + mac + "/set/dial/", "phone2mqtt/" + mac + "/set/dial/x", "phone2mqtt//" + mac + "/set/dial",
		"/phone2mqtt/" + mac + "/set/dial", "phone2mqtt/" + mac + "//set/dial", "phone2mqtt/" + mac + "/set//dial", "phone2mqtt/" + mac + "/setdial", "phone2mqtt/" + mac + "/set2", "phone2mqtt/" + mac,
		"phone2mqtt/" + mac + "/get/dial", "phone2mqtt/" + mac + "x/set/dial", "phone2mqtt/ " + mac + "x/set/dial", "phone2mqtt/all/set/dial", "phone2mqtt/bridge/set/dial", "phone2mqtt/set/dial", "phone2mqtt/bridge/" + mac + "/set/dial",
		"phone2mqtt/*/set/dial", "phone2mqtt/" + mac + "," + mac + "/set/dial", "phone2mqtt/" + mac + "/event/set/dial", "phone2mqtt/ffffffffffff/set/dial", "phone2mqtt/\uff10" + mac[1:] + "/set/dial",
		"phone2mqtt/" + mac + "/set/DIAL", "phone2mqtt/" + mac + "/set/dial ", "phone2mqtt/" + mac + "/set/d%69al", "phone2mqttx/" + mac + "/set/dial", "phone2mqtt/" + mac + "/set/../set/dial",
	}
	for _, topic := range all {
		if err := w.insider.say(topic, "206"); err != nil {
			return verdict{}, err
		}
	}
	lines, err := w.flush(ctx, w.victim, begin)
	if err != nil || len(lines) > 0 {
		return success("the phone got %q (%v)", lines, err)
	}
	results := make(map[string]int)
	for _, m := range w.observer.heard(from) {
		if strings.HasSuffix(m.Topic, "/result") {
			results[member(m, "code")]++
		}
	}
	return refused("%d spellings reach no phone; results: %v", len(all), results)
}

// wildcards publishes to a topic with a wildcard, which no client library does.
func wildcards(ctx context.Context, w *world) (verdict, error) {
	begin := w.victim.count()
	for _, topic := range []string{"phone2mqtt/+/set/dial", "phone2mqtt/#", "phone2mqtt/" + w.victim.mac + "/set/+", "$share/x/phone2mqtt/" + w.victim.mac + "/set/dial", "$SYS/phone2mqtt", "a\x00b"} {
		if err := w.rawPublish(ctx, topic, "206"); err != nil {
			return verdict{}, err
		}
	}
	lines, err := w.flush(ctx, w.victim, begin)
	if err != nil || len(lines) > 0 {
		return success("the phone got %q (%v)", lines, err)
	}
	return refused("by the broker, which ends such a connection")
}

// rawPublish sends CONNECT and PUBLISH as bytes, and waits until the broker ends it or answers a PING.
func (w *world) rawPublish(ctx context.Context, topic, payload string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", w.broker.Addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	text := func(s string) string { return string([]byte{byte(len(s) >> 8), byte(len(s))}) + s }
	packet := func(kind byte, body string) string {
		length := ""
		for n := len(body); ; {
			digit := byte(n & 127)
			if n >>= 7; n == 0 {
				length += string([]byte{digit})
				break
			}
			length += string([]byte{digit | 128})
		}
		return string([]byte{kind}) + length + body
	}
	_, err = io.WriteString(conn, packet(0x10, text("MQTT")+"\x04\xc2\x00\x3c"+text("raw-"+w.fresh())+text(insiderUser)+text(passwordOf(insiderUser)))+
		packet(0x30, text(topic)+payload)+"\xc0\x00")
	if err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	if _, err := io.ReadFull(in, make([]byte, 4)); err != nil {
		return fmt.Errorf("no CONNACK: %w", err)
	}
	// The PINGRESP, or the end of the connection.
	_, _ = io.ReadFull(in, make([]byte, 2))
	return nil
}

func longestTopic(ctx context.Context, w *world) (verdict, error) {
	const root = "phone2mqtt/bridge/request/"
	reconnects := func() (string, error) {
		page, err := w.metrics(ctx)
		_, rest, _ := strings.Cut(page, "\nphone2mqtt_mqtt_reconnects_total ")
		count, _, _ := strings.Cut(rest, "\n")
		return count, err
	}
	before, err := reconnects()
	if err != nil {
		return verdict{}, err
	}
	for _, topic := range []string{root + strings.Repeat("x", 65535-len(root)), root + strings.Repeat("x", 65534-len(root)), root + strings.Repeat("x/", 150), "phone2mqtt/" + w.victim.mac + "/set/" + strings.Repeat("x", 65000)} {
		if err := w.rawPublish(ctx, topic, "{}"); err != nil {
			return verdict{}, err
		}
	}
	if r, err := w.order(ctx, w.honest, "volume", "UP"); err != nil || r.Status != "ok" {
		return success("%+v (%v)", r, err)
	}
	after, err := reconnects()
	if err != nil || before != after {
		return success("the session was lost: %s reconnects before, %s after (%v)", before, after, err)
	}
	return harmless("an answer whose topic would be too long is left out; the session stays")
}

func replayed(ctx context.Context, w *world) (verdict, error) {
	begin := w.victim.count()
	const payload = `{"number":"206","transaction":"replay-1"}`
	for range 3 {
		if r, err := w.order(ctx, w.victim, "dial", payload); err != nil || r.Status != "ok" {
			return success("%+v (%v)", r, err)
		}
	}
	// The same transaction for another phone is another command.
	if r, err := w.order(ctx, w.other, "dial", payload); err != nil || r.Status != "ok" || r.Sent != 1 {
		return success("%+v (%v)", r, err)
	}
	lines, err := w.flush(ctx, w.victim, begin)
	if err != nil || len(lines) != 1 {
		return success("the phone got %q (%v)", lines, err)
	}
	return harmless("it ran once and was answered three times; another phone's went its way")
}

// loops sends the daemon's own words back to it.
func loops(ctx context.Context, w *world) (verdict, error) {
	from := w.observer.count()
	all := w.observer.heard(max(0, from-200))
	for _, m := range all {
		if err := w.insider.say("phone2mqtt/"+w.victim.mac+"/set", string(m.Payload)); err != nil {
			return verdict{}, err
		}
	}
	if _, err := w.flush(ctx, w.victim, w.victim.count()); err != nil {
		return verdict{}, err
	}
	results := 0
	for _, m := range w.observer.heard(from) {
		if strings.HasSuffix(m.Topic, w.victim.mac+"/result") {
			results++
		}
	}
	if results > len(all)+1 {
		return success("%d results of %d messages", results, len(all))
	}
	return harmless("%d of its own messages sent back as commands: one result each at most, and no more", len(all))
}
