package mqtt

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParseURL(t *testing.T) {
	tests := []struct{ in, want, err string }{
		{"mqtt://broker", "mqtt://broker:1883", ""},
		{"tcp://broker:1884/", "tcp://broker:1884/", ""},
		{"mqtts://broker", "mqtts://broker:8883", ""},
		{"ssl://[::1]", "ssl://[::1]:8883", ""},
		{"ws://broker/mqtt?x=1", "ws://broker:80/mqtt?x=1", ""},
		{"wss://broker", "wss://broker:443", ""},
		{"broker:1883", "", "expected mqtt://, mqtts://, ws:// or wss:// and a host"},
		{"", "", "expected mqtt://, mqtts://, ws:// or wss:// and a host"},
		{"http://broker", "", "expected mqtt://, mqtts://, ws:// or wss:// and a host"},
		{"mqtt://", "", "no host, expected something like mqtt://host:1883"},
		{"mqtts://:8883", "", "no host, expected something like mqtts://host:8883"},
		{"mqtt://broker/path", "", "only ws:// and wss:// take a path, expected mqtt://host:1883"},
		{"mqtt://broker:0", "", "the port is not a number from 1 to 65535"},
		{"mqtt://broker:70000", "", "the port is not a number from 1 to 65535"},
		{"ws://broker/#x", "", "a broker URL has no part after #"},
		{"mqtt://user:secret@broker", "", "a login does not belong into the URL: use the settings for username and password"},
		{"mqtt://user:secret@broker:x", "", "not a URL, expected something like mqtt://host:1883"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			u, err := ParseURL(tt.in)
			switch {
			case tt.err == "" && (err != nil || u.String() != tt.want):
				t.Errorf("%v, %v, want %s", u, err, tt.want)
			case tt.err != "" && (err == nil || err.Error() != tt.err):
				t.Errorf("error %v, want %s", err, tt.err)
			}
		})
	}
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"mqtt://user:secret@host:1883", "wss://[::1]/mqtt", "mqtt://%zz", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		u, err := ParseURL(in)
		if err == nil && (u.Hostname() == "" || u.Port() == "" || u.User != nil) {
			t.Errorf("%q gave %v", in, u)
		}
		if err != nil && strings.Contains(in, "secret") && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q is repeated: %v", in, err)
		}
	})
}

func TestCheckFilter(t *testing.T) {
	for filter, good := range map[string]bool{
		"a/b": true, "#": true, "+": true, "a/+/b/#": true, "/": true,
		"": false, "a#": false, "#/a": false, "a/b+": false, "a\x00": false, strings.Repeat("a", 65536): false,
	} {
		if err := checkFilter(filter); (err == nil) != good {
			t.Errorf("checkFilter(%.20q) = %v", filter, err)
		}
	}
}

// TestPause: in the first minute of an outage tries are at most two seconds
// apart, later at most thirty.
func TestPause(t *testing.T) {
	b := Config{}.withDefaults().Backoff
	for _, tt := range []struct {
		outage    time.Duration
		attempt   int
		low, high time.Duration
	}{
		{0, 0, 50 * time.Millisecond, 100 * time.Millisecond},
		{time.Second, 3, 400 * time.Millisecond, 800 * time.Millisecond},
		{59 * time.Second, 40, time.Second, 2 * time.Second},
		{time.Minute, 40, 15 * time.Second, 30 * time.Second},
		{24 * time.Hour, 100_000, 15 * time.Second, 30 * time.Second},
	} {
		for range 1000 {
			if got := b.pause(tt.outage, tt.attempt); got < tt.low || got > tt.high {
				t.Fatalf("after %s and %d attempts: %s, want %s to %s", tt.outage, tt.attempt, got, tt.low, tt.high)
			}
		}
	}
}

func TestClosedByPeer(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{io.EOF, true},
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), true},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, true},
		{&net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}, true},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}, false},
		{&net.OpError{Op: "write", Err: os.ErrDeadlineExceeded}, false},
		{errors.New("pingresp not received, disconnecting"), false},
		{errEnded, false},
	} {
		if got := closedByPeer(tt.err); got != tt.want {
			t.Errorf("closedByPeer(%v) = %t", tt.err, got)
		}
	}
}

// TestCause: texts that differ in a local port only are one failure.
func TestCause(t *testing.T) {
	reset := func(port int) error {
		return fmt.Errorf("connect: %w", &net.OpError{
			Op: "read", Source: &net.TCPAddr{Port: port}, Err: os.NewSyscallError("read", syscall.ECONNRESET),
		})
	}
	if a, b := cause(reset(1)), cause(reset(2)); a != b {
		t.Errorf("%q and %q", a, b)
	}
	if got := cause(errEnded); got != errEnded.Error() {
		t.Error(got)
	}
}
