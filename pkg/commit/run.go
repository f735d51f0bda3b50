package commit

import (
	"context"
	"errors"
	"time"

	"github.com/rollcallhq/rollcall/pkg/readmodel"
)

// run is one call of Run. Two groups are under way at most: one whose frame is
// being appended, and one that is decided on top of it meanwhile.
type run struct {
	c         *Committer
	finishing context.Context // outlives Run's context for a moment
	flying    *flight
	next      *group
	carry     []*pending // taken from the queue, for the next group before anything else
	usual     int        // bytes of the last group's commits: room that the next one begins with
}

// flight is a group whose frame is being appended.
type flight struct {
	*group
	landed chan landing // capacity 1
}

type landing struct {
	to  readmodel.Checkpoint
	err error
}

// loop serves until ctx ends or the log or the state cannot be used.
func (r *run) loop(ctx context.Context) error {
	defer func() { answerAll(r.undecided(), notOwner()) }()
	for {
		err := r.decide()
		if err == nil && r.flying == nil && r.next != nil {
			r.launch()
			continue
		}
		if err == nil {
			var over bool
			if over, err = r.wait(ctx); over {
				return nil
			}
		}
		if err == nil {
			continue
		}
		r.c.fail(r.undecided(), err)
		if r.flying != nil {
			err = errors.Join(err, r.land(<-r.flying.landed))
		}
		if ctx.Err() != nil {
			return nil
		}
		if fatal(err) {
			return err
		}
	}
}

// wait takes the next command or the answer to the frame on its way, whichever
// comes first. It reports true once ctx has ended and nothing is on its way.
func (r *run) wait(ctx context.Context) (over bool, err error) {
	if r.flying == nil {
		select {
		case p := <-r.c.queue:
			r.carry = append(r.carry, p)
			return false, nil
		case <-ctx.Done():
			return true, nil
		}
	}
	queue := r.c.queue
	if len(r.carry) > 0 || r.next != nil && r.next.full() || ctx.Err() != nil {
		queue = nil
	}
	select {
	case p := <-queue:
		r.carry = append(r.carry, p)
		return false, nil
	case l := <-r.flying.landed:
		err = r.land(l)
		return err == nil && ctx.Err() != nil, err
	}
}

// decide puts what was taken from the queue into the next group, as far as it
// has room. With nothing on its way, what else waits is taken first, so that one
// frame holds it all.
func (r *run) decide() error {
	for {
		if len(r.carry) == 0 {
			if r.flying != nil || r.next == nil || len(r.next.decided) >= departure {
				return nil
			}
			select {
			case p := <-r.c.queue:
				r.carry = append(r.carry[:0], p)
			default:
				return nil
			}
		}
		if r.next == nil {
			g, err := r.open()
			if err != nil {
				return err
			}
			r.next = g
		}
		if r.next.full() {
			return nil
		}
		taken, err := r.next.add(r.carry[0], r.c.cfg.Clock().UTC().Truncate(time.Microsecond))
		if err != nil {
			// It is marked, and the others are decided again without its
			// half-made changes.
			r.c.cfg.Logger.Error("a command could not be folded", "error", err)
			r.carry = r.undecided()
			continue
		}
		if !taken {
			return nil
		}
		r.carry = r.carry[1:]
	}
}

func (r *run) open() (g *group, err error) {
	if r.flying == nil {
		g, err = r.c.open(nil)
	} else {
		g, err = r.c.open(r.flying.group)
	}
	if err == nil {
		g.encoded = make([]byte, 0, r.usual+r.usual/4)
	}
	return g, err
}

// launch appends the next group's frame in the background.
func (r *run) launch() {
	f := &flight{group: r.next, landed: make(chan landing, 1)}
	r.flying, r.next, r.usual = f, nil, len(f.encoded)
	from := r.c.replica.At()
	go func() {
		to, err := r.c.append(r.finishing, from, f.group)
		f.landed <- landing{to, err}
	}()
}

// land folds and answers the group whose frame was appended. If the log moved
// on or refused the frame, what was decided on top of it is decided again.
//
// Errors: those after which what is under way cannot be decided.
func (r *run) land(l landing) error {
	g := r.flying.group
	r.flying = nil
	defer g.close()
	switch {
	case l.err == nil:
		var err error
		if g.commits > 0 {
			err = r.c.replica.Commit(r.finishing, l.to, g.changes)
		}
		// Whatever became of the replica, the log holds the frame.
		g.answer(l.to.Seq)
		return err
	case errors.Is(l.err, errMoved):
		r.carry = append(g.decided, r.undecided()...)
		tail, err := r.c.log.Tail(r.finishing)
		if err == nil {
			err = r.c.replica.CatchUp(r.finishing, tail)
		}
		return err
	default:
		r.carry = r.undecided()
		r.c.fail(g.decided, l.err)
		if fatal(l.err) {
			return l.err
		}
		return nil
	}
}

// undecided takes back what waits and what was decided behind a frame that is
// not in the log.
func (r *run) undecided() []*pending {
	ps := r.carry
	if r.next != nil {
		ps = append(r.next.decided, ps...)
		r.next.close()
	}
	r.next, r.carry = nil, nil
	return ps
}
