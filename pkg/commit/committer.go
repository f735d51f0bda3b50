// Package commit is the owner's side of a partition: it decides commands one
// after the other and appends what they cause as one frame, a group commit.
//
// The Committer decides each command in a state that shows the ones before it,
// and appends one frame with all the commits under the expectation that nobody
// appended since. While one frame is on its way to the disk, the commands that
// come meanwhile are decided on top of it and become the next one. On the ack
// the frame joins the replica and every caller is answered; refusals decided
// behind an uncommitted command wait for that ack too. A conflict drops what
// was decided, catches up and decides again. An append without an answer is
// unknown, never failed: nothing behind it is appended until the identical
// frame is acknowledged or the log shows what became of it.
//
// What must not live here: what a command means (pkg/directory), who owns the
// partition (services/ingress), storage.
package commit

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/replica"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

const (
	// MaxCommands is how many commands one frame holds at most.
	MaxCommands = 1024
	// queued is how many commands wait before Submit blocks.
	queued = 8192
	// headerRoom is what a frame needs besides its commits, in bytes.
	headerRoom = 128
	// departure is how many commands a group takes before its frame is sent while
	// the log is idle: more would let the disk wait for the decider.
	departure = 32
	// again is the pause before an append without a clear answer is repeated.
	again = 5 * time.Millisecond
	// grace is how long a group commit under way may take after Run was told to
	// end: an answer is worth more to its callers than not knowing.
	grace = 2 * time.Second
)

// ErrStopped says that the Committer does not run any more and that the command
// was not decided: it may be sent to whoever owns the log now.
var ErrStopped = errors.New("commit: this process does not own the log")

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
	// Deviations and Notes are the outcome's.
	Deviations []lenience.Deviation
	Notes      directory.Notes
}

// Committer serves one partition. Submit is safe for concurrent use; Run is
// for one goroutine at a time.
type Committer struct {
	log     eventlog.Log
	replica *replica.Replica
	cfg     Config
	queue   chan *pending

	mu      sync.Mutex
	stopped chan struct{} // closed when Run has ended and answered all it took
}

// pending is a command that waits for its answer. A nil command asks only that
// the state be fresh.
type pending struct {
	ctx     context.Context
	request directory.Request
	done    chan answer // capacity 1
	state   atomic.Int32
	chain   *chain // that the command is a link of, nil for none
	index   int    // in the chain

	// Set while its batch is under way.
	key     directory.Key
	row     directory.Row
	err     error
	changed bool
	outcome directory.Outcome // without its events
	failed  error             // an internal failure: do not decide it again
}

// The states of a pending command. It is either decided or given up by its
// caller, never both.
const (
	waiting int32 = iota
	taken
	abandoned
)

// take claims the command for deciding.
func (p *pending) take() bool {
	return p.state.CompareAndSwap(waiting, taken) || p.state.Load() == taken
}

// abandon gives the command up; false means that it is being decided.
func (p *pending) abandon() bool { return p.state.CompareAndSwap(waiting, abandoned) }

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
	return &Committer{log: log, replica: r, cfg: cfg, queue: make(chan *pending, queued), stopped: make(chan struct{})}
}

// Submit decides the request and returns once what it caused is durable.
//
// Errors: what directory.Decide refuses; Unavailable when the log cannot take
// it or the outcome is not known in time (the request may still come to be:
// sending it again is safe, as commands are idempotent or unique); ErrStopped,
// as a fault, when it was not decided because Run has ended.
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
	stopped := c.running()
	if err := c.send(p, stopped); err != nil {
		return Result{}, err
	}
	return c.await(p, stopped)
}

// running returns what is closed when the present Run ends.
func (c *Committer) running() (stopped <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped
}

// send puts a command into the queue.
func (c *Committer) send(p *pending, stopped <-chan struct{}) error {
	select {
	case <-stopped:
		return notOwner()
	default:
	}
	select {
	case c.queue <- p:
		return nil
	case <-stopped:
		return notOwner()
	case <-p.ctx.Done():
		return fault.Wrap(fault.Unavailable, context.Cause(p.ctx), "The server is busy; nothing was changed. Try again.")
	}
}

// await returns the answer to a command that was sent.
func (c *Committer) await(p *pending, stopped <-chan struct{}) (Result, error) {
	select {
	case a := <-p.done:
		return a.result, a.err
	case <-stopped:
		// What Run took, it has answered; what it left in the queue, nobody decides.
		if p.abandon() {
			return Result{}, notOwner()
		}
		a := <-p.done
		return a.result, a.err
	case <-p.ctx.Done():
		if p.abandon() {
			return Result{}, fault.Wrap(fault.Unavailable, context.Cause(p.ctx), "The server is busy; nothing was changed. Try again.")
		}
		select {
		case a := <-p.done:
			return a.result, a.err
		default:
			return Result{}, fault.Wrap(fault.Unavailable, context.Cause(p.ctx), "The log did not answer in time; the outcome is not known. Try again.")
		}
	}
}

func notOwner() error {
	return fault.Wrap(fault.Unavailable, ErrStopped, "This server does not own the log at the moment; nothing was changed. Try again.")
}

// Run serves until ctx ends, then answers what it took and refuses what still
// waits. It first catches up with the log. It may be called again.
//
// Errors: those that make the log or the state unusable; the caller decides
// whether to run again.
func (c *Committer) Run(ctx context.Context) error {
	stopped := make(chan struct{})
	c.mu.Lock()
	select {
	case <-c.stopped: // a run before this one
		c.stopped = stopped
	default:
		stopped = c.stopped // callers wait already
	}
	c.mu.Unlock()
	defer func() {
		close(stopped)
		c.refuse()
	}()
	tail, err := c.log.Tail(ctx)
	if err != nil {
		return err
	}
	if err := c.replica.CatchUp(ctx, tail); err != nil {
		return err
	}
	finishing, cancel := outliving(ctx, grace)
	defer cancel()
	return (&run{c: c, finishing: finishing}).loop(ctx)
}

// outliving returns a context that ends the given time after its parent.
func outliving(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	child, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(by)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-child.Done():
		}
	})
	return child, func() { stop(); cancel() }
}

// fatal reports whether deciding again cannot help.
func fatal(err error) bool {
	if _, ok := errors.AsType[*frame.UnknownVersionError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*eventlog.MismatchError](err); ok {
		return true
	}
	return errors.Is(err, eventlog.ErrDamaged) || errors.Is(err, replica.ErrBroken)
}

// refuse answers what is left in the queue when the Committer stops.
func (c *Committer) refuse() {
	for {
		select {
		case p := <-c.queue:
			p.give(notOwner())
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
		p.give(err)
	}
}
