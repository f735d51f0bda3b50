// Package readmodel keeps folded rows and the position they are folded up to
// in one bbolt file, changed together in one transaction.
//
// The file is never the only place of anything: if it is missing or damaged, it
// is removed and folded again. One bucket per table of package directory, so
// that tables that grow at their end stay dense.
//
// What must not live here: what an event means (pkg/directory), reading the
// log (pkg/replica, the projector).
package readmodel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/events/wire"
	"github.com/rollcallhq/rollcall/pkg/boltfile"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

var (
	// ErrCorrupt says that the file cannot be trusted. Remove it and fold again.
	ErrCorrupt = boltfile.ErrCorrupt
	// ErrLocked says that another process has the file open.
	ErrLocked = boltfile.ErrLocked
)

// format is the version of the rows' layout. A file of another format is
// treated as ErrCorrupt: it is folded again, never migrated.
const format = 3

// mapped is how much address space is reserved for a file, in bytes: 64 GiB, more
// than one ever has. The owner of a log reads the state behind a frame while it
// still reads the one before, and must not wait for a file that grows. It is
// address space only, except on Windows, where it would be the file's size.
func mapped() int {
	const wide = ^uint(0) >> 63 // 1 if addresses have 64 bits
	if runtime.GOOS == "windows" {
		return 1 << 30
	}
	return 1 << (30 + 6*wide)
}

var (
	metaBucket  = []byte("meta")
	positionKey = []byte("position")
)

// Checkpoint is how far a model is folded.
type Checkpoint struct {
	eventlog.Position
	// LastID and LastAt are the greatest event id and time seen; the owner of
	// the log stamps above them.
	LastID uint64
	LastAt time.Time
}

// Store is an open file. It is safe for concurrent use.
type Store struct {
	db    *bolt.DB
	path  string
	cache cache
}

// Open opens the file at path, making it and its folder if they are missing.
//
// Errors: ErrCorrupt, ErrLocked, or what the operating system says.
func Open(path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of %s: %w", path, err)
	}
	s := &Store{path: path}
	err := s.open()
	if err != nil && s.db != nil {
		_ = s.db.Close()
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) open() (err error) {
	if s.db, err = boltfile.Open(s.path, boltfile.Options{Mapped: mapped()}); err != nil {
		return err
	}
	return s.db.Update(func(tx *bolt.Tx) error {
		meta, err := tx.CreateBucketIfNotExists(metaBucket)
		if err != nil {
			return err
		}
		v := meta.Get([]byte("format"))
		if v == nil {
			return meta.Put([]byte("format"), []byte{format})
		}
		if len(v) != 1 || v[0] != format {
			return fmt.Errorf("%w: it has format %v, this program writes %d", ErrCorrupt, v, format)
		}
		return nil
	})
}

// Remove deletes the file at path, so that the next Open starts from nothing.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Path returns where the file is.
func (s *Store) Path() string { return s.path }

// Close waits for open snapshots and closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Checkpoint returns how far the rows are folded.
func (s *Store) Checkpoint() (Checkpoint, error) {
	var c Checkpoint
	err := s.db.View(func(tx *bolt.Tx) (err error) {
		c, err = readCheckpoint(tx)
		return err
	})
	return c, err
}

func readCheckpoint(tx *bolt.Tx) (Checkpoint, error) {
	var c Checkpoint
	b := tx.Bucket(metaBucket).Get(positionKey)
	if b == nil {
		return c, nil
	}
	r := wire.NewReader(b)
	c.Seq, c.Index, c.Ordinal = r.Uvarint(), r.Uvarint(), r.Uvarint()
	copy(c.Hash[:], r.Fixed(len(c.Hash)))
	c.LastID, c.LastAt = r.Uvarint(), r.Time()
	if r.Err() != nil {
		return c, fmt.Errorf("%w: its position does not decode", ErrCorrupt)
	}
	return c, nil
}

func writeCheckpoint(tx *bolt.Tx, c Checkpoint) error {
	var b []byte
	b = wire.AppendUvarint(b, c.Seq)
	b = wire.AppendUvarint(b, c.Index)
	b = wire.AppendUvarint(b, c.Ordinal)
	b = append(b, c.Hash[:]...)
	b = wire.AppendUvarint(b, c.LastID)
	b = wire.AppendTime(b, c.LastAt)
	return tx.Bucket(metaBucket).Put(positionKey, b)
}

// Change writes rows and moves the checkpoint in one transaction; extra, if not
// nil, may write buckets of its own in the same one.
func (s *Store) Change(to Checkpoint, changes func(yield func(directory.Key, directory.Row) bool), extra func(tx *bolt.Tx) error) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		w := rowWriter{tx: tx}
		var failed error
		changes(func(k directory.Key, r directory.Row) bool {
			failed = w.write(k, r)
			return failed == nil
		})
		if failed != nil {
			return failed
		}
		if extra != nil {
			if err := extra(tx); err != nil {
				return err
			}
		}
		return writeCheckpoint(tx, to)
	})
}

// rowWriter keeps the bucket of the last key, since changes come table by table.
type rowWriter struct {
	tx     *bolt.Tx
	table  directory.Table
	bucket *bolt.Bucket
}

func (w *rowWriter) write(k directory.Key, r directory.Row) error {
	if t := k.Table(); w.bucket == nil || t != w.table {
		b, err := w.tx.CreateBucketIfNotExists([]byte{byte(t)})
		if err != nil {
			return err
		}
		b.FillPercent = 0.85
		w.table, w.bucket = t, b
	}
	key := []byte(k[1:])
	if r == nil {
		return w.bucket.Delete(key)
	}
	v, err := directory.EncodeRow(r)
	if err != nil {
		return err
	}
	return w.bucket.Put(key, v)
}
