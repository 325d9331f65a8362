package mqtt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const closeTimeout = 100 * time.Millisecond

// open opens or begins the file. errDamaged: it has to be replaced.
func (s *Store) open() error {
	if err := s.examine(); err != nil {
		return err
	}
	db, err := s.openFile(s.path, false)
	if err != nil {
		return err
	}
	if err := guard(func() error { return s.inspect(db) }); err != nil {
		abandon(db)
		return err
	}
	// Of a process that was killed while it made one; nobody else makes one while we hold the lock.
	_ = os.Remove(s.path + copySuffix)
	s.db.Store(db)
	if s.mostlyFree(db) {
		_ = s.compact() // the log tells it, and the large file is as good
	}
	return s.syncName()
}

func (s *Store) openFile(path string, readOnly bool) (*bolt.DB, error) {
	var db *bolt.DB
	var file *os.File
	err := guard(func() (err error) {
		db, err = bolt.Open(path, 0o600, &bolt.Options{
			ReadOnly:     readOnly,
			Timeout:      time.Second, // zero waits for the other process for ever
			FreelistType: bolt.FreelistMapType,
			NoSync:       s.temporary,
			NoGrowSync:   s.temporary,
			OpenFile: func(path string, flag int, mode fs.FileMode) (_ *os.File, err error) {
				file, err = os.OpenFile(path, flag, mode)
				return file, err
			},
		})
		return err
	})
	var pathError *fs.PathError
	var errno syscall.Errno
	switch {
	case err == nil && !stands(file, path):
		// While we waited for the lock its holder compacted the store, and holds that file.
		abandon(db)
		return nil, ErrLocked
	case err == nil:
		return db, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, ErrLocked
	case errors.Is(err, errDamaged), errors.As(err, &pathError), errors.As(err, &errno):
		return nil, err
	default:
		// What is left are complaints about the contents.
		return nil, fmt.Errorf("%w: %w", err, errDamaged)
	}
}

// stands tells whether the file is the one that has the name.
func stands(file *os.File, name string) bool {
	is, err := file.Stat()
	if err != nil {
		return false
	}
	stands, err := os.Stat(name)
	return err == nil && os.SameFile(is, stands)
}

// inspect looks at every page in use, for bbolt would meet damage only when it
// comes across it, prepares the buckets, and notes what the file holds.
func (s *Store) inspect(db *bolt.DB) error {
	// tx.Check works in a goroutine of its own, where a memory fault would end
	// the process: walk over everything here first.
	if err := db.View(s.walk); err != nil {
		return err
	}
	if !s.bothHeaders() {
		s.damages.Add(1)
		s.log.Error().Msg("one of the two headers of the store was damaged, what was stored last may be missing")
	}
	// A commit also writes anew the one meta page that a power cut may have
	// spoiled; tx.Check would not bear its sight.
	if err := db.Update(s.prepare); err != nil {
		return err
	}
	return db.View(func(tx *bolt.Tx) error {
		s.found = s.survey(tx)
		return checkPages(tx)
	})
}

// survey counts the messages that wait.
func (s *Store) survey(tx *bolt.Tx) contents {
	f := contents{next: 1}
	if k, _ := tx.Bucket(bucketAside).Cursor().Last(); len(k) == 8 {
		f.next = binary.BigEndian.Uint64(k) + 1
	}
	cursor := tx.Bucket(bucketOutbox).Cursor()
	for k, v := cursor.First(); k != nil; k, v = cursor.Next() {
		place := binary.BigEndian.Uint64(k)
		if f.span.count == 0 {
			f.first = place
			if m, _, err := s.clock.decode(v); err == nil {
				f.span.at = m.At
			}
		}
		f.span.last = place
		f.span.count++
		f.span.bytes += int64(len(v))
		f.next = max(f.next, place+1)
	}
	return f
}

// syncName makes the file's name outlast a power cut. Without that nothing is
// to be stored under it: the file is let go of, and opened by the next commit.
func (s *Store) syncName() error {
	err := syncFolder(filepath.Dir(s.path))
	if err != nil {
		if db := s.db.Swap(nil); db != nil {
			abandon(db)
		}
	}
	return err
}

// syncFolder makes the name of a new file outlast a power cut: without it the
// messages would be safe in a file that nobody finds.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	if err := folder.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err // EINVAL: a file system that has no such thing
	}
	return nil
}

// abandon closes a file of which nothing more is expected. Where bbolt panicked
// twice, in a transaction and in rolling it back, its locks stay held: that
// goroutine is left behind.
func abandon(db *bolt.DB) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = guard(db.Close)
	}()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
	}
}
