package mqtt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	berrors "go.etcd.io/bbolt/errors"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	bolt "go.etcd.io/bbolt"
)

// TestFullDisk lets bbolt find no room for a while.
func TestFullDisk(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	p := startProxy(t, nowhere)
	store := openStore(t, t.TempDir())
	store.db.Load().MaxSize = int(size(t, store.path)) + 100<<10
	c := NewClient(testConfig(t, p.url()), store)
	runInBackground(t, c.Run)

	mustStore(t, publish(c, event("dev/event", "small")))
	huge := Message{Topic: "dev/event", Payload: make([]byte, 500<<10)}
	failed := c.Publish(Batch{Messages: []Message{huge}, Records: []Record{{Key: "a", Value: []byte("1")}}})
	if err := failed.Wait(context.Background()); !errors.Is(err, berrors.ErrMaxSizeReached) {
		t.Fatalf("receipt: %v", err)
	}
	if s := c.Status(); s.StoreErr == nil || s.Waiting != 1 {
		t.Errorf("status %+v", s)
	}
	mustStore(t, publish(c, event("dev/event", "after")))
	if err := c.Status().StoreErr; err != nil {
		t.Errorf("a message was stored after: %v", err)
	}
	if diff := cmp.Diff(map[string]string{"a": "1"}, records(t, store, "")); diff != "" {
		t.Errorf("the record did not ride along: %s", diff)
	}

	// What could not be stored goes out in its turn, though without promise.
	o := observe(t, url, "observer", "dev/#")
	p.lead(t, url)
	o.expect(t, []string{"dev/event small", "dev/event " + string(huge.Payload), "dev/event after"})
	eventually(t, "all acknowledged", c.drained)
}

// TestFullDiskIsDrained fills the disk with what waits. When the broker has it, there is room again,
// though the disk is as small as before.
func TestFullDiskIsDrained(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	p := startProxy(t, nowhere)
	store := openStore(t, t.TempDir())
	c := NewClient(testConfig(t, p.url()), store)
	runInBackground(t, c.Run)
	const phones = 100
	round := 0
	next := func() *Receipt {
		round++
		record := Record{Key: fmt.Sprint("phone/", round%phones), Value: fmt.Appendf(make([]byte, 1500), "%d", round)}
		return c.Publish(Batch{Messages: []Message{{Topic: "dev/event", Payload: make([]byte, 3000)}}, Records: []Record{record}})
	}
	for range phones {
		mustStore(t, next())
	}
	store.db.Load().MaxSize = int(size(t, store.path))
	for next().Wait(context.Background()) == nil {
	}
	// Each phone has something new, for which there is no room.
	for range phones {
		if err := next().Wait(context.Background()); err == nil {
			t.Error("stored on a full disk")
		}
	}
	p.lead(t, url)
	eventually(t, "all acknowledged, and the store works", func() bool { return c.drained() && c.Status().StoreErr == nil })
	mustStore(t, next())
	if got := records(t, store, ""); len(got) != phones || !strings.HasSuffix(got[fmt.Sprint("phone/", round%phones)], fmt.Sprint(round)) {
		t.Errorf("%d records, of %d phones; the newest is not there", len(got), phones)
	}
}

// TestStoreErrorClearsByItself has no message to write after the failure. What is smaller than one still
// fits into the file, and tells nothing of the next message.
func TestStoreErrorClearsByItself(t *testing.T) {
	t.Parallel()
	store := openStore(t, t.TempDir())
	db := store.db.Load()
	db.MaxSize = int(size(t, store.path))
	var log logbook
	cfg := testConfig(t, nowhere)
	cfg.Log = zerolog.New(&log)
	c := NewClient(cfg, store)
	runInBackground(t, c.Run)
	var receipts []*Receipt
	for range 3 * unsavedLimit / (300 << 10) {
		receipts = append(receipts, publish(c, Message{Topic: "dev/event", Payload: make([]byte, 300<<10)}))
	}
	for _, r := range receipts {
		if err := r.Wait(context.Background()); err == nil {
			t.Error("stored beyond the end of the disk")
		}
	}
	if s := c.Status(); s.Dropped == 0 || s.Waiting != 0 || s.WaitingBytes != 0 {
		t.Errorf("status %+v", s)
	}
	c.mu.Lock()
	if c.line.unsaved > unsavedLimit {
		t.Errorf("%d unsaved bytes in memory", c.line.unsaved)
	}
	c.mu.Unlock()

	mustStore(t, c.Publish(Batch{Records: []Record{{Key: "a", Value: []byte("1")}}}))
	first, err := commitOf(db)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "two empty transactions", func() bool {
		if c.Status().StoreErr == nil {
			t.Fatal("the store takes messages, it says, for which there is no room")
		}
		now, err := commitOf(db)
		return err == nil && now >= first+2
	})
	if err := publish(c, event("dev/event", strings.Repeat("x", 30<<10))).Wait(context.Background()); err == nil {
		t.Error("there was room after all")
	}

	room(t, db)
	eventually(t, "store works again", func() bool { return c.Status().StoreErr == nil })
	want := []string{"store cannot be written", "store works again"}
	eventually(t, "told", func() bool { return len(storeLog(t, &log)) >= len(want) })
	if diff := cmp.Diff(want, storeLog(t, &log)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if leftProbe(store.db.Load()) {
		t.Error("the probe is still there")
	}
}

