package mqtt

import (
	"bytes"
	"errors"
	"os"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

// A file of bbolt never shrinks by itself, and the larger its list of free
// pages, the more each commit costs. So what is in use is copied into a small
// file that takes the name: at the start, and while the client rests.
//
// The copy is made beside the writer, a chunk at a time, and is given up once
// something was committed meanwhile. So a publish waits for one chunk on its way
// to the disk at most, however much is in use and however slow the disk is, and
// there is nothing to catch up with. Whoever is never at rest has a large file
// until the next start.

const (
	// compactAbove is the size under which a file is left as it is.
	compactAbove = 8 << 20
	// restTime is how long nothing was written before the client is at rest.
	restTime = 3 * time.Second
	// copyBytes is how much is copied at once.
	copyBytes = 256 << 10
	// copySuffix is what the name of a copy ends with.
	copySuffix = ".compact"
	// compactPause follows a compaction that came to nothing: each wears flash.
	compactPause = 15 * time.Minute
)

// errOvertaken: something was committed to the file while it was copied.
var errOvertaken = errors.New("something was stored meanwhile")

// compaction is one copy on its way.
type compaction struct {
	store  *Store
	from   *bolt.DB
	commit int // the newest one when it began
	small  *bolt.DB
	stop   atomic.Bool

	done chan struct{} // closed when err is known
	err  error
}

// mostlyFree tells whether the file is worth copying. A copy is up to twice as
// large as what is in use, for bbolt lets files grow in leaps, so it is not
// enough that half is free: each copy would be copied again.
func (s *Store) mostlyFree(db *bolt.DB) bool {
	size := fileSize(s.path)
	if size < compactAbove {
		return false
	}
	var used int64
	err := guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			used = usedBytes(tx)
			return nil
		})
	})
	return err == nil && used < size/5*2
}

// usedBytes is what the pages in use take, of a file whose list of free pages
// was read. Those that the newest commit let go of are free for the next one.
func usedBytes(tx *bolt.Tx) int64 {
	stats := tx.DB().Stats()
	return tx.Size() - int64(stats.FreePageN+stats.PendingPageN)*int64(tx.DB().Info().PageSize)
}

// restsAfter is the time without any commit after which the file is to be
// compacted, zero when it is not.
func (s *Store) restsAfter() time.Duration {
	if db := s.db.Load(); db == nil || s.copying.Load() != nil || !s.mostlyFree(db) {
		return 0
	}
	return max(s.restTime, time.Until(s.compactNext))
}

// compactAtRest begins to compact the file where that is due. Like all of this
// it is for the writer, which takes the copy once copied says so. later is when
// to ask again, zero for not before something was written.
func (s *Store) compactAtRest() (later time.Duration) {
	if s.restsAfter() == 0 {
		return 0
	}
	if later = time.Until(s.compactNext); later > 0 {
		return later
	}
	c := s.newCompaction(s.db.Load())
	s.copying.Store(c)
	go c.run()
	return 0
}

// copied is closed when a copy is ready, and nil when none is made.
func (s *Store) copied() <-chan struct{} {
	if c := s.copying.Load(); c != nil {
		return c.done
	}
	return nil
}

// takeCopy puts the copy that is ready in place of the file.
func (s *Store) takeCopy() {
	if c := s.copying.Swap(nil); c != nil && s.take(c) == nil {
		_ = s.syncName() // or the next commit does, and tells why it cannot
	}
}

// dropCopy ends a copy under way.
func (s *Store) dropCopy() {
	if c := s.copying.Swap(nil); c != nil {
		c.stop.Store(true)
		<-c.done
		c.discard()
	}
}

// compact is the whole of it at once.
func (s *Store) compact() error {
	c := s.newCompaction(s.db.Load())
	c.run()
	return s.take(c)
}

// take gives the name to a copy that ended well. Both files are locked by then,
// so that no other process gets in between. Otherwise the large file stays in
// use. What follows is [Store.syncName], before anything is stored in the copy.
func (s *Store) take(c *compaction) error {
	now, err := commitOf(c.from)
	switch {
	case s.db.Load() != c.from, err == nil && now != c.commit:
		err = errOvertaken
	case c.err != nil:
		err = c.err
	}
	before, after := fileSize(s.path), fileSize(c.path())
	if err == nil {
		err = os.Rename(c.path(), s.path)
	}
	if err != nil {
		c.discard()
		s.compactNext = time.Now().Add(s.compactPause)
		s.logCompaction(err)
		return err
	}
	s.db.Store(c.small)
	go abandon(c.from) // to free a large file takes its time
	s.log.Info().Int64("before", before).Int64("after", after).Msg("store compacted")
	return nil
}

