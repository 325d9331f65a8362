package mqtt

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// A probe is as much as a company of publishers stores at once, in messages of
// an ordinary size.
const (
	probeMessages = companyLimit
	probeBytes    = 1 << 10
)

// bucketProbe exists between the two transactions of a probe, or after one that
// failed or was killed until the next one or the next start. Its keys are those of
// nothing else, so that a dump of a damaged file can tell them.
var bucketProbe = []byte("probe")

// heals tells that the store does not fail, or not any more. An empty
// transaction would not show that: on a full disk it fits into pages that are
// free in the file, and so does a record, where the next message does not.
func (c *Client) heals() bool {
	c.mu.Lock()
	healthy := c.status.StoreErr == nil
	c.mu.Unlock()
	if healthy {
		return true
	}
	w := newWork()
	w.probed = true
	err := c.store.probe()
	if errors.Is(err, errDamaged) {
		err = c.commitAnew(&w, err)
	}
	if err != nil {
		err = fmt.Errorf("store: %w", err)
	}
	c.book(&w, err)
	return err == nil
}

// probe stores something of the size of messages and removes it again. Its pages
// stay in the file, free for those that come.
func (s *Store) probe() error {
	db, err := s.opened()
	if err != nil {
		return err
	}
	return guard(func() error {
		// What another one left would need room beside it.
		if leftProbe(db) {
			if err := db.Update(removeProbe); err != nil {
				return err
			}
		}
		if err := db.Update(putProbe); err != nil {
			return err
		}
		return db.Update(removeProbe)
	})
}

func leftProbe(db *bolt.DB) (left bool) {
	_ = db.View(func(tx *bolt.Tx) error { left = tx.Bucket(bucketProbe) != nil; return nil })
	return left
}

func putProbe(tx *bolt.Tx) error {
	b, err := tx.CreateBucket(bucketProbe)
	if err != nil {
		return err
	}
	for n := range uint64(probeMessages) {
		if err := b.Put(fmt.Appendf(nil, "%s/%03d", bucketProbe, n), make([]byte, probeBytes)); err != nil {
			return err
		}
	}
	return nil
}

// removeProbe is content where there is none.
func removeProbe(tx *bolt.Tx) error {
	if err := tx.DeleteBucket(bucketProbe); !errors.Is(err, berrors.ErrBucketNotFound) {
		return err
	}
	return nil
}
