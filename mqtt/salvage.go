package mqtt

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"os"
	"slices"
	"sort"
	"strings"
)

// salvager reads what is whole of a damaged file, without bbolt, and passes over the rest. Any byte of the
// file may be anything: no page is taken twice, so its size bounds memory. A page that lies about its own
// size is read as far as it says: who makes a file for that has the dump take minutes.
type salvager struct {
	pageTree
	pieces []piece
	gaps   map[Kind][]keys
	schema uint64
	free   []byte // the list of free pages, nil when it cannot be relied on
	passed int    // pages and values that cannot be read
}

// keys are those from the first on and before the end, which is empty for all that follow. A gap is keys of
// which no page could be read.
type keys struct{ from, end string }

func (k keys) has(key string) bool { return key >= k.from && (k.end == "" || key < k.end) }

const manyGaps = 1000 // are as one over all keys

// salvage is DumpStore for a file that bbolt must not read. It holds nothing: a daemon that is started renames
// the file, which is read on.
func (s *Store) salvage(reason error, visit func(StoreItem) error) error {
	file, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer func() { _ = file.Close() }()
	v := &salvager{pageTree: pageTree{file: file}}
	v.collect(fileSize(s.path))
	if newest := schemaOf(s.migrations); v.schema > newest {
		return fmt.Errorf("store %s: %w: its schema is %d, known are those up to %d", s.path, errNewer, v.schema, newest)
	}
	strays, err := s.dumpPieces(v, visit)
	if err != nil {
		return err
	}
	err = fmt.Errorf("store %s: %w; pages or values passed over: %d, and what only they lead to", s.path, reason, v.passed)
	if strays > 0 {
		err = fmt.Errorf("%w; stray: %d, which may have been delivered or replaced long ago", err, strays)
	}
	return err
}

// dumpPieces visits them in the order of DumpStore, and strays at last.
func (s *Store) dumpPieces(v *salvager, visit func(StoreItem) error) (strays int, err error) {
	rank := map[Kind]int{Stray: len(kinds)}
	for i, k := range kinds {
		rank[k.kind] = i
	}
	slices.SortStableFunc(v.pieces, func(a, b piece) int {
		return cmp.Or(cmp.Compare(rank[a.kind], rank[b.kind]), cmp.Compare(a.key, b.key))
	})
	seed, done := maphash.MakeSeed(), map[[2]uint64]bool{}
	for _, p := range v.pieces {
		value, err := v.read(p.at, p.length)
		if err != nil {
			v.passed++
			continue
		}
		same := [2]uint64{maphash.String(seed, p.key), maphash.Bytes(seed, value)}
		if done[same] {
			continue // an earlier page has it too
		}
		done[same] = true
		bucket := bucketRecords
		if p.kind != OfOwner && len(p.key) == 8 {
			bucket = bucketOutbox
		}
		item := s.item(bucket, pair{[]byte(p.key), value})
		if item.Kind = p.kind; item.Kind == Stray {
			strays++
		}
		if err := visit(item); err != nil {
			return strays, err
		}
	}
	return strays, nil
}

// collect finds the pieces. What the tree no longer leads to is looked for on all pages. Many are of earlier
// transactions: those on the list of free pages, and those with keys that the tree does lead to.
func (v *salvager) collect(bytes int64) {
	headers := fileHeaders(v.file)
	v.passed = 2 - len(headers)
	for _, h := range headers {
		v.pageTree = pagesOf(v.file, bytes, h.size)
		if v.contents(h) {
			if v.readFree(h); len(v.gaps) > 0 {
				v.end = min(v.end, h.end)
				v.scan()
			}
			return
		}
	}
	v.gaps = map[Kind][]keys{Waiting: {{}}, SetAside: {{}}, OfOwner: {{}}}
	for size := uint64(1 << 12); size <= 1<<16; size *= 2 { // only with the right one pages have their numbers
		v.pageTree = pagesOf(v.file, bytes, size)
		v.scan()
	}
}

// contents reads what the tree of a header leads to. False: its root cannot be read.
func (v *salvager) contents(h fileHeader) bool {
	v.gaps = map[Kind][]keys{}
	found, _ := v.below(h.root)
	buckets := map[string]piece{}
	for _, p := range found {
		if p.bucket {
			buckets[p.key] = p
		}
	}
	if len(buckets) == 0 {
		return false
	}
	inMeta, _ := v.inBucket(buckets[string(bucketMeta)])
	for _, p := range inMeta {
		if value, err := v.read(p.at, p.length); err == nil && p.key == string(keySchema) && len(value) == 8 {
			v.schema = binary.BigEndian.Uint64(value)
		}
	}
	for _, k := range kinds {
		pieces, gaps := v.inBucket(buckets[string(k.bucket)])
		if len(gaps) > 0 {
			v.gaps[k.kind] = gaps
		}
		v.keep(pieces, func(string) Kind { return k.kind })
	}
	return true
}

