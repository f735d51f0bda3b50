package commit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
)

// errMoved says that the log went on without this process.
var errMoved = errors.New("commit: the log moved on")

// append stores the group's frame behind from, or, if nothing was decided, makes
// sure that the state it was decided on is the newest.
//
// Errors: errMoved, or those of eventlog.Appender except ErrConflict.
func (c *Committer) append(ctx context.Context, from readmodel.Checkpoint, g *group) (readmodel.Checkpoint, error) {
	to := from
	if g.commits == 0 {
		if c.cfg.Sole {
			return to, nil
		}
		tail, err := c.log.Tail(ctx)
		switch {
		case err != nil:
		case tail > to.Seq:
			err = errMoved
		case tail < to.Seq: // the log forgot what it acknowledged
			err = &eventlog.MismatchError{Want: to.Position}
		}
		return to, err
	}
	b := frame.Assemble(from.Next(), g.commits, g.encoded)
	sum := frame.Sum(b)
	seq, err := c.store(ctx, from.Position, b, sum)
	if err != nil {
		return to, err
	}
	to.Position = from.After(seq, sum, g.events)
	to.LastID, to.LastAt = g.lastID, g.lastAt
	return to, nil
}

// store appends b and returns only when its fate is known, or ctx ends.
func (c *Committer) store(ctx context.Context, expect eventlog.Position, b []byte, sum frame.Hash) (uint64, error) {
	// Once an answer is missing, only an ack or what stands in the log settles
	// it: that the log is full or away by now says nothing of the first attempt.
	unknown := false
	for {
		seq, err := c.log.Append(ctx, expect, b)
		switch {
		case err == nil:
			return seq, nil
		case errors.Is(err, eventlog.ErrUnknown):
			unknown = true
			c.cfg.Logger.Warn("an append had no answer; sending the identical frame again", "frame", expect.Index+1, "error", err)
		case errors.Is(err, eventlog.ErrConflict), unknown:
			// Either somebody else's frame is there, or ours from an attempt
			// whose answer was lost, or nothing: a replicated stream may refuse a
			// lone writer for a moment (facts: code 10164).
			seq, found, looked := c.look(ctx, expect, sum)
			switch {
			case looked != nil && fatal(looked):
				return 0, looked
			case looked == nil && found == foreign:
				return 0, errMoved
			case looked == nil && found == own:
				return seq, nil
			}
		default:
			return 0, err
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%w: %w", eventlog.ErrUnknown, context.Cause(ctx))
		case <-time.After(again):
		}
	}
}

type sighting uint8

const (
	absent  sighting = iota // nothing behind the expected frame
	own                     // the frame with our hash
	foreign                 // another frame
)

// look reads what stands behind the expected frame.
func (c *Committer) look(ctx context.Context, expect eventlog.Position, sum frame.Hash) (uint64, sighting, error) {
	tail, err := c.log.Tail(ctx)
	if err != nil {
		return 0, absent, err
	}
	if tail == expect.Seq {
		return 0, absent, nil
	}
	r, err := c.log.Open(ctx, expect)
	if err != nil {
		return 0, absent, err
	}
	defer func() { _ = r.Close() }()
	e, err := r.Next(ctx)
	if err != nil {
		return 0, absent, err
	}
	if e.Position.Hash == sum {
		return e.Position.Seq, own, nil
	}
	return e.Position.Seq, foreign, nil
}
