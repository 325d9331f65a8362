package payload

import (
	"net/netip"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// inCall is a phone as it mostly is when its events come thick: one call, and the one before.
var inCall = phone.State{
	Calls:    []phone.Call{talking},
	Ended:    []phone.Call{ended},
	OffHook:  phone.On,
	Accounts: []phone.Account{{Number: "201", URI: own.URI, Registered: true}},
	Model:    "UC926U", Firmware: "2.0.4.2", IP: netip.MustParseAddr("192.168.0.157"),
	Last: phone.Event{
		Type: phone.Mute, Time: at(9), MAC: "001fc11a8b6c", IP: netip.MustParseAddr("192.168.0.157"),
		CallID: "a1", Account: own, Remote: bob, Local: own,
	},
}

func BenchmarkState(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		State(inCall, "Kitchen", "192.168.0.157")
	}
}

func BenchmarkEvent(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Event(NewID(inCall.Last.Time), phone.Change{Event: inCall.Last, Call: &talking}, phone.Talking, "Kitchen")
	}
}

func BenchmarkRecord(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		(&Record{State: inCall, Online: true, Address: "192.168.0.157", Source: inCall.IP}).JSON()
	}
}
