// Package ledger keeps deliveries as rows in a bbolt file, folded from the
// stream of attempts, for whoever lists them.
//
//	l, err := ledger.Open(ctx, path, source, log)
//	go l.Follow(ctx)
//	page, err := l.List(ctx, ledger.Query{Endpoint: id, Status: attempts.Retrying, Limit: 50})
//
// Rows and positions change in one transaction. The file is never the only
// place of anything but history that was trimmed from the stream: if it is
// missing, damaged or does not fit the stream, it is removed and folded again.
//
// What must not live here: NATS (Source is an attemptlog.Log), sending.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/boltfile"
)

// Retention of delivered rows: the newest MaxDelivered of an endpoint, and of
// these only those younger than MaxAge, counted from the endpoint's last
// attempt. What waits and what is dead stays as long as the stream keeps it.
const (
	MaxDelivered = 10_000
	MaxAge       = 7 * 24 * time.Hour
	// MaxReplays is how many replays of an endpoint are remembered, the newest.
	MaxReplays = 200
)

var (
	// ErrCorrupt says that the file cannot be trusted.
	ErrCorrupt = boltfile.ErrCorrupt
	// ErrLocked says that another process has the file open.
	ErrLocked = boltfile.ErrLocked
)

// format is the version of the rows' layout. A file of another one is folded
// again, never migrated.
const format = 2

// Source is what the ledger reads: an attemptlog.Log.
type Source interface {
	// Follow calls each for every frame behind a sequence until ctx ends or each
	// fails.
	Follow(ctx context.Context, after uint64, each func(attempts.Stored) error) error
	// Frame returns the frame at a sequence, ok false if there is none.
	Frame(ctx context.Context, seq uint64) (f attempts.Frame, ok bool, err error)
	// Bounds returns the first sequence kept and the last given.
	Bounds(ctx context.Context) (first, last uint64, err error)
}

// Ledger is an open file. Its queries are safe for concurrent use; Follow is for
// one goroutine.
type Ledger struct {
	db     *bolt.DB
	path   string
	source Source
	log    *slog.Logger

	mu    sync.Mutex
	at    uint64
	moved chan struct{} // closed and replaced when at moves
}

// Open opens the file at path, making it and its folder if they are missing.
// It asks the source whether the file fits.
//
// Errors: ErrLocked, those of source, or what the operating system says.
func Open(ctx context.Context, path string, source Source, log *slog.Logger) (*Ledger, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of %s: %w", path, err)
	}
	for range 2 {
		l, err := open(ctx, path, source, log)
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, errMismatch) {
			return nil, fmt.Errorf("open the ledger %s: %w", path, err)
		}
		log.Warn("the ledger cannot be used and is built again from the stream of attempts", "file", path, "error", err)
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the ledger %s cannot be built: it does not stay usable", path)
}

// errMismatch says that the file was folded from another stream.
var errMismatch = errors.New("ledger: the file does not fit the stream")

func open(ctx context.Context, path string, source Source, log *slog.Logger) (*Ledger, error) {
	l := &Ledger{path: path, source: source, log: log, moved: make(chan struct{})}
	err := l.openFile()
	if err == nil {
		err = l.fits(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Ledger) openFile() (err error) {
	if l.db, err = boltfile.Open(l.path, boltfile.Options{}); err != nil {
		return err
	}
	return l.db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{metaBucket, slotBucket, endpointBucket, deliveryBucket, statusBucket, dueBucket, replayBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(metaBucket)
		switch v := meta.Get(formatKey); {
		case v == nil:
			return meta.Put(formatKey, []byte{format})
		case len(v) != 1 || v[0] != format:
			return fmt.Errorf("%w: it has format %v, this program writes %d", ErrCorrupt, v, format)
		}
		p, err := readPosition(tx)
		l.at = p.seq
		return err
	})
}

// fits compares the last frame that was folded with the stream's.
func (l *Ledger) fits(ctx context.Context) error {
	var p position
	if err := l.db.View(func(tx *bolt.Tx) (err error) {
		p, err = readPosition(tx)
		return err
	}); err != nil || p.seq == 0 {
		return err
	}
	first, last, err := l.source.Bounds(ctx)
	switch {
	case err != nil:
		return err
	case last < p.seq:
		return fmt.Errorf("%w: it is folded up to sequence %d, the stream ends at %d", errMismatch, p.seq, last)
	case p.seq < first:
		return nil // trimmed meanwhile; each slot goes on from its checkpoint
	}
	f, ok, err := l.source.Frame(ctx, p.seq)
	if err != nil {
		return err
	}
	if ok && (f.Slot != p.slot || f.Index != p.index) {
		return fmt.Errorf("%w: sequence %d is frame %d of slot %d, not frame %d of slot %d", errMismatch, p.seq, f.Index, f.Slot, p.index, p.slot)
	}
	return nil
}

// Path returns where the file is.
func (l *Ledger) Path() string { return l.path }

// Close closes the file. Follow must have returned.
func (l *Ledger) Close() error {
	if l.db == nil {
		return nil
	}
	return l.db.Close()
}

// Position returns the sequence in ATTEMPTS up to which the rows are folded.
func (l *Ledger) Position() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at
}

// CatchUp returns when the rows hold everything that was recorded before the
// call, or with ctx's error, or with the source's.
func (l *Ledger) CatchUp(ctx context.Context) error {
	_, last, err := l.source.Bounds(ctx)
	if err != nil {
		return err
	}
	return l.Wait(ctx, last)
}

// Wait returns when the rows are folded up to a sequence, or with ctx's error.
func (l *Ledger) Wait(ctx context.Context, seq uint64) error {
	for {
		l.mu.Lock()
		at, moved := l.at, l.moved
		l.mu.Unlock()
		if at >= seq {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-moved:
		}
	}
}
