package bridge

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
)

// forgetful takes what the bridge publishes and keeps none of it.
type forgetful struct{ *paper }

func (f forgetful) Publish(mqtt.Batch) *mqtt.Receipt { return f.receipts.Publish(mqtt.Batch{}) }

// BenchmarkPhones is what one phone takes in memory, beside what the broker's client keeps of its
// topics: listed and never heard, as after a start, and when each was in a call.
func BenchmarkPhones(b *testing.B) {
	const phones = 10_000
	for _, heard := range []bool{false, true} {
		b.Run(fmt.Sprintf("heard=%t", heard), func(b *testing.B) {
			for b.Loop() {
				broker := forgetful{newPaper(b)}
				before := heap()
				listings := make([]book.Listing, phones)
				for i := range listings {
					listings[i] = book.Listing{
						MAC: phone.MAC(fmt.Sprintf("001fc108%04x", i)), Source: "phones.yaml",
						Host: fmt.Sprintf("127.8.%d.%d", i/250, i%250+1), Name: fmt.Sprint("Desk ", i),
					}
				}
				bridge, err := New(Config{
					Base: "phone2mqtt", Learn: true, Phones: listings, EventFresh: time.Second,
					Limits: phone.Limits{Ring: 3 * time.Minute, Talk: 12 * time.Hour, Repeat: 2 * time.Second},
				}, broker, broker, zerolog.Nop())
				if err != nil {
					b.Fatal(err)
				}
				if heard {
					for i, d := range bridge.phones.all() {
						tellAll(b, bridge, d, i)
					}
				}
				b.ReportMetric(float64(heap()-before)/phones, "B/phone")
				runtime.KeepAlive(bridge)
			}
		})
	}
}

// tellAll has a phone call and be called.
func tellAll(b *testing.B, bridge *Bridge, d *device, i int) {
	b.Helper()
	host := netip.MustParseAddr(bridge.phones.book.Host(d.mac))
	for _, t := range []phone.EventType{phone.Registered, phone.IncomingCall, phone.CallEstablished, phone.CallTerminated} {
		event := phone.Event{
			Type: t, MAC: d.mac, IP: host, Model: fmt.Sprint("UC92", i%10), Firmware: "2.0.4.2",
			CallID: fmt.Sprint(i), Remote: phone.Party{Number: fmt.Sprint(200 + i), Name: fmt.Sprint("Bob ", i), URI: fmt.Sprintf("sip:%d@192.168.0.1", 200+i)},
		}
		receipt, _, err := bridge.take(d, &event, origin{source: host})
		if err != nil {
			b.Fatal(err)
		}
		d.stored(receipt)
	}
}

// heap is what is alive, in bytes.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
