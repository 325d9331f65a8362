package mqtt

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
)

// FuzzStoreFile holds that a file with anything written over it is opened, or set aside for a new one,
// or refused with an error; that what is opened can be read, written to and closed; and that a dump of what is
// damaged ends, with nothing that was not stored.
func FuzzStoreFile(f *testing.F) {
	dir := f.TempDir()
	s, err := OpenStore(dir, StoreOptions{})
	if err != nil {
		f.Fatal(err)
	}
	var w transaction
	for place := range uint64(20) {
		w.puts = append(w.puts, &entry{place: place + 1, message: event("topic", "payload")})
	}
	w.records = map[string][]byte{"phone/001fc11a8b6c": []byte("{}")}
	if err := s.commit(&w); err != nil {
		f.Fatal(err)
	}
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		f.Fatal(err)
	}
	page := uint16(os.Getpagesize())
	for n := range uint16(len(whole) / int(page)) {
		f.Add(n*page+8, []byte{0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0}, uint16(0))     // the page's kind, counts and overflow
		f.Add(n*page+16, []byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 9}, uint16(0)) // its first element
	}
	f.Add(uint16(0), []byte("SQLite format 3"), uint16(len(whole)/2))
	f.Fuzz(func(t *testing.T, at uint16, over []byte, cut uint16) {
		path := filepath.Join(t.TempDir(), "store", fileName)
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		damaged := append([]byte{}, whole[:len(whole)-min(int(cut), len(whole))]...)
		if int(at) < len(damaged) {
			copy(damaged[at:], over)
		}
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s := &Store{path: path, temporary: true, maxBytes: defaultMaxBytes, clock: newClock(), log: zerolog.Nop()}
		_ = s.salvage(errDamaged, func(i StoreItem) error {
			if i.Key == "" && i.Err == nil && (i.Message.Topic != "topic" || string(i.Message.Payload) != "payload") {
				t.Errorf("dumped, and never stored: %+v", i)
			}
			return nil
		})
		err := s.open()
		if errors.Is(err, errDamaged) {
			err = s.replace(err)
		}
		if err != nil {
			return
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}()
		// Of what is met only now a transaction tells; what panics or hangs is the finding.
		_ = s.Records("phone/", func(string, []byte) error { return nil })
		_ = s.commit(&transaction{puts: []*entry{{place: s.found.next, message: event("topic", "after")}}, records: map[string][]byte{"phone/1": []byte("x")}})
	})
}
