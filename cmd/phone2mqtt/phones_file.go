package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
)

// settle is how long the phones file has to be left alone before it is read: half of a list is a list
// too, and the phones of the other half would be gone.
const settle = 250 * time.Millisecond

// phonesFile is where phones are listed: PHONES_FILE, if there is one, and PHONES.
type phonesFile struct {
	path   string // empty: no file
	beside phoneList
}

// read gives all listed phones. One that stands in both is as the file says. The error is one line that
// names the variable, like [loadConfig]'s.
func (f phonesFile) read() ([]book.Listing, error) {
	if f.path == "" {
		return f.beside, nil
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return nil, wrong("PHONES_FILE", "expected a YAML file that can be read: %w", err)
	}
	phones, err := book.ParseFile(f.path, text, os.ReadFile)
	if err != nil {
		return nil, wrong("PHONES_FILE", "%w", err)
	}
	listed := make(map[phone.MAC]bool)
	owners := make(map[string]phone.MAC)
	for _, p := range phones {
		listed[p.MAC] = true
		if p.Host != "" {
			owners[p.Bare()] = p.MAC
		}
	}
	for _, p := range f.beside {
		if listed[p.MAC] {
			continue
		}
		if owner := owners[p.Bare()]; owner != "" {
			return nil, wrong("PHONES_FILE", "%s: the host of %s is that of %s in PHONES too, expected every host once", f.path, owner, p.MAC)
		}
		phones = append(phones, p)
	}
	return phones, nil
}

// follow is the service that reads the file again when it is asked, on SIGHUP, and when it changes, and has
// the phones listed when they differ from the present ones. A bad file changes nothing, and is told of once.
func (f phonesFile) follow(reload <-chan os.Signal, present []book.Listing, list func([]book.Listing), log zerolog.Logger) service {
	return func(ctx context.Context) error {
		if f.path == "" {
			<-ctx.Done()
			return nil
		}
		watch := watchFile(f.path, log)
		defer watch.close()
		// It may have changed since the start read it, or be changing now.
		settled := time.NewTimer(settle)
		defer settled.Stop()
		complaint := ""
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-reload:
				// Whoever asks is answered, be it the same as before.
				complaint = ""
				log.Info().Str("file", f.path).Msg("SIGHUP: reading the phones file again")
				settled.Reset(0)
				continue
			case event := <-watch.events:
				if watch.concerns(event) {
					settled.Reset(settle)
				}
				continue
			case err := <-watch.errors:
				log.Warn().Err(err).Str("file", f.path).Msg("changes of the phones file may have been missed; reading it again")
				settled.Reset(settle)
				continue
			case <-settled.C:
			}
			watch.renew()
			phones, err := f.read()
			switch {
			case err != nil && err.Error() != complaint:
				complaint = err.Error()
				log.Error().Err(err).Msg("the phones file is not taken, the phones stay listed as they were")
			case err == nil:
				complaint = ""
				if !slices.Equal(phones, present) {
					present = phones
					list(phones)
				}
			}
		}
	}
}

// fileWatch sees changes of one file by its directory, since editors put a new file in the place of
// the old, and by the directory that it really is in: Kubernetes swaps a link on the way there. Links
// beyond these two are not seen.
type fileWatch struct {
	path    string // absolute
	target  string // without links, as last looked at
	watcher *fsnotify.Watcher
	events  <-chan fsnotify.Event
	errors  <-chan error
	log     zerolog.Logger
	failing bool
}

// watchFile begins to watch. When that cannot be done it is logged, and nothing is ever seen.
func watchFile(path string, log zerolog.Logger) *fileWatch {
	w := &fileWatch{path: path, log: log}
	if absolute, err := filepath.Abs(path); err == nil {
		w.path = absolute
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		w.fails(err)
		return w
	}
	w.watcher, w.events, w.errors = watcher, watcher.Events, watcher.Errors
	w.renew()
	return w
}

// renew watches the directories where the file is now.
func (w *fileWatch) renew() {
	if w.watcher == nil {
		return
	}
	w.target = resolve(w.path)
	directories := []string{filepath.Dir(w.path), filepath.Dir(w.target)}
	for _, old := range w.watcher.WatchList() {
		if !slices.Contains(directories, old) {
			// It is gone already when the directory is.
			_ = w.watcher.Remove(old)
		}
	}
	for _, directory := range directories {
		if err := w.watcher.Add(directory); err != nil {
			w.fails(err)
			return
		}
	}
	w.failing = false
}

func (w *fileWatch) fails(err error) {
	if !w.failing {
		w.log.Warn().Err(err).Str("file", w.path).Msg("changes of the phones file are not seen; send SIGHUP after one")
	}
	w.failing = true
}

// concerns tells whether the file may have changed by an event in one of its directories.
func (w *fileWatch) concerns(event fsnotify.Event) bool {
	return event.Name == w.path || event.Name == w.target || resolve(w.path) != w.target
}

// resolve follows the links of a path; one that leads nowhere stays as it is.
func resolve(path string) string {
	end, err := filepath.EvalSymlinks(path)
	if err != nil {
		return path
	}
	return end
}

func (w *fileWatch) close() {
	if w.watcher != nil {
		// It only ends what ends with the process anyway.
		_ = w.watcher.Close()
	}
}
