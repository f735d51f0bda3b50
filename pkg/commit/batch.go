package commit

import (
	"context"
	"errors"
	"time"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/replica"
)

// group is commands that were decided together: the frame they become and the
// state behind it.
type group struct {
	snap    *replica.Snapshot // what it was decided on, below the group before it
	lastID  uint64
	lastAt  time.Time
	decided []*pending
	commits int
	events  int
	encoded []byte
	changes *directory.Overlay
}

// open starts a group behind the one that is on its way, or on the replica's
// state if there is none.
func (c *Committer) open(behind *group) (*group, error) {
	snap, err := c.replica.State()
	if err != nil {
		return nil, err
	}
	g := &group{snap: snap, lastID: snap.At.LastID, lastAt: snap.At.LastAt}
	var below directory.View = snap
	if behind != nil {
		g.lastID, g.lastAt = behind.lastID, behind.lastAt
		below = behind.changes.Over(snap)
	}
	g.changes = directory.NewOverlay(&remembered{View: below, rows: map[directory.Key]directory.Row{}})
	return g, nil
}

// close gives up what the group was decided on.
func (g *group) close() { g.snap.Close() }

// full reports whether the group takes no further command.
func (g *group) full() bool {
	return len(g.encoded) >= frame.TargetSize || len(g.decided) >= MaxCommands
}

// add decides a command in the group. It reports false, and changes nothing, if
// the command must wait for the next frame. With an error the group is spoilt:
// the command is marked as failed, and the group must be decided again.
func (g *group) add(p *pending, now time.Time) (taken bool, err error) {
	p.key, p.row, p.err, p.changed, p.outcome = "", nil, p.failed, false, directory.Outcome{}
	switch {
	case p.failed != nil:
	case p.request.Command == nil && p.chain == nil: // asks only for a fresh state
	case p.ctx.Err() != nil, !p.take():
		p.err = fault.Wrap(fault.Unavailable, context.Cause(p.ctx), "The request was given up before it was decided; nothing was changed.")
		if p.chain != nil {
			p.chain.broken = p.err
		}
	case p.chain != nil && p.link():
	default:
		wait, err := g.take(p, now)
		if err != nil {
			p.failed = fault.Wrap(fault.Internal, err, "The server failed to handle this request; the operator's log has the cause.")
			return false, err
		}
		if wait {
			return false, nil
		}
	}
	p.settle()
	g.decided = append(g.decided, p)
	return true, nil
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
	p.outcome = directory.Outcome{Deviations: out.Deviations, Notes: out.Notes}
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
		p.done <- answer{result: Result{
			Row: p.row, Key: p.key, Seq: seq, Changed: p.changed, Deviations: p.outcome.Deviations, Notes: p.outcome.Notes,
		}, err: p.err}
	}
}

// remembered keeps the rows that one command after the other asks for: secrets,
// directories, domains. What is below it does not change while a group is
// decided.
type remembered struct {
	directory.View
	rows map[directory.Key]directory.Row
}

// Get implements directory.View.
func (r *remembered) Get(k directory.Key) (directory.Row, error) {
	switch k.Table() {
	case directory.TableSecret, directory.TableDirectory, directory.TableDomain, directory.TableDomainName, directory.TableCounts,
		directory.TableUserChunk, directory.TableGroupChunk:
	default:
		return r.View.Get(k)
	}
	if row, ok := r.rows[k]; ok {
		return row, nil
	}
	row, err := r.View.Get(k)
	if err == nil {
		r.rows[k] = row
	}
	return row, err
}
