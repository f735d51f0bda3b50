package projector

import (
	"context"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// patience is how long a call waits for the read model before it is answered
// 503.
const patience = 10 * time.Second

// Read calls f with the read model as of at least every write that was answered
// before the call began.
//
// Errors: Unavailable when the model does not get there in time; f's own.
func (p *Projector) Read(ctx context.Context, f func(directory.View) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tail, err := p.cfg.Log.Tail(ctx)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "The log cannot be reached. Try again.")
	}
	if err := p.Reached(ctx, tail); err != nil {
		return err
	}
	snap, err := p.store.Snapshot()
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "The read model is closing. Try again.")
	}
	defer func() { _ = snap.Close() }()
	return f(snap)
}

// Reached waits until the read model shows the frame at seq.
func (p *Projector) Reached(ctx context.Context, seq uint64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.Wait(ctx, seq); err != nil {
		return fault.Wrap(fault.Unavailable, err, "The read model is catching up with the log. Try again.")
	}
	return nil
}
