package action_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

var admin = action.Login{Username: "admin", Password: secret.New("admin")}

// simulate runs a phone's web server until the test ends.
func simulate(t *testing.T, b phonetest.Behaviour) (*phonetest.Phone, action.Address) {
	t.Helper()
	return simulateOn(t, "127.0.0.1:0", b)
}

func simulateOn(t *testing.T, listen string, b phonetest.Behaviour) (*phonetest.Phone, action.Address) {
	t.Helper()
	p := phonetest.New(phonetest.Options{Behaviour: b})
	if err := p.Listen(listen); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("simulated phone: %v", err)
		}
	})
	return p, address(t, p.Addr())
}

func address(t *testing.T, text string) action.Address {
	t.Helper()
	a, err := action.ParseAddress(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return a
}

// logins are the kinds of login that a phone was sent, in order.
func logins(p *phonetest.Phone) []string {
	var kinds []string
	for _, r := range p.Requests() {
		kind, _, _ := strings.Cut(r.Authorization, " ")
		kinds = append(kinds, kind)
	}
	return kinds
}

func TestClientWritesWhatTheVendorWrites(t *testing.T) {
	for uri, line := range map[phone.ActionURI]string{
		"Command=1&Number=206&Account=1":      "GET /Phone_ActionURL&Command=1&Number=206&Account=1 HTTP/1.1",
		"Command=1&Number=*43":                "GET /Phone_ActionURL&Command=1&Number=*43 HTTP/1.1",
		"Command=1&Number=+4930#1":            "GET /Phone_ActionURL&Command=1&Number=+4930%231 HTTP/1.1",
		"Command=2":                           "GET /Phone_ActionURL&Command=2 HTTP/1.1",
		"key=F_HOLD":                          "GET /Phone_ActionURL&key=F_HOLD HTTP/1.1",
		"key=a b\r\nX: y%zz?/\"\x00\xfc HTTP": "GET /Phone_ActionURL&key=a%20b%0D%0AX%3A%20y%25zz%3F%2F%22%00%FC%20HTTP HTTP/1.1",
	} {
		p, to := simulate(t, phonetest.Behaviour{})
		client := action.NewPhone(&action.Options{UserAgent: "phone2mqtt/1.2"}, false)
		answer, err := client.Do(t.Context(), to, admin, uri)
		if err != nil || answer.Status != 200 || answer.Duration <= 0 {
			t.Errorf("%q: %+v, %v", uri, answer, err)
		}
		want := []phonetest.Received{{
			Line:          line,
			Authorization: "Basic YWRtaW46YWRtaW4=",
			Head: line + "\r\nHost: " + p.Addr() + "\r\nUser-Agent: phone2mqtt/1.2\r\nConnection: close\r\n" +
				"Authorization: Basic YWRtaW46YWRtaW4=\r\n\r\n",
		}}
		if diff := cmp.Diff(want, p.Requests()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", uri, diff)
		}
	}
}

func TestClientLogsIn(t *testing.T) {
	basic, digest := phonetest.Basic, phonetest.Digest
	for _, tt := range []struct {
		name      string
		behaviour phonetest.Behaviour
		restored  bool // that it asks for Digest is known from before
		login     action.Login
		want      []string // logins sent by two commands
		err       error
	}{
		{"basic", phonetest.Behaviour{Auth: basic}, false, admin, []string{"Basic", "Basic"}, nil},
		{"open", phonetest.Behaviour{Auth: phonetest.Open}, false, action.Login{}, []string{"", ""}, nil},
		{"none set", phonetest.Behaviour{Auth: basic}, false, action.Login{}, []string{"", ""}, action.ErrLogin},
		{"basic, first refused", phonetest.Behaviour{Auth: basic, First401: true}, false, admin, []string{"Basic", "Basic", "Basic", "Basic"}, nil},
		{"digest", phonetest.Behaviour{Auth: digest}, false, admin, []string{"Basic", "Digest", "Digest"}, nil},
		{"digest of old", phonetest.Behaviour{Auth: phonetest.DigestWithoutQOP}, false, admin, []string{"Basic", "Digest", "Digest"}, nil},
		{"digest, known", phonetest.Behaviour{Auth: digest}, true, admin, []string{"", "Digest", "Digest"}, nil},
		{"digest, first refused", phonetest.Behaviour{Auth: digest, First401: true}, false, admin, []string{"Basic", "Digest", "Digest", "Digest"}, nil},
		{"digest, changing nonces", phonetest.Behaviour{Auth: digest, FreshNonce: true}, false, admin, []string{"Basic", "Digest", "Digest", "Digest"}, nil},
		{"basic wrong", phonetest.Behaviour{Auth: basic}, false, action.Login{Username: "admin", Password: secret.New("x")}, []string{"Basic", "Basic", "Basic", "Basic"}, action.ErrLogin},
		{"digest wrong", phonetest.Behaviour{Auth: digest}, false, action.Login{Username: "admin", Password: secret.New("x")}, []string{"Basic", "Digest", "Digest", "Digest"}, action.ErrLogin},
		{"refused for ever", phonetest.Behaviour{Fault: phonetest.Refuse}, false, admin, []string{"Basic", "Basic", "Basic", "Basic"}, action.ErrLogin},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, to := simulate(t, tt.behaviour)
			client := action.NewPhone(&action.Options{}, tt.restored)
			for range 2 {
				if _, err := client.Do(t.Context(), to, tt.login, "Command=2"); !errors.Is(err, tt.err) {
					t.Errorf("error %v, want %v", err, tt.err)
				}
			}
			if diff := cmp.Diff(tt.want, logins(p)); diff != "" {
				t.Errorf("logins sent (-want +got):\n%s", diff)
			}
			digests := tt.behaviour.Auth == digest || tt.behaviour.Auth == phonetest.DigestWithoutQOP
			if client.AsksDigest() != digests {
				t.Errorf("AsksDigest %v, want %v", client.AsksDigest(), digests)
			}
		})
	}
}

