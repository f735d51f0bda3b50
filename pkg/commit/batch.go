package commit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
	"github.com/rollcallhq/rollcall/pkg/replica"
)

// group is a decided batch: the frame it becomes and the state behind it.
type group struct {
	from    readmodel.Checkpoint // what it was decided on
	lastID  uint64
	lastAt  time.Time
	decided []*pending
	commits int
	events  int
	encoded []byte
	changes *directory.Overlay
}

// commit decides and appends until the batch is answered. It returns the
// commands that are not: those that did not fit into the frame, or, with an
// error, all that it leaves without an answer.
func (c *Committer) commit(ctx context.Context, batch []*pending) (rest []*pending, err error) {
	for {
		g, rest, snap, err := c.decide(batch)
		if err != nil {
			return batch, err
		}
		to, err := c.append(ctx, g)
		snap.Close()
		switch {
		case err == nil:
			if g.commits > 0 {
				err = c.replica.Commit(ctx, to, g.changes)
			}
			// Whatever became of the replica, the log holds the frame.
			// Who is answered now and who came meanwhile are all callers there are.
			c.answered = len(g.decided) + len(c.queue)
			g.answer(to.Seq)
			return rest, err
		case errors.Is(err, errMoved):
			tail, err := c.log.Tail(ctx)
			if err != nil {
				return batch, err
			}
			if err := c.replica.CatchUp(ctx, tail); err != nil {
				return batch, err
			}
		default:
			return batch, err
		}
	}
}

// errMoved says that the log went on without this process.
var errMoved = errors.New("commit: the log moved on")

// decide runs the batch against the replica's state. The snapshot that the
// group's changes are layered on is the caller's to close.
func (c *Committer) decide(batch []*pending) (*group, []*pending, *replica.Snapshot, error) {
	for {
		snap, err := c.replica.State()
		if err != nil {
			return nil, nil, nil, err
		}
		g, n, err := c.decideOn(snap, batch)
		if err == nil {
			return g, batch[n:], snap, nil
		}
		snap.Close()
		// One command could not be folded: it is marked, and the others are
		// decided again without its half-made changes.
		c.cfg.Logger.Error("a command could not be folded", "error", err)
	}
}

func (c *Committer) decideOn(snap *replica.Snapshot, batch []*pending) (*group, int, error) {
	g := &group{from: snap.At, lastID: snap.At.LastID, lastAt: snap.At.LastAt, changes: directory.NewOverlay(snap)}
	at := c.cfg.Clock().UTC().Truncate(time.Microsecond)
	for i, p := range batch {
		if len(g.encoded) >= frame.TargetSize {
			return g, i, nil
		}
		p.key, p.row, p.err, p.changed = "", nil, p.failed, false
		switch {
		case p.failed != nil:
		case p.request.Command == nil: // asks only for a fresh state
		case p.ctx.Err() != nil, !p.take():
			p.err = fault.Wrap(fault.Unavailable, context.Cause(p.ctx), "The request was given up before it was decided; nothing was changed.")
		default:
			full, err := g.take(p, at)
			if err != nil {
				p.failed = fault.Wrap(fault.Internal, err, "The server failed to handle this request; the operator's log has the cause.")
				return nil, 0, err
			}
			if full {
				return g, i, nil
			}
		}
		g.decided = append(g.decided, p)
	}
	return g, len(batch), nil
}

// take decides one command and folds what it causes into the group. It reports
// true, and changes nothing, if the command must wait for the next frame.
func (g *group) take(p *pending, now time.Time) (full bool, err error) {
	stamp := directory.Stamp{At: g.nextAt(now), FirstID: max(g.lastID+1, uint64(max(now.UnixMicro(), 0))*100)} //nolint:gosec // not negative
	out, err := directory.Decide(g.changes, p.request, stamp)
	if err != nil {
		if _, refused := errors.AsType[*fault.Error](err); !refused {
			return false, err
		}
		p.err = err
		return false, nil
	}
	if len(out.Events) > 0 {
		before := len(g.encoded)
		g.encoded = frame.AppendCommit(g.encoded, frame.Commit{Command: p.request.ID, Events: out.Events})
		if size := len(g.encoded) - before; len(g.encoded)+headerRoom > frame.MaxSize {
			g.encoded = g.encoded[:before]
			if size+headerRoom <= frame.MaxSize {
				return true, nil
			}
			p.err = fault.New(fault.TooLarge, "This change is larger than one commit can hold (%d bytes, at most %d); split it into several requests.", size, frame.MaxSize-headerRoom)
			return false, nil
		}
		for _, e := range out.Events {
			changes, err := directory.Evolve(g.changes, e)
			if err != nil {
				return false, err
			}
			g.changes.Apply(changes)
		}
		g.commits++
		g.events += len(out.Events)
		g.lastID, g.lastAt = out.Events[len(out.Events)-1].ID, stamp.At
		p.changed = true
	}
	if out.Resource != "" {
		p.key = out.Resource
		if p.row, err = g.changes.Get(out.Resource); err != nil {
			return false, err
		}
	}
	return false, nil
}

// nextAt returns a time for the next commit: never before an earlier one, also
// when the clock jumps back.
func (g *group) nextAt(now time.Time) time.Time {
	if now.After(g.lastAt) {
		return now
	}
	return g.lastAt.Add(time.Microsecond)
}

func (g *group) answer(seq uint64) {
	for _, p := range g.decided {
		p.done <- answer{result: Result{Row: p.row, Key: p.key, Seq: seq, Changed: p.changed}, err: p.err}
	}
}

// append stores the group's frame, or, if nothing was decided, makes sure that
// the state it was decided on is the newest.
//
// Errors: errMoved, or those of eventlog.Appender except ErrConflict.
func (c *Committer) append(ctx context.Context, g *group) (readmodel.Checkpoint, error) {
	to := g.from
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
	b := frame.Assemble(g.from.Next(), g.commits, g.encoded)
	sum := frame.Sum(b)
	seq, err := c.store(ctx, g.from.Position, b, sum)
	if err != nil {
		return to, err
	}
	to.Position = g.from.After(seq, sum, g.events)
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
