// Package replica is the folded state of one partition in this process: layers
// of rows in memory over a read model file.
//
//	a frame being decided      (the committer's own overlay)
//	active: folded, not in the file yet
//	frozen: being written to the file
//	the file
//
// A follower folds every frame of the log; the owner of the log, which knows
// its frames before they are stored, hands them in with Commit instead. The
// file is written in the background, by size or time, with the position in the
// same transaction. The layers in memory are bounded: whoever folds waits for
// the file when it lags.
//
// What must not live here: deciding and appending (pkg/commit), public events
// (services/projector).
package replica

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
)

const (
	// flushRows and flushEvery bound what the file lags behind: whichever comes
	// first. The file saves folding after a restart and nothing else, so it is
	// written seldom: its syncs would hold up those of the log, which callers
	// wait for. What lags is folded from the log again, some 50,000 events a
	// second.
	flushRows  = 50_000
	flushEvery = 2 * time.Second
	// maxRows is when folding waits for the file.
	maxRows = 400_000
)

// Replica is safe for concurrent use, but only one goroutine at a time may
// fold (Follow, CatchUp or Commit).
type Replica struct {
	source eventlog.Source
	store  *readmodel.Store
	log    *slog.Logger
	limit  int // maxRows

	mu      sync.RWMutex
	active  *directory.Overlay
	frozen  *directory.Overlay // nil while nothing is being written
	at      readmodel.Checkpoint
	stored  readmodel.Checkpoint // what the file, once frozen is dropped, is at
	moved   chan struct{}        // closed and replaced when at moves
	written chan struct{}        // closed and replaced when frozen is dropped
	dirty   chan struct{}        // capacity 1: there is something to write
	broken  error                // the file or a fold failed: nothing is served any more

	stop context.CancelFunc
	done chan struct{}
}

// Open opens the file at path and starts writing it in the background. A damaged
// file is removed and starts over; one that fits another log is an error that
// matches *eventlog.MismatchError.
func Open(ctx context.Context, path string, source eventlog.Source, log *slog.Logger) (*Replica, error) {
	store, at, err := readmodel.OpenFitting(ctx, path, source, log)
	if err != nil {
		return nil, err
	}
	r := &Replica{
		source: source, store: store, log: log, limit: maxRows, at: at, stored: at,
		active: directory.NewOverlay(directory.Empty{}),
		moved:  make(chan struct{}), written: make(chan struct{}), dirty: make(chan struct{}, 1), done: make(chan struct{}),
	}
	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	go r.write(ctx)
	return r, nil
}

// Close stops the background writing, writes what is left, and closes the file.
func (r *Replica) Close() error {
	r.stop()
	<-r.done
	return r.store.Close()
}

// At returns how far the replica is folded.
func (r *Replica) At() readmodel.Checkpoint {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.at
}

// Wait returns when the frame at seq is folded.
func (r *Replica) Wait(ctx context.Context, seq uint64) error {
	for {
		r.mu.RLock()
		at, moved, broken := r.at.Seq, r.moved, r.broken
		r.mu.RUnlock()
		switch {
		case broken != nil:
			return broken
		case at >= seq:
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-moved:
		}
	}
}

// Read calls f with the state as of now. f must be short: nothing is folded
// while it runs. For long scans take a Snapshot.
func (r *Replica) Read(f func(directory.View) error) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.broken != nil {
		return r.broken
	}
	v, err := r.view(r.active)
	if err != nil {
		return err
	}
	defer v.Close()
	return f(v)
}

// Snapshot returns the state as of now. Close it soon.
func (r *Replica) Snapshot() (*Snapshot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return nil, r.broken
	}
	return r.view(r.active.Snapshot(directory.Empty{}))
}

// State returns the state as of now without copying anything: for the goroutine
// that folds, until it folds again. Close it then.
func (r *Replica) State() (*Snapshot, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.broken != nil {
		return nil, r.broken
	}
	return r.view(r.active)
}

// view stacks the layers. The caller holds mu.
func (r *Replica) view(active *directory.Overlay) (*Snapshot, error) {
	file, err := r.store.Snapshot()
	if err != nil {
		return nil, err
	}
	var below directory.View = file
	if r.frozen != nil {
		below = r.frozen.Over(below)
	}
	return &Snapshot{View: active.Over(below), At: r.at, file: file}, nil
}

// Snapshot is the state as of At.
type Snapshot struct {
	directory.View
	At   readmodel.Checkpoint
	file *readmodel.Snapshot
}

// Close gives the file's pages back.
func (s *Snapshot) Close() { _ = s.file.Close() }

// Commit folds a frame that the owner appended: its changes are known. It waits
// while the file lags too far behind.
func (r *Replica) Commit(ctx context.Context, to readmodel.Checkpoint, changes *directory.Overlay) error {
	if err := r.room(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	changes.Changes(func(k directory.Key, row directory.Row) bool {
		r.active.Set(k, row)
		return true
	})
	r.advance(to)
	return nil
}

// advance moves the position and wakes who waits for it. The caller holds mu.
func (r *Replica) advance(to readmodel.Checkpoint) {
	r.at = to
	close(r.moved)
	r.moved = make(chan struct{})
	select {
	case r.dirty <- struct{}{}:
	default:
	}
}

// room waits until the layers in memory are within their bound.
func (r *Replica) room(ctx context.Context) error {
	for {
		r.mu.RLock()
		n, written, broken := r.active.Len(), r.written, r.broken
		r.mu.RUnlock()
		if broken != nil {
			return broken
		}
		if n < r.limit {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-written:
		}
	}
}

// fold folds one frame of the log.
func (r *Replica) fold(ctx context.Context, e eventlog.Entry) error {
	if err := r.room(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v, err := r.view(r.active)
	if err != nil {
		return err
	}
	defer v.Close()
	top := directory.NewOverlay(v)
	to := r.at.Advanced(e)
	for _, c := range e.Frame.Commits {
		for _, ev := range c.Events {
			changes, err := directory.Evolve(top, ev)
			if err != nil {
				r.broken = fmt.Errorf("%w: fold the frame at sequence %d: %w", ErrBroken, e.Position.Seq, err)
				close(r.moved) // let waiters see it
				r.moved = make(chan struct{})
				return r.broken
			}
			top.Apply(changes)
		}
	}
	top.Changes(func(k directory.Key, row directory.Row) bool {
		r.active.Set(k, row)
		return true
	})
	r.advance(to)
	return nil
}
