package mqtt

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"time"
)

// A message on disk: format byte, CRC-32C of all that follows, run, monotonic
// and wall time of At, FreshFor, flags, then group, topic and late topic each
// behind its length, and the payload to the end. bbolt has no checksum over
// values, so without ours a flipped bit would be published as good.

const (
	formatV1     = 1
	headerLen    = 1 + 4 + 8 // format, CRC, run
	flagRetained = 1
)

var (
	errUnreadable = errors.New("unreadable message")
	castagnoli    = crc32.MakeTable(crc32.Castagnoli)
)

// clock ties stored times to the monotonic clock of this process: a small
// computer may start in 1970 and jump years while messages wait on disk.
type clock struct {
	run   uint64 // random, tells our own messages from those of an earlier process
	start time.Time
}

func newClock() clock { return clock{run: rand.Uint64(), start: time.Now()} }

// encodedLen is the length of encode's result, or a few bytes more.
func encodedLen(m *Message) int64 {
	return int64(headerLen + 7*binary.MaxVarintLen32 + 8 +
		len(m.Group) + len(m.Topic) + len(m.LateTopic) + len(m.Payload))
}

func (c clock) encode(m *Message) []byte {
	b := make([]byte, headerLen, encodedLen(m)+16)
	b[0] = formatV1
	binary.BigEndian.PutUint64(b[5:], c.run)
	b = binary.AppendVarint(b, int64(m.At.Sub(c.start)))
	b = binary.AppendVarint(b, m.At.UnixNano())
	b = binary.AppendVarint(b, int64(m.FreshFor))
	var flags byte
	if m.Retained {
		flags |= flagRetained
	}
	b = append(b, flags)
	for _, text := range []string{m.Group, m.Topic, m.LateTopic} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	b = append(b, m.Payload...)
	seal(b)
	return b
}

func seal(b []byte) { binary.BigEndian.PutUint32(b[1:], crc32.Checksum(b[5:], castagnoli)) }

// decode copies everything out of b, which may belong to a transaction. foreign
// tells that an earlier process wrote the message: its age is then a difference
// of wall times.
func (c clock) decode(b []byte) (m Message, foreign bool, err error) {
	if len(b) < headerLen || b[0] != formatV1 ||
		binary.BigEndian.Uint32(b[1:]) != crc32.Checksum(b[5:], castagnoli) {
		return Message{}, false, errUnreadable
	}
	r := reader{rest: b[headerLen:]}
	sinceStart, wall := r.varint(), r.varint()
	m.FreshFor = time.Duration(r.varint())
	m.Retained = r.byte()&flagRetained != 0
	m.Group, m.Topic, m.LateTopic = r.text(), r.text(), r.text()
	if r.failed || checkTopic(m.Topic) != nil || m.LateTopic != "" && checkTopic(m.LateTopic) != nil {
		return Message{}, false, errUnreadable
	}
	m.Payload = append([]byte{}, r.rest...)
	if binary.BigEndian.Uint64(b[5:]) == c.run {
		m.At = c.start.Add(time.Duration(sinceStart))
		return m, false, nil
	}
	m.At = time.Unix(0, wall)
	return m, true, nil
}

// reader takes fields off the front; after a failure all further ones are empty.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) fail() {
	r.failed = true
	r.rest = nil
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) text() string {
	n, width := binary.Uvarint(r.rest)
	if width <= 0 || n > uint64(len(r.rest)-width) {
		r.fail()
		return ""
	}
	text := string(r.rest[width : width+int(n)])
	r.rest = r.rest[width+int(n):]
	return text
}
