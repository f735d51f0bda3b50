package readmodel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

// OpenFitting opens the file at path and compares its checkpoint with the log.
// A damaged file is removed and starts over, since it can be folded again.
//
// A checkpoint that names a frame which the log does not hold is an error that
// matches *eventlog.MismatchError, and the file stays: the log has lost what it
// once acknowledged, or is another one. Starting over would hide that, and what
// was told to receivers since would be told under the same numbers again.
func OpenFitting(ctx context.Context, path string, source eventlog.Source, log *slog.Logger) (*Store, Checkpoint, error) {
	for range 2 {
		store, at, err := openAt(ctx, path, source)
		if err == nil {
			return store, at, nil
		}
		if _, mismatch := errors.AsType[*eventlog.MismatchError](err); mismatch {
			return nil, Checkpoint{}, fmt.Errorf("%s was folded from a longer or another log: %w. "+
				"Restore the log from a backup or replica; if this log is the right one, remove the file and start again", path, err)
		}
		if !errors.Is(err, ErrCorrupt) {
			return nil, Checkpoint{}, fmt.Errorf("open the read model %s: %w", path, err)
		}
		log.Warn("the read model cannot be used and is built again from the log", "file", path, "error", err)
		if err := Remove(path); err != nil {
			return nil, Checkpoint{}, err
		}
	}
	return nil, Checkpoint{}, fmt.Errorf("the read model %s cannot be built: it does not stay usable", path)
}

func openAt(ctx context.Context, path string, source eventlog.Source) (*Store, Checkpoint, error) {
	store, err := Open(path)
	if err != nil {
		return nil, Checkpoint{}, err
	}
	at, err := store.Checkpoint()
	if err == nil {
		var r eventlog.Reader
		if r, err = source.Open(ctx, at.Position); err == nil {
			if err = r.Close(); err == nil {
				return store, at, nil
			}
		}
	}
	return nil, Checkpoint{}, errors.Join(err, store.Close())
}

// Advanced returns the checkpoint behind the entry.
func (c Checkpoint) Advanced(e eventlog.Entry) Checkpoint {
	c.Position = e.Position
	for i := range e.Frame.Commits {
		for j := range e.Frame.Commits[i].Events {
			ev := &e.Frame.Commits[i].Events[j]
			c.LastID = max(c.LastID, ev.ID)
			if ev.At.After(c.LastAt) {
				c.LastAt = ev.At
			}
		}
	}
	return c
}
