package mqtt

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"math/bits"
	"slices"
)

// The form of a bbolt file, as far as it is looked at here: pages, of which a branch names others and a
// leaf holds keys with their values. Numbers are those of the machine.
const (
	pageHeader   = 16 // id 8, kind 2, count of elements 2, further pages that it takes 4
	pageElement  = 16 // of a branch: position 4, length of key 4, page 8; of a leaf: flags 4, position 4, lengths of key and value 4 each
	bucketHeader = 16 // page where it begins 8, or 0 when a page follows here; a sequence 8
	kindBranch   = 1
	kindLeaf     = 2
	kindFree     = 16     // the pages that are free, 8 each
	manyFree     = 0xffff // in place of their count, which is then the first of them

	metaPageSize = pageHeader + 8 // places in a page of either header
	metaRoot     = pageHeader + 16
	metaFreelist = pageHeader + 32
	metaEnd      = pageHeader + 40
	metaCommit   = pageHeader + 48
	metaSum      = pageHeader + 56 // FNV-1a of what is between the page header and here
	flagBucket   = 1               // the value is a bucket

	largestKey   = 32 << 10                // bbolt takes no larger one
	largestValue = 256<<20 + largestKey<<3 // MQTT takes no larger payload
)

// pageTree goes from page to page of a file before bbolt does. bbolt trusts what it finds there: it
// follows a branch that leads back to itself for ever, and takes all memory on its way.
type pageTree struct {
	file io.ReaderAt
	size uint64 // of a page
	end  uint64 // the first page that is not in use
	seen map[uint64]bool
}

// check reads every page below one that can be reached, each at most once. The error is errDamaged, or
// the file's.
func (p *pageTree) check(root uint64) error {
	for next := []uint64{root}; len(next) > 0; {
		id := next[len(next)-1]
		if id < 2 || id >= p.end || p.seen[id] {
			return fmt.Errorf("page %d is named twice, or does not exist: %w", id, errDamaged)
		}
		p.seen[id] = true
		below, err := p.page(int64(id*p.size), id)
		if err != nil {
			return err
		}
		next = append(next[:len(next)-1], below...)
	}
	return nil
}

// page gives the pages that one names.
func (p *pageTree) page(at int64, id uint64) ([]uint64, error) {
	header, size, err := p.head(at, id)
	if err != nil {
		return nil, err
	}
	return p.elements(at, header, size)
}

// head is the header of a page, with the page's size.
func (p *pageTree) head(at int64, id uint64) (header []byte, size uint64, err error) {
	if header, err = p.read(at, pageHeader); err != nil {
		return nil, 0, err
	}
	further := number(header[12:])
	if binary.NativeEndian.Uint64(header) != id || further >= p.end-id {
		return nil, 0, fmt.Errorf("page %d is another one: %w", id, errDamaged)
	}
	return header, (further + 1) * p.size, nil
}

// checkFree looks at the list of free pages that a commit left, after check.
func (p *pageTree) checkFree(commit uint64) error {
	for page := range uint64(2) {
		meta, err := p.read(int64(page*p.size), metaCommit+8)
		if err != nil {
			return err
		}
		if binary.NativeEndian.Uint64(meta[metaCommit:]) == commit {
			return p.free(binary.NativeEndian.Uint64(meta[metaFreelist:]))
		}
	}
	return fmt.Errorf("no header of commit %d: %w", commit, errDamaged)
}

func (p *pageTree) free(id uint64) error {
	list, err := p.list(id)
	if err != nil {
		return err
	}
	for ; len(list) > 0; list = list[8:] {
		if free := binary.NativeEndian.Uint64(list); free < 2 || free >= p.end || p.seen[free] {
			return fmt.Errorf("page %d is said to be free: %w", free, errDamaged)
		}
	}
	return nil
}

