package main

import (
	"encoding/base64"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// TestPhoneFaults has the phone fail in every way, and wants the code that tells a program which.
func TestPhoneFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		fault  phonetest.Fault
		want   string
		status string
		says   string // what the text for a person holds
	}{
		"hangs":             {phonetest.Hang, "error timeout", "null", ""},
		"resets":            {phonetest.Reset, "error http", "null", ""},
		"endless headers":   {phonetest.EndlessHeaders, "error http", "null", ""},
		"garbage":           {phonetest.Garbage, "error http", "null", ""},
		"redirect":          {phonetest.Redirect, "error http", "302", "https://"},
		"refuses":           {phonetest.Refuse, "error login", "401", "password"},
		"forbids":           {phonetest.Forbid, "error login", "403", ""},
		"does not know":     {phonetest.NotFound, "error http", "404", ""},
		"a body that hangs": {phonetest.HangBody, "ok", "200", ""},
		"an endless body":   {phonetest.EndlessBody, "ok", "200", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPhone(t, phonetest.Options{MAC: vendor, Behaviour: phonetest.Behaviour{Fault: tt.fault}})
			s := startScene(t, func(c *bridge.Config) {
				if c.PhoneTimeout = patience; tt.fault == phonetest.Hang {
					c.PhoneTimeout = 2 * time.Second
				}
				c.Login = action.Login{Username: "admin", Password: secret.New("5ecret")}
			}, p)
			result := s.do(t, vendor, "dial", "206")
			if outcome(result) != tt.want || result.member("http_status") != tt.status || result.member("sent") != "1" {
				t.Errorf("result: %s, want %s, http_status %s, sent 1", result.payload, tt.want, tt.status)
			}
			if !strings.Contains(result.member("error"), tt.says) || strings.Contains(result.payload, "5ecret") {
				t.Errorf("the error says %q, want something with %q, and no password", result.member("error"), tt.says)
			}
			// Nothing is repeated once written, except after a 401.
			want := 1
			if tt.fault == phonetest.Refuse {
				want = 2
			}
			if got := len(lines(p)); got != want {
				t.Errorf("the phone got %d requests, want %d", got, want)
			}
		})
	}
}

// TestUnreachable sends a command to a phone that is switched off.
func TestUnreachable(t *testing.T) {
	s := startScene(t, func(c *bridge.Config) {
		c.Phones = append(c.Phones, book.Listing{MAC: vendor, Host: freeAddr(t)})
	})
	result := s.do(t, vendor, "dtmf", "12")
	if outcome(result) != "error unreachable" || result.member("sent") != "0" || result.member("http_status") != "null" {
		t.Errorf("result: %s", result.payload)
	}
}

// TestUntrustedPhone orders a phone with a certificate of its own: nothing is sent, and the result says
// what to do.
func TestUntrustedPhone(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	t.Cleanup(web.Close)
	s := startScene(t, func(c *bridge.Config) {
		c.Phones = append(c.Phones, book.Listing{MAC: vendor, Host: web.URL})
	})
	result := s.do(t, vendor, "redial", "{}")
	if outcome(result) != "error unreachable" || result.member("sent") != "0" || !strings.Contains(result.text("error"), "ca_file") {
		t.Errorf("result: %s, want unreachable with what to do", result.payload)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the phone was asked %d times", n)
	}
}

// TestFailureInSequence has the third of five digits fail: the rest is not sent, and the error names it.
func TestFailureInSequence(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions(vendor))
	hold(p)
	s := startScene(t, nil, p)
	s.order(t, vendor, "dtmf", "12345")
	holdAt(t, p, 2)
	p.Behave(phonetest.Behaviour{Fault: phonetest.NotFound})
	result := s.result(t, vendor, 1)
	if outcome(result) != "error http" || result.member("sent") != "3" || result.member("http_status") != "404" || !strings.Contains(result.text("error"), "key=3") {
		t.Errorf("result: %s, want http at key=3, 3 sent", result.payload)
	}
	if diff := cmp.Diff([]string{"key=1", "key=2", "key=3"}, lines(p)); diff != "" {
		t.Errorf("what the phone got (-want +got):\n%s", diff)
	}
}

// TestNoAddress commands phones of which no address is known.
func TestNoAddress(t *testing.T) {
	s := startScene(t, func(c *bridge.Config) { c.Phones = append(c.Phones, book.Listing{MAC: vendor}) })
	result := s.do(t, vendor, "dial", "206")
	if outcome(result) != "error address" || result.member("sent") != "0" {
		t.Errorf("of a listed phone that was never heard: %s", result.payload)
	}
	// What is between the phone and us must not be dialled.
	s.tell(t, vendor, "off_hook", "ip=192.168.0.157")
	result = s.do(t, vendor, "dial", "206")
	if outcome(result) != "error address" {
		t.Errorf("of a phone behind something: %s", result.payload)
	}
	if result = s.do(t, vendor, "clear_missed", "{}"); outcome(result) != "ok" {
		t.Errorf("a command of ours alone: %s", result.payload)
	}
}

