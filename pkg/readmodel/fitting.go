package readmodel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

// OpenFitting opens the file at path if it fits the log: its checkpoint names a
// frame that the log holds. A file that is damaged or does not fit is removed
// and starts over, since the log decides.
func OpenFitting(ctx context.Context, path string, source eventlog.Source, log *slog.Logger) (*Store, Checkpoint, error) {
	for range 2 {
		store, at, err := openAt(ctx, path, source)
		if err == nil {
			return store, at, nil
		}
		_, mismatch := errors.AsType[*eventlog.MismatchError](err)
		if !mismatch && !errors.Is(err, ErrCorrupt) {
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
