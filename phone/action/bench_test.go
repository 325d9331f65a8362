package action

import (
	"bytes"
	"net"
	"testing"
)

var nowhere = new(net.TCPAddr)

// BenchmarkHead makes a request of what a phone sends.
func BenchmarkHead(b *testing.B) {
	request := []byte("GET /incoming_call?mac=001fc11a8b6c&ip=192.168.0.157&call_id=a1&remote=sip:206@192.168.0.1&active_user=201" +
		"&local=sip:201@192.168.0.1&model=UC926U&firmware=2.0.4.2&display_remote=\"Bob\" <206> HTTP/1.1\r\n" +
		"Host: 192.168.0.2:8090\r\nUser-Agent: Htek UC926U 2.0.4.2 001fc11a8b6c\r\nAccept: */*\r\nConnection: close\r\n\r\n")
	from := bytes.NewReader(request)
	r := newReader()
	b.ReportAllocs()
	for b.Loop() {
		from.Reset(request)
		r.Reset(from)
		h, err := r.readHead()
		if err != nil {
			b.Fatal(err)
		}
		h.request(b.Context(), nowhere)
	}
}
