package boltfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	bolt "go.etcd.io/bbolt"
)

// bbolt trusts its file: a page number or an offset that points outside of it
// is followed into memory that is not there, on goroutines of its own, which
// ends the process rather than returning an error, and does so at every start.
// So the pages are walked here first, by reads that cannot fault. The format is
// bbolt's version 2, in the machine's byte order.
const (
	pageHeader  = 16
	pageElement = 16
	bucketValue = 16
	branchPage  = 0x01
	leafPage    = 0x02
	bucketFlag  = 0x01
)

// inspect reports whether bbolt can open the file at path and walk all of it.
// An empty or missing file is fine.
//
// Errors: ErrCorrupt, ErrLocked, or what the operating system says.
func inspect(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	if info.Size() < 2*int64(os.Getpagesize()) {
		return fmt.Errorf("%w: it has %d bytes only", ErrCorrupt, info.Size())
	}
	// Holding the lock shared, so that nobody writes meanwhile.
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockTimeout, ReadOnly: true})
	if err != nil {
		return classify(path, err)
	}
	defer func() { _ = db.Close() }()
	f, err := os.Open(path) //nolint:gosec // the file that was just opened as a store
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if info, err = f.Stat(); err != nil {
		return err
	}
	tx, err := db.Begin(false) // reads the meta page only, which bbolt has checked
	if err != nil {
		return classify(path, err)
	}
	defer func() { _ = tx.Rollback() }()
	if tx.Size() > info.Size() {
		return fmt.Errorf("%w: it has %d bytes, its pages need %d", ErrCorrupt, info.Size(), tx.Size())
	}
	size := db.Info().PageSize
	w := &walk{file: f, page: int64(size), pages: uint64(tx.Size()) / uint64(size), buf: make([]byte, size)} //nolint:gosec // both are positive
	w.seen = make([]uint64, w.pages/64+1)
	root, err := w.root(tx.ID())
	if err == nil {
		err = w.visit(root, nil, nil)
	}
	return err
}

// walk is one inspection.
type walk struct {
	file  io.ReaderAt
	page  int64  // bytes
	pages uint64 // in use
	seen  []uint64
	buf   []byte
}

func damaged(id uint64, format string, args ...any) error {
	return fmt.Errorf("%w: page %d %s", ErrCorrupt, id, fmt.Sprintf(format, args...))
}

// root returns the root bucket's page as the meta page of the transaction says.
func (w *walk) root(tx int) (uint64, error) {
	for id := range int64(2) {
		if _, err := w.file.ReadAt(w.buf, id*w.page); err != nil {
			return 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		m := w.buf[pageHeader:]
		if binary.NativeEndian.Uint64(m[48:]) == uint64(tx) { //nolint:gosec // bbolt's own conversion, turned round
			return binary.NativeEndian.Uint64(m[16:]), nil
		}
	}
	return 0, fmt.Errorf("%w: it has no meta page of transaction %d", ErrCorrupt, tx)
}

// visit checks a page and what is below it. Its keys must not be less than
// least, and be less than limit (nil: any).
func (w *walk) visit(id uint64, least, limit []byte) error {
	if id < 2 || id >= w.pages {
		return damaged(id, "is not one of %d", w.pages)
	}
	head := make([]byte, pageHeader)
	if _, err := w.file.ReadAt(head, int64(id)*w.page); err != nil { //nolint:gosec // below pages
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if got := binary.NativeEndian.Uint64(head); got != id {
		return damaged(id, "calls itself %d", got)
	}
	n := uint64(binary.NativeEndian.Uint32(head[12:])) + 1
	if n > w.pages-id {
		return damaged(id, "goes on for %d pages", n)
	}
	for i := id; i < id+n; i++ {
		if w.seen[i/64]&(1<<(i%64)) != 0 {
			return damaged(i, "is used twice")
		}
		w.seen[i/64] |= 1 << (i % 64)
	}
	b := make([]byte, int64(n)*w.page)                            //nolint:gosec // no more than the file
	if _, err := w.file.ReadAt(b, int64(id)*w.page); err != nil { //nolint:gosec // below pages
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	switch flags, count := binary.NativeEndian.Uint16(head[8:]), int(binary.NativeEndian.Uint16(head[10:])); flags {
	case branchPage:
		return w.branch(id, b, count, least, limit)
	case leafPage:
		return w.leaf(id, b, count, least, limit)
	default:
		return damaged(id, "has the flags %#x", flags)
	}
}

func (w *walk) branch(id uint64, b []byte, count int, least, limit []byte) error {
	if count == 0 {
		return damaged(id, "leads nowhere")
	}
	keys := make([][]byte, count+1)
	children := make([]uint64, count)
	for i := range count {
		at := pageHeader + i*pageElement
		if at+pageElement > len(b) {
			return damaged(id, "has %d elements", count)
		}
		e := b[at:]
		key, ok := within(b, at, binary.NativeEndian.Uint32(e), binary.NativeEndian.Uint32(e[4:]))
		if !ok {
			return damaged(id, "has an element outside of it")
		}
		if !ordered(key, i, least, limit) {
			return damaged(id, "has keys out of order")
		}
		least = key
		keys[i], children[i] = key, binary.NativeEndian.Uint64(e[8:])
	}
	keys[count] = limit
	for i, child := range children {
		if err := w.visit(child, keys[i], keys[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) leaf(id uint64, b []byte, count int, least, limit []byte) error {
	for i := range count {
		at := pageHeader + i*pageElement
		if at+pageElement > len(b) {
			return damaged(id, "has %d elements", count)
		}
		e := b[at:]
		pos, ksize, vsize := binary.NativeEndian.Uint32(e[4:]), binary.NativeEndian.Uint32(e[8:]), binary.NativeEndian.Uint32(e[12:])
		key, ok := within(b, at, pos, ksize)
		if !ok || uint64(pos)+uint64(ksize) > math.MaxUint32 {
			return damaged(id, "has a key outside of it")
		}
		value, ok := within(b, at, pos+ksize, vsize)
		if !ok {
			return damaged(id, "has a value outside of it")
		}
		if !ordered(key, i, least, limit) {
			return damaged(id, "has keys out of order")
		}
		least = key
		if binary.NativeEndian.Uint32(e)&bucketFlag == 0 {
			continue
		}
		if err := w.bucket(id, value); err != nil {
			return err
		}
	}
	return nil
}

// bucket checks a bucket, which is a page of its own or lies within its value.
func (w *walk) bucket(id uint64, value []byte) error {
	if len(value) < bucketValue {
		return damaged(id, "has a bucket of %d bytes", len(value))
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return w.visit(root, nil, nil)
	}
	b := value[bucketValue:]
	if len(b) < pageHeader || binary.NativeEndian.Uint16(b[8:]) != leafPage {
		return damaged(id, "has an inline bucket without a page")
	}
	return w.leaf(id, b, int(binary.NativeEndian.Uint16(b[10:])), nil, nil)
}

// within returns size bytes at pos behind the element at.
func within(b []byte, at int, pos, size uint32) ([]byte, bool) {
	from := uint64(at) + uint64(pos) //nolint:gosec // at is an index of b
	to := from + uint64(size)
	if to > uint64(len(b)) {
		return nil, false
	}
	return b[from:to:to], true
}

// ordered reports whether the i-th key of a page may follow the one before it,
// or, as the first, the least that leads to the page.
func ordered(key []byte, i int, before, limit []byte) bool {
	if limit != nil && bytes.Compare(key, limit) >= 0 {
		return false
	}
	c := bytes.Compare(before, key)
	return c < 0 || c == 0 && i == 0
}
