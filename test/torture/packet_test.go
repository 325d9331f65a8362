package main

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// publishing is the PUBLISH at QoS 1 of a short payload.
func publishing(topic string, id uint16, payload string) packet {
	p := packet{typePublish<<4 | 2, byte(2 + len(topic) + 2 + len(payload)), 0, byte(len(topic))}
	p = append(p, topic...)
	p = append(p, byte(id>>8), byte(id))
	return append(p, payload...)
}

func TestPackets(t *testing.T) {
	p := publishing("a/b", 7, "x")
	got, err := readPacket(bufio.NewReader(bytes.NewReader(p)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Error(diff)
	}
	m, ok := got.message()
	if diff := cmp.Diff(message{"a/b", 7, []byte("x")}, m, cmp.AllowUnexported(message{})); diff != "" || !ok {
		t.Error(ok, diff)
	}
	subscribe := packet{typeSubscribe<<4 | 2, 12, 0, 9, 0, 2, 'a', 'b', 1, 0, 2, 'c', 'd', 1}
	if diff := cmp.Diff(packet{typeSuback << 4, 4, 0, 9, 0x80, 0x80}, subscribe.refusal()); diff != "" {
		t.Error(diff)
	}
}

// FuzzPacket: whatever comes over the wire, nothing but an error may come of it.
func FuzzPacket(f *testing.F) {
	f.Add([]byte(publishing("a", 1, "x")))
	f.Add([]byte{typePublish << 4, 0})
	f.Add([]byte{typeSubscribe<<4 | 2, 1, 0})
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(_ *testing.T, b []byte) {
		in := bufio.NewReader(bytes.NewReader(b))
		for p, err := readPacket(in); err == nil; p, err = readPacket(in) {
			p.id()
			p.refusal()
			if m, ok := p.message(); ok {
				newPublication(m)
			}
		}
	})
}
