package mqtt

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
)

// closedStore is the folder of a store with 30 large messages, one of which cannot be read, one that was
// set aside, and a record.
func closedStore(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s, err := OpenStore(dir, StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, 1, 31, strings.Repeat("x", 50<<10))
	if err := s.commit(&transaction{aside: []asided{{place: 31}}, records: map[string][]byte{"a": []byte("1")}}); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Load().Update(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketOutbox).Put(placeKey(7), []byte("spoilt"))
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDumpStore(t *testing.T) {
	dir := closedStore(t)
	var got, want []string
	err := DumpStore(dir, func(i StoreItem) error {
		got = append(got, fmt.Sprintf("%s %d%s %s %d %v", i.Kind, i.Place, i.Key, i.Message.Topic, len(i.Message.Payload), i.Err))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for place := range 30 {
		line := fmt.Sprintf("waiting %d topic %d <nil>", place+1, 50<<10)
		if place+1 == 7 {
			line = "waiting 7  0 unreadable message"
		}
		want = append(want, line)
	}
	want = append(want, fmt.Sprintf("aside 31 topic %d <nil>", 50<<10), "record 0a  0 <nil>")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	failure := errors.New("enough")
	if err := DumpStore(dir, func(StoreItem) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("DumpStore: %v", err)
	}
}

// TestDumpStoreGivesWay has a daemon start, and another one start and stop, while a dump is on its way: it
// keeps neither from the store, and ends with an error.
func TestDumpStoreGivesWay(t *testing.T) {
	for name, tt := range map[string]struct {
		during func(t *testing.T, dir string)
		want   error
	}{
		"it runs":         {func(t *testing.T, dir string) { openStore(t, dir) }, ErrLocked},
		"it has run":      {func(t *testing.T, dir string) { restart(t, dir) }, errOvertaken},
		"it left nothing": {func(_ *testing.T, dir string) { _ = os.RemoveAll(dir) }, os.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			dir := closedStore(t)
			visits := 0
			err := DumpStore(dir, func(StoreItem) error {
				if visits++; visits == 1 {
					tt.during(t, dir)
				}
				return nil
			})
			if !errors.Is(err, tt.want) || visits == 0 || visits > 29 {
				t.Errorf("after %d visits: %v, want %v", visits, err, tt.want)
			}
		})
	}
}

func restart(t *testing.T, dir string) {
	t.Helper()
	s, err := OpenStore(dir, StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, 100, 100, "later")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCheckStore(t *testing.T) {
	dir := closedStore(t)
	r, err := CheckStore(dir, func(key string, _ []byte) error { return errors.New(key) })
	if err != nil {
		t.Fatal(err)
	}
	got := []Tally{r.Waiting, r.SetAside, r.Records}
	want := []Tally{{Count: 30, Unreadable: 1}, {Count: 1}, {Count: 1, Unreadable: 1}}
	for i := range got {
		if got[i].Bytes == 0 {
			t.Errorf("%+v has no bytes", got[i])
		}
		got[i].Bytes = 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if r.Sound() || r.HalfHeader || r.Schema != schemaOf(migrations) || r.OldestWaiting.IsZero() || r.Free <= 0 || r.Free >= r.Size {
		t.Errorf("%+v", r)
	}
}

// TestCompactStore keeps the schema of an earlier version, which may still want to open it.
func TestCompactStore(t *testing.T) {
	dir := closedStore(t)
	defer func(there []migration) { migrations = there }(migrations)
	migrations = []migration{func(*bolt.Tx) error { return errors.New("nobody asked for it") }}
	before, after, err := CompactStore(dir)
	if err != nil || before == 0 || after == 0 {
		t.Errorf("from %d to %d: %v", before, after, err)
	}
	migrations = nil
	if s := openStore(t, dir); s.found.span.count != 30 {
		t.Errorf("%d messages", s.found.span.count)
	}
}