// TestClientAsksWhetherItIsWanted: a phone that takes its time to refuse the login must not be told late.
func TestClientAsksWhetherItIsWanted(t *testing.T) {
	late := errors.New("too late")
	for _, tt := range []struct {
		asked int // how often it is wanted: before each of the two connections, and on each
		want  []string
	}{{0, nil}, {1, nil}, {2, []string{"Basic"}}, {3, []string{"Basic"}}, {4, []string{"Basic", "Basic"}}} {
		p, to := simulate(t, phonetest.Behaviour{Auth: phonetest.Basic, First401: true})
		client := action.NewPhone(&action.Options{}, false)
		asked := 0
		answer, err := client.DoWhile(t.Context(), to, admin, "Command=2", func() error {
			if asked++; asked > tt.asked {
				return late
			}
			return nil
		})
		if isLate := tt.asked < 4; errors.Is(err, late) != isLate || answer.Sent != (tt.asked > 1) {
			t.Errorf("wanted %d times: %+v, %v", tt.asked, answer, err)
		}
		if diff := cmp.Diff(tt.want, logins(p)); diff != "" {
			t.Errorf("wanted %d times (-want +got):\n%s", tt.asked, diff)
		}
	}
}

func TestClientIsNotTalkedDownToBasic(t *testing.T) {
	p, to := simulate(t, phonetest.Behaviour{Auth: phonetest.Digest})
	client := action.NewPhone(&action.Options{}, false)
	if _, err := client.Do(t.Context(), to, admin, "Command=2"); err != nil {
		t.Fatal(err)
	}
	p.Behave(phonetest.Behaviour{Auth: phonetest.Basic})
	answer, err := client.Do(t.Context(), to, admin, "Command=2")
	if !errors.Is(err, action.ErrLogin) || answer.Status != 401 || !strings.Contains(err.Error(), "asks for Basic after it once asked for Digest") {
		t.Errorf("%+v, %v", answer, err)
	}
	if diff := cmp.Diff([]string{"Basic", "Digest", "Digest"}, logins(p)); diff != "" {
		t.Errorf("logins sent (-want +got):\n%s", diff)
	}
}