// TestUnknownPhone commands a phone that nobody knows, and things that are no phone.
func TestUnknownPhone(t *testing.T) {
	p := startPhone(t, phoneOptions(vendor))
	s := startScene(t, nil, p)
	for _, payload := range []string{`206`, `{"number":"206","transaction":"t1"}`} {
		if result := s.do(t, "001fc1ffffff", "dial", payload); outcome(result) != "error phone" || result.text("mac") != "001fc1ffffff" {
			t.Errorf("%s: %s", payload, result.payload)
		}
	}
	// No MAC, no command: without an answer.
	s.publish(t, "phone2mqtt/kitchen/set/dial", "206", false)
	s.publish(t, "phone2mqtt/bridge/set/dial", "206", false)
	s.publish(t, "phone2mqtt/001fc11a8b6/set/dial", "206", false)
	s.publish(t, "phone2mqtt/"+vendor+"/set/dial", "", false)
	s.publish(t, "phone2mqtt/"+vendor+"/set", "", false)
	s.publish(t, "phone2mqtt/"+vendor+"/set/dial/more", "206", false)
	// Every spelling is the same phone, and the answer comes on the one topic.
	for i, spelling := range []string{"001FC11A8B6C", "00:1f:c1:1a:8b:6c", "00-1F-C1-1A-8B-6C", "001f.c11a.8b6c"} {
		s.publish(t, "phone2mqtt/"+spelling+"/set/dial", "206", false)
		if result := s.result(t, vendor, i+1); outcome(result) != "ok" || result.text("mac") != vendor {
			t.Errorf("%s: %s", spelling, result.payload)
		}
	}
	var topics []string
	for _, m := range s.seen() {
		if strings.HasSuffix(m.topic, "/result") && m.topic != "phone2mqtt/"+vendor+"/result" && m.topic != "phone2mqtt/001fc1ffffff/result" {
			topics = append(topics, m.topic)
		}
	}
	if len(topics) > 0 || len(s.of(vendor+"/result")) != 4 || len(lines(p)) != 4 {
		t.Errorf("results on %v, %d of the phone, %d requests; want none, 4 and 4", topics, len(s.of(vendor+"/result")), len(lines(p)))
	}
}

// TestLoginPause has the login refused twice: then nothing is sent.
func TestLoginPause(t *testing.T) {
	p := startPhone(t, phonetest.Options{MAC: vendor, Password: "other"})
	s := startScene(t, nil, p)
	for range 2 {
		if result := s.do(t, vendor, "dial", "206"); outcome(result) != "error login" || result.member("http_status") != "401" || result.member("sent") != "1" {
			t.Errorf("a refused login: %s", result.payload)
		}
	}
	got := len(lines(p))
	if result := s.do(t, vendor, "dial", "206"); outcome(result) != "error login" || result.member("sent") != "0" || result.member("http_status") != "null" {
		t.Errorf("after two refused logins: %s", result.payload)
	}
	if now := len(lines(p)); now != got {
		t.Errorf("the phone got %d requests more", now-got)
	}
}

// TestDigest has the phone ask for Digest: it is never sent Basic again, also not by a new process.
func TestDigest(t *testing.T) {
	dir := t.TempDir()
	p := startPhone(t, phonetest.Options{MAC: vendor, Behaviour: phonetest.Behaviour{Auth: phonetest.Digest, FreshNonce: true}})
	s := startSceneIn(t, dir, nil, p)
	if result := s.do(t, vendor, "dial", "206"); outcome(result) != "ok" || result.member("sent") != "1" {
		t.Errorf("result: %s, want ok, sent once", result.payload)
	}
	got := p.Requests()
	if len(got) != 2 || !strings.HasPrefix(got[0].Authorization, "Basic ") || !strings.HasPrefix(got[1].Authorization, "Digest ") {
		t.Fatalf("the phone got %v", got)
	}
	s.stop()
	s = startSceneIn(t, dir, nil, p)
	if result := s.do(t, vendor, "dial", "206"); outcome(result) != "ok" {
		t.Errorf("after a restart: %s", result.payload)
	}
	for _, r := range p.Requests()[2:] {
		if strings.HasPrefix(r.Authorization, "Basic ") {
			t.Errorf("after a restart the phone got %s", r.Authorization)
		}
	}
	// A phone in its place that asks for Basic gets nothing.
	p.Behave(phonetest.Behaviour{Auth: phonetest.Basic})
	before := len(p.Requests())
	if result := s.do(t, vendor, "dial", "206"); outcome(result) != "error login" {
		t.Errorf("of one that asks for Basic now: %s", result.payload)
	}
	for _, r := range p.Requests()[before:] {
		if strings.HasPrefix(r.Authorization, "Basic ") {
			t.Errorf("it got %s", r.Authorization)
		}
	}
}

// TestFirst401 takes the first refusal of a phone for what it is.
func TestFirst401(t *testing.T) {
	p := startPhone(t, phonetest.Options{MAC: vendor, Behaviour: phonetest.Behaviour{First401: true}})
	s := startScene(t, nil, p)
	if result := s.do(t, vendor, "dial", "206"); outcome(result) != "ok" || result.member("sent") != "1" || result.member("http_status") != "200" {
		t.Errorf("result: %s", result.payload)
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:admin"))
	for _, r := range p.Requests() {
		if r.Authorization != basic {
			t.Errorf("the phone got %q, want %q", r.Authorization, basic)
		}
	}
}
