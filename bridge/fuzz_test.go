package bridge

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
)

// obedient is a phone's web server in memory that does what it is told.
type obedient struct {
	mu    sync.Mutex
	hosts []string
	told  []string
}

func (o *obedient) dial(_ context.Context, _, address string) (net.Conn, error) {
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		r, err := http.ReadRequest(bufio.NewReader(there))
		if err != nil {
			return
		}
		o.mu.Lock()
		o.hosts, o.told = append(o.hosts, address), append(o.told, r.RequestURI)
		o.mu.Unlock()
		_, _ = io.WriteString(there, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}()
	return here, nil
}

// FuzzReceive holds what one message of the broker can do, on whatever topic of ours it comes: reach the
// phone that it names and no other, dial one number at most, or nothing at all when the broker had kept
// it; be answered once; and have nothing published or logged that is larger than itself, not JSON, or
// outside of our own topics.
func FuzzReceive(f *testing.F) {
	for _, payload := range []string{
		"206", "PRESS", "{}", `{"mac":"001fc11a8b6c"}`, `{"transaction":"t1","command":"dial","number":"206","account":1}`,
		`{"mac":"00:1f:c1:1a:8b:6c","name":"Kitchen \u0000\ud800","transaction":{"a":[1e400]}}`, `["1","2","#"]`, "\xff{", `{"number":"206","mode":"attended","force":true}`,
		strings.Repeat("[", 200), `{"mac":null,"mac":1,"name":"` + strings.Repeat("ä", 120) + `"}`, "online", `{"command":"key","value":["X","OK"],"force":true}`,
	} {
		for _, topic := range []string{
			"001fc11a8b6c/set", "001fc11a8b6c/set/dial", "00-1F-C1-1A-8B-6C/set/transfer", "001fc11a8b6c/set/key", "001fc1000000/set/dial",
			"bridge/request/phone/rename", "bridge/request/phone/remove", "bridge/request/discovery/refresh", "bridge/request/health_check", "bridge/request/\x1b[2J/x", "kitchen/set/set/dial",
		} {
			f.Add(topic, []byte(payload), false)
		}
		f.Add("001fc11a8b6c/set/dial", []byte(payload), true)
		f.Add("bridge/request/phone/remove", []byte(payload), true)
	}
	store := newPaper(f).receipts
	f.Fuzz(func(t *testing.T, below string, message []byte, retained bool) {
		topic := "phone2mqtt/" + below
		if len(topic) > 60_000 || !utf8.ValidString(topic) || strings.ContainsAny(topic, "+#\x00") {
			return // no such topic comes from a broker
		}
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			broker, web := &paper{receipts: store}, new(obedient)
			b, err := New(Config{
				Base: "phone2mqtt", Learn: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
				CommandTTL: time.Minute, PhoneTimeout: time.Second, ProbeInterval: 100 * time.Hour,
				Discovery: true, DiscoveryPrefix: "homeassistant",
				Phones: []book.Listing{{MAC: "001fc1ffffff", Host: "10.0.0.2", Name: "Other", Source: "PHONES"}},
			}, broker, broker, zerolog.New(&log))
			if err != nil {
				t.Fatal(err)
			}
			b.web.DialContext = web.dial
			d, err := b.deviceOf(phone.MAC(desk), netip.Addr{})
			if err != nil {
				t.Fatal(err)
			}
			b.phones.book.Take(d.mac, "10.0.0.1")
			synctest.Wait()
			before := len(broker.written)

			b.Receive(mqtt.Message{Topic: topic, Payload: message, Retained: retained})
			time.Sleep(time.Minute)
			synctest.Wait()
			b.stop(errStopped)
			b.stopQueue(d)
			b.workers.Wait()

			var dials int
			for i, target := range web.told {
				if strings.Contains(target, "Number=") {
					dials++
				}
				named, _, _ := b.topics.command(topic)
				if mac, err := phone.ParseMAC(named); retained || web.hosts[i] != "10.0.0.1:80" || err != nil || mac != desk && mac != "001fc1ffffff" {
					t.Errorf("%q %q: %s was told %s", topic, message, web.hosts[i], target)
				}
			}
			if dials > 1 || dials == 1 && len(web.told) > 1 || len(web.told) > 34 {
				t.Errorf("%q %q: told %q", topic, message, web.told)
			}
			answers := 0
			for _, m := range broker.written[before:] {
				ours := strings.HasPrefix(m.Topic, "phone2mqtt/") || strings.HasPrefix(m.Topic, "homeassistant/device/phone2mqtt_")
				if !ours || strings.ContainsAny(m.Topic, "+#\x00") {
					t.Errorf("%q %q: published to %q", topic, message, m.Topic)
				}
				if strings.Contains(m.Topic, "/bridge/response/") || strings.HasSuffix(m.Topic, "/result") {
					answers++
				}
				// A byte of it is at most six in JSON.
				if len(m.Payload) > 2000+6*(len(message)+len(topic)) || !utf8.Valid(m.Payload) || bytes.ContainsAny(m.Payload, "\x00\r\n\x1b") {
					t.Errorf("%q %q: published to %q: %q", topic, message, m.Topic, m.Payload)
				}
				if plain := strings.HasSuffix(m.Topic, "/availability") || strings.HasSuffix(m.Topic, "/call_state"); !plain && len(m.Payload) > 0 && !json.Valid(m.Payload) {
					t.Errorf("%q %q: published to %q: %q", topic, message, m.Topic, m.Payload)
				}
			}
			if answers > 1 {
				t.Errorf("%q %q: answered %d times", topic, message, answers)
			}
			if b.phones.find("001fc1ffffff") == nil {
				t.Errorf("%q %q: a listed phone is gone", topic, message)
			}
			if log.Len() > 3000+6*(len(topic)+len(message)) || bytes.ContainsAny(log.Bytes(), "\x1b\x00\r") {
				t.Errorf("%q %q: logged %q", topic, message, log.Bytes())
			}
		})
	})
}
