package main

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// listHouse is a program with a phones file.
type listHouse struct {
	house
	*watcher
	path string
}

// startListHouse runs the program with this phones file.
func startListHouse(t *testing.T, text string, change func(*bridge.Config)) listHouse {
	t.Helper()
	broker := startEmbedded(t, "")
	p := parts{
		dataDir:  filepath.Join(t.TempDir(), "data"),
		storeMax: 64 << 20,
		mqtt:     mqtt.Config{URL: "mqtt://" + broker.addr, ClientID: "house"},
		bridge:   testBridge(),
		phones:   phonesFile{path: file(t, text)},
	}
	if change != nil {
		change(&p.bridge)
	}
	var err error
	if p.bridge.Phones, err = p.phones.read(); err != nil {
		t.Fatal(err)
	}
	h := listHouse{startParts(t, p), watch(t, broker.addr), p.phones.path}
	h.ready(t)
	return h
}

// relist changes the phones file.
func (h listHouse) relist(t *testing.T, lines ...string) {
	t.Helper()
	replace(t, h.path, "phones:\n"+strings.Join(lines, "\n")+"\n")
}

// request sends a bridge request and returns the n-th response of its kind.
func (h listHouse) request(t *testing.T, op, payload string, n int) message {
	t.Helper()
	h.publish(t, "phone2mqtt/bridge/request/"+op, payload, false)
	return h.nth(t, "bridge/response/"+op, n)
}

// cleared waits until a phone's retained topics are gone.
func (h listHouse) cleared(t *testing.T, mac string) {
	t.Helper()
	for _, leaf := range []string{"state", "call_state", "availability"} {
		topic := "phone2mqtt/" + mac + "/" + leaf
		eventually(t, topic+" is cleared", func() bool {
			last := message{payload: "never published"}
			for _, m := range h.seen() {
				if m.topic == topic {
					last = m
				}
			}
			return last.payload == ""
		})
	}
}

// phones waits until so many are known.
func (h listHouse) phones(t *testing.T, n string) {
	t.Helper()
	h.last(t, "bridge/info", n+" phones", func(m message) bool { return m.member("phones") == n })
}

// named waits until a phone has that name, JSON null for none.
func (h listHouse) named(t *testing.T, mac, name string) message {
	t.Helper()
	return h.last(t, mac+"/state", "is named "+name, func(m message) bool { return m.member("name") == name })
}

// TestPhonesFileUnderLoad changes the phones file over and over while every phone sends events: each is
// answered 200 and arrives once, in order, and no state starts anew, not even that of phones which come
// and go.
func TestPhonesFileUnderLoad(t *testing.T) {
	const phones, versions = 8, 6
	// The first is always there and tells by its name which version holds.
	text := func(version int) string {
		lines := []string{fmt.Sprintf("  - {mac: %s, name: v%d}", macs(1)[0], version)}
		for i, mac := range macs(phones)[1:] {
			switch (i + version) % 4 {
			case 0: // not listed
			case 1:
				lines = append(lines, fmt.Sprintf("  - {mac: %s}", mac))
			case 2:
				lines = append(lines, fmt.Sprintf("  - {mac: %s, name: phone %d, area: v%d}", mac, i, version))
			case 3:
				// Hosts wander from one phone to the next.
				lines = append(lines, fmt.Sprintf("  - {mac: %s, host: 192.0.2.%d, strict: false}", mac, (i+version)%phones))
			}
		}
		return strings.Join(lines, "\n")
	}
	h := startListHouse(t, "phones:\n"+text(0)+"\n", func(c *bridge.Config) { c.Rate = 0 })
	for _, mac := range macs(phones) {
		for _, event := range []string{"dnd_on", "missed_call"} {
			if status := h.get(t, "/"+event+"?mac="+string(mac)); status != 200 {
				t.Fatalf("%s: answered %d", event, status)
			}
		}
	}

	done := make(chan struct{})
	answered := make([][]string, phones)
	var senders sync.WaitGroup
	for i, mac := range macs(phones) {
		senders.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				id := fmt.Sprintf("%d-%d", i, n)
				status, body, err := ask(h.intake, "GET /outgoing_call?mac="+string(mac)+"&call_id="+id+" HTTP/1.1\r\n\r\n")
				if err != nil || status != 200 {
					t.Errorf("%s: %d %s %v", id, status, body, err)
					return
				}
				answered[i] = append(answered[i], id)
			}
		})
	}
	for version := 1; version <= versions; version++ {
		if version%2 == 0 {
			h.relist(t, "  - mac: half a MAC, by somebody who saves often")
		}
		h.relist(t, text(version))
		h.named(t, string(macs(1)[0]), fmt.Sprintf(`"v%d"`, version))
	}
	close(done)
	senders.Wait()

	for i, mac := range macs(phones) {
		last := answered[i][len(answered[i])-1]
		var got []string
		eventually(t, "the last event of "+string(mac), func() bool {
			got = callIDs(h.of(string(mac) + "/event"))
			return slices.Contains(got, last)
		})
		if diff := cmp.Diff(answered[i], got); diff != "" {
			t.Errorf("%s: events (-answered +arrived):\n%s", mac, diff)
		}
		for n, state := range h.of(string(mac) + "/state") {
			// The first ones are of before its first events.
			if state.member("last_event") == `"outgoing_call"` && (state.member("dnd") != "true" || state.member("missed_calls") != "1") {
				t.Errorf("%s: state %d started anew: %s", mac, n, state.payload)
			}
		}
		if slices.ContainsFunc(h.seen(), func(m message) bool { return m.topic == "phone2mqtt/"+string(mac)+"/state" && m.payload == "" }) {
			t.Errorf("%s: a state was cleared in between", mac)
		}
	}
	h.phones(t, fmt.Sprint(phones))
}

