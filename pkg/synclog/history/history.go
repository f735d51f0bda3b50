// Package history keeps the sync log as rows in a bbolt file, folded from the
// stream REQUESTS, for whoever searches it.
//
//	h, err := history.Open(ctx, path, requestlog.New(js), log)
//	go h.Follow(ctx)
//	page, err := h.List(ctx, synclog.Query{Directory: id, Cause: "string_boolean", Limit: 50})
//
// Every entry has a row by its time and one more for each of its tags: its
// causes, its resources, its endpoint, the hundred of its status. A query walks
// the rows of all of its tags at once, from the newest on, so a page costs what
// the page is long and not what the log is. (Measured with 100,000 entries of
// one directory: 0.4 to 1.4 ms for a page of 50 here, 1.6 s by reading the
// stream, which is why there is a file at all.)
//
// Rows and position change in one transaction. The rows go when the stream
// drops their messages; the file itself can be removed at any time and is folded
// again, as far back as the stream goes.
//
// What must not live here: NATS (Source is a requestlog.Log), what an entry is
// (pkg/synclog).
package history

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/pkg/boltfile"
	"github.com/rollcallhq/rollcall/pkg/synclog"
)

// MaxEntries is how many entries of one directory are kept; the oldest go first.
const MaxEntries = 100_000

// ErrLocked says that another process has the file open.
var ErrLocked = boltfile.ErrLocked

// format is the version of the rows' layout. A file of another one is folded
// again, never migrated.
const format = 1

// Source is what is folded: a requestlog.Log.
type Source interface {
	// Follow calls each for every message behind a sequence until ctx ends or
	// each fails.
	Follow(ctx context.Context, after uint64, each func(synclog.Stored) error) error
	// Extent returns what the stream holds.
	Extent(ctx context.Context) (synclog.Extent, error)
}

// History is an open file. Its queries are safe for concurrent use; Follow is
// for one goroutine.
type History struct {
	db     *bolt.DB
	source Source
	log    *slog.Logger
	most   int // entries of one directory

	mu    sync.Mutex
	at    uint64
	moved chan struct{} // closed and replaced when at moves

	hurry chan struct{} // capacity 1: somebody waits for the next transaction
}

// Open opens the file at path, making it and its folder if they are missing. A
// file that is damaged or of another format is started over. Nothing is asked of
// the source before Follow.
//
// Errors: ErrLocked, or what the operating system says.
func Open(path string, source Source, log *slog.Logger) (*History, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of %s: %w", path, err)
	}
	for range 2 {
		h := &History{source: source, log: log, most: MaxEntries, moved: make(chan struct{}), hurry: make(chan struct{}, 1)}
		err := h.open(path)
		if err == nil {
			return h, nil
		}
		if err = errors.Join(err, h.Close()); !errors.Is(err, boltfile.ErrCorrupt) {
			return nil, fmt.Errorf("open the sync log's file %s: %w", path, err)
		}
		log.Warn("the sync log's file cannot be used and is built again from the stream", "file", path, "error", err)
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the sync log's file %s cannot be built: it does not stay usable", path)
}

var (
	metaBucket    = []byte("meta")
	entryBucket   = []byte("entries")
	tagBucket     = []byte("tags")
	messageBucket = []byte("messages")
	dirBucket     = []byte("directories")

	formatKey   = []byte("format")
	positionKey = []byte("position")
	streamKey   = []byte("stream")
)

func (h *History) open(path string) (err error) {
	if h.db, err = boltfile.Open(path, boltfile.Options{}); err != nil {
		return err
	}
	return h.db.Update(func(tx *bolt.Tx) error {
		if err := makeBuckets(tx); err != nil {
			return err
		}
		meta := tx.Bucket(metaBucket)
		switch v := meta.Get(formatKey); {
		case v == nil:
			return meta.Put(formatKey, []byte{format})
		case len(v) != 1 || v[0] != format:
			return fmt.Errorf("%w: it has format %v, this program writes %d", boltfile.ErrCorrupt, v, format)
		}
		if v := meta.Get(positionKey); len(v) == 8 {
			h.at = binary.BigEndian.Uint64(v)
		}
		return nil
	})
}

func makeBuckets(tx *bolt.Tx) error {
	for _, name := range [][]byte{metaBucket, entryBucket, tagBucket, messageBucket, dirBucket} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return nil
}

// fits starts the file over if it was folded from another stream, or from more
// than the stream has now.
func (h *History) fits(e synclog.Extent) error {
	stream := binary.BigEndian.AppendUint64(nil, uint64(e.Created.UnixNano()))
	return h.db.Update(func(tx *bolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		known := meta.Get(streamKey)
		if string(known) == string(stream) && h.position() <= e.Last {
			return nil
		}
		if known != nil {
			h.log.Warn("the sync log's file was folded from another stream and is built again")
			for _, name := range [][]byte{metaBucket, entryBucket, tagBucket, messageBucket, dirBucket} {
				if err := tx.DeleteBucket(name); err != nil {
					return err
				}
			}
			if err := makeBuckets(tx); err != nil {
				return err
			}
			meta = tx.Bucket(metaBucket)
			if err := meta.Put(formatKey, []byte{format}); err != nil {
				return err
			}
		}
		h.move(0)
		return meta.Put(streamKey, stream)
	})
}

// Close closes the file. Follow must have returned.
func (h *History) Close() error {
	if h.db == nil {
		return nil
	}
	return h.db.Close()
}

func (h *History) position() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *History) move(to uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = to
	close(h.moved)
	h.moved = make(chan struct{})
}

// CatchUp returns when the rows show everything that was in the stream before
// the call.
//
// Errors: ctx's, the source's.
func (h *History) CatchUp(ctx context.Context) error {
	e, err := h.source.Extent(ctx)
	if err != nil {
		return err
	}
	for {
		h.mu.Lock()
		at, moved := h.at, h.moved
		h.mu.Unlock()
		if at >= e.Last {
			return nil
		}
		select {
		case h.hurry <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-moved:
		}
	}
}

// later is the time that is not before the other.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