func TestClientMeetsFaults(t *testing.T) {
	for _, tt := range []struct {
		fault  phonetest.Fault
		status int
		err    error
		text   string
	}{
		{phonetest.Slow, 200, nil, ""},
		{phonetest.Hang, 0, action.ErrTimeout, "the phone did not answer in time"},
		{phonetest.HangBody, 200, nil, ""},
		{phonetest.Reset, 0, action.ErrHTTP, "it closed the connection without an answer: the phone did not accept the request"},
		{phonetest.EndlessHeaders, 0, action.ErrHTTP, "its answer has over 16 KiB of headers: the phone did not accept the request"},
		{phonetest.EndlessBody, 200, nil, ""},
		{phonetest.Garbage, 0, action.ErrHTTP, "its answer is not HTTP: the phone did not accept the request"},
		{phonetest.Echo, 0, action.ErrHTTP, "its answer is not HTTP: the phone did not accept the request"},
		{phonetest.Redirect, 302, action.ErrHTTP, "http status 302 from ADDR, it wants https: list the phone as https://127.0.0.1: the phone did not accept the request"},
		{phonetest.Forbid, 403, action.ErrLogin, "http status 403 from ADDR: " + action.ErrLogin.Error()},
		{phonetest.NotFound, 404, action.ErrHTTP, "http status 404 from ADDR, its firmware does not know the request or, on U models, Remote Control -> Action URI is off: the phone did not accept the request"},
	} {
		t.Run(fmt.Sprint(tt.fault), func(t *testing.T) {
			t.Parallel()
			p, to := simulate(t, phonetest.Behaviour{Fault: tt.fault, Delay: 20 * time.Millisecond})
			// Only one of them is to last: the others must not turn into it where the machine stands still for a while.
			timeout := time.Minute
			if tt.fault == phonetest.Hang {
				timeout = time.Second
			}
			client := action.NewPhone(&action.Options{Timeout: timeout}, false)
			answer, err := client.Do(t.Context(), to, admin, "Command=1&Number=206")
			if answer.Status != tt.status || !errors.Is(err, tt.err) || errors.Is(err, action.ErrUnreachable) {
				t.Errorf("%+v, %v", answer, err)
			}
			if want := strings.ReplaceAll(tt.text, "ADDR", p.Addr()); err != nil && err.Error() != want {
				t.Errorf("text\n%s, want\n%s", err, want)
			}
			// Dialled twice would be two calls.
			if n := len(p.Requests()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

func TestClientFindsNobody(t *testing.T) {
	l := listen(t)
	to := address(t, l.Addr().String())
	_ = l.Close()
	answer, err := action.NewPhone(&action.Options{}, false).Do(t.Context(), to, admin, "Command=2")
	if !errors.Is(err, action.ErrUnreachable) || answer.Status != 0 || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestProbeSendsNothing(t *testing.T) {
	l := listen(t)
	to := address(t, l.Addr().String())
	client := action.NewPhone(&action.Options{}, false)
	heard := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			heard <- err.Error()
			return
		}
		defer c.Close()
		bytes, _ := io.ReadAll(c)
		heard <- string(bytes)
	}()
	if err := client.Probe(t.Context(), to); err != nil {
		t.Errorf("open port: %v", err)
	}
	if got := <-heard; got != "" {
		t.Errorf("the phone heard %q", got)
	}
	_ = l.Close()
	if err := client.Probe(t.Context(), to); !errors.Is(err, action.ErrUnreachable) {
		t.Errorf("closed port: %v", err)
	}
}

func TestClientReachesIPv6(t *testing.T) {
	p, to := simulateOn(t, "[::1]:0", phonetest.Behaviour{})
	if _, err := action.NewPhone(&action.Options{}, false).Do(t.Context(), to, admin, "Command=2"); err != nil {
		t.Error(err)
	}
	if head := p.Requests()[0].Head; !strings.Contains(head, "\r\nHost: [::1]:") {
		t.Errorf("head %q", head)
	}
}

func TestClientIgnoresProxies(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	p, to := simulate(t, phonetest.Behaviour{})
	// A name, because net/http never takes a proxy for a loopback address.
	to.Host = "phone.example:80"
	client := action.NewPhone(&action.Options{DialContext: func(ctx context.Context, network, dialled string) (net.Conn, error) {
		if dialled != to.Host {
			t.Errorf("dialled %s, want %s", dialled, to.Host)
		}
		return new(net.Dialer).DialContext(ctx, network, p.Addr())
	}}, false)
	if _, err := client.Do(t.Context(), to, admin, "Command=2"); err != nil {
		t.Error(err)
	}
}

func TestClientGivesTheContextsCause(t *testing.T) {
	stopped := errors.New("a hang-up came first")
	p, to := simulate(t, phonetest.Behaviour{Fault: phonetest.Hang})
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		_, _ = p.AwaitRequests(ctx, 1)
		cancel(stopped)
	}()
	client := action.NewPhone(&action.Options{}, false)
	for range 2 {
		if _, err := client.Do(ctx, to, admin, "Command=2"); !errors.Is(err, stopped) {
			t.Errorf("error %v, want the cause", err)
		}
	}
	if n := len(p.Requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestLoginNeverShowsThePassword(t *testing.T) {
	login := action.Login{Username: "admin", Password: secret.New("s3cret")}
	encoded, err := json.Marshal(map[string]any{"login": login, "pointer": &login})
	if err != nil {
		t.Fatal(err)
	}
	text := string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text += fmt.Sprintf(" "+verb, login) + fmt.Sprintf(" "+verb, &login) + fmt.Sprintf(" "+verb, []action.Login{login})
	}
	for _, secret := range []string{"s3cret", fmt.Sprintf("%x", "s3cret")} {
		if strings.Contains(text, secret) {
			t.Errorf("%q shows in %s", secret, text)
		}
	}
	for _, fault := range []phonetest.Fault{phonetest.Echo, phonetest.Refuse, phonetest.Garbage, phonetest.Redirect} {
		_, to := simulate(t, phonetest.Behaviour{Fault: fault})
		_, err := action.NewPhone(&action.Options{}, false).Do(t.Context(), to, login, "Command=2")
		if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "YWRtaW46czNjcmV0") {
			t.Errorf("fault %d: %v", fault, err)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"192.168.0.157":               "http://192.168.0.157",
		"192.168.0.157:8080":          "http://192.168.0.157:8080",
		"kitchen.lan":                 "http://kitchen.lan",
		"http://kitchen.lan/":         "http://kitchen.lan",
		"HTTPS://kitchen.lan:8443":    "https://kitchen.lan:8443",
		"https://[fd00::1]":           "https://[fd00::1]",
		"fd00::1":                     "http://[fd00::1]",
		"[fd00::1]:81":                "http://[fd00::1]:81",
		"fe80::1%eth0":                "http://[fe80::1%eth0]",
		"":                            "",
		"https://":                    "",
		"ftp://kitchen.lan":           "",
		"kitchen.lan:0":               "",
		"kitchen.lan:http":            "",
		"kitchen.lan:":                "",
		"kitchen.lan:65536":           "",
		"kitchen.lan/path":            "",
		"kitchen.lan?x=y":             "",
		"a b":                         "",
		"http://admin:s3cret@kitchen": "",
		"admin:s3cret@kitchen":        "",
		"192.168.0.1, 192.168.0.2":    "",
	} {
		got, err := action.ParseAddress(text)
		switch {
		case want == "" && !errors.Is(err, action.ErrAddress):
			t.Errorf("%q: %v, %v, want an error", text, got, err)
		case want == "" && strings.Contains(err.Error(), "s3cret"):
			t.Errorf("%q: the error shows the password: %v", text, err)
		case want != "" && (err != nil || got.String() != want):
			t.Errorf("%q: %v, %v, want %s", text, got, err, want)
		}
	}
}
