package mqtt

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	bolt "go.etcd.io/bbolt"
)

// hollow stores a message, records that take several chunks, and much that is deleted again: a file that
// is mostly free.
func hollow(t *testing.T, s *Store) (kept map[string]string) {
	t.Helper()
	put(t, s, 600, 600, "waits")
	kept = map[string]string{}
	w := transaction{records: map[string][]byte{"large": make([]byte, 12<<20)}}
	for n := range 100 {
		key := fmt.Sprintf("phone/%03d", n)
		kept[key] = strings.Repeat(key, 1000)
		w.records[key] = []byte(kept[key])
	}
	for _, w := range []transaction{w, {records: map[string][]byte{"large": nil}}, {}} {
		if err := s.commit(&w); err != nil {
			t.Fatal(err)
		}
	}
	if !s.mostlyFree(s.db.Load()) {
		t.Fatal("the file is not mostly free")
	}
	return kept
}

func TestCompactionAtStart(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenStore(dir, StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	kept := hollow(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before := size(t, s.path)
	killedWhileCopying(t, s)
	s = openStore(t, dir)
	checkCompacted(t, s, before, 1, kept)
	killedWhileCopying(t, s)
	if err := s.db.Swap(nil).Close(); err != nil {
		t.Fatal(err)
	}
	checkFolder(t, openStore(t, dir)) // although there was nothing to compact
}

// killedWhileCopying leaves what a process does that was killed in the midst of it.
func killedWhileCopying(t *testing.T, s *Store) {
	t.Helper()
	if err := os.WriteFile(s.path+copySuffix, make([]byte, 3000), 0o600); err != nil {
		t.Fatal(err)
	}
}

// checkCompacted looks for all that was in a file, for its lock, and for what may be left behind.
func checkCompacted(t *testing.T, s *Store, before int64, waiting int, kept map[string]string) {
	t.Helper()
	if after := size(t, s.path); after > before/2 {
		t.Errorf("%d bytes, before %d", after, before)
	}
	if err := s.view(func(tx *bolt.Tx) error {
		if got := s.survey(tx).span.count; got != waiting {
			t.Errorf("%d messages, want %d", got, waiting)
		}
		return s.walk(tx)
	}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(kept, records(t, s, "")); diff != "" {
		t.Error(diff)
	}
	// The compacted file is the locked one, and new messages go there.
	put(t, s, 601, 601, "x")
	if _, err := OpenStore(filepath.Dir(s.path), StoreOptions{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second OpenStore: %v", err)
	}
	checkFolder(t, s)
}

// checkFolder wants nothing but the store in its folder.
func checkFolder(t *testing.T, s *Store) {
	t.Helper()
	if names, err := filepath.Glob(s.path + "*"); err != nil || !slices.Equal(names, []string{s.path}) {
		t.Errorf("in the folder: %q %v", names, err)
	}
}

// TestCompactionAtRest fills a store while there is no broker, and lets it drain: the file becomes small,
// is left alone from then on, and all that comes then is stored.
func TestCompactionAtRest(t *testing.T) {
	url, _ := startBroker(t, "127.0.0.1:0")
	p := startProxy(t, nowhere)
	dir := t.TempDir()
	log := new(logbook)
	s, err := OpenStore(dir, StoreOptions{Log: zerolog.New(log)})
	if err != nil {
		t.Fatal(err)
	}
	// Longer than most pauses of a drain: in one of them half of it is compacted, and the rest later.
	s.restTime, s.compactPause = 5*cleanDelay, 20*time.Millisecond
	c := NewClient(testConfig(t, p.url()), s)
	stop := runInBackground(t, c.Run)
	kept := map[string]string{}
	for n := range 50 {
		key := fmt.Sprint("record", n)
		kept[key] = "value of " + key
		mustStore(t, c.Publish(Batch{
			Messages: []Message{event("dev/event", strings.Repeat("x", 256<<10))},
			Records:  []Record{{Key: key, Value: []byte(kept[key])}},
		}))
	}
	if before := size(t, s.path); before < compactAbove {
		t.Fatalf("%d bytes are too few to be compacted", before)
	}
	p.lead(t, url)
	eventually(t, "the file is small", func() bool { return size(t, s.path) < compactAbove })
	for n := range 50 {
		mustStore(t, c.Publish(Batch{
			Messages: []Message{event("dev/event", "after")},
			Records:  []Record{{Key: "after", Value: fmt.Append(nil, n)}},
		}))
	}
	kept["after"] = "49"
	eventually(t, "all acknowledged", c.drained)
	if _, err := OpenStore(dir, StoreOptions{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second OpenStore: %v", err)
	}
	stop()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"store compacted"}, slices.Compact(log.messages(t))); diff != "" {
		t.Errorf("log: %s", diff)
	}
	for line := range strings.Lines(log.text.String()) {
		var was struct{ Before int64 }
		if err := json.Unmarshal([]byte(line), &was); err != nil || was.Before < compactAbove {
			t.Errorf("a file that is small was compacted, %v: %s", err, line)
		}
	}
	if after := size(t, s.path); after >= compactAbove {
		t.Errorf("the file has %d bytes at the end", after)
	}
	if diff := cmp.Diff(kept, records(t, openStore(t, dir), "")); diff != "" {
		t.Error(diff)
	}
	checkFolder(t, s)
}

// TestCopyIsOvertaken commits at each moment of a compaction: the copy is given up, and what was stored
// is in the file.
func TestCopyIsOvertaken(t *testing.T) {
	for name, during := range map[string]func(c *compaction, commit func()){
		"before the copy": func(c *compaction, commit func()) { commit(); c.run() },
		"after the copy":  func(c *compaction, commit func()) { c.run(); commit() },
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir())
			hollow(t, s)
			before := size(t, s.path)
			c := s.newCompaction(s.db.Load())
			during(c, func() { put(t, s, 601, 601, "meanwhile") })
			if name == "before the copy" && !errors.Is(c.err, errOvertaken) {
				t.Errorf("the copy did not give way: %v", c.err)
			}
			if err := s.take(c); !errors.Is(err, errOvertaken) {
				t.Errorf("the copy was taken: %v", err)
			}
			if after := size(t, s.path); after != before {
				t.Errorf("%d bytes, before %d", after, before)
			}
			if read, err := s.read(601, span{last: 601}); err != nil || len(read.messages) != 1 {
				t.Errorf("what was stored meanwhile: %d messages, %v", len(read.messages), err)
			}
			if later := s.restsAfter(); later < time.Minute {
				t.Errorf("it is tried again after %s", later)
			}
			checkFolder(t, s)
		})
	}
}

