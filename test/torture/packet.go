package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// Control packet types (MQTT 3.1.1, 2.2.1) that are looked into.
const (
	typeConnack    = 2
	typePublish    = 3
	typePuback     = 4
	typeSubscribe  = 8
	typeSuback     = 9
	typeDisconnect = 14
)

var errMalformed = errors.New("malformed MQTT packet")

// packet is one MQTT control packet as it goes over the wire, head and all.
type packet []byte

// readPacket reads one packet, whatever its type.
func readPacket(r *bufio.Reader) (packet, error) {
	var p packet
	length, shift := 0, 0
	for i := 0; ; i++ {
		b, err := r.ReadByte()
		if err != nil {
			return nil, err
		}
		p = append(p, b)
		if i == 0 {
			continue
		}
		length |= int(b&0x7f) << shift
		shift += 7
		if b < 0x80 {
			break
		}
		if shift > 21 {
			return nil, errMalformed
		}
	}
	head := len(p)
	p = append(p, make([]byte, length)...)
	_, err := io.ReadFull(r, p[head:])
	return p, err
}

func (p packet) kind() byte { return p[0] >> 4 }

// body is what follows the fixed header.
func (p packet) body() []byte {
	i := 1
	for p[i] >= 0x80 {
		i++
	}
	return p[i+1:]
}

// id is the packet identifier of a PUBACK or SUBSCRIBE.
func (p packet) id() uint16 {
	if b := p.body(); len(b) >= 2 {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// message is what a PUBLISH carries. The payload is valid as long as the packet.
type message struct {
	topic   string
	id      uint16 // 0 at QoS 0
	payload []byte
}

func (p packet) message() (m message, ok bool) {
	b := p.body()
	if p.kind() != typePublish || len(b) < 2 {
		return m, false
	}
	end := 2 + int(binary.BigEndian.Uint16(b))
	if p[0]&0x06 == 0 {
		if len(b) < end {
			return m, false
		}
		return message{topic: string(b[2:end]), payload: b[end:]}, true
	}
	if len(b) < end+2 {
		return m, false
	}
	return message{string(b[2:end]), binary.BigEndian.Uint16(b[end:]), b[end+2:]}, true
}

// refusal is the SUBACK that refuses every filter of a SUBSCRIBE (MQTT 3.1.1, 3.9.3).
func (p packet) refusal() packet {
	b := p.body()
	if len(b) < 2 {
		return packet{typeSuback << 4, 2, 0, 0}
	}
	answer := packet{typeSuback << 4, 2, b[0], b[1]}
	for rest := b[2:]; len(rest) >= 3; {
		next := 2 + int(binary.BigEndian.Uint16(rest)) + 1
		if len(rest) < next {
			break
		}
		rest = rest[next:]
		answer = append(answer, 0x80)
		answer[1]++
	}
	return answer
}
