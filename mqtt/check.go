package mqtt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/rs/zerolog"
	bolt "go.etcd.io/bbolt"
)

// StoreReport is what CheckStore found.
type StoreReport struct {
	Path       string
	Size, Free int64 // bytes of the file, and those that nothing uses
	Schema     uint64

	Waiting, SetAside, Records Tally
	OldestWaiting              time.Time // zero: none waits

	// HalfHeader: one of the two headers is damaged, so what was stored last may
	// be missing. OpenStore repairs it.
	HalfHeader bool
}

// Tally is how many there are, in bytes as they are stored, and how many of
// them cannot be read.
type Tally struct {
	Count, Unreadable int
	Bytes             int64
}

func (t *Tally) add(value []byte, err error) {
	t.Count++
	t.Bytes += int64(len(value))
	if err != nil {
		t.Unreadable++
	}
}

// Sound tells that all of it can be read.
func (r *StoreReport) Sound() bool {
	return !r.HalfHeader && r.Waiting.Unreadable+r.SetAside.Unreadable+r.Records.Unreadable == 0
}

// CheckStore looks at every page and value of a store, by the path of its file
// or of the folder that OpenStore was given, and changes nothing. A record that
// readable has an error for counts as unreadable. An error of CheckStore tells
// that there is no such store, that another process holds it (ErrLocked), that
// it is of a newer version, or what is damaged.
func CheckStore(path string, readable func(key string, value []byte) error) (StoreReport, error) {
	s, err := findStore(path)
	if err != nil {
		return StoreReport{}, err
	}
	r := StoreReport{Path: s.path, Size: fileSize(s.path)}
	err = s.look(func(db *bolt.DB) error {
		r.HalfHeader = !s.bothHeaders()
		return db.View(func(tx *bolt.Tx) error {
			if !r.HalfHeader { // tx.Check would not bear its sight
				if err := checkPages(tx); err != nil {
					return err
				}
			}
			return s.report(tx, &r, readable)
		})
	})
	if err != nil {
		return r, fmt.Errorf("store %s: %w", s.path, err)
	}
	return r, nil
}

func (s *Store) report(tx *bolt.Tx, r *StoreReport, readable func(key string, value []byte) error) (err error) {
	if r.Schema, err = s.readSchema(tx); err != nil {
		return err
	}
	if !r.HalfHeader { // its list of free pages was read
		r.Free = r.Size - usedBytes(tx)
	}
	return eachBucket(tx, func(name []byte, b *bolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			item := s.item(name, pair{k, v})
			switch item.Kind {
			case Waiting:
				r.Waiting.add(v, item.Err)
				if at := item.Message.At; item.Err == nil && (r.OldestWaiting.IsZero() || at.Before(r.OldestWaiting)) {
					r.OldestWaiting = at
				}
			case SetAside:
				r.SetAside.add(v, item.Err)
			default:
				r.Records.add(v, readable(item.Key, v))
			}
			return nil
		})
	})
}

// Kind is what a store holds.
type Kind string

// The kinds: a durable message that the broker has not acknowledged, one that
// was set aside, and a record of the owner; and of a damaged file one of these
// that may have been delivered, deleted or replaced long ago.
const (
	Waiting  Kind = "waiting"
	SetAside Kind = "aside"
	OfOwner  Kind = "record"
	Stray    Kind = "stray"
)

// StoreItem is one of those.
type StoreItem struct {
	Kind    Kind
	Place   uint64 // of a message: those that wait are sent in this order
	Message Message
	Key     string // of a record
	Value   []byte // as it is stored
	Err     error  // the message cannot be read, there is Value only
}

// kinds are the buckets with what is in them, in the order in which DumpStore
// visits them.
var kinds = []struct {
	bucket []byte
	kind   Kind
}{{bucketOutbox, Waiting}, {bucketAside, SetAside}, {bucketRecords, OfOwner}}

