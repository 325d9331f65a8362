package action_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/action"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// piped is a phone's web server in memory, for a synctest bubble: it answers each request after a
// while, and notes when each came in.
type piped struct {
	answer func(*http.Request) string
	takes  time.Duration
	begun  time.Time

	mu    sync.Mutex
	at    []time.Duration
	going int
	most  int
}

func (p *piped) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		r, err := http.ReadRequest(bufio.NewReader(there))
		if err != nil {
			return
		}
		p.mu.Lock()
		p.at = append(p.at, time.Since(p.begun))
		p.going++
		p.most = max(p.most, p.going)
		p.mu.Unlock()
		time.Sleep(p.takes)
		p.mu.Lock()
		p.going--
		p.mu.Unlock()
		_, _ = io.WriteString(there, p.answer(r))
	}()
	return here, nil
}

// requests are the times at which requests came in.
func (p *piped) requests() []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

const (
	accepted = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	refused  = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
)

func always(answer string) func(*http.Request) string {
	return func(*http.Request) string { return answer }
}

func newPiped(takes time.Duration, answer func(*http.Request) string) (*piped, *action.Phone) {
	p := &piped{takes: takes, answer: answer, begun: time.Now()}
	return p, action.NewPhone(&action.Options{KeyPause: 500 * time.Millisecond, DialContext: p.dial}, false)
}

func TestClientPausesAfterAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client := newPiped(100*time.Millisecond, always(accepted))
		to := address(t, "phone")
		for _, uri := range []phone.ActionURI{"key=1", "key=POUND", "Command=2", "Command=2"} {
			if _, err := client.Do(t.Context(), to, admin, uri); err != nil {
				t.Fatal(err)
			}
		}
		const ms = time.Millisecond
		if diff := cmp.Diff([]time.Duration{0, 600 * ms, 1200 * ms, 1300 * ms}, p.requests()); diff != "" {
			t.Errorf("requests at (-want +got):\n%s", diff)
		}
	})
}

func TestClientStopsWaitingAfterAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client := newPiped(0, always(accepted))
		to := address(t, "phone")
		if _, err := client.Do(t.Context(), to, admin, "key=1"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := client.Do(ctx, to, admin, "key=2"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, action.ErrTimeout) {
			t.Errorf("error %v", err)
		}
		if len(p.requests()) != 1 || time.Since(p.begun) != 200*time.Millisecond {
			t.Errorf("requests at %v, ended after %v", p.requests(), time.Since(p.begun))
		}
	})
}

func TestClientSendsOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client := newPiped(time.Second, always(accepted))
		to := address(t, "phone")
		var callers sync.WaitGroup
		for range 5 {
			callers.Go(func() {
				if _, err := client.Do(t.Context(), to, admin, "Command=2"); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if p.most != 1 || time.Since(p.begun) != 5*time.Second {
			t.Errorf("%d at once, %v in all", p.most, time.Since(p.begun))
		}
	})
}

func TestClientPausesAfterRefusedLogins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := refused
		p, client := newPiped(0, func(*http.Request) string { return answer })
		to := address(t, "phone")
		do := func(login action.Login, want error) {
			t.Helper()
			_, err := client.Do(t.Context(), to, login, "Command=2")
			if !errors.Is(err, want) || errors.Is(err, action.ErrLoginPause) != errors.Is(want, action.ErrLoginPause) {
				t.Errorf("after %v: error %v, want %v", time.Since(p.begun), err, want)
			}
		}
		requests := func(want int) {
			t.Helper()
			if n := len(p.requests()); n != want {
				t.Errorf("after %v: %d requests, want %d", time.Since(p.begun), n, want)
			}
		}
		do(admin, action.ErrLogin)
		do(admin, action.ErrLogin)
		requests(4)
		do(admin, action.ErrLoginPause)
		if !errors.Is(action.ErrLoginPause, action.ErrLogin) {
			t.Error("a pause is no refused login")
		}
		time.Sleep(59 * time.Second)
		_, err := client.Do(t.Context(), to, admin, "Command=2")
		if want := "nothing is sent to it for another 1s (until "; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s…", err, want)
		}
		requests(4)
		time.Sleep(time.Second)
		do(admin, action.ErrLogin)
		requests(6)
		do(admin, action.ErrLoginPause) // still a row: one more refusal is enough

		// Another login is worth a try at once, and one that is taken ends the row.
		answer = accepted
		do(action.Login{Username: "user", Password: secret.New("1234")}, nil)
		requests(7)
		time.Sleep(time.Minute)
		answer = refused
		do(admin, action.ErrLogin)
		do(admin, action.ErrLogin)
		do(admin, action.ErrLoginPause)
		requests(11)
	})
}

func TestClientTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client := newPiped(5*time.Second+time.Millisecond, always(accepted))
		answer, err := client.Do(t.Context(), address(t, "phone"), admin, "Command=2")
		if !errors.Is(err, action.ErrTimeout) || answer != (action.Answer{Sent: true, Duration: 5 * time.Second}) {
			t.Errorf("%+v, %v", answer, err)
		}
		time.Sleep(time.Second) // until the phone has answered into nothing
		if n := len(p.requests()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

func TestClientDialsNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := action.NewPhone(&action.Options{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}, false)
		answer, err := client.Do(t.Context(), address(t, "phone"), admin, "Command=2")
		if !errors.Is(err, action.ErrUnreachable) || answer.Duration != 5*time.Second {
			t.Errorf("%+v, %v", answer, err)
		}
		stopped := errors.New("stopped")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, stopped)
		defer cancel()
		if _, err := client.Do(ctx, address(t, "phone"), admin, "Command=2"); !errors.Is(err, stopped) {
			t.Errorf("error %v, want the cause", err)
		}
	})
}

func TestClientDoesNotWaitForABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := action.NewPhone(&action.Options{DialContext: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				defer there.Close()
				if _, err := http.ReadRequest(bufio.NewReader(there)); err != nil {
					t.Error(err)
				}
				_, _ = io.WriteString(there, "HTTP/1.0 200 OK\r\n\r\n<html>")
				_, _ = io.Copy(io.Discard, there)
			}()
			return here, nil
		}}, false)
		answer, err := client.Do(t.Context(), address(t, "phone"), admin, "Command=2")
		if want := (action.Answer{Sent: true, Status: 200, Duration: 500 * time.Millisecond}); err != nil || answer != want {
			t.Errorf("%+v, %v, want %+v", answer, err, want)
		}
	})
}

func TestClientReadsChallenges(t *testing.T) {
	const ok = `Digest realm="r", nonce="n", qop="auth"`
	for _, tt := range []struct {
		name    string
		headers []string
		want    []string // schemes sent
	}{
		{"in one header behind Basic", []string{`Basic realm="a, b", ` + ok}, []string{"Basic", "Digest"}},
		{"in one header before Basic", []string{ok + `, Basic realm="x"`}, []string{"Basic", "Digest"}},
		{"in two headers", []string{`Basic realm="x"`, ok}, []string{"Basic", "Digest"}},
		{"lower case, blank in qop", []string{`digest realm="r", nonce="n", qop="token, auth"`}, []string{"Basic", "Digest"}},
		{"a kind that can be answered behind one that cannot", []string{`Digest realm="r", nonce="n", algorithm=MD5-sess`, ok}, []string{"Basic", "Digest"}},
		{"a kind that cannot be answered", []string{`Digest realm="r", nonce="n", algorithm=MD5-sess`}, []string{"Basic"}},
		{"Digest and nothing", []string{"Digest"}, []string{"Basic"}},
		{"nonsense", []string{"\"\x80,=,Digest ,="}, []string{"Basic"}},
		{"none", nil, []string{"Basic", "Basic"}},
		{"an unknown scheme", []string{`Negotiate`}, []string{"Basic", "Basic"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				_, client := newPiped(0, func(r *http.Request) string {
					sent, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
					got = append(got, sent)
					answer := "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
					for _, h := range tt.headers {
						answer += "WWW-Authenticate: " + h + "\r\n"
					}
					return answer + "\r\n"
				})
				if _, err := client.Do(t.Context(), address(t, "phone"), admin, "Command=2"); !errors.Is(err, action.ErrLogin) {
					t.Errorf("error %v", err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("logins sent (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// FuzzAnswer: whatever a phone answers, a command ends with an answer or one of the errors, and never
// with more than two requests or a login in the text.
func FuzzAnswer(f *testing.F) {
	for _, answer := range []string{accepted, refused, "", "HTTP/1.1 100 Continue\r\n\r\n" + accepted, "HTTP/1.0 204\r\n\r\n",
		"HTTP/1.1 301 Moved\r\nLocation: https://x/\r\n\r\n", "HTTP/1.1 401 x\r\nWWW-Authenticate: Digest nonce=\"a\", realm=\"b\"\r\n\r\n",
		strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 10)} {
		f.Add(answer)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		synctest.Test(t, func(t *testing.T) {
			p, client := newPiped(0, always(answer))
			_, err := client.Do(t.Context(), address(t, "phone"), action.Login{Username: "me", Password: secret.New("s3cret")}, "Command=2")
			if err != nil && !errors.Is(err, action.ErrHTTP) && !errors.Is(err, action.ErrLogin) && !errors.Is(err, action.ErrTimeout) {
				t.Errorf("error %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") || len(p.requests()) > 2 {
				t.Errorf("error %v, %d requests", err, len(p.requests()))
			}
		})
	})
}
