package phone

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func testDialect() Dialect {
	return Dialect{
		Default: IncomingCall,
		Known:   func(mac MAC) bool { return mac == "001122334455" },
	}
}

var compareIP = cmpopts.EquateComparable(netip.Addr{})

func TestParseEvent(t *testing.T) {
	ip := netip.MustParseAddr("192.168.0.157")
	tests := map[string]struct {
		path, query string
		want        Event
	}{
		"the vendor's example names no event": {
			path: "/001fc11a8b6c/192.168.0.157", want: Event{Type: IncomingCall, MAC: testMAC, IP: ip},
		},
		"blank after the first slash, as the vendor's document prints it": {
			path: "/ 001fc11a8b6c/192.168.0.157", want: Event{Type: IncomingCall, MAC: testMAC, IP: ip},
		},
		"words in any order": {
			path: "/192.168.0.157//00-1F-C1-1A-8B-6C/Call Terminated/", want: Event{Type: CallTerminated, MAC: testMAC, IP: ip},
		},
		"the first of each kind counts": {
			path: "/hold/unhold/001fc11a8b6c/001fc1000000/192.168.0.157/10.0.0.1", want: Event{Type: Hold, MAC: testMAC, IP: ip},
		},
		"variables win over words": {
			path: "/hold/001fc1000000/10.0.0.1", query: "mac=001FC11A8B6C&ip=192.168.0.157", want: Event{Type: Hold, MAC: testMAC, IP: ip},
		},
		"a word that nobody understands beside an event": {
			path: "/kitchen/mute/001fc11a8b6c", want: Event{Type: Mute, MAC: testMAC},
		},
		"twelve digits of a known phone": {
			path: "/hold/001122334455", want: Event{Type: Hold, MAC: "001122334455"},
		},
		"twelve digits that may be a telephone number": {
			path: "/hold/004930123456", want: Event{Type: Hold},
		},
		"a browser escaped it": {
			path: "/hold", query: "mac=00%3A1F%3AC1%3A1A%3A8B%3A6C&ip=192%2E168.0.157", want: Event{Type: Hold, MAC: testMAC, IP: ip},
		},
		"a text without end": {
			path: "/hold/001fc11a8b6c", query: "call_id=" + strings.Repeat("ü", 4000), want: Event{Type: Hold, MAC: testMAC, CallID: strings.Repeat("ü", 255)},
		},
		"twelve digits named as a MAC": {
			path: "/hold", query: "mac=004930123456", want: Event{Type: Hold, MAC: "004930123456"},
		},
		"an address with a port": {
			path: "/hold/001fc11a8b6c/192.168.0.157:5060", want: Event{Type: Hold, MAC: testMAC, IP: ip},
		},
		"everything": {
			path: "/call_established",
			query: "mac=001fc11a8b6c&ip=192.168.0.157&model=UC860&firmware=2.0.4.2&call_id=a1&active_url=sip:201@192.168.0.1&active_user=201" +
				"&active_host=192.168.0.1&local=sip:201@192.168.0.1&remote=sip:206@192.168.0.1&display_local=Kitchen&display_remote=Bob",
			want: Event{
				Type: CallEstablished, MAC: testMAC, IP: ip, Model: "UC860", Firmware: "2.0.4.2", CallID: "a1",
				Account: Party{Number: "201", URI: "sip:201@192.168.0.1"},
				Local:   Party{Number: "201", Name: "Kitchen", URI: "sip:201@192.168.0.1"},
				Remote:  Party{Number: "206", Name: "Bob", URI: "sip:206@192.168.0.1"},
			},
		},
		"the account from its parts": {
			path: "/registered/001fc11a8b6c", query: "active_user=201&active_host=pbx",
			want: Event{Type: Registered, MAC: testMAC, Account: Party{Number: "201", URI: "sip:201@pbx"}, Local: Party{Number: "201", URI: "sip:201@pbx"}},
		},
		"unset variables in the path": {
			path: "/$mac/hold/001fc11a8b6c/$ip/$call-id/$remote", want: Event{Type: Hold, MAC: testMAC},
		},
		"unset variables": {
			path: "/incoming_call", query: "mac=001fc11a8b6c&remote=$remote&call_id=&display_remote=$display_remote",
			want: Event{Type: IncomingCall, MAC: testMAC},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseEvent(SplitWords(tt.path), SplitVariables(tt.query), testDialect())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, compareIP); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseEventRefuses(t *testing.T) {
	_, err := ParseEvent(SplitWords("/incomming_call/001fc11a8b6c"), nil, testDialect())
	if diff := cmp.Diff(&NoEventError{Word: "incomming_call", Nearest: "incoming_call"}, asError[*NoEventError](err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if got, want := err.Error(), `"incomming_call" is no event; the nearest is incoming_call`; got != want {
		t.Errorf("the error reads %s, want %s", got, want)
	}
	_, err = ParseEvent(SplitWords("/hold"), SplitVariables("mac=001fc11a8b"), testDialect())
	if diff := cmp.Diff(&MACError{Value: "001fc11a8b"}, asError[*MACError](err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if got, want := err.Error(), `mac="001fc11a8b" is not a MAC address; expected twelve hexadecimal digits`; got != want {
		t.Errorf("the error reads %s, want %s", got, want)
	}
	// A telephone number is no MAC, so with no event beside it there is nothing to go by.
	if _, err = ParseEvent(SplitWords("/004930123456"), nil, testDialect()); asError[*NoEventError](err) == nil {
		t.Errorf("got %v, want a NoEventError", err)
	}
}

// TestAddressOfThePhone holds that the variable wins over a word of the path, and that a placeholder is
// no address.
func TestAddressOfThePhone(t *testing.T) {
	for query, want := range map[string]string{"ip=192.168.0.9": "192.168.0.9", "ip=$ip": "192.168.0.157", "ip=here": "192.168.0.157"} {
		e, err := ParseEvent(SplitWords("/hold/001fc11a8b6c/192.168.0.157"), SplitVariables(query), testDialect())
		if err != nil || e.IP.String() != want {
			t.Errorf("%s: got %s, %v, want %s", query, e.IP, err, want)
		}
	}
}

// TestCharsetOfThePhone holds that a phone's own charset reads its names.
func TestCharsetOfThePhone(t *testing.T) {
	d := testDialect()
	d.Charset = func(mac MAC) Charset {
		if mac == testMAC {
			return "koi8-r"
		}
		return GBK
	}
	e, err := ParseEvent(SplitWords("/incoming_call/001fc11a8b6c"), SplitVariables("display_remote=\xe2\xcf\xc2"), d)
	if err != nil || e.Remote.Name != "Боб" {
		t.Errorf("got %q, %v, want Боб", e.Remote.Name, err)
	}
}

func asError[E error](err error) E {
	e, _ := errors.AsType[E](err)
	return e
}

func FuzzParseEvent(f *testing.F) {
	f.Add("/001fc11a8b6c/192.168.0.157", "")
	f.Add("/incoming_call", `mac=$mac&remote="Bob" <sip:206@x;y=z>&display_remote=R&D 50% <x> #1 a+b`)
	f.Add("//%41%zz/ActionUrl_OnfHook/fe80::1%eth0", "call-id=1&mac=00:1f:c1:1a:8b:6c&display_remote=\xcd\xf5\xce\xb0&mac=x")
	f.Fuzz(func(t *testing.T, path, query string) {
		e, err := ParseEvent(SplitWords(path), SplitVariables(query), testDialect())
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a text")
			}
			return
		}
		if e.Type == NoEvent || e.Type > VPNIP {
			t.Errorf("event %d", e.Type)
		}
		if e.MAC != "" {
			if again, err := ParseMAC(string(e.MAC)); err != nil || again != e.MAC {
				t.Errorf("MAC %q", e.MAC)
			}
		}
	})
}