// TestUnlisted takes phones out of the file: what was heard stays as a learned phone, the rest goes.
func TestUnlisted(t *testing.T) {
	t.Parallel()
	const kitchen, office = "001fc1000001", "001fc1000002"
	all := []string{"  - {mac: " + kitchen + ", name: Kitchen, host: 192.0.2.1}", "  - {mac: " + office + ", name: Office}"}
	text := "phones:\n" + strings.Join(all, "\n") + "\n"
	t.Run("with LEARN", func(t *testing.T) {
		h := startListHouse(t, text, nil)
		h.named(t, office, `"Office"`)
		h.get(t, "/dnd_on?mac="+kitchen+"&display_local=Own")
		h.phones(t, "2")
		h.relist(t)
		h.cleared(t, office)
		state := h.named(t, kitchen, `"Own"`)
		if state.member("dnd") != "true" || state.member("host") != "null" {
			t.Errorf("state %s, want dnd and no host", state.payload)
		}
		h.phones(t, "1")
		if response := h.request(t, "phone/remove", `{"mac":"`+kitchen+`"}`, 1); response.text("status") != "ok" {
			t.Errorf("a learned phone is not removed: %s", response.payload)
		}
		h.relist(t, all...)
		h.phones(t, "2")
		if state := h.named(t, kitchen, `"Kitchen"`); state.member("dnd") != "null" || state.text("host") != "192.0.2.1" {
			t.Errorf("state %s, want a phone never heard", state.payload)
		}
		h.last(t, kitchen+"/availability", "is offline", func(m message) bool { return m.payload == "offline" })
	})
	t.Run("without LEARN", func(t *testing.T) {
		h := startListHouse(t, text, func(c *bridge.Config) { c.Learn = false })
		if status := h.get(t, "/dnd_on?mac="+kitchen); status != 200 {
			t.Fatalf("answered %d", status)
		}
		h.relist(t, all[1])
		h.cleared(t, kitchen)
		if status := h.get(t, "/dnd_on?mac="+kitchen); status != 403 {
			t.Errorf("no longer listed: answered %d, want 403", status)
		}
		h.relist(t, all...)
		h.phones(t, "2")
		if status := h.get(t, "/dnd_off?mac="+kitchen); status != 200 {
			t.Errorf("listed again: answered %d, want 200", status)
		}
	})
}

// TestNamesOfTheFile has three names for one phone: its own, one given by a request, and the file's.
func TestNamesOfTheFile(t *testing.T) {
	t.Parallel()
	h := startListHouse(t, "phones:\n  - mac: "+vendor+"\n", nil)
	h.get(t, "/off_hook?mac="+vendor+"&display_local=Own")
	h.named(t, vendor, `"Own"`)
	h.request(t, "phone/rename", `{"mac":"`+vendor+`","name":"Renamed"}`, 1)
	h.named(t, vendor, `"Renamed"`)
	h.relist(t, "  - {mac: "+vendor+", name: Filed}")
	h.named(t, vendor, `"Filed"`)
	for op, want := range map[string]string{
		"phone/rename": "phone " + vendor + " has its name from " + h.path + "; change it there",
		"phone/remove": "phone " + vendor + " is listed in " + h.path + "; remove it there",
	} {
		before := len(h.of("bridge/response/" + op))
		response := h.request(t, op, `{"mac":"`+vendor+`","name":"Other"}`, before+1)
		if response.text("status") != "error" || response.text("error") != want {
			t.Errorf("%s: %s, want %s", op, response.payload, want)
		}
	}
	h.get(t, "/on_hook?mac="+vendor)
	event := h.last(t, vendor+"/event", "is on_hook", func(m message) bool { return m.text("event_type") == "on_hook" })
	if event.text("name") != "Filed" {
		t.Errorf("the event has another name: %s", event.payload)
	}
	h.relist(t, "  - {mac: "+vendor+"}")
	h.named(t, vendor, `"Renamed"`)
}

