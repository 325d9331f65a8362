package mqtt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

// put commits messages at places from 1 on.
func put(t *testing.T, s *Store, from, to int, payload string) {
	t.Helper()
	var w transaction
	for place := from; place <= to; place++ {
		w.puts = append(w.puts, &entry{place: uint64(place), message: event("topic", payload)})
	}
	if err := s.commit(&w); err != nil {
		t.Fatal(err)
	}
}

func records(t *testing.T, s *Store, prefix string) map[string]string {
	t.Helper()
	got := map[string]string{}
	if err := s.Records(prefix, func(key string, value []byte) error {
		got[key] = string(value)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestStoreKeepsMessagesAndRecords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	s, err := OpenStore(dir, StoreOptions{Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, 1, 5, "x")
	if err := s.commit(&transaction{
		deletes: []uint64{1},
		aside:   []asided{{place: 2}},
		records: map[string][]byte{"phones/a": []byte("1"), "phones/b": []byte("2"), "other": []byte("3"), "gone": nil},
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = openStore(t, dir)
	want := contents{first: 3, next: 6, span: span{last: 5, count: 3}}
	got := s.found
	if got.span.bytes == 0 || got.span.at.IsZero() {
		t.Errorf("found %+v", got)
	}
	got.span.bytes, got.span.at = 0, want.span.at
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(contents{}, span{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"phones/a": "1", "phones/b": "2"}, records(t, s, "phones/")); diff != "" {
		t.Error(diff)
	}
	failure := errors.New("enough")
	if err := s.Records("", func(string, []byte) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("Records: %v", err)
	}
	for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, fileName): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestStoreIsLocked(t *testing.T) {
	dir := t.TempDir()
	openStore(t, dir)
	if _, err := OpenStore(dir, StoreOptions{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second OpenStore: %v", err)
	}
}

func TestTemporaryStoreIsRemoved(t *testing.T) {
	s, err := OpenStore("", StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, 1, 3, "x")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(s.path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}

func TestUnusableFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(path, StoreOptions{}); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestEmptyFileOfAnother opens a store that another process has made this moment, and is about to fill.
func TestEmptyFileOfAnother(t *testing.T) {
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Skipf("no such lock here: %v", err)
	}
	if _, err := OpenStore(dir, StoreOptions{}); !errors.Is(err, ErrLocked) || asides(t, dir) != 0 {
		t.Errorf("%v, %d set aside, want %v and none", err, asides(t, dir), ErrLocked)
	}
	_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
	openStore(t, dir)
	if n := asides(t, dir); n != 1 {
		t.Errorf("%d empty ones set aside, want the one that nobody holds", n)
	}
}

// asides counts the damaged files in dir.
func asides(t *testing.T, dir string) int {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, fileName+".damaged-*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

const pageSize = 4096

// damages are what the file of a store may suffer. Each gets the open file and
// its size.
var damages = []struct {
	name   string
	damage func(f *os.File, size int64) error

	// onlyAtOpen: in a running process bbolt believes the length that it reads
	// in its list of free pages, and counts up to it for ever.
	onlyAtOpen bool
}{
	{name: "all but the meta pages overwritten", damage: func(f *os.File, size int64) error { return scribble(f, 2*pageSize, size) }, onlyAtOpen: true},
	{name: "leaf and branch pages overwritten", damage: func(f *os.File, _ int64) error { return scribblePages(f, 0x01|0x02) }},
	{name: "list of free pages overwritten", damage: func(f *os.File, _ int64) error { return scribblePages(f, 0x10) }, onlyAtOpen: true},
	{name: "both meta pages overwritten", damage: func(f *os.File, _ int64) error { return scribble(f, 0, 2*pageSize) }},
	{name: "foreign content", damage: func(f *os.File, size int64) error { return scribble(f, 0, size) }, onlyAtOpen: true},
	{name: "cut to three pages", damage: func(f *os.File, _ int64) error { return f.Truncate(3 * pageSize) }},
	{name: "cut to two pages", damage: func(f *os.File, _ int64) error { return f.Truncate(2 * pageSize) }},
	{name: "cut to less than two pages", damage: func(f *os.File, _ int64) error { return f.Truncate(pageSize + 100) }},
	{name: "cut to a few bytes", damage: func(f *os.File, _ int64) error { return f.Truncate(100) }},
	{name: "cut to nothing", damage: func(f *os.File, _ int64) error { return f.Truncate(0) }},
	{name: "page numbers beyond the end", damage: func(f *os.File, _ int64) error { return pointBeyond(f) }},
}

func scribble(f *os.File, from, to int64) error {
	_, err := f.WriteAt([]byte(strings.Repeat("\xa5", int(to-from))), from)
	return err
}

// eachPage calls visit with the page header of bbolt: id, flags, count.
func eachPage(f *os.File, visit func(offset int64, flags uint16) error) error {
	header := make([]byte, 16)
	for offset := int64(2 * pageSize); ; offset += pageSize {
		if n, _ := f.ReadAt(header, offset); n < len(header) {
			return nil
		}
		if binary.NativeEndian.Uint64(header) != uint64(offset/pageSize) {
			continue // not a page, or the overflow of one
		}
		if err := visit(offset, binary.NativeEndian.Uint16(header[8:])); err != nil {
			return err
		}
	}
}

func scribblePages(f *os.File, kinds uint16) error {
	return eachPage(f, func(offset int64, flags uint16) error {
		if flags&kinds == 0 {
			return nil
		}
		return scribble(f, offset, offset+pageSize)
	})
}

// pointBeyond lets branch pages point to a page that is mapped and not in the
// file: reading it is a memory fault, not a panic.
func pointBeyond(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// The file ends where a map of a power of two ends; its last pages are not
	// in use.
	if err := f.Truncate(info.Size() - 3*pageSize); err != nil {
		return err
	}
	beyond := uint64(info.Size()/pageSize) - 2
	return eachPage(f, func(offset int64, flags uint16) error {
		if flags&0x01 == 0 {
			return nil
		}
		// Elements of 16 bytes follow the header: pos, ksize, pgid.
		_, err := f.WriteAt(binary.NativeEndian.AppendUint64(nil, beyond), offset+16+8)
		return err
	})
}

func damageFile(t *testing.T, path string, damage func(*os.File, int64) error) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := damage(f, size(t, path)); err != nil {
		t.Fatal(err)
	}
}

func TestDamageFoundAtOpen(t *testing.T) {
	for _, tt := range damages {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := OpenStore(dir, StoreOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 20 {
				put(t, s, 100*i+1, 100*i+100, fmt.Sprint("some payload ", i))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			damageFile(t, s.path, tt.damage)

			s = openStore(t, dir)
			if s.found.span.count != 0 {
				t.Errorf("found %d messages in a new file", s.found.span.count)
			}
			put(t, s, 1, 10, "x")
			if n := asides(t, dir); n != 1 {
				t.Errorf("%d files set aside", n)
			}
		})
	}
}

const halfHeader = "one of the two headers of the store was damaged, what was stored last may be missing"

func TestHarmlessDamage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(f *os.File, size int64) error
		told   []string
	}{
		{"none", func(*os.File, int64) error { return nil }, nil},
		{"first meta page overwritten", func(f *os.File, _ int64) error { return scribble(f, 0, pageSize) }, []string{halfHeader}},
		{"second meta page overwritten", func(f *os.File, _ int64) error { return scribble(f, pageSize, 2*pageSize) }, []string{halfHeader}},
		{"last bytes cut", func(f *os.File, size int64) error { return f.Truncate(size - 3) }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := OpenStore(dir, StoreOptions{})
			if err != nil {
				t.Fatal(err)
			}
			put(t, s, 1, 100, "x")
			if err := s.commit(&transaction{records: map[string][]byte{"a": []byte("1")}}); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			damageFile(t, s.path, tt.damage)
			log := new(logbook)
			s, err = OpenStore(dir, StoreOptions{Log: zerolog.New(log)})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			if diff := cmp.Diff(tt.told, log.messages(t)); diff != "" {
				t.Errorf("told: %s", diff)
			}
			if s.found.span.count != 100 || asides(t, dir) != 0 {
				t.Errorf("%d messages, %d files set aside", s.found.span.count, asides(t, dir))
			}
		})
	}
}
