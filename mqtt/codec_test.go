package mqtt

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCodec(t *testing.T) {
	ours := newClock()
	later := clock{run: ours.run + 1, start: time.Now()}
	for name, m := range map[string]Message{
		"event": {Topic: "dev/event", LateTopic: "dev/late", Group: "dev", FreshFor: time.Minute, At: time.Now(), Payload: []byte("{}")},
		"empty": {Topic: "a", At: time.Now(), Payload: []byte{}},
		"aside": {Topic: "a", At: time.Now(), Retained: true, Payload: bytes.Repeat([]byte("x"), 70_000)},
		"1970":  {Topic: "a", At: time.Unix(5, 7), Payload: []byte("x")},
	} {
		t.Run(name, func(t *testing.T) {
			stored := ours.encode(&m)
			if limit := encodedLen(&m); int64(len(stored)) > limit || limit > int64(len(stored))+50 {
				t.Errorf("%d bytes, announced %d", len(stored), limit)
			}
			got, foreign, err := ours.decode(stored)
			if err != nil || foreign {
				t.Fatalf("foreign %t, %v", foreign, err)
			}
			if age := got.At.Sub(m.At); age < -time.Microsecond || age > time.Microsecond {
				t.Errorf("At moved by %s", age)
			}
			got.At = m.At
			if diff := cmp.Diff(m, got); diff != "" {
				t.Error(diff)
			}
			restarted, foreign, err := later.decode(stored)
			if err != nil || !foreign || !restarted.At.Equal(m.At) {
				t.Errorf("after a restart: %v, foreign %t, %v", restarted.At, foreign, err)
			}
			for i := range min(len(stored), 200) {
				broken := bytes.Clone(stored)
				broken[i] ^= 0x10
				if _, _, err := ours.decode(broken); !errors.Is(err, errUnreadable) {
					t.Errorf("bit flipped in byte %d: %v", i, err)
				}
			}
		})
	}
}

// TestStoredAgeIgnoresTheWallClock: the age of a message that was read back in
// the process that wrote it is monotonic, whatever the clock showed.
func TestStoredAgeIgnoresTheWallClock(t *testing.T) {
	c := newClock()
	m, _, err := c.decode(c.encode(&Message{Topic: "a", At: c.start.Add(-time.Minute)}))
	if err != nil {
		t.Fatal(err)
	}
	if age := c.start.Sub(m.At); age != time.Minute {
		t.Errorf("age %s", age)
	}
	if !strings.Contains(m.At.String(), "m=") {
		t.Error("no monotonic reading")
	}
}

func FuzzDecode(f *testing.F) {
	c := newClock()
	f.Add(c.encode(&Message{Topic: "dev/event", LateTopic: "dev/late", Group: "g", Payload: []byte("x"), At: time.Now()}))
	f.Add([]byte{formatV1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		// Past the checksum, so that the fields are tried too.
		if len(b) >= headerLen {
			seal(b)
		}
		m, _, err := c.decode(b)
		if err != nil {
			return
		}
		if checkTopic(m.Topic) != nil {
			t.Errorf("topic %q", m.Topic)
		}
		again, _, err := c.decode(c.encode(&m))
		if err != nil {
			t.Fatal(err)
		}
		again.At, m.At = time.Time{}, time.Time{}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Error(diff)
		}
	})
}
