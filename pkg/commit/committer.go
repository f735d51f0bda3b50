// Package commit is the owner's side of a partition: it decides commands one
// after the other and appends what they cause as one frame, a group commit.
//
// The Committer collects what waits, decides each command in a state that
// shows the ones before it, and appends one frame with all the commits under
// the expectation that nobody appended since. On the ack the frame joins the
// replica and every caller is answered; refusals decided behind an uncommitted
// command wait for that ack too. A conflict drops what was decided, catches up
// and decides again. An append without an answer is unknown, never failed:
// nothing else is decided until the identical frame is acknowledged or the log
// shows what became of it.
//
// What must not live here: what a command means (pkg/directory), who owns the
// partition (services/ingress), storage.
package commit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/replica"
)

const (
	// MaxCommands is how many commands one frame holds at most.
	MaxCommands = 1024
	// queued is how many commands wait before Submit blocks.
	queued = 8192
	// headerRoom is what a frame needs besides its commits, in bytes.
	headerRoom = 128
	// again is the pause before an append without a clear answer is repeated.
	again = 5 * time.Millisecond
	// lingerAtMost is how long a group waits for the callers of the last one, if
	// those were at least lingerFrom.
	lingerAtMost = 300 * time.Microsecond
	lingerFrom   = 8
)

// Config says how a Committer works.
type Config struct {
	// Clock is the wall clock; nil is time.Now. Stamps never go backwards,
	// whatever it does.
	Clock func() time.Time
	// Sole says that no other process can append to this log (an embedded
	// server behind a locked folder), so that the state is known to be fresh
	// without asking.
	Sole   bool
	Logger *slog.Logger
}

// Result is the answer to a command.
type Result struct {
	// Row is the row that the command is about, right behind its commit, and Key
	// its key; nil and empty for deletions.
	Row directory.Row
	Key directory.Key
	// Seq is the log sequence that the answer reflects.
	Seq uint64
	// Changed says whether anything was appended.
	Changed bool
}

// Committer serves one partition. Submit is safe for concurrent use; Run is
// for one goroutine at a time.
type Committer struct {
	log     eventlog.Log
	replica *replica.Replica
	cfg     Config
	queue   chan *pending

	// answered is how many commands the last group answered; only Run uses it.
	answered int
}

// pending is a command that waits for its answer. A nil command asks only that
// the state be fresh.
type pending struct {
	ctx     context.Context
	request directory.Request
	done    chan answer // capacity 1

	// Set while its batch is under way.
	key     directory.Key
	row     directory.Row
	err     error
	changed bool
	failed  error // an internal failure: do not decide it again
}

type answer struct {
	result Result
	err    error
}

// New returns a Committer that is not running.
func New(log eventlog.Log, r *replica.Replica, cfg Config) *Committer {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Committer{log: log, replica: r, cfg: cfg, queue: make(chan *pending, queued)}
}

// Submit decides the request and returns once what it caused is durable.
//
// Errors: what directory.Decide refuses; Unavailable when the log cannot take
// it or the outcome is not known in time (the request may still come to be:
// sending it again is safe, as commands are idempotent or unique).
func (c *Committer) Submit(ctx context.Context, r directory.Request) (Result, error) {
	return c.enqueue(&pending{ctx: ctx, request: r, done: make(chan answer, 1)})
}

// Refresh returns once the replica shows every frame acknowledged before the
// call.
func (c *Committer) Refresh(ctx context.Context) error {
	_, err := c.enqueue(&pending{ctx: ctx, done: make(chan answer, 1)})
	return err
}

func (c *Committer) enqueue(p *pending) (Result, error) {
	select {
	case c.queue <- p:
	case <-p.ctx.Done():
		return Result{}, fault.Wrap(fault.Unavailable, context.Cause(p.ctx), "The server is busy; nothing was changed. Try again.")
	}
	select {
	case a := <-p.done:
		return a.result, a.err
	case <-p.ctx.Done():
		return Result{}, fault.Wrap(fault.Unavailable, context.Cause(p.ctx), "The log did not answer in time; the outcome is not known. Try again.")
	}
}

// Run serves until ctx ends, then refuses what still waits. It first catches
// up with the log.
//
// Errors: those that make the log or the state unusable; the caller decides
// whether to run again.
func (c *Committer) Run(ctx context.Context) error {
	defer c.refuse()
	tail, err := c.log.Tail(ctx)
	if err != nil {
		return err
	}
	if err := c.replica.CatchUp(ctx, tail); err != nil {
		return err
	}
	var carry []*pending // taken from the queue, not yet in a frame
	for {
		batch, err := c.collect(ctx, carry)
		if err != nil {
			answerAll(carry, fault.Wrap(fault.Unavailable, err, "The server is stopping; nothing was changed. Try again."))
			return nil
		}
		rest, err := c.commit(ctx, batch)
		if err != nil {
			c.fail(batch, err)
			if ctx.Err() != nil {
				return nil
			}
			if fatal(err) {
				return err
			}
			carry = nil
			continue
		}
		carry = rest
	}
}

// fatal reports whether deciding again cannot help.
func fatal(err error) bool {
	if _, ok := errors.AsType[*frame.UnknownVersionError](err); ok {
		return true
	}
	return errors.Is(err, eventlog.ErrDamaged)
}

// collect waits for a command and takes what else is there.
//
// It then gives the callers that were just answered a moment to come back with
// their next command, so that one group forms instead of a small and a large
// one by turns. That ends as soon as about as many wait as were answered; a
// lone caller never waits.
func (c *Committer) collect(ctx context.Context, batch []*pending) ([]*pending, error) {
	if len(batch) == 0 {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case p := <-c.queue:
			batch = append(batch, p)
		}
	}
	want := min(c.answered-c.answered/8, MaxCommands)
	var patience <-chan time.Time
	for len(batch) < MaxCommands {
		select {
		case p := <-c.queue:
			batch = append(batch, p)
			continue
		default:
		}
		if len(batch) >= want || c.answered < lingerFrom {
			break
		}
		if patience == nil {
			timer := time.NewTimer(lingerAtMost)
			defer timer.Stop()
			patience = timer.C
		}
		select {
		case p := <-c.queue:
			batch = append(batch, p)
			continue
		case <-patience:
		}
		break
	}
	return batch, nil
}

// refuse answers what is left in the queue when the Committer stops.
func (c *Committer) refuse() {
	for {
		select {
		case p := <-c.queue:
			p.done <- answer{err: fault.New(fault.Unavailable, "This server does not own the log at the moment; nothing was changed. Try again.")}
		default:
			return
		}
	}
}

func (c *Committer) fail(batch []*pending, err error) {
	c.cfg.Logger.Error("a group commit failed", "commands", len(batch), "error", err)
	switch {
	case errors.Is(err, eventlog.ErrFull):
		err = fault.Wrap(fault.Unavailable, err, "The log is full; nothing was changed. Give it more room (--store-limit) and try again.")
	case errors.Is(err, eventlog.ErrUnknown):
		err = fault.Wrap(fault.Unavailable, err, "The log did not answer; the outcome is not known. Try again.")
	default:
		err = fault.Wrap(fault.Unavailable, err, "The log cannot be written; nothing was changed. Try again.")
	}
	answerAll(batch, err)
}

func answerAll(batch []*pending, err error) {
	for _, p := range batch {
		p.done <- answer{err: err}
	}
}