func (v *salvager) keep(pieces []piece, kindOf func(key string) Kind) {
	for _, p := range pieces {
		if p.kind = kindOf(p.key); p.kind != "" && !p.bucket {
			v.pieces = append(v.pieces, p)
		}
	}
}

// below is all that a page leads to, and what is missing of it.
func (v *salvager) below(root uint64) (found []piece, gaps []keys) {
	type part struct {
		page uint64
		keys keys
	}
	for next := []part{{page: root}}; len(next) > 0; {
		here := next[len(next)-1]
		next = next[:len(next)-1]
		pieces, err := v.claim(here.page)
		if err != nil || len(pieces) > 0 && (!here.keys.has(pieces[0].key) || !here.keys.has(pieces[len(pieces)-1].key)) {
			v.passed++
			if gaps = append(gaps, here.keys); len(gaps) > manyGaps {
				gaps = []keys{{}}
			}
			if here.page < v.end {
				v.seen[here.page] = true // however often it is named
			}
			continue
		}
		for i, p := range pieces {
			if p.page == 0 {
				found = append(found, p)
				continue
			}
			of := here.keys
			if i > 0 {
				of.from = p.key
			}
			if i+1 < len(pieces) {
				of.end = pieces[i+1].key
			}
			next = append(next, part{p.page, of})
		}
	}
	return found, gaps
}

// inBucket is all that is in one, which a small one has in its value, and what is missing of it.
func (v *salvager) inBucket(b piece) ([]piece, []keys) {
	value, err := v.read(b.at, b.length)
	if err == nil && b.length >= bucketHeader {
		if root := binary.NativeEndian.Uint64(value); root != 0 {
			return v.below(root)
		}
	}
	if err == nil && b.length >= bucketHeader+pageHeader {
		value = value[bucketHeader:]
		if pieces, err := v.parse(b.at+bucketHeader, value, uint64(len(value)), 1); err == nil {
			return pieces, nil
		}
	}
	v.passed++
	return nil, []keys{{}}
}

// readFree believes a list only when it is as bbolt writes it, in order, and nothing that was read is on it.
func (v *salvager) readFree(h fileHeader) {
	list, err := v.list(h.freelist)
	last := uint64(1)
	for at := 0; at < len(list) && err == nil; at += 8 {
		id := binary.NativeEndian.Uint64(list[at:])
		if id <= last || id >= h.end || v.seen[id] {
			err = errDamaged
		}
		last = id
	}
	if err != nil {
		v.passed++
		return
	}
	v.free = append([]byte{}, list...) // not nil
}

func (v *salvager) isFree(id uint64) bool {
	at := func(i int) uint64 { return binary.NativeEndian.Uint64(v.free[8*i:]) }
	count := len(v.free) / 8
	i := sort.Search(count, func(i int) bool { return at(i) >= id })
	return i < count && at(i) == id
}

// scan looks at the pages that the tree does not lead to, the last first: of an old page that was long, the
// end may be written over by a newer one.
func (v *salvager) scan() {
	for id := v.end; id > 2; {
		if id--; v.seen[id] || v.isFree(id) {
			continue
		}
		pieces, err := v.claim(id)
		if err != nil || len(pieces) == 0 || pieces[0].page != 0 {
			continue
		}
		v.keep(pieces, v.kindOf)
		for _, p := range pieces { // of an earlier root
			if !p.bucket {
				continue
			}
			if value, err := v.read(p.at, p.length); err == nil && p.length >= bucketHeader && binary.NativeEndian.Uint64(value) == 0 {
				inside, _ := v.inBucket(p)
				v.keep(inside, v.kindOf)
			}
		}
	}
}

// kindOf tells what is found by itself, nothing of a probe: of a page in use, what is missing where it fits. Nothing fits: it is
// of an earlier transaction.
func (v *salvager) kindOf(key string) (kind Kind) {
	if strings.HasPrefix(key, string(bucketProbe)+"/") {
		return ""
	}
	for _, k := range kinds {
		fits := func(gap keys) bool { return gap.has(key) }
		switch {
		case (k.kind == OfOwner) == (len(key) == 8) || key == string(keySchema) || !slices.ContainsFunc(v.gaps[k.kind], fits):
		case kind != "" || v.free == nil:
			return Stray
		default:
			kind = k.kind
		}
	}
	return kind
}
