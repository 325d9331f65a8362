package mqtt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	bolt "go.etcd.io/bbolt"
)

// ErrLocked tells that another process holds the store.
var ErrLocked = errors.New("store is in use by another process")

const (
	fileName        = "outbox.db"
	defaultMaxBytes = 256 << 20
	// asideLimit is how many messages set aside are kept, the newest ones.
	asideLimit = 1000
	// chunkBytes and chunkMessages bound what is read back at once.
	chunkBytes    = 1 << 20
	chunkMessages = 512
)

// The buckets. Keys of outbox and aside are places in line, big endian, so that
// bbolt keeps them in the order in which they are sent.
var (
	bucketMeta    = []byte("meta")
	bucketOutbox  = []byte("outbox")
	bucketAside   = []byte("aside")
	bucketRecords = []byte("records")
)

// StoreOptions of OpenStore.
type StoreOptions struct {
	// MaxBytes is the most that waiting durable messages may take: 256 MiB.
	MaxBytes int64
	Log      zerolog.Logger
}

// Store keeps durable messages until the broker has acknowledged them, and the
// records of the owner, in one file. A damaged file is renamed aside, said so
// in the log, and a new one is begun. A Store serves one Client.
type Store struct {
	path      string
	temporary bool
	maxBytes  int64
	clock     clock
	log       zerolog.Logger

	// db is nil while no file could be opened in place of a damaged one.
	db         atomic.Pointer[bolt.DB]
	found      contents
	damages    atomic.Uint64 // times that it was found damaged
	migrations []migration

	copying       atomic.Pointer[compaction] // nil: none is under way
	restTime      time.Duration
	compactPause  time.Duration
	compactNext   time.Time  // not before this
	compactFaults repetition // for the log
}

// contents is what a file held when it was opened.
type contents struct {
	first uint64 // place of the first message
	span  span
	next  uint64 // the first place that was never used
}

// StoreFile is the file of the store in dir.
func StoreFile(dir string) string { return filepath.Join(dir, fileName) }

// OpenStore opens the store in dir, which is made when it does not exist. An
// empty dir means a temporary store that is not synced to disk and is removed
// by Close. The error is ErrLocked when another process holds the store.
func OpenStore(dir string, opt StoreOptions) (*Store, error) {
	s := newStore(opt)
	var err error
	if dir == "" {
		s.temporary = true
		dir, err = os.MkdirTemp("", "outbox-")
	} else {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s.path = StoreFile(dir)
	err = s.open()
	if errors.Is(err, errDamaged) {
		err = s.replace(err)
	}
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.path, err)
	}
	return s, nil
}

// newStore has no file yet.
func newStore(opt StoreOptions) *Store {
	s := &Store{
		maxBytes: opt.MaxBytes, clock: newClock(), log: opt.Log,
		migrations: migrations, restTime: restTime, compactPause: compactPause,
	}
	if s.maxBytes <= 0 {
		s.maxBytes = defaultMaxBytes
	}
	return s
}

