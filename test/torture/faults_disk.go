package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

var diskFaults = []fault{
	{name: "disk-full", part: theDisk, plan: plan{smallDisk: true}, sign: "no space left", strike: fillDisk},
	{name: "disk-slow", part: theDisk, plan: plan{variant: slowDisk}, strike: func(ctx context.Context, _ *strike) error {
		return stand.Pause(ctx, 3*time.Second)
	}},
	{name: "power-cut", part: theDaemon, alone: true, plan: plan{variant: syncedCopy}, ends: true, sign: noSession, strike: cutPower},
	{name: "store-damaged", part: theDaemon, alone: true, ends: true, sign: noSession, strike: damageStore},
	{name: "compaction-kill", part: theDaemon, alone: true, plan: plan{more: 32}, ends: true, sign: "store compacted", strike: killCompacting},
}

// fillDisk leaves no byte for the store for a while.
func fillDisk(ctx context.Context, s *strike) error {
	path := filepath.Join(s.store, "filler")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	for size := 64 << 10; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = file.Write(make([]byte, size))
		}
	}
	_ = file.Close()
	err = stand.Pause(ctx, 3*time.Second)
	_ = os.Remove(path)
	return err
}

// cutPower kills the daemon, without a broker, and takes from its store what was never synced.
func cutPower(ctx context.Context, s *strike) error {
	defer s.notary.leave()()
	if err := s.upTo(ctx, 2*time.Second); err != nil {
		return err
	}
	s.killDaemon()
	if err := os.Rename(s.syncedFile(), s.storeFile()); err != nil {
		// It has never synced: nothing would be there.
		if err := os.Remove(s.storeFile()); err != nil {
			return err
		}
	}
	return s.startDaemon(ctx)
}

func (w *world) storeFile() string { return filepath.Join(w.store, "outbox.db") }

// damages are ways in which a file is not what it was. Rounds have them in turn.
var damages = []func(*strike, []byte) []byte{
	func(s *strike, b []byte) []byte { return s.scribble(b, s.random.IntN(len(b)/pageSize)) },
	func(s *strike, b []byte) []byte { // the page that lists what is free, by its number in the first header
		return s.scribble(b, int(binary.LittleEndian.Uint64(b[48:]))%(len(b)/pageSize))
	},
	func(s *strike, b []byte) []byte { // some bytes anywhere
		for range 20 {
			b[s.random.IntN(len(b))] ^= 0x55
		}
		return b
	},
	func(_ *strike, b []byte) []byte { clear(b[:2*pageSize]); return b },                // both headers
	func(s *strike, b []byte) []byte { return s.scribble(b, s.random.IntN(2)) },         // one of them
	func(s *strike, b []byte) []byte { return b[:len(b)/2+s.random.IntN(len(b)/2)] },    // the end is missing
	func(*strike, []byte) []byte { return nil },                                         // all of it is
	func(*strike, []byte) []byte { return []byte("this is no database, but a letter") }, // foreign content
}

const pageSize = 4096

// scribble overwrites a page.
func (s *strike) scribble(b []byte, page int) []byte {
	for i := range pageSize {
		b[page*pageSize+i] = byte(s.random.Uint32())
	}
	return b
}

// damageStore kills the daemon while events wait for the broker, and spoils the file.
func damageStore(ctx context.Context, s *strike) error {
	defer s.notary.leave()()
	if err := s.upTo(ctx, 2*time.Second); err != nil {
		return err
	}
	s.killDaemon()
	text, err := os.ReadFile(s.storeFile())
	if err != nil {
		return err
	}
	text = damages[s.round%len(damages)](s, text)
	if err := os.WriteFile(s.storeFile(), text, 0o600); err != nil {
		return err
	}
	s.journal.note(func(h *history) { h.damaged = time.Now() })
	return s.startDaemon(ctx)
}

// killCompacting kills the daemon again and again while it makes a file small at its start that is mostly
// free, and in which events wait.
func killCompacting(ctx context.Context, s *strike) error {
	const large = 24 << 20
	back := s.notary.leave()
	err := s.floodUntil(ctx, "the store is large", func() bool { return sizeOf(s.storeFile()) >= large })
	back()
	if err != nil {
		return err
	}
	if err := s.running().Await(ctx, "what waited is out", func() bool {
		f, err := s.figures(ctx)
		return err == nil && f["phone2mqtt_mqtt_connected"] == 1 && f["phone2mqtt_store_waiting_messages"] < 100
	}); err != nil {
		return err
	}
	// What waits at the end takes less than the two fifths of the file that are not copied any more, and long
	// enough to copy to be hit.
	defer s.notary.leave()()
	if err := s.floodUntil(ctx, "enough waits again", func() bool {
		f, err := s.figures(ctx)
		return err == nil && f["phone2mqtt_store_waiting_bytes"] > large/12
	}); err != nil {
		return err
	}
	s.killDaemon()
	hits := 0
	for hit := true; hit && hits < 5; {
		var err error
		if hit, err = s.killAtCopy(ctx); err != nil {
			return err
		}
		if hit {
			hits++
		}
	}
	if hits == 0 {
		s.journal.note(func(h *history) { h.other = append(h.other, "compaction-kill did not strike: each copy was complete") })
	}
	return s.startDaemon(ctx)
}

// floodUntil has the extra phones send as fast as they are answered.
func (w *world) floodUntil(ctx context.Context, what string, enough func() bool) error {
	flooding, stop := context.WithCancel(ctx)
	var flood sync.WaitGroup
	flood.Go(func() { w.flood(flooding, w.extras) })
	defer flood.Wait()
	defer stop()
	return w.running().Await(ctx, what, enough)
}

// killAtCopy starts the daemon and kills it while it copies its store. It tells whether the copy was still
// on its way.
func (s *strike) killAtCopy(ctx context.Context) (hit bool, err error) {
	copied := s.storeFile() + ".compact"
	if err := os.Remove(copied); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	p, err := s.spawn(ctx, s.intake)
	if err != nil {
		return false, err
	}
	defer p.Kill()
	if err := p.Await(ctx, "a copy is on its way", func() bool { return sizeOf(copied) > 0 }); err != nil {
		return false, err
	}
	if err := s.upTo(ctx, 10*time.Millisecond); err != nil {
		return false, err
	}
	p.Kill()
	return sizeOf(copied) > 0, nil
}

// sizeOf is the length of a file, 0 when there is none.
func sizeOf(path string) int64 {
	file, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return file.Size()
}
