package main

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
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
	s.notary.set(func(c *conditions) { c.away = true })
	s.notary.cut()
	defer s.notary.set(func(c *conditions) { c.away = false })
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
	s.notary.set(func(c *conditions) { c.away = true })
	s.notary.cut()
	defer s.notary.set(func(c *conditions) { c.away = false })
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