// TestStrict takes events of a strict phone from its host alone, and of the others from everywhere.
func TestStrict(t *testing.T) {
	t.Parallel()
	const strict, here, open = "001fc1000001", "001fc1000002", "001fc1000003"
	h := startListHouse(t, fmt.Sprintf("phones:\n  - {mac: %s, host: 192.0.2.1, strict: true}\n  - {mac: %s, host: '127.0.0.1:8080', strict: true}\n  - {mac: %s, host: 192.0.2.3}\n", strict, here, open), nil)
	for mac, want := range map[string]int{strict: 403, here: 200, open: 200} {
		if status, body := h.ask(t, "GET /dnd_on?mac="+mac+" HTTP/1.1\r\n\r\n"); status != want || want == 403 && !strings.Contains(body, "strict") {
			t.Errorf("%s: answered %d %s, want %d", mac, status, body, want)
		}
	}
	h.nth(t, open+"/event", 1)
	if state := h.nth(t, strict+"/state", 1); state.member("dnd") != "null" || len(h.of(strict+"/event")) > 0 {
		t.Errorf("a refused event changed %s", state.payload)
	}
	h.relist(t, "  - {mac: "+strict+", host: 192.0.2.1}")
	eventually(t, "it is no longer strict", func() bool { return h.get(t, "/dnd_on?mac="+strict) == 200 })
}

// TestLoginsOfTheFile looks at what goes over the wire: each phone gets its own login, and what is left
// out is the common one.
func TestLoginsOfTheFile(t *testing.T) {
	t.Parallel()
	logins := map[string]string{ // as the file has them, and what the phone has to get
		"username: one, password: p1": "one:p1",
		"password: p2":                "common:p2",
		"username: three":             "three:secret",
		"area: Hall":                  "common:secret",
	}
	var lines, wants []string
	var phones []*phonetest.Phone
	for login, want := range logins {
		mac := macs(len(logins))[len(phones)]
		p := startPhone(t, phonetest.Options{MAC: mac, Behaviour: phonetest.Behaviour{Auth: phonetest.Open}})
		lines = append(lines, fmt.Sprintf("  - {mac: %s, host: '%s', %s}", mac, p.Addr(), login))
		wants, phones = append(wants, want), append(phones, p)
	}
	h := startListHouse(t, "", func(c *bridge.Config) { c.Login.Username, c.Login.Password = "common", secret.New("secret") })
	h.relist(t, lines...)
	h.phones(t, fmt.Sprint(len(phones)))
	dial := func(i, n int) {
		t.Helper()
		mac := string(phones[i].MAC())
		h.publish(t, "phone2mqtt/"+mac+"/set/dial", "206", false)
		if result := h.nth(t, mac+"/result", n); result.text("status") != "ok" {
			t.Errorf("%s: %s", mac, result.payload)
		}
	}
	for i, want := range wants {
		dial(i, 1)
		if got := phones[i].Requests()[0].Authorization; got != "Basic "+base64.StdEncoding.EncodeToString([]byte(want)) {
			t.Errorf("%s: got %s, want %s", lines[i], got, want)
		}
	}
	// A password without a host goes nowhere: whoever sends an event would be given it.
	h.relist(t, "  - {mac: 001fc1000001, name: moved, password: p1}")
	h.named(t, "001fc1000001", `"moved"`)
	h.publish(t, "phone2mqtt/001fc1000001/set/dial", "206", false)
	if result := h.nth(t, "001fc1000001/result", 2); result.text("code") != "address" {
		t.Errorf("without a host: %s", result.payload)
	}
}

// TestCharsetOfTheFile reads what a phone sends in that phone's charset, also when it does not say who
// it is.
func TestCharsetOfTheFile(t *testing.T) {
	h := startListHouse(t, "phones:\n  - {mac: "+vendor+", host: 127.0.0.1, charset: koi8-r}\n", nil)
	for number, target := range map[string]string{"206": "/incoming_call?mac=" + vendor, "207": "/incoming_call?model=UC860"} {
		if status := h.get(t, target+"&remote="+number+"&call_id="+number+"&display_remote=\xed\xe9\xf2"); status != 200 {
			t.Fatalf("%s: answered %d", target, status)
		}
		event := h.last(t, vendor+"/event", "is of "+number, func(m message) bool { return m.text("remote_number") == number })
		if event.text("remote_name") != "МИР" {
			t.Errorf("%s: %s", target, event.payload)
		}
	}
}

// TestHTTPSPhones lists a phone with a certificate that nobody knows, in three ways.
func TestHTTPSPhones(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of who does not trust it
	server.StartTLS()
	defer server.Close()
	authority := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	h := startListHouse(t, "", nil)
	for n, test := range []struct{ settings, code string }{
		{"name: v0", `"unreachable"`},
		{"name: v1, ca_file: " + authority, "null"},
		{"name: v2, insecure: true", "null"},
	} {
		h.relist(t, fmt.Sprintf("  - {mac: %s, host: %s, %s}", vendor, server.URL, test.settings))
		h.named(t, vendor, fmt.Sprintf(`"v%d"`, n))
		h.publish(t, "phone2mqtt/"+vendor+"/set/dial", "206", false)
		if result := h.nth(t, vendor+"/result", n+1); result.member("code") != test.code {
			t.Errorf("%s: %s, want code %s", test.settings, result.payload, test.code)
		}
	}
}
