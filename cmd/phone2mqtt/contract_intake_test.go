package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

const (
	firstToken  = "first-token_0123456789"
	secondToken = "second-token_987654321"
)

// TestToken sets two tokens, as one does to change them: each is good as any path word, and nothing
// goes without one.
func TestToken(t *testing.T) {
	s := startScene(t, func(c *bridge.Config) {
		c.Tokens = []secret.Text{secret.New(firstToken), secret.New(secondToken)}
		c.Limits.Repeat = 0
	})
	tests := []struct {
		request string
		status  int
	}{
		{"GET /" + firstToken + "/off_hook/" + vendor, 200},
		{"GET /off_hook/" + firstToken + "/" + vendor, 200},
		{"GET /" + vendor + "/off_hook/" + secondToken, 200},
		{"GET /" + secondToken + "/" + vendor + "/192.168.0.157", 200},
		{"GET //" + firstToken + "/?mac=" + vendor, 200},
		{"POST /" + firstToken + "/off_hook?mac=" + vendor, 200},
		{"GET /off_hook/" + vendor, 403},
		{"GET /off_hook?mac=" + vendor + "&token=" + firstToken, 403},
		{"GET /off_hook?mac=" + vendor + "&display_remote=/" + firstToken + "/", 403},
		{"GET /off_hook/" + vendor + "/" + firstToken[1:], 403},
		{"GET /off_hook/" + vendor + "/" + firstToken + "x", 403},
		{"GET /off_hook/" + vendor + "/" + strings.ToUpper(firstToken), 403},
		{"GET /off_hook/" + vendor + "/" + firstToken + secondToken, 403},
		// Judged first: nobody learns without it what would have been wrong besides.
		{"GET /nonsense/" + vendor, 403},
		{"GET /off_hook", 403},
		{"GET /off_hook?mac=nonsense", 403},
		{"GET /", 403},
		{"GET /nonsense/" + vendor + "/" + firstToken, 404},
		{"GET /" + firstToken + "/off_hook?mac=nonsense", 400},
	}
	for _, tt := range tests {
		t.Run(tt.request, func(t *testing.T) {
			n := len(s.reported())
			if got, body := s.ask(t, tt.request+" HTTP/1.1\r\nHost: x\r\n\r\n"); got != tt.status {
				t.Errorf("answered %d %q, want %d", got, body, tt.status)
			} else if strings.Contains(body, "token_") {
				t.Errorf("the answer repeats a token: %q", body)
			}
			if tt.status == 200 {
				s.taken(t, n+1)
			}
		})
	}
	if got := len(s.reported()); got != 6 {
		t.Errorf("%d events were published, want the 6 that carried a token", got)
	}
}

// TestTokenIsJudgedFirst asks for things that are wrong in themselves, without the token.
func TestTokenIsJudgedFirst(t *testing.T) {
	s := startScene(t, func(c *bridge.Config) {
		c.Tokens = []secret.Text{secret.New(firstToken)}
		c.Rate = 1
	})
	if status, body := s.ask(t, "PUT /off_hook/"+vendor+" HTTP/1.1\r\nHost: x\r\n\r\n"); status != 403 {
		t.Errorf("another method was answered %d %q, want 403", status, body)
	}
	// Nor does it count for the rate, or anybody could keep the phones out.
	for range 20 {
		s.get(t, "/off_hook/"+vendor)
	}
	if status := s.get(t, "/off_hook/"+vendor+"/"+firstToken); status != 200 {
		t.Errorf("after refused ones a good one was answered %d", status)
	}
}

// TestAllow keeps events from addresses out that HTTP_ALLOW does not name; health answers everyone.
func TestAllow(t *testing.T) {
	s := startScene(t, func(c *bridge.Config) {
		c.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
	})
	request := "GET /off_hook/" + vendor + " HTTP/1.1\r\nHost: x\r\n\r\n"
	for source, want := range map[string]int{"127.0.0.2": 200, "127.0.0.3": 403, "127.0.0.1": 403} {
		if status, body := s.askFrom(t, source, request); status != want {
			t.Errorf("an event from %s was answered %d %q, want %d", source, status, body, want)
		}
	}
	s.answersReady(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := s.askFrom(t, "127.0.0.3", "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); status != 200 {
			t.Errorf("%s from elsewhere was answered %d %q", path, status, body)
		}
	}
}