// list reads the list of free pages, 8 bytes each.
func (p *pageTree) list(id uint64) ([]byte, error) {
	if id < 2 || id >= p.end || p.seen[id] {
		return nil, fmt.Errorf("the list of free pages at page %d: %w", id, errDamaged)
	}
	at := int64(id * p.size)
	header, size, err := p.head(at, id)
	if err != nil {
		return nil, err
	}
	kind, count := binary.NativeEndian.Uint16(header[8:]), uint64(binary.NativeEndian.Uint16(header[10:]))
	at += pageHeader
	if count == manyFree {
		many, err := p.read(at, 8)
		if err != nil {
			return nil, err
		}
		count, at, size = binary.NativeEndian.Uint64(many), at+8, size-8
	}
	if kind != kindFree || count > (size-pageHeader)/8 {
		return nil, fmt.Errorf("a list of %d free pages, of kind %x: %w", count, kind, errDamaged)
	}
	return p.read(at, int(count*8))
}

// elements are those of a page of that many bytes, which may stand in a value too.
func (p *pageTree) elements(at int64, header []byte, size uint64) ([]uint64, error) {
	kind, count := binary.NativeEndian.Uint16(header[8:]), uint64(binary.NativeEndian.Uint16(header[10:]))
	whole := pageHeader + count*pageElement
	if kind != kindLeaf && (kind != kindBranch || count == 0) || whole > size {
		return nil, fmt.Errorf("a page of kind %x with %d elements: %w", kind, count, errDamaged)
	}
	elements, err := p.read(at+pageHeader, int(count*pageElement))
	if err != nil {
		return nil, err
	}
	var below []uint64
	for offset := uint64(pageHeader); offset < whole; offset += pageElement {
		e := elements[offset-pageHeader:]
		if kind == kindBranch {
			if position, key := number(e), number(e[4:]); offset+position+key > size {
				return nil, fmt.Errorf("a key behind the end of its page: %w", errDamaged)
			}
			below = append(below, binary.NativeEndian.Uint64(e[8:]))
			continue
		}
		value, length := offset+number(e[4:])+number(e[8:]), number(e[12:]) // position counts from the element
		if value+length > size {
			return nil, fmt.Errorf("a value behind the end of its page: %w", errDamaged)
		}
		if number(e)&flagBucket == 0 {
			continue
		}
		buckets, err := p.bucket(at+int64(value), length)
		if err != nil {
			return nil, err
		}
		below = append(below, buckets...)
	}
	return below, nil
}

// bucket is the page of a bucket in a value, or what the page that stands there itself names.
func (p *pageTree) bucket(at int64, length uint64) ([]uint64, error) {
	if length < bucketHeader {
		return nil, fmt.Errorf("a bucket of %d bytes: %w", length, errDamaged)
	}
	header, err := p.read(at, bucketHeader)
	if err != nil {
		return nil, err
	}
	if root := binary.NativeEndian.Uint64(header); root != 0 {
		return []uint64{root}, nil
	}
	if length < bucketHeader+pageHeader {
		return nil, fmt.Errorf("a bucket of %d bytes: %w", length, errDamaged)
	}
	at += bucketHeader
	if header, err = p.read(at, pageHeader); err != nil {
		return nil, err
	}
	return p.elements(at, header, length-bucketHeader)
}

func (p *pageTree) read(at int64, length int) ([]byte, error) {
	bytes := make([]byte, length)
	if _, err := p.file.ReadAt(bytes, at); err != nil {
		return nil, fmt.Errorf("%w: %w", err, errDamaged)
	}
	return bytes, nil
}

// fileHeader is what one of the two headers tells.
type fileHeader struct{ size, root, freelist, end, commit uint64 }

