package main

import (
	"encoding/base64"
	"net"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

var (
	configured = action.Login{Username: "root", Password: secret.New("s3cret")}
	secretAuth = "Basic " + base64.StdEncoding.EncodeToString([]byte("root:s3cret"))
	publicAuth = "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:admin"))
)

// deskAt is a phone whose web server listens on port 80 of a loopback address, where commands for a
// learned phone go.
func deskAt(t *testing.T, ip string, mac phone.MAC) *phonetest.Phone {
	t.Helper()
	l, err := net.Listen("tcp", ip+":80")
	if err != nil {
		t.Skip("the port of a phone's web page cannot be opened here:", err)
	}
	_ = l.Close()
	p := phonetest.New(phonetest.Options{MAC: mac, IP: ip, Behaviour: phonetest.Behaviour{Auth: phonetest.Open}})
	if err := p.Listen(ip + ":80"); err != nil {
		t.Fatal(err)
	}
	animate(t, p)
	return p
}

// login is what a phone was last logged in with.
func login(t *testing.T, p *phonetest.Phone) string {
	t.Helper()
	all := p.Requests()
	if len(all) == 0 {
		t.Fatal("the phone got no request")
	}
	return all[len(all)-1].Authorization
}

// TestPasswordOfListed sends the configured password to a phone listed with its host.
func TestPasswordOfListed(t *testing.T) {
	p := startPhone(t, phonetest.Options{MAC: vendor, Username: configured.Username, Password: configured.Password.Reveal()})
	s := startScene(t, func(c *bridge.Config) { c.Login = configured }, p)
	if result := s.do(t, vendor, "hangup", "{}"); outcome(result) != "ok" || login(t, p) != secretAuth {
		t.Errorf("listed: %s with %s", result.payload, login(t, p))
	}
	// An event without the token, whatever it says, does not take that away or lead it elsewhere.
	s.tell(t, vendor, "off_hook", "ip=127.0.0.77")
	if result := s.do(t, vendor, "hangup", "{}"); outcome(result) != "ok" || login(t, p) != secretAuth {
		t.Errorf("listed, after an event: %s with %s", result.payload, login(t, p))
	}
}

// TestPasswordOfLearned sends a learned phone no more than the vendor's default.
func TestPasswordOfLearned(t *testing.T) {
	p := deskAt(t, "127.0.0.21", vendor)
	s := startScene(t, func(c *bridge.Config) { c.Login = configured })
	s.tellFrom(t, "127.0.0.21", vendor, "off_hook", "ip=127.0.0.21")
	if result := s.do(t, vendor, "hangup", "{}"); outcome(result) != "ok" || login(t, p) != publicAuth {
		t.Errorf("learned: %s with %s", result.payload, login(t, p))
	}
}

// TestPasswordOfListedWithoutHost sends a phone that is listed, but not where, no more either: its
// address is what an event says.
func TestPasswordOfListedWithoutHost(t *testing.T) {
	p := deskAt(t, "127.0.0.22", vendor)
	s := startScene(t, func(c *bridge.Config) {
		c.Login = configured
		c.Phones = append(c.Phones, book.Listing{MAC: vendor})
	})
	s.tellFrom(t, "127.0.0.22", vendor, "off_hook", "ip=127.0.0.22")
	if result := s.do(t, vendor, "hangup", "{}"); outcome(result) != "ok" || login(t, p) != publicAuth {
		t.Errorf("listed without host: %s with %s", result.payload, login(t, p))
	}
}

// TestPasswordOfTrusted sends the configured password to a phone whose events carry the token.
func TestPasswordOfTrusted(t *testing.T) {
	p := deskAt(t, "127.0.0.23", vendor)
	dir := t.TempDir()
	set := func(c *bridge.Config) {
		c.Login = configured
		c.Tokens = []secret.Text{secret.New(firstToken)}
	}
	s := startSceneIn(t, dir, set)
	s.tellFrom(t, "127.0.0.23", vendor, firstToken+"/off_hook", "ip=127.0.0.23")
	if result := s.do(t, vendor, "hangup", "{}"); outcome(result) != "ok" || login(t, p) != secretAuth {
		t.Errorf("with the token: %s with %s", result.payload, login(t, p))
	}
	s.stop()
	s = startSceneIn(t, dir, set)
	if result := s.do(t, vendor, "hangup", "{}"); outcome(result) != "ok" || login(t, p) != secretAuth {
		t.Errorf("after a restart: %s with %s", result.payload, login(t, p))
	}
	s.stop()
	// Without a token in the configuration no event carries one: nobody is trusted for it.
	s = startSceneIn(t, dir, func(c *bridge.Config) { c.Login = configured })
	s.tellFrom(t, "127.0.0.23", vendor, "on_hook", "ip=127.0.0.23")
	if result := s.do(t, vendor, "hangup", "{}"); outcome(result) != "ok" || login(t, p) != publicAuth {
		t.Errorf("after the token was given up: %s with %s", result.payload, login(t, p))
	}
}

// TestPasswordAfterStolenAddress has somebody take the address of a trusted phone: he does not get
// its password.
func TestPasswordAfterStolenAddress(t *testing.T) {
	p := deskAt(t, "127.0.0.24", vendor)
	s := startScene(t, func(c *bridge.Config) { c.Login = configured }, startPhone(t, phoneOptions(macs(1)[0])))
	// He sends events as the listed phone from where he sits.
	s.tellFrom(t, "127.0.0.24", macs(1)[0], "off_hook", "ip=127.0.0.24")
	if result := s.do(t, macs(1)[0], "hangup", `{"transaction":"t"}`); result.text("code") == "" {
		t.Errorf("no result: %s", result.payload)
	}
	if got := p.Requests(); len(got) > 0 {
		t.Errorf("he got %v", got)
	}
}