// TestLearn takes in who is not listed, or does not.
func TestLearn(t *testing.T) {
	p := startPhone(t, phoneOptions(vendor))
	s := startScene(t, func(c *bridge.Config) { c.Learn = false }, p)
	s.tell(t, vendor, "off_hook")
	if status, body := s.ask(t, "GET /off_hook/001fc1ffffff HTTP/1.1\r\n\r\n"); status != 403 || !strings.Contains(body, "001fc1ffffff") {
		t.Errorf("an unknown phone was answered %d %q, want 403 and its MAC", status, body)
	}
	s.until(t, vendor)
	for _, m := range s.seen() {
		if strings.Contains(m.topic, "001fc1ffffff") {
			t.Errorf("an unknown phone got %v", m)
		}
	}
}

// TestMostLearned lets a thousand phones be learned and answers the next as unknown; those go on.
func TestMostLearned(t *testing.T) {
	s := startScene(t, func(c *bridge.Config) { c.Rate = 0 })
	// Never so many at once that connections which wait for their turn are taken for idle ones.
	for some := range slices.Chunk(macs(1000), 100) {
		sendRounds(t, s.house, some, 0, 1)
	}
	s.last(t, "bridge/info", "counts them", func(m message) bool { return m.member("phones") == "1000" })
	if status, body := s.ask(t, "GET /off_hook/"+vendor+" HTTP/1.1\r\n\r\n"); status != 403 {
		t.Errorf("one phone too many was answered %d %q, want 403", status, body)
	}
	s.tell(t, macs(1)[0], "off_hook")
	if m := s.request(t, "phone/remove", `{"mac":"`+string(macs(2)[1])+`"}`); m.text("status") != "ok" {
		t.Fatalf("removing one: %s", m.payload)
	}
	s.tell(t, vendor, "off_hook")
}

// TestSourceAddress sends events that name no phone.
func TestSourceAddress(t *testing.T) {
	s := startScene(t, nil)
	anonymous := func(source string) int {
		status, _ := s.askFrom(t, source, "GET /off_hook HTTP/1.0\r\n\r\n")
		return status
	}
	if got := anonymous("127.0.0.2"); got != 400 {
		t.Errorf("with no phone known: %d, want 400", got)
	}
	s.tellFrom(t, "127.0.0.2", vendor, "registered")
	if got := anonymous("127.0.0.2"); got != 200 {
		t.Errorf("with one phone there: %d, want 200", got)
	}
	if got := anonymous("127.0.0.3"); got != 400 {
		t.Errorf("with none there: %d, want 400", got)
	}
	eventually(t, "the event without a MAC", func() bool { return cmp.Equal(s.events(vendor), []string{"registered", "off_hook"}) })
	s.tellFrom(t, "127.0.0.2", "001fc1000001", "registered")
	if got := anonymous("127.0.0.2"); got != 400 {
		t.Errorf("with two there: %d, want 400", got)
	}
	// The second one moves away.
	s.tellFrom(t, "127.0.0.3", "001fc1000001", "unregistered")
	if got := anonymous("127.0.0.3"); got != 200 {
		t.Errorf("with one that came: %d, want 200", got)
	}
	eventually(t, "its event", func() bool {
		return cmp.Equal(s.events("001fc1000001"), []string{"registered", "unregistered", "off_hook"})
	})
}

