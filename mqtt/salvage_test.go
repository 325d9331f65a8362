package mqtt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// livedStore is the file of a store after some life: of 900 messages in three sizes the first 300 were
// delivered and the next 3 were set aside; two records were each written twice.
func livedStore(t testing.TB) (path string, file []byte) {
	t.Helper()
	dir := t.TempDir()
	s, err := OpenStore(dir, StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	commit := func(w transaction) {
		if err := s.commit(&w); err != nil {
			t.Fatal(err)
		}
	}
	for from := uint64(1); from <= 900; from += 30 {
		var w transaction
		for place := from; place < from+30; place++ {
			w.puts = append(w.puts, &entry{place: place, message: event("topic", payloadOf(place))})
		}
		commit(w)
	}
	for _, state := range []string{"old", "new"} {
		commit(transaction{records: map[string][]byte{"phone/1": []byte(`"` + state + `"`), "phone/2": []byte(`"` + state + strings.Repeat(".", 2000) + `"`)}})
	}
	for place := uint64(1); place <= 300; place += 20 {
		var w transaction
		for n := range uint64(20) {
			w.deletes = append(w.deletes, place+n)
		}
		commit(w)
	}
	commit(transaction{aside: []asided{{place: 301}, {place: 302}, {place: 303}}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path = StoreFile(dir)
	if file, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return path, file
}

// payloadOf is long enough now and then to need pages of its own.
func payloadOf(place uint64) string {
	size := 300
	if place%40 == 7 {
		size = 10_000
	}
	return fmt.Sprintf("%d %s", place, strings.Repeat("x", size))
}

// salvaged is what a dump of livedStore gave.
type salvaged struct {
	waiting, aside, records int
	strays, delivered       int // delivered: of the strays, those that no longer wait
}

// dump has each line checked: it was stored, it is told once, and as what it was at the end, or just before.
func (got *salvaged) dump(t *testing.T, path string, file []byte) error {
	t.Helper()
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	return DumpStore(path, func(i StoreItem) error {
		line := fmt.Sprint(i.Kind, i.Place, i.Key)
		if i.Kind == Stray {
			line += string(i.Value)
		}
		stored := i.Err == nil && i.Place <= 900 && string(i.Message.Payload) == payloadOf(i.Place)
		switch {
		case told[line]:
			t.Errorf("twice: %s", line)
		case i.Kind == Waiting && stored && i.Place > 300:
			got.waiting++
		case i.Kind == SetAside && stored && i.Place > 300 && i.Place <= 303:
			got.aside++
		case i.Kind == OfOwner && strings.HasPrefix(string(i.Value), `"new`):
			got.records++
		case i.Kind == Stray && (stored || strings.HasPrefix(i.Key, "phone/")):
			got.strays++
			if stored && i.Place <= 300 {
				got.delivered++
			}
		default:
			t.Errorf("not stored, or no longer: %.80q %v", line, i.Err)
		}
		told[line] = true
		return nil
	})
}

// TestDumpDamagedStore says for each damage how much is there nevertheless, of 597 messages that wait, 3 that
// were set aside and 2 records.
func TestDumpDamagedStore(t *testing.T) {
	path, whole := livedStore(t)
	headers := fileHeaders(bytes.NewReader(whole))
	if len(headers) != 2 || headers[0].size != uint64(pageSize) {
		t.Fatalf("headers %+v", headers)
	}
	newest, before := headers[0], headers[1]
	pages := salvager{pageTree: pageTree{file: bytes.NewReader(whole)}}
	pages.collect(int64(len(whole)))
	leaf := uint64(0)
	branch := uint64(0)
	for id := range pages.seen {
		if binary.NativeEndian.Uint16(whole[id*newest.size+8:]) == kindBranch && binary.NativeEndian.Uint64(whole[id*newest.size:]) == id {
			branch = id
		}
	}
	for _, p := range pages.pieces {
		if p.kind == Waiting && p.key == string(placeKey(700)) {
			leaf = uint64(p.at) / newest.size
		}
	}
	zero := func(file []byte, pages ...uint64) []byte {
		for _, id := range pages {
			clear(file[id*newest.size:][:newest.size])
		}
		return file
	}
	for name, tt := range map[string]struct {
		spoil       func(file []byte) []byte
		least       salvaged
		mostStrays  int
		noDelivered bool
	}{
		"list of free pages":     {func(f []byte) []byte { return zero(f, newest.freelist) }, salvaged{waiting: 597, aside: 3, records: 2}, 0, true},
		"a leaf, and the list":   {func(f []byte) []byte { return zero(f, newest.freelist, leaf) }, salvaged{waiting: 590, aside: 3, records: 2}, 7, true},
		"a leaf, and a header":   {func(f []byte) []byte { return zero(f, 0, leaf) }, salvaged{waiting: 590, records: 2}, 0, true},
		"a branch, and the list": {func(f []byte) []byte { return zero(f, newest.freelist, branch) }, salvaged{aside: 3, records: 2, strays: 597}, 903, false},
		"newest root":            {func(f []byte) []byte { return zero(f, newest.root) }, salvaged{waiting: 600, records: 2}, 0, true},
		"both roots":             {func(f []byte) []byte { return zero(f, newest.root, before.root) }, salvaged{strays: 600}, 904, false},
		"both headers":           {func(f []byte) []byte { return zero(f, 0, 1) }, salvaged{strays: 600}, 904, false},
		"cut by a page":          {func(f []byte) []byte { return f[:(newest.end-1)*newest.size] }, salvaged{waiting: 590}, 0, true},
		"cut by half":            {func(f []byte) []byte { return f[:newest.end/2*newest.size] }, salvaged{}, 904, false},
		"the first half":         {func(f []byte) []byte { return zero(f, pagesUpTo(newest.end/2)...) }, salvaged{}, 904, false},
		"empty":                  {func([]byte) []byte { return nil }, salvaged{}, 0, true},
		"garbage":                {func([]byte) []byte { return []byte(strings.Repeat("garbage ", 10_000)) }, salvaged{}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			var got salvaged
			err := got.dump(t, path, tt.spoil(bytes.Clone(whole)))
			t.Logf("%+v %v", got, err)
			if !errors.Is(err, errDamaged) || strings.Contains(err.Error(), "stray") != (got.strays > 0) {
				t.Errorf("DumpStore: %v", err)
			}
			if got.waiting < tt.least.waiting || got.aside < tt.least.aside || got.records < tt.least.records || got.strays < tt.least.strays {
				t.Errorf("got %+v, want at least %+v", got, tt.least)
			}
			if got.strays > tt.mostStrays || tt.noDelivered && got.delivered > 0 {
				t.Errorf("got %+v, want at most %d strays", got, tt.mostStrays)
			}
			if half := 100; strings.Contains(name, "half") && got.waiting+got.strays-got.delivered < half {
				t.Errorf("got %+v, want at least %d that wait", got, half)
			}
		})
	}
}

func pagesUpTo(end uint64) (pages []uint64) {
	for id := range end {
		pages = append(pages, id)
	}
	return pages
}

// TestDumpStoreWithoutAPage spoils each page in turn: what is missing is what was on that page alone, a branch
// costs nothing, and nothing is a stray.
func TestDumpStoreWithoutAPage(t *testing.T) {
	path, whole := livedStore(t)
	for name, spoil := range map[string]func(page []byte){
		"zero":       func(page []byte) { clear(page) },
		"kind":       func(page []byte) { page[8] ^= 0x10 },
		"an element": func(page []byte) { page[pageHeader+15] ^= 0x40 },
	} {
		t.Run(name, func(t *testing.T) {
			damaged := 0
			for at := 2 * pageSize; at+pageSize <= len(whole); at += pageSize {
				if binary.NativeEndian.Uint64(whole[at:]) != uint64(at/pageSize) {
					continue // unused, or further bytes of another one, of which the message's own sum tells
				}
				file := bytes.Clone(whole[:min(len(whole), 300*pageSize)])
				spoil(file[at:][:pageSize])
				var got salvaged
				err := got.dump(t, path, file)
				if errors.Is(err, errDamaged) {
					damaged++
				}
				if got.waiting+got.aside < 590 || got.aside+got.records < 2 || got.strays > 0 {
					t.Errorf("page %d: %+v %v", at/pageSize, got, err)
				}
			}
			if damaged < 100 {
				t.Errorf("%d pages that are in use", damaged)
			}
		})
	}
}

// TestDumpDamagedNewerStore prints nothing of what a newer version may mean in another way.
func TestDumpDamagedNewerStore(t *testing.T) {
	path, file := livedStore(t)
	one, two := append(bytes.Clone(keySchema), placeKey(1)...), append(bytes.Clone(keySchema), placeKey(2)...)
	file = bytes.ReplaceAll(file, one, two)
	list := int(fileHeaders(bytes.NewReader(file))[0].freelist) * pageSize
	clear(file[list:][:pageSize])
	var got salvaged
	if err := got.dump(t, path, file); !errors.Is(err, errNewer) || got != (salvaged{}) {
		t.Errorf("%+v %v", got, err)
	}
}

// element is one of a page made by hand: leaf's numbers are flags, position, lengths of key and value.
type element [4]uint32

// fileOf has pages of 1 KiB from number 2 on.
func fileOf(pages ...[]byte) *salvager {
	file := make([]byte, 2<<10)
	for _, page := range pages {
		file = append(file, append(page, make([]byte, 1<<10-len(page))...)...)
	}
	return &salvager{pageTree: pagesOf(bytes.NewReader(file), int64(len(file)), 1<<10)}
}

func pageOf(id uint64, kind uint16, further uint32, elements []element, data string) []byte {
	page := binary.NativeEndian.AppendUint64(nil, id)
	page = binary.NativeEndian.AppendUint16(page, kind)
	page = binary.NativeEndian.AppendUint16(page, uint16(len(elements)))
	page = binary.NativeEndian.AppendUint32(page, further)
	for _, e := range elements {
		for _, n := range e {
			page = binary.NativeEndian.AppendUint32(page, n)
		}
	}
	return append(page, data...)
}

// TestSalvageHostilePages reads pages that no damage by chance would give: around in a circle, or the same
// bytes again and again.
func TestSalvageHostilePages(t *testing.T) {
	leaf := func(id uint64, key string) []byte { return pageOf(id, kindLeaf, 0, []element{{0, 16, 1, 1}}, key+"v") }
	for name, tt := range map[string]struct {
		pages [][]byte
		want  string // the keys
		gaps  int
	}{
		"whole":                     {[][]byte{pageOf(2, kindLeaf, 0, []element{{0, 32, 1, 1}, {0, 18, 1, 1}}, "avbw")}, "ab", 0},
		"two pages":                 {[][]byte{pageOf(2, kindBranch, 0, []element{{32, 1, 3}, {17, 1, 4}}, "am"), leaf(3, "a"), leaf(4, "m")}, "am", 0},
		"a page twice":              {[][]byte{pageOf(2, kindBranch, 0, []element{{32, 1, 3}, {17, 1, 3}}, "am"), leaf(3, "m")}, "m", 1},
		"keys of another place":     {[][]byte{pageOf(2, kindBranch, 0, []element{{32, 1, 3}, {17, 1, 4}}, "am"), leaf(3, "z"), leaf(4, "m")}, "m", 1},
		"a circle":                  {[][]byte{pageOf(2, kindBranch, 0, []element{{16, 1, 2}}, "a")}, "", 1},
		"a header":                  {[][]byte{pageOf(2, kindBranch, 0, []element{{16, 1, 0}}, "a")}, "", 1},
		"the same bytes twice":      {[][]byte{pageOf(2, kindLeaf, 0, []element{{0, 32, 1, 1}, {0, 16, 1, 1}}, "av")}, "", 1},
		"a value behind the end":    {[][]byte{pageOf(2, kindLeaf, 0, []element{{0, 16, 1, 1200}}, "av"), leaf(3, "b")}, "", 1},
		"a page that nothing fills": {[][]byte{pageOf(2, kindLeaf, 1, []element{{0, 16, 1, 1}}, "av"), leaf(3, "b")}, "", 1},
		"behind the file":           {[][]byte{pageOf(2, kindLeaf, 1<<31, []element{{0, 16, 1, 1}}, "av")}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			found, gaps := fileOf(tt.pages...).below(2)
			keys := ""
			for _, p := range found {
				keys += p.key
			}
			if got := strings.Split(keys, ""); strings.Join(slices.Sorted(slices.Values(got)), "") != tt.want || len(gaps) != tt.gaps {
				t.Errorf("%q, %d gaps, want %q and %d", keys, len(gaps), tt.want, tt.gaps)
			}
		})
	}
}

// TestSalvageNewerEnd has an old page of which a newer one took the end: that one is whole.
func TestSalvageNewerEnd(t *testing.T) {
	long := pageOf(2, kindLeaf, 1, []element{{0, 16, 1, 1500}}, "o")
	v := fileOf(long, pageOf(3, kindLeaf, 0, []element{{0, 16, 1, 1}}, "nv"))
	v.gaps = map[Kind][]keys{OfOwner: {{}}}
	if v.scan(); len(v.pieces) != 1 || v.pieces[0].key != "n" || v.pieces[0].kind != Stray {
		t.Errorf("%+v", v.pieces)
	}
}

// TestSalvageLeavesProbesOut has what a probe left in the file when its process was killed.
func TestSalvageLeavesProbesOut(t *testing.T) {
	path, _ := livedStore(t)
	s, err := OpenStore(filepath.Dir(path), StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.Load().Update(putProbe); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	newest := fileHeaders(bytes.NewReader(whole))[0]
	for name, pages := range map[string][]uint64{"both headers": {0, 1}, "newest root": {newest.root}, "list of free pages": {newest.freelist}} {
		t.Run(name, func(t *testing.T) {
			spoilt := bytes.Clone(whole)
			for _, id := range pages {
				clear(spoilt[id*newest.size:][:newest.size])
			}
			var got salvaged // has each line checked
			if err := got.dump(t, path, spoilt); !errors.Is(err, errDamaged) || got.waiting+got.strays < 590 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
