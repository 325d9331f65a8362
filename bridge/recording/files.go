package recording

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// The bounds of what is recorded, in bytes. A request takes about 400.
const (
	mostOfFile = 4 << 20
	mostInAll  = 256 << 20
)

// unknownPhone stands in file names for the MAC of requests that no phone could be found for.
const unknownPhone = "unknown"

var ours = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)-(?:[0-9a-f]{12}|` + unknownPhone + `)\.jsonl$`)

// fileName is the file of a phone and a day; sorted by name, the days come in order.
func fileName(day string, mac phone.MAC) string {
	return day + "-" + cmp.Or(string(mac), unknownPhone) + ".jsonl"
}

// dayOf is the day in UTC, as all times that the program tells are.
func dayOf(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// files are the recordings in a directory. None is kept open: there may be thousands of phones.
type files struct {
	dir     string
	perFile int64 // the most that one may have
	inAll   int64 // the most that all may have
	size    int64 // what all have
}

func openFiles(dir string) (files, error) {
	f := files{dir: dir, perFile: mostOfFile, inAll: mostInAll}
	_, err := f.survey()
	return f, err
}

// survey measures all recordings, and finds the oldest day that has one.
func (f *files) survey() (oldest string, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return "", err
	}
	f.size = 0
	for _, e := range entries {
		match := ours.FindStringSubmatch(e.Name())
		if match == nil {
			continue
		}
		// One that was removed meanwhile takes no room.
		if stat, err := e.Info(); err == nil {
			f.size += stat.Size()
			oldest = cmp.Or(oldest, match[1])
		}
	}
	return oldest, nil
}

// room makes room for size more bytes: the recordings of days before today are deleted, the oldest
// first. It tells whether there is room then, and which day was deleted last.
func (f *files) room(size int64, today string) (ok bool, deleted string, err error) {
	for f.size+size > f.inAll {
		oldest, err := f.survey() // the user may have deleted some
		if err != nil {
			return false, deleted, err
		}
		if f.size+size <= f.inAll {
			break
		}
		if oldest == "" || oldest >= today {
			return false, deleted, nil
		}
		if err := f.deleteDay(oldest); err != nil {
			return false, deleted, err
		}
		deleted = oldest
	}
	return true, deleted, nil
}

func (f *files) deleteDay(day string) error {
	paths, err := filepath.Glob(filepath.Join(f.dir, day+"-*.jsonl"))
	for _, path := range paths {
		if ours.MatchString(filepath.Base(path)) {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}

// open opens the file for adding to it, and tells its size.
func (f *files) open(name string) (*os.File, int64, error) {
	file, err := os.OpenFile(filepath.Join(f.dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, err
	}
	stat, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, stat.Size(), nil
}

// add writes text at the end of a file of that size, all of it or nothing: half a line would spoil
// the next.
func (f *files) add(file *os.File, size int64, text []byte) error {
	if _, err := file.Write(text); err != nil {
		return errors.Join(err, file.Truncate(size), file.Close())
	}
	f.size += int64(len(text))
	return file.Close()
}
