package replica

import (
	"context"
	"errors"
	"time"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

// retryAfter is how long a follower waits before it asks an unreachable log
// again.
const retryAfter = 100 * time.Millisecond

// Follow folds every frame of the log until ctx ends. It returns early only if
// the log is damaged, holds a frame of a newer version, or cannot be folded;
// the replica then keeps answering from where it stopped only to those who ask
// for no later position.
func (r *Replica) Follow(ctx context.Context) error {
	return r.follow(ctx, 0)
}

// CatchUp folds up to and including the frame at seq.
func (r *Replica) CatchUp(ctx context.Context, seq uint64) error {
	if r.At().Seq >= seq {
		return nil
	}
	return r.follow(ctx, seq)
}

func (r *Replica) follow(ctx context.Context, until uint64) error {
	for {
		err := r.read(ctx, until)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case final(err):
			return err
		}
		r.log.Warn("the log cannot be read; trying again", "error", err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(retryAfter):
		}
	}
}

// final reports whether reading again cannot help.
func final(err error) bool {
	if _, ok := errors.AsType[*frame.UnknownVersionError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*eventlog.MismatchError](err); ok {
		return true
	}
	return errors.Is(err, eventlog.ErrDamaged) || errors.Is(err, ErrBroken)
}

// ErrBroken says that the fold or the file failed: nothing is served any more.
var ErrBroken = errors.New("replica: the state cannot be folded further")

func (r *Replica) read(ctx context.Context, until uint64) error {
	reader, err := r.source.Open(ctx, r.At().Position)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	for {
		e, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		if err := r.fold(ctx, e); err != nil {
			if ctx.Err() != nil {
				return err
			}
			return errors.Join(ErrBroken, err)
		}
		if until > 0 && e.Position.Seq >= until {
			return nil
		}
	}
}

// write keeps the file up to date in the background.
func (r *Replica) write(ctx context.Context) {
	defer close(r.done)
	for {
		select {
		case <-ctx.Done():
			r.flush()
			return
		case <-r.dirty:
		}
		// Collect for a while, unless there is much already.
		wait := time.NewTimer(flushEvery)
		for r.pending() < flushRows {
			select {
			case <-ctx.Done():
			case <-wait.C:
			case <-r.dirty:
				continue
			}
			break
		}
		wait.Stop()
		r.flush()
	}
}

func (r *Replica) pending() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.active.Len()
}

// flush writes the active layer to the file and drops it.
func (r *Replica) flush() {
	r.mu.Lock()
	if r.broken != nil || r.at == r.stored { // frames without rows move the position too
		r.mu.Unlock()
		return
	}
	r.frozen, r.active = r.active, directory.NewOverlay(directory.Empty{})
	frozen, to := r.frozen, r.at
	r.stored = to
	r.mu.Unlock()

	err := r.store.Change(to, frozen.Changes, nil)

	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		// The rows stay readable in frozen, but the file can no longer be
		// trusted to take more: stop rather than grow without bound.
		r.broken = errors.Join(ErrBroken, err)
		r.log.Error("the read model cannot be written", "file", r.store.Path(), "error", err)
	} else {
		r.frozen = nil
	}
	close(r.written)
	r.written = make(chan struct{})
	close(r.moved) // let waiters see broken
	r.moved = make(chan struct{})
}