// TestLimits sends what is too long, up to the last byte that is not.
func TestLimits(t *testing.T) {
	s := startScene(t, func(c *bridge.Config) { c.Limits.Repeat = 0 })
	line := func(length int) string {
		begin, end := "GET /off_hook?mac="+vendor+"&display_remote=", " HTTP/1.1"
		return begin + strings.Repeat("x", length-len(begin)-len(end)) + end + "\r\n"
	}
	post := func(length int) string {
		return fmt.Sprintf("POST /off_hook?mac=%s HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s", vendor, length, strings.Repeat("x", length))
	}
	for _, tt := range []struct {
		name, request string
		status        int
	}{
		{"the longest request line", line(8<<10) + "\r\n", 200},
		{"one byte more", line(8<<10+1) + "\r\n", 414},
		{"much more", line(1<<20) + "\r\n", 414},
		{"many headers", "GET /off_hook?mac=" + vendor + " HTTP/1.1\r\n" + strings.Repeat("X-Header: 0123456789\r\n", 700) + "\r\n", 200},
		{"too many headers", "GET /off_hook?mac=" + vendor + " HTTP/1.1\r\n" + strings.Repeat("X-Header: 0123456789\r\n", 800) + "\r\n", 431},
		{"one long header", "GET /off_hook?mac=" + vendor + " HTTP/1.1\r\nX-Header: " + strings.Repeat("x", 17<<10) + "\r\n\r\n", 431},
		{"the longest body", post(4 << 10), 200},
		{"a longer body", post(4<<10 + 1), 413},
		{"another method", "PATCH /off_hook?mac=" + vendor + " HTTP/1.1\r\n\r\n", 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body := s.askFrom(t, "", tt.request)
			if status != tt.status {
				t.Errorf("answered %d %.200q, want %d", status, body, tt.status)
			}
			checkReason(t, status, body)
		})
	}
}

// checkReason wants nothing with 200 and one line of text with everything else.
func checkReason(t *testing.T, status int, body string) {
	t.Helper()
	switch lines := strings.Count(body, "\n"); {
	case status == 200 && body != "":
		t.Errorf("200 with a body: %q", body)
	case status != 200 && (lines > 1 || lines == 1 && !strings.HasSuffix(body, "\n") || strings.TrimSpace(body) == "" || len(body) > 500):
		t.Errorf("%d without one plain line: %q", status, body)
	}
}

// TestAnswers looks at whole answers: plain text, and the connection closes, whatever the client wants.
func TestAnswers(t *testing.T) {
	s := startScene(t, nil)
	s.answersReady(t)
	for path, want := range map[string]string{
		"/off_hook?mac=" + vendor:             "200",
		"/of_hok?mac=" + vendor:               "404",
		"/of_hok\x01\x02<b>?mac=" + vendor:    "404",
		"/" + strings.Repeat("of", 3000):      "404",
		"/off_hook?mac=<script>\"'\t\x07\xff": "400",
		"/healthz":                            "200",
		"/readyz":                             "200",
	} {
		t.Run(fmt.Sprintf("%.40q", path), func(t *testing.T) {
			// The exchange ends only when the program closes the connection.
			answer := exchange(t, s.intake, "", "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n")
			head, body, _ := strings.Cut(answer, "\r\n\r\n")
			if !strings.HasPrefix(head, "HTTP/1.1 "+want) {
				t.Errorf("answered %q, want %s", head, want)
			}
			if !strings.Contains(strings.ToLower(head), "connection: close") {
				t.Errorf("the answer does not say that the connection closes: %q", head)
			}
			if want != "200" {
				checkReason(t, 400, body)
				if !strings.Contains(head, "text/plain") {
					t.Errorf("the body is no plain text: %q", head)
				}
			}
		})
	}
}

// TestRate sends faster than HTTP_RATE: five times that may come at once, then it is enough. Other
// addresses and the health checks do not suffer.
func TestRate(t *testing.T) {
	s := startScene(t, func(c *bridge.Config) {
		c.Rate = 2
		c.Limits.Repeat = 0
	})
	begun := time.Now()
	taken := 0
	for range 40 {
		switch status, body := s.ask(t, "GET /off_hook?mac="+vendor+" HTTP/1.1\r\n\r\n"); status {
		case 200:
			taken++
		case 429:
			checkReason(t, status, body)
		default:
			t.Fatalf("answered %d %q", status, body)
		}
	}
	most := 10 + int(2*time.Since(begun).Seconds()) + 1
	if taken < 10 || taken > most {
		t.Errorf("%d of 40 events at once were taken, want 10 to %d", taken, most)
	}
	if status, body := s.askFrom(t, "127.0.0.2", "GET /off_hook?mac="+vendor+" HTTP/1.1\r\n\r\n"); status != 200 {
		t.Errorf("from another address: %d %q", status, body)
	}
	for range 40 {
		if status := s.get(t, "/healthz"); status != 200 {
			t.Fatalf("/healthz was answered %d", status)
		}
	}
	if status := s.get(t, "/metrics"); status == 429 {
		t.Error("/metrics counts for the rate")
	}
}