func (s *Store) logCompaction(err error) {
	if errors.Is(err, errOvertaken) {
		return
	}
	if times, logs := s.compactFaults.occurs(err.Error(), time.Now()); logs {
		s.log.Warn().Err(err).Int("times", times).Msg("store could not be compacted")
	}
}

func (s *Store) newCompaction(db *bolt.DB) *compaction {
	c := &compaction{store: s, from: db, done: make(chan struct{})}
	c.commit, c.err = commitOf(db)
	return c
}

// commitOf is the number of the newest commit.
func commitOf(db *bolt.DB) (number int, err error) {
	err = guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			number = tx.ID()
			return nil
		})
	})
	return number, err
}

func (c *compaction) path() string { return c.store.path + copySuffix }

func (c *compaction) run() {
	defer close(c.done)
	_ = os.Remove(c.path()) // left there when the process was killed on the way
	if c.err == nil {
		c.small, c.err = c.store.openFile(c.path(), false)
	}
	if c.err == nil {
		c.err = keepOwner(c.path(), c.store.path)
	}
	if c.err == nil {
		c.err = guard(c.copy)
	}
	if c.err != nil {
		c.discard() // at once: the disk may be full of it
	}
}

// discard removes the copy.
func (c *compaction) discard() {
	if c.small != nil {
		abandon(c.small)
		c.small = nil
	}
	_ = os.Remove(c.path())
}

func (c *compaction) copy() error {
	var names [][]byte
	err := c.look(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, _ *bolt.Bucket) error {
			names = append(names, bytes.Clone(name))
			return nil
		})
	})
	for _, name := range names {
		for next := []byte{}; next != nil && err == nil; {
			var pairs []pair
			err = c.look(func(tx *bolt.Tx) error {
				pairs, next = readPairs(tx.Bucket(name), next)
				return nil
			})
			if err == nil {
				err = c.write(name, pairs)
			}
		}
	}
	return err
}

// write adds to the copy, with one sync in place of the three that a commit may
// take: until it has the name it may be torn, and syncs are what a publish meets.
func (c *compaction) write(bucket []byte, pairs []pair) error {
	kept := c.store.temporary // is never synced
	c.small.NoSync, c.small.NoGrowSync = true, true
	defer func() { c.small.NoSync, c.small.NoGrowSync = kept, kept }()
	err := c.small.Update(func(tx *bolt.Tx) error { return writePairs(tx, bucket, pairs) })
	if err == nil && !kept {
		err = c.small.Sync()
	}
	return err
}

// look is a short view: none is open while the copy is on its way to the disk,
// for a commit that needs a larger map waits for all of them.
func (c *compaction) look(read func(tx *bolt.Tx) error) error {
	return c.from.View(func(tx *bolt.Tx) error {
		if tx.ID() != c.commit || c.stop.Load() {
			return errOvertaken
		}
		return read(tx)
	})
}

// pair is what a bucket holds under a key, in copies.
type pair struct{ key, value []byte }

// readPairs reads a chunk of a bucket, from a key on. next is where to go on,
// nil at the end.
func readPairs(b *bolt.Bucket, from []byte) (pairs []pair, next []byte) {
	size := 0
	cursor := b.Cursor()
	for k, v := cursor.Seek(from); k != nil; k, v = cursor.Next() {
		if size >= copyBytes {
			return pairs, bytes.Clone(k)
		}
		pairs = append(pairs, pair{bytes.Clone(k), bytes.Clone(v)})
		size += len(k) + len(v)
	}
	return pairs, nil
}

func writePairs(tx *bolt.Tx, bucket []byte, pairs []pair) error {
	b, err := tx.CreateBucketIfNotExists(bucket)
	if err != nil {
		return err
	}
	b.FillPercent = 1 // they come in order
	for _, p := range pairs {
		if err := b.Put(p.key, p.value); err != nil {
			return err
		}
	}
	return nil
}

// fileSize is zero when it is unknown.
func fileSize(path string) int64 {
	file, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return file.Size()
}
