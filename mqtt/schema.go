package mqtt

import (
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// migration makes of a file of one schema one of the next.
type migration func(tx *bolt.Tx) error

// migrations are those that there were: the first one makes schema 2 of schema
// 1. They change what the buckets hold; new buckets are made before.
var migrations []migration

var keySchema = []byte("schema")

// schemaOf is the newest schema that is known with these migrations.
func schemaOf(m []migration) uint64 { return uint64(len(m)) + 1 }

// errNewer: the file is good, for a newer version of this program. It is never
// set aside.
var errNewer = errors.New("written by a newer version of this program")

// readSchema is the schema of a file, zero for a new one. Every version has
// written it together with the buckets, so a file with these and without it is
// damaged.
func (s *Store) readSchema(tx *bolt.Tx) (uint64, error) {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return 0, nil
	}
	v, newest := meta.Get(keySchema), schemaOf(s.migrations)
	var found uint64
	if len(v) == 8 {
		found = binary.BigEndian.Uint64(v)
	}
	switch {
	case found == 0:
		return 0, fmt.Errorf("its schema is %q: %w", v, errDamaged)
	case found > newest:
		return 0, fmt.Errorf("%w: its schema is %d, known are those up to %d", errNewer, found, newest)
	}
	return found, nil
}

// prepare makes the buckets and brings the file to the newest schema, all in
// one transaction: a process that is killed on the way leaves it as it was.
func (s *Store) prepare(tx *bolt.Tx) error {
	found, err := s.readSchema(tx)
	if err != nil {
		return err
	}
	for _, name := range [][]byte{bucketMeta, bucketOutbox, bucketAside, bucketRecords} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	if err := removeProbe(tx); err != nil { // of a process that was killed on the way
		return err
	}
	newest := schemaOf(s.migrations)
	if found == 0 {
		found = newest
	}
	for ; found < newest; found++ {
		if err := s.migrations[found-1](tx); err != nil {
			return fmt.Errorf("migration from schema %d: %w", found, err)
		}
		s.log.Info().Uint64("from", found).Uint64("to", found+1).Msg("store brought to a newer schema")
	}
	return tx.Bucket(bucketMeta).Put(keySchema, binary.BigEndian.AppendUint64(nil, newest))
}