// eachBucket visits those that are there.
func eachBucket(tx *bolt.Tx, visit func(name []byte, b *bolt.Bucket) error) error {
	for _, k := range kinds {
		if b := tx.Bucket(k.bucket); b != nil {
			if err := visit(k.bucket, b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) item(bucket []byte, p pair) StoreItem {
	i := StoreItem{Kind: OfOwner, Key: string(p.key), Value: p.value}
	for _, k := range kinds {
		if string(k.bucket) == string(bucket) {
			i.Kind = k.kind
		}
	}
	if i.Kind == OfOwner {
		return i
	}
	i.Key = ""
	if len(p.key) == 8 {
		i.Place = binary.BigEndian.Uint64(p.key)
	}
	i.Message, _, i.Err = s.clock.decode(p.value)
	return i
}

// DumpStore visits everything in a store that the path leads to as for
// CheckStore, and changes nothing. It holds the store while it looks through it
// first, and while it reads a chunk, never during visit: a daemon that is started
// meanwhile starts, and then it ends with an error. The errors are those of CheckStore and of visit. Of a
// damaged file it visits what can be read, before it returns the error.
func DumpStore(path string, visit func(StoreItem) error) error {
	s, err := findStore(path)
	if err != nil {
		return err
	}
	commit := 0
	if err := s.look(func(db *bolt.DB) (err error) { commit, err = commitOf(db); return err }); errors.Is(err, errDamaged) {
		return s.salvage(err, visit)
	} else if err != nil {
		return fmt.Errorf("store %s: %w", s.path, err)
	}
	for _, k := range kinds {
		for next := []byte{}; next != nil; {
			var pairs []pair
			if pairs, next, err = s.readFrom(commit, k.bucket, next); err != nil {
				return fmt.Errorf("store %s: %w", s.path, err)
			}
			for _, p := range pairs {
				if err := visit(s.item(k.bucket, p)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// readFrom opens the file for one chunk of it.
func (s *Store) readFrom(commit int, bucket, from []byte) (pairs []pair, next []byte, err error) {
	db, err := s.openFile(s.path, true)
	if err != nil {
		return nil, nil, err
	}
	defer abandon(db)
	err = guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			if tx.ID() != commit {
				return errOvertaken
			}
			if b := tx.Bucket(bucket); b != nil {
				pairs, next = readPairs(b, from)
			}
			return nil
		})
	})
	return pairs, next, err
}

// CompactStore makes the file of a store small, which the path leads to as for
// CheckStore; a damaged one is left as it is. The sizes are those before and
// after. The errors are those of CheckStore.
func CompactStore(path string) (before, after int64, err error) {
	s, err := findStore(path)
	if err != nil {
		return 0, 0, err
	}
	before = fileSize(s.path)
	if err := s.rewrite(); err != nil {
		return before, before, fmt.Errorf("store %s: %w", s.path, err)
	}
	return before, fileSize(s.path), nil
}

func (s *Store) rewrite() error {
	err := s.look(func(db *bolt.DB) error {
		if !s.bothHeaders() {
			return fmt.Errorf("one of the two headers: %w", errDamaged)
		}
		return db.View(checkPages)
	})
	if err != nil {
		return err
	}
	db, err := s.openFile(s.path, false)
	if err != nil {
		return err
	}
	s.db.Store(db)
	if err = s.compact(); err == nil {
		err = s.syncName()
	}
	return errors.Join(err, s.Close())
}

// findStore is for a file that has to be there.
func findStore(path string) (*Store, error) {
	s := newStore(StoreOptions{Log: zerolog.Nop()})
	s.path = path
	file, err := os.Stat(path)
	if err == nil && file.IsDir() {
		s.path = StoreFile(path)
		file, err = os.Stat(s.path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no store %s", s.path)
	case err != nil:
		return nil, fmt.Errorf("store: %w", err)
	case !file.Mode().IsRegular():
		return nil, fmt.Errorf("store %s: it is no file", s.path)
	}
	return s, nil
}

// look opens the file to be read, once its pages are known to be good enough
// for bbolt, and its schema to be known.
func (s *Store) look(read func(db *bolt.DB) error) error {
	if err := s.examine(); err != nil {
		return err
	}
	db, err := s.openFile(s.path, true)
	if err != nil {
		return err
	}
	defer abandon(db)
	return guard(func() error {
		if err := db.View(s.walk); err != nil {
			return err
		}
		return read(db)
	})
}
