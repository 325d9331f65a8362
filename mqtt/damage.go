package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
)

// errDamaged: the file is not what bbolt left there.
var errDamaged = errors.New("file is damaged")

// guard calls f and turns what bbolt does on a damaged file, a panic or a
// memory fault on its mapped pages, into errDamaged. Without SetPanicOnFault a
// fault ends the process past every recover.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("%v: %w", reason, errDamaged)
		}
	}()
	return f()
}

// examine looks at the pages before bbolt reads more of them than the headers, which is all that it does
// to be read only. A file that is not there is a new one.
func (s *Store) examine() error {
	// bbolt would take it for a new one, and nobody would hear that all is gone. One that is locked is being
	// begun by another process.
	if file, err := os.Stat(s.path); err == nil && file.Size() == 0 {
		if isLocked(s.path) {
			return ErrLocked
		}
		return fmt.Errorf("it is empty: %w", errDamaged)
	}
	db, err := s.openFile(s.path, true)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer abandon(db)
	file, err := os.Open(s.path) // as long as we hold the lock nobody puts another one there
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			info, err := file.Stat()
			if err != nil {
				return err
			}
			// Pages behind the end would be allocated again without being mapped.
			if info.Size() < tx.Size() {
				return fmt.Errorf("%d of %d bytes: %w", info.Size(), tx.Size(), errDamaged)
			}
			size := uint64(db.Info().PageSize)
			pages := pageTree{file: file, size: size, end: uint64(tx.Size()) / size, seen: make(map[uint64]bool)}
			if err := pages.check(uint64(tx.Cursor().Bucket().Root())); err != nil {
				return err
			}
			return pages.checkFree(uint64(tx.ID()))
		})
	})
}

// checkPages is what bbolt itself knows to check.
func checkPages(tx *bolt.Tx) error {
	var damage error
	for err := range tx.Check() {
		damage = fmt.Errorf("%w: %w", err, errDamaged)
	}
	return damage
}

// bothHeaders tells whether both meta pages are good. bbolt is content with one,
// which may be that of the commit before the last.
func (s *Store) bothHeaders() bool {
	file, err := os.Open(s.path)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	return len(fileHeaders(file)) == 2
}

// walk reads everything once, and the schema.
func (s *Store) walk(tx *bolt.Tx) error {
	if _, err := s.readSchema(tx); err != nil {
		return err
	}
	return tx.ForEach(func(_ []byte, b *bolt.Bucket) error {
		return b.ForEach(func(key, _ []byte) error {
			_ = bytes.Count(key, nil) // reads it: a key may lie on a page that is not there
			return nil
		})
	})
}

// replace sets the damaged file aside and begins a new one. The old name is
// free at once, whatever locks the old file still holds.
func (s *Store) replace(reason error) error {
	aside := fmt.Sprintf("%s.damaged-%s", s.path, time.Now().UTC().Format("20060102T150405.000Z"))
	if err := os.Rename(s.path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot set the damaged file aside: %w", err)
	}
	s.damages.Add(1)
	s.log.Error().Err(reason).Str("aside", aside).Msg("store was damaged, a new one is begun")
	if old := s.db.Swap(nil); old != nil {
		abandon(old)
	}
	return s.open()
}
