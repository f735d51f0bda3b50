package readmodel

import (
	"bytes"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

// Snapshot is the rows as of one checkpoint: a directory.View. It keeps the
// file's old pages alive, so close it soon. It is for one goroutine.
type Snapshot struct {
	tx      *bolt.Tx
	cache   *cache
	buckets [tableLetters]*bolt.Bucket // as far as they were used
}

// tableLetters is the span of the characters that name tables, '0' to 'z'.
const tableLetters = 'z' - '0' + 1

// bucket returns a table's bucket, nil if there is none. A read transaction
// would look it up by name each time.
func (s *Snapshot) bucket(table byte) *bolt.Bucket {
	i := int(table) - '0'
	if i < 0 || i >= tableLetters {
		return nil
	}
	if s.buckets[i] == nil {
		s.buckets[i] = s.tx.Bucket([]byte{table})
	}
	return s.buckets[i]
}

// Snapshot begins one.
func (s *Store) Snapshot() (*Snapshot, error) {
	tx, err := s.db.Begin(false)
	if err != nil {
		return nil, err
	}
	return &Snapshot{tx: tx, cache: &s.cache}, nil
}

// Close ends the snapshot; it may be called twice.
func (s *Snapshot) Close() error {
	if s.tx == nil {
		return nil
	}
	tx := s.tx
	s.tx = nil
	return tx.Rollback()
}

// Tx gives access to buckets that were written by Change's extra.
func (s *Snapshot) Tx() *bolt.Tx { return s.tx }

// Checkpoint returns how far the snapshot's rows are folded.
func (s *Snapshot) Checkpoint() (Checkpoint, error) { return readCheckpoint(s.tx) }

// Get implements directory.View.
func (s *Snapshot) Get(k directory.Key) (directory.Row, error) {
	if k == "" {
		return nil, nil
	}
	b := s.bucket(k[0])
	if b == nil {
		return nil, nil
	}
	v := b.Get([]byte(k[1:]))
	if v == nil {
		return nil, nil
	}
	return s.cache.decode(k, v)
}

// Scan implements directory.View. A prefix names its table.
func (s *Snapshot) Scan(prefix, after directory.Key, yield func(directory.Key, directory.Row) bool) error {
	if prefix == "" {
		return nil
	}
	b := s.bucket(prefix[0])
	if b == nil {
		return nil
	}
	p := []byte(prefix[1:])
	from := p
	if after > prefix {
		from = []byte(after[1:])
		if after[0] != prefix[0] {
			return nil
		}
	}
	c := b.Cursor()
	for k, v := c.Seek(from); k != nil && bytes.HasPrefix(k, p); k, v = c.Next() {
		key := keyOf(prefix[0], k)
		if key == after {
			continue
		}
		r, err := directory.DecodeRow(key, v)
		if err != nil {
			return err
		}
		if !yield(key, r) {
			return nil
		}
	}
	return nil
}

// keyOf puts a stored key behind its table, in one copy.
func keyOf(table byte, k []byte) directory.Key {
	const usual = 128
	var b [usual]byte
	return directory.Key(append(append(b[:0], table), k...))
}

// ScanBack implements directory.View. A prefix names its table.
func (s *Snapshot) ScanBack(prefix, before directory.Key, yield func(directory.Key, directory.Row) bool) error {
	if prefix == "" {
		return nil
	}
	b := s.tx.Bucket([]byte{prefix[0]})
	if b == nil {
		return nil
	}
	p, bound := []byte(prefix[1:]), prefix.End()
	if before != "" && (bound == "" || before < bound) {
		bound = before
	}
	c := b.Cursor()
	var k, v []byte
	switch {
	case bound == "" || bound[0] > prefix[0]:
		k, v = c.Last()
	case bound[0] < prefix[0]:
		return nil
	default:
		if k, _ = c.Seek([]byte(bound[1:])); k == nil {
			k, v = c.Last()
		} else {
			k, v = c.Prev()
		}
	}
	for ; k != nil && bytes.HasPrefix(k, p); k, v = c.Prev() {
		key := keyOf(prefix[0], k)
		r, err := directory.DecodeRow(key, v)
		if err != nil {
			return err
		}
		if !yield(key, r) {
			return nil
		}
	}
	return nil
}
