package mqtt

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestMisleadingPages opens files whose pages lead bbolt astray: around in a circle, or to the end of its
// memory. Each is dumped, then set aside, and a new store is begun.
func TestMisleadingPages(t *testing.T) {
	const kindAt, furtherAt, elementAt = 8, 12, pageHeader
	for name, test := range map[string]struct {
		kind  uint16
		spoil func(page []byte)
	}{
		"a branch below itself":     {kindBranch, func(page []byte) { copy(page[elementAt+8:], page[:8]) }},
		"a branch twice":            {kindBranch, func(page []byte) { copy(page[elementAt+pageElement+8:][:8], page[elementAt+8:][:8]) }},
		"a branch to a header":      {kindBranch, func(page []byte) { binary.NativeEndian.PutUint64(page[elementAt+8:], 1) }},
		"a branch without elements": {kindBranch, func(page []byte) { binary.NativeEndian.PutUint16(page[10:], 0) }},
		"a leaf of many elements":   {kindLeaf, func(page []byte) { binary.NativeEndian.PutUint16(page[10:], 60_000) }},
		"a value behind the end":    {kindLeaf, func(page []byte) { binary.NativeEndian.PutUint32(page[elementAt+12:], 1<<31) }},
		"a list over all memory":    {kindFree, func(page []byte) { binary.NativeEndian.PutUint32(page[furtherAt:], 1<<32-1) }},
		"a list of pages in use": {kindFree, func(page []byte) {
			copy(page[10:], []byte{2, 0})
			copy(page[elementAt:], []byte{3, 0, 0, 0, 0, 0, 0, 0})
		}},
		"a list of countless pages": {kindFree, func(page []byte) {
			copy(page[10:], "\xff\xff")
			copy(page[elementAt:], "\xff\xff\xff\xff\xff\xff\xff\x0f")
		}},
		"a list that is another one": {kindFree, func(page []byte) { page[0]++ }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := OpenStore(dir, StoreOptions{})
			if err != nil {
				t.Fatal(err)
			}
			put(t, s, 1, 200, "payload")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, fileName)
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			spoilt := 0
			for size := os.Getpagesize(); len(file) >= size && spoilt*size < len(file); spoilt++ {
				if page := file[spoilt*size:][:size]; spoilt > 1 && binary.NativeEndian.Uint16(page[kindAt:]) == test.kind && page[0] == byte(spoilt) {
					test.spoil(page)
				}
			}
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := DumpStore(path, func(i StoreItem) error {
				if i.Err == nil && string(i.Message.Payload) != "payload" {
					t.Errorf("dumped, and never stored: %+v", i)
				}
				return nil
			}); !errors.Is(err, errDamaged) {
				t.Errorf("DumpStore: %v", err)
			}
			s = openStore(t, dir)
			if aside, _ := filepath.Glob(path + ".damaged-*"); len(aside) != 1 || s.found.span.count != 0 {
				t.Errorf("set aside: %q, %d messages found, want one file, and a new store", aside, s.found.span.count)
			}
			put(t, s, 1, 1, "after")
		})
	}
}
