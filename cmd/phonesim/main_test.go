package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone/action"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRunRejectsFlags(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"--phones 0", "phonesim: --phones: expected 1 to 10000, got 0\n"},
		{"--phones 0 --hang x --listen y", "phonesim: --phones: expected 1 to 10000, got 0\n"},
		{"--phones many", `phonesim: invalid value "many" for flag -phones: parse error` + "\n"},
		{"--phones 1", "phonesim: --calls-per-minute: a call takes two phones; with one, set it to 0\n"},
		{"--calls-per-minute -1", "phonesim: --calls-per-minute: expected 0 to 1000000, got -1\n"},
		{"--calls-per-minute NaN", "phonesim: --calls-per-minute: expected 0 to 1000000, got NaN\n"},
		{"--target 192.168.0.252", `phonesim: --target: expected a URL such as http://192.168.0.252:8090, got "192.168.0.252"` + "\n"},
		{"--listen 9000", `phonesim: --listen: expected [host]:port with room for 2 ports, got "9000"` + "\n"},
		{"--listen :65535", `phonesim: --listen: expected [host]:port with room for 2 ports, got ":65535"` + "\n"},
		{"--charset klingon", `phonesim: --charset: expected a name such as utf-8, gbk or windows-1252, got "klingon"` + "\n"},
		{"--hang 1", `phonesim: --hang: expected a share from 0% to 100%, got "1"` + "\n"},
		{"--hang 101%", `phonesim: --hang: expected a share from 0% to 100%, got "101%"` + "\n"},
		{"--for -1s", "phonesim: --for: expected a time such as 60s, got -1s\n"},
		{"--loud", "phonesim: flag provided but not defined: -loud\n"},
		{"now", `phonesim: unexpected argument "now"` + "\n"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), strings.Fields(tt.args), &stdout, &stderr); code != 2 || stderr.String() != tt.want || stdout.Len() > 0 {
			t.Errorf("%s: exit %d, stderr %q, want %q; stdout %q", tt.args, code, &stderr, tt.want, &stdout)
		}
	}
}

func TestRunHelps(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-h"}, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Errorf("exit %d, stderr %q", code, &stderr)
	}
	for _, name := range []string{"phones", "calls-per-minute", "target", "token", "listen", "charset", "digest", "first-401", "hang", "for", "seed"} {
		if !strings.Contains(stdout.String(), "  -"+name) {
			t.Errorf("the help lacks -%s:\n%s", name, &stdout)
		}
	}
}

// serve takes what phones send, blanks in names and all, until the test ends, and returns its URL.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- (&action.Server{Handler: h, Log: zerolog.Nop()}).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

func TestRunEndsWithASummary(t *testing.T) {
	summary := regexp.MustCompile(`^PHONE2MQTT_PHONES=001fc1000001@127\.0\.0\.1:\d+,001fc1000002@127\.0\.0\.1:\d+,001fc1000003@.*\n` +
		`phonesim: 4 phones, [0-9.]+m?s: (\d+) events sent, .*\d+ answered 200, 0 unanswered, slowest .*; 0 events left unsent, 0 commands taken\n$`)

	for _, tt := range []struct {
		args  string
		until int64 // so many events have come it is interrupted; 0: never
		least int64 // events: in the shortest time four phones boot, and there is a call
	}{{"--for 300ms", 0, 4*2 + 1}, {"", 20, 20}} {
		t.Run(tt.args, func(t *testing.T) {
			ctx, interrupt := context.WithTimeout(t.Context(), time.Minute)
			defer interrupt()
			var events, without atomic.Int64
			intake := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if events.Add(1) == tt.until {
					interrupt()
				}
				if !strings.HasPrefix(r.URL.Path, "/0123456789abcdef/") {
					without.Add(1)
				}
			}))
			var stdout, stderr bytes.Buffer
			code := run(ctx, append(strings.Fields(tt.args), "--phones=4", "--calls-per-minute=3000", "--charset=gbk",
				"--target="+intake, "--token=0123456789abcdef", "--listen=127.0.0.1:0"), &stdout, &stderr)
			said := summary.FindStringSubmatch(stdout.String())
			if code != 0 || stderr.Len() > 0 || said == nil || said[1] != strconv.FormatInt(events.Load(), 10) {
				t.Errorf("exit %d, stderr %q, stdout %q", code, &stderr, &stdout)
			}
			if events.Load() < tt.least || without.Load() > 0 {
				t.Errorf("the intake got %d events, %d without the token", events.Load(), without.Load())
			}
			if tt.until == 0 && ctx.Err() != nil {
				t.Error("it did not end by itself")
			}
		})
	}
}

func TestRunSaysWhyItCannot(t *testing.T) {
	taken := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(taken.Close)
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"--listen", taken.Listener.Addr().String()}, &stdout, &stderr)
	if code != 1 || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), "address already in use") {
		t.Errorf("exit %d, stderr %q", code, &stderr)
	}
}
