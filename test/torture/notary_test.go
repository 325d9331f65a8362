package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// startEcho is a broker that acknowledges every PUBLISH and knows nothing else.
func startEcho(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = c.Close() }()
				in := bufio.NewReader(c)
				for p, err := readPacket(in); err == nil; p, err = readPacket(in) {
					if m, ok := p.message(); ok {
						_, _ = c.Write([]byte{typePuback << 4, 2, byte(m.id >> 8), byte(m.id)})
					}
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return l.Addr().String()
}

// startWatched is a notary before such a broker.
func startWatched(t *testing.T) (*notary, *journal) {
	t.Helper()
	addr, j := startEcho(t), newJournal()
	n, err := startNotary(addr, j)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	return n, j
}

func dial(t *testing.T, n *notary) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// How long an acknowledgement is waited for: one that has to come, and one that must not.
const (
	amply  = 20 * time.Second
	moment = 300 * time.Millisecond
)

// publish sends one event and tells whether it was acknowledged in that time.
func publish(t *testing.T, c net.Conn, id uint16, within time.Duration) (acknowledged bool) {
	t.Helper()
	if _, err := c.Write(publishing(root+mac+"/event", id, `{"id":"a"}`)); err != nil {
		return false
	}
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4)
	_, err := io.ReadFull(c, answer)
	return err == nil && answer[0] == typePuback<<4 && answer[3] == byte(id)
}

func TestNotaryNotes(t *testing.T) {
	n, j := startWatched(t)
	if !publish(t, dial(t, n), 7, amply) {
		t.Fatal("no acknowledgement")
	}
	got := j.copied().publications
	if len(got) != 1 || got[0].said.ID != "a" || got[0].mac != mac || got[0].confirmed.Before(got[0].at) || got[0].acked.IsZero() {
		t.Errorf("noted: %+v", got)
	}
}

// TestNotaryStalls: what was stalled stays so, what comes later is whole.
func TestNotaryStalls(t *testing.T) {
	for d, acknowledged := range map[direction]bool{up: false, down: true} {
		n, j := startWatched(t)
		c := dial(t, n)
		if !publish(t, c, 1, amply) {
			t.Fatal("no acknowledgement")
		}
		n.set(func(c *conditions) { c.stalled[d] = true })
		n.set(func(c *conditions) { *c = conditions{} })
		if publish(t, c, 2, moment) {
			t.Errorf("direction %d: a stalled connection works", d)
		}
		if !publish(t, dial(t, n), 3, amply) {
			t.Errorf("direction %d: a new connection does not work", d)
		}
		if got := len(j.copied().publications); got != 2 && !acknowledged || got != 3 && acknowledged {
			t.Errorf("direction %d: %d publications noted", d, got)
		}
	}
}

// TestNotaryCutsAfterBytes: what did not go out whole is not noted.
func TestNotaryCutsAfterBytes(t *testing.T) {
	n, j := startWatched(t)
	n.set(func(c *conditions) { c.cutAfter = func() int { return 60 } })
	c := dial(t, n)
	if !publish(t, c, 1, amply) || publish(t, c, 2, moment) {
		t.Error("wanted are the first and not the second")
	}
	err := stand.Eventually(context.Background(), "the end", func() bool { return !j.copied().tries[0].ended.IsZero() })
	if got := len(j.copied().publications); err != nil || got != 1 {
		t.Errorf("%d noted: %v", got, err)
	}
}