// fileHeaders are the good ones, the newest first. The second lies behind the first page, of a size that
// only the headers tell.
func fileHeaders(file io.ReaderAt) (good []fileHeader) {
	const smallest, largest = 1 << 10, 16 << 20 // that bbolt looks for
	for at := uint64(0); at <= largest; at = max(2*at, smallest) {
		page := make([]byte, metaSum+8)
		if _, err := file.ReadAt(page, int64(at)); err != nil {
			break
		}
		sum := fnv.New64a()
		_, _ = sum.Write(page[pageHeader:metaSum])
		field := func(at int) uint64 { return binary.NativeEndian.Uint64(page[at:]) }
		h := fileHeader{number(page[metaPageSize:]), field(metaRoot), field(metaFreelist), field(metaEnd), field(metaCommit)}
		if sum.Sum64() == field(metaSum) && h.size >= smallest && h.size <= largest && bits.OnesCount64(h.size) == 1 &&
			(at == 0 || at == h.size) && (len(good) == 0 || good[0].size == h.size) {
			good = append(good, h)
		}
	}
	slices.SortFunc(good, func(a, b fileHeader) int { return cmp.Compare(b.commit, a.commit) })
	return good
}

// piece is a key with its value, as it lies in the file.
type piece struct {
	kind   Kind
	key    string
	at     int64 // of the value
	length int
	bucket bool   // the value is one
	page   uint64 // in place of a value: the page of a branch
}

// claim reads a page that no page read before has a part in.
func (p *pageTree) claim(id uint64) ([]piece, error) {
	if id < 2 || id >= p.end {
		return nil, errDamaged
	}
	at := int64(id * p.size)
	header, size, err := p.head(at, id)
	if err != nil {
		return nil, err
	}
	end := id + size/p.size
	for page := id; page < end; page++ {
		if p.seen[page] {
			return nil, errDamaged
		}
	}
	pieces, err := p.parse(at, header, size, p.size)
	for page := id; page < end && err == nil; page++ {
		p.seen[page] = true
	}
	return pieces, err
}

// parse is strict: bbolt writes keys and values one behind the other, up to the end of the last unit. So
// nothing is read twice, and hardly a page with a wrong byte in its table is taken for whole.
func (p *pageTree) parse(at int64, header []byte, size, unit uint64) ([]piece, error) {
	kind, count := binary.NativeEndian.Uint16(header[8:]), uint64(binary.NativeEndian.Uint16(header[10:]))
	end := pageHeader + count*pageElement
	if kind != kindLeaf && (kind != kindBranch || count == 0) || end > size {
		return nil, errDamaged
	}
	table, err := p.read(at+pageHeader, int(count*pageElement))
	if err != nil {
		return nil, err
	}
	pieces, keysAt := make([]piece, count), make([]uint64, count)
	for i := range pieces {
		e, it := table[i*pageElement:][:pageElement], &pieces[i]
		position, key, value := number(e[4:]), number(e[8:]), number(e[12:])
		if kind == kindBranch {
			position, key, value = number(e), number(e[4:]), 0
			it.page = binary.NativeEndian.Uint64(e[8:])
		} else {
			it.bucket = number(e)&flagBucket != 0
		}
		if pageHeader+uint64(i)*pageElement+position != end || key == 0 || key > largestKey || value > largestValue || kind == kindBranch && it.page < 2 {
			return nil, errDamaged
		}
		keysAt[i], it.at, it.length = end, at+int64(end+key), int(value)
		end += key + value
	}
	if (end+unit-1)/unit*unit != size {
		return nil, errDamaged
	}
	for i := range pieces {
		it, from := &pieces[i], at+int64(keysAt[i])
		key, err := p.read(from, int(it.at-from))
		if err != nil {
			return nil, err
		}
		it.key = string(key)
	}
	return pieces, nil
}

// pagesOf are all that a file of so many bytes has.
func pagesOf(file io.ReaderAt, bytes int64, size uint64) pageTree {
	return pageTree{file: file, size: size, end: (uint64(bytes) + size - 1) / size, seen: map[uint64]bool{}}
}

func number(b []byte) uint64 { return uint64(binary.NativeEndian.Uint32(b)) }
