package mqtt

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
)

// openWith opens the store with other migrations than there are.
func openWith(t *testing.T, dir string, m ...migration) (*Store, error) {
	t.Helper()
	defer func(there []migration) { migrations = there }(migrations)
	migrations = m
	return OpenStore(dir, StoreOptions{Log: testLog(t)})
}

// writeSchema has a store in dir that says it is of another schema; nil: of none.
func writeSchema(t *testing.T, dir string, value []byte) {
	t.Helper()
	s, err := OpenStore(dir, StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, 1, 3, "x")
	if err := s.commit(&transaction{records: map[string][]byte{"a": []byte("1")}}); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Load().Update(func(tx *bolt.Tx) error {
		if value == nil {
			return tx.Bucket(bucketMeta).Delete(keySchema)
		}
		return tx.Bucket(bucketMeta).Put(keySchema, value)
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestForeignSchema(t *testing.T) {
	for name, tt := range map[string]struct {
		schema  []byte
		damaged bool
	}{
		"newer":      {binary.BigEndian.AppendUint64(nil, schemaOf(migrations)+1), false},
		"much newer": {binary.BigEndian.AppendUint64(nil, 1<<63), false},
		"before all": {binary.BigEndian.AppendUint64(nil, 0), true},
		"no number":  {[]byte("two"), true},
		"none":       {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeSchema(t, dir, tt.schema)
			s, err := OpenStore(dir, StoreOptions{})
			if tt.damaged {
				if err != nil || asides(t, dir) != 1 {
					t.Fatalf("OpenStore: %v, %d files set aside", err, asides(t, dir))
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, errNewer) || asides(t, dir) != 0 {
				t.Errorf("OpenStore: %v, %d files set aside", err, asides(t, dir))
			}
		})
	}
}

// TestMigration opens a file of schema 1 with a program that knows three more, and one step fails at
// first: then nothing has changed.
func TestMigration(t *testing.T) {
	dir := t.TempDir()
	writeSchema(t, dir, binary.BigEndian.AppendUint64(nil, 1))
	var done []int
	step := func(n int, err error) migration {
		return func(tx *bolt.Tx) error {
			done = append(done, n)
			records := tx.Bucket(bucketRecords)
			return errors.Join(err, records.Put([]byte("a"), append(records.Get([]byte("a")), byte('0'+n))))
		}
	}
	failure := errors.New("on purpose")
	if _, err := openWith(t, dir, step(2, nil), step(3, failure), step(4, nil)); !errors.Is(err, failure) {
		t.Fatalf("OpenStore: %v", err)
	}
	if !slices.Equal(done, []int{2, 3}) || asides(t, dir) != 0 {
		t.Errorf("steps %v, %d files set aside", done, asides(t, dir))
	}
	for range 2 { // the second time there is nothing to do
		s, err := openWith(t, dir, step(2, nil), step(3, nil), step(4, nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"a": "1234"}, records(t, s, "")); diff != "" {
			t.Error(diff)
		}
		if s.found.span.count != 3 {
			t.Errorf("%d messages", s.found.span.count)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// A step drops a message: what was found is what is there now.
	drop := func(tx *bolt.Tx) error { return tx.Bucket(bucketOutbox).Delete(placeKey(1)) }
	s, err := openWith(t, dir, step(2, nil), step(3, nil), step(4, nil), drop)
	if err != nil {
		t.Fatal(err)
	}
	if s.found.span.count != 2 || s.found.first != 2 {
		t.Errorf("found %+v", s.found)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// And back: an earlier program does not touch it.
	if _, err := OpenStore(dir, StoreOptions{}); err == nil || asides(t, dir) != 0 {
		t.Errorf("the earlier program: %v, %d files set aside", err, asides(t, dir))
	}
}