// TestCopyIsDropped ends the store, or replaces its file, while a copy is made.
func TestCopyIsDropped(t *testing.T) {
	for name, during := range map[string]func(s *Store) error{
		"closed":   func(s *Store) error { return s.Close() },
		"replaced": func(s *Store) error { return s.replace(errDamaged) },
	} {
		t.Run(name, func(t *testing.T) {
			log := new(logbook)
			s, err := OpenStore(t.TempDir(), StoreOptions{Log: zerolog.New(log)})
			if err != nil {
				t.Fatal(err)
			}
			hollow(t, s)
			if later := s.compactAtRest(); later != 0 {
				t.Errorf("asks again after %s", later)
			}
			copied := s.copied()
			if err := during(s); err != nil {
				t.Fatal(err)
			}
			<-copied
			s.takeCopy()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(s.path + copySuffix); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the copy is still there: %v", err)
			}
			for _, m := range log.messages(t) {
				if m != "store was damaged, a new one is begun" {
					t.Errorf("log: %s", m)
				}
			}
		})
	}
}

// TestWaitingForACompactedFile has another process wait for the lock of a file that is compacted: it gets
// the lock of the file that was, which nobody will find again, and must not store anything there.
func TestWaitingForACompactedFile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts the open files as Linux tells them")
	}
	dir := t.TempDir()
	s := openStore(t, dir)
	hollow(t, s)
	other := make(chan error, 1)
	go func() {
		second, err := OpenStore(dir, StoreOptions{})
		if err == nil {
			_ = second.Close()
		}
		other <- err
	}()
	eventually(t, "the other one has opened the file", func() bool {
		descriptors, err := filepath.Glob("/proc/self/fd/*")
		if err != nil {
			t.Fatal(err)
		}
		return len(slices.DeleteFunc(descriptors, func(d string) bool { to, _ := os.Readlink(d); return to != s.path })) == 2
	})
	if err := s.compact(); err != nil {
		t.Fatal(err)
	}
	if err := <-other; !errors.Is(err, ErrLocked) {
		t.Errorf("the other one got %v, want that the store is in use", err)
	}
}

// TestCopyFails has no room for the copy: the large file stays in use, that is told once, and it is
// not tried again at once.
func TestCopyFails(t *testing.T) {
	log := new(logbook)
	s, err := OpenStore(t.TempDir(), StoreOptions{Log: zerolog.New(log)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	kept := hollow(t, s)
	// A folder in the way that cannot be removed is as good as no room.
	if err := os.MkdirAll(filepath.Join(s.path+copySuffix, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.compact(); err == nil {
			t.Fatal("compacted")
		}
	}
	if later := s.compactAtRest(); later < time.Minute || s.copying.Load() != nil {
		t.Errorf("it is tried again after %s, under way: %v", later, s.copying.Load())
	}
	if diff := cmp.Diff([]string{"store could not be compacted"}, log.messages(t)); diff != "" {
		t.Errorf("log: %s", diff)
	}
	if diff := cmp.Diff(kept, records(t, s, "")); diff != "" {
		t.Error(diff)
	}
	if err := os.RemoveAll(s.path + copySuffix); err != nil {
		t.Fatal(err)
	}
	before := size(t, s.path)
	if err := s.compact(); err != nil {
		t.Fatal(err)
	}
	checkCompacted(t, s, before, 1, kept)
}