// room takes the limit off a file while nothing is written to it.
func room(t *testing.T, db *bolt.DB) {
	t.Helper()
	tx, err := db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	db.MaxSize = 0
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
}

// storeLog are the messages about the store.
func storeLog(t *testing.T, log *logbook) []string {
	t.Helper()
	return slices.DeleteFunc(log.messages(t), func(m string) bool { return !strings.HasPrefix(m, "store ") })
}

// TestProbeOfAKilledProcess is between the two transactions of a probe when it ends.
func TestProbeOfAKilledProcess(t *testing.T) {
	dir := t.TempDir()
	store, err := OpenStore(dir, StoreOptions{Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.db.Load().Update(putProbe); err != nil || !leftProbe(store.db.Load()) {
		t.Fatalf("no probe, error %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if leftProbe(openStore(t, dir).db.Load()) {
		t.Error("the probe is still there")
	}
}

// TestDamageWhileRunning spoils the file under a client: what is in memory is
// stored anew, and nothing that comes later is lost.
func TestDamageWhileRunning(t *testing.T) {
	for _, tt := range damages {
		if tt.onlyAtOpen {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			url, _ := startBroker(t, "127.0.0.1:0")
			p := startProxy(t, nowhere)
			dir := t.TempDir()
			store, err := OpenStore(dir, StoreOptions{Log: testLog(t)})
			if err != nil {
				t.Fatal(err)
			}
			c := NewClient(testConfig(t, p.url()), store)
			stop := runInBackground(t, c.Run)
			var want []string
			send := func(n int) {
				for range n {
					name := fmt.Sprint(len(want))
					mustStore(t, publish(c, event("dev/event", name)))
					want = append(want, "dev/event "+name)
				}
			}
			send(50)
			damageFile(t, store.path, tt.damage)
			send(50)
			stop()
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}

			store = openStore(t, dir)
			c = NewClient(testConfig(t, p.url()), store)
			if found := c.Status().Waiting; found != 100 {
				t.Errorf("a new process found %d messages", found)
			}
			runInBackground(t, c.Run)
			o := observe(t, url, "observer", "dev/#")
			p.lead(t, url)
			o.expect(t, want)
		})
	}
}

// TestDamageMetWhileReading spoils messages that are on disk only.
func TestDamageMetWhileReading(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	p := startProxy(t, nowhere)
	dir := t.TempDir()
	store := openStore(t, dir)
	c := NewClient(testConfig(t, p.url()), store)
	c.line.budget = 1000
	runInBackground(t, c.Run)
	for i := range 1000 {
		r := publish(c, event("dev/event", fmt.Sprint(i)))
		if i%100 == 99 {
			mustStore(t, r)
		}
	}
	c.mu.Lock()
	memory := c.line.waiting
	for e := range c.line.queue.all {
		if e.span != nil {
			memory -= e.span.count
		}
	}
	c.mu.Unlock()
	damageFile(t, store.path, func(f *os.File, size int64) error { return scribble(f, 2*pageSize, size) })
	o := observe(t, url, "observer", "dev/#")
	p.lead(t, url)
	eventually(t, "line worked off", c.drained)
	mustStore(t, publish(c, event("dev/event", "after")))
	want := []string{}
	for i := range memory {
		want = append(want, fmt.Sprint("dev/event ", i))
	}
	o.expect(t, append(want, "dev/event after"))
	if n := asides(t, dir); n != 1 {
		t.Errorf("%d files set aside", n)
	}
	if s := c.Status(); s.Waiting != 0 || s.WaitingBytes != 0 || s.StoreErr != nil || s.Damages != 1 || s.Lost != 1000-memory {
		t.Errorf("status %+v", s)
	}
}

// TestFlippedBitIsSetAside: bbolt returns changed values as good.
func TestFlippedBitIsSetAside(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	store := openStore(t, t.TempDir())
	put(t, store, 1, 3, "x")
	if err := store.db.Load().Update(func(tx *bolt.Tx) error {
		value := store.clock.encode(&Message{Topic: "topic", Payload: []byte("flipped")})
		value[len(value)-1] ^= 1
		return tx.Bucket(bucketOutbox).Put(placeKey(2), value)
	}); err != nil {
		t.Fatal(err)
	}
	store.found = contents{first: 1, next: 4, span: span{last: 3, count: 3, bytes: 300}}
	c := NewClient(testConfig(t, url), store)
	o := observe(t, url, "observer", "topic")
	runInBackground(t, c.Run)
	o.expect(t, []string{"topic x", "topic x"})
	eventually(t, "all acknowledged", c.drained)
	if s := c.Status(); s.SetAside != 1 || s.Lost != 1 || s.Damages != 0 || s.Waiting != 0 || s.WaitingBytes != 0 {
		t.Errorf("status %+v", s)
	}
	eventually(t, "set aside", func() bool { return len(asideTopics(t, store)) == 1 })
}

// asideTopics lists the topics of messages set aside, "?" for an unreadable one.
func asideTopics(t *testing.T, s *Store) []string {
	t.Helper()
	var topics []string
	if err := s.view(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketAside).ForEach(func(_, v []byte) error {
			m, _, err := s.clock.decode(v)
			if err != nil {
				m.Topic = "?"
			}
			topics = append(topics, m.Topic)
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return topics
}

// TestForgetsWhatWasSetAside forgets one group: what was set aside of it is gone, and nothing else.
func TestForgetsWhatWasSetAside(t *testing.T) {
	store := openStore(t, t.TempDir())
	var w transaction
	for n, group := range []string{"a", "b", "a", "a", "b", ""} {
		m := Message{Topic: fmt.Sprint(group, n), Group: group}
		w.aside = append(w.aside, asided{place: uint64(n + 1), message: &m})
	}
	if err := store.commit(&w); err != nil {
		t.Fatal(err)
	}
	c := NewClient(testConfig(t, nowhere), store)
	runInBackground(t, c.Run)
	mustStore(t, c.Publish(Batch{Forget: "a"}))
	if diff := cmp.Diff([]string{"b1", "b4", "5"}, asideTopics(t, store)); diff != "" {
		t.Errorf("set aside (-want +got):\n%s", diff)
	}
}

// TestPromiseOutlastsAFailedTransaction: what was stored in a file that is
// damaged now stays promised when the new file cannot be written at once.
func TestPromiseOutlastsAFailedTransaction(t *testing.T) {
	l := emptyLine()
	e := l.add(&Message{Topic: "event"}, diskQueued, t0)
	e.disk = diskWriting
	l.committed(e)
	if again, lost := l.restart(); len(again) != 1 || lost != 0 {
		t.Fatalf("%d again, %d lost", len(again), lost)
	}
	if retry, onDisk := l.failed(e); !retry || onDisk {
		t.Errorf("retry %t, on disk %t", retry, onDisk)
	}
	if l.waiting != 1 || l.unstored != e.size || l.memory != 0 || l.unsaved != 0 {
		t.Errorf("line %+v", l)
	}
}

// TestProbeAfterOneThatStayed finds what a probe left that could not be removed.
func TestProbeAfterOneThatStayed(t *testing.T) {
	store := openStore(t, t.TempDir())
	if err := store.db.Load().Update(putProbe); err != nil {
		t.Fatal(err)
	}
	if err := store.probe(); err != nil || leftProbe(store.db.Load()) {
		t.Errorf("error %v, left %v", err, leftProbe(store.db.Load()))
	}
}