// Records calls visit for each record whose key begins with prefix, in the
// order of their keys, with copies. An error of visit ends it and is returned.
// Records still on their way to the disk are not among them: read them before
// Client.Run begins.
func (s *Store) Records(prefix string, visit func(key string, value []byte) error) error {
	found := map[string][]byte{}
	err := s.view(func(tx *bolt.Tx) error {
		cursor := tx.Bucket(bucketRecords).Cursor()
		for k, v := cursor.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, v = cursor.Next() {
			found[string(k)] = bytes.Clone(v)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store %s: %w", s.path, err)
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		if err := visit(key, found[key]); err != nil {
			return err
		}
	}
	return nil
}

// Close releases the file, after Client.Run has ended.
func (s *Store) Close() error {
	s.dropCopy()
	var err error
	if db := s.db.Load(); db != nil {
		err = guard(db.Close)
	}
	if s.temporary {
		err = errors.Join(err, os.RemoveAll(filepath.Dir(s.path)))
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", s.path, err)
	}
	return nil
}

// transaction is what the writer commits at once.
type transaction struct {
	puts    []*entry
	aside   []asided
	deletes []uint64
	records map[string][]byte // nil deletes
	forget  []string          // groups of which nothing that was set aside is kept
}

// asided is a message to be set aside: what the outbox holds at this place, or
// else the message itself.
type asided struct {
	place   uint64
	message *Message
}

// commit is all or nothing, apart from one case: when the last sync fails, the
// error is reported, yet all may be on disk.
func (s *Store) commit(t *transaction) error {
	db, err := s.opened()
	if err != nil {
		return err
	}
	return guard(func() error {
		return db.Update(func(tx *bolt.Tx) error { return s.apply(tx, t) })
	})
}

func (s *Store) apply(tx *bolt.Tx, t *transaction) error {
	outbox, records := tx.Bucket(bucketOutbox), tx.Bucket(bucketRecords)
	for _, e := range t.puts {
		if err := outbox.Put(placeKey(e.place), s.clock.encode(&e.message)); err != nil {
			return err
		}
	}
	for _, a := range t.aside {
		if err := s.setAside(tx, a); err != nil {
			return err
		}
	}
	for _, place := range t.deletes {
		if err := outbox.Delete(placeKey(place)); err != nil {
			return err
		}
	}
	for key, value := range t.records {
		if value == nil {
			if err := records.Delete([]byte(key)); err != nil {
				return err
			}
			continue
		}
		if err := records.Put([]byte(key), value); err != nil {
			return err
		}
	}
	if len(t.forget) > 0 {
		return s.forget(tx.Bucket(bucketAside), t.forget)
	}
	return nil
}

// forget deletes what was set aside of groups. Of a message that cannot be read
// nobody knows whose it is.
func (s *Store) forget(aside *bolt.Bucket, groups []string) error {
	var theirs [][]byte // a cursor may pass over the next one after a delete
	cursor := aside.Cursor()
	for k, v := cursor.First(); k != nil; k, v = cursor.Next() {
		if m, _, err := s.clock.decode(v); err == nil && slices.Contains(groups, m.Group) {
			theirs = append(theirs, bytes.Clone(k))
		}
	}
	for _, k := range theirs {
		if err := aside.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) setAside(tx *bolt.Tx, a asided) error {
	outbox, aside := tx.Bucket(bucketOutbox), tx.Bucket(bucketAside)
	key := placeKey(a.place)
	value := bytes.Clone(outbox.Get(key))
	if value == nil && a.message != nil {
		value = s.clock.encode(a.message)
	}
	if value == nil {
		return nil
	}
	if err := aside.Put(key, value); err != nil {
		return err
	}
	if err := outbox.Delete(key); err != nil {
		return err
	}
	// A stream of offenders must not fill the disk.
	if aside.Stats().KeyN > asideLimit {
		oldest, _ := aside.Cursor().First()
		return aside.Delete(bytes.Clone(oldest))
	}
	return nil
}

// read reads a span from its beginning, as much as fits into a chunk.
func (s *Store) read(from uint64, of span) (chunk, error) {
	c := chunk{from: of, end: true}
	err := s.view(func(tx *bolt.Tx) error {
		cursor := tx.Bucket(bucketOutbox).Cursor()
		for k, v := cursor.Seek(placeKey(from)); k != nil; k, v = cursor.Next() {
			place := binary.BigEndian.Uint64(k)
			if place > of.last {
				break
			}
			if c.bytes >= chunkBytes || len(c.messages)+len(c.unreadable) >= chunkMessages {
				c.next, c.end = place, false
				break
			}
			c.bytes += int64(len(v))
			m, foreign, err := s.clock.decode(v)
			if err != nil {
				c.unreadable = append(c.unreadable, place)
				continue
			}
			c.messages = append(c.messages, storedMessage{place: place, size: int64(len(v)), message: m, foreign: foreign})
		}
		return nil
	})
	return c, err
}

// view is a read transaction: short, for a long one keeps old pages alive.
func (s *Store) view(read func(tx *bolt.Tx) error) error {
	db, err := s.opened()
	if err != nil {
		return err
	}
	return guard(func() error { return db.View(read) })
}

// opened returns the file, after another try when there is none.
func (s *Store) opened() (*bolt.DB, error) {
	if db := s.db.Load(); db != nil {
		return db, nil
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	return s.db.Load(), nil
}

func placeKey(place uint64) []byte { return binary.BigEndian.AppendUint64(nil, place) }
