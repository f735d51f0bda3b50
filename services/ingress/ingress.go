// Package ingress is where changes come in: SCIM requests from identity
// providers, and commands from the other services.
//
// Every ingress authenticates and parses; one of them owns the log and decides
// (pkg/commit). The others hand their commands to the owner over NATS and
// answer reads from their own replica, after making sure that it shows
// everything acknowledged before the request arrived. So SCIM is linearizable
// whichever process answers.
//
//	HTTP -> authenticate -> parse -> command -> owner -> frame -> answer
//	HTTP -> authenticate -> fresh? -> replica -> answer
//
// What must not live here: what a command means (pkg/directory), SCIM syntax
// (pkg/scim), read models for the API (services/projector).
package ingress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/lease"
	"github.com/rollcallhq/rollcall/pkg/replica"
)

// Config says what an ingress works on.
type Config struct {
	// Path is the replica's file.
	Path string
	Log  eventlog.Log
	// Leases decides who owns the log; nil means that this process is the only
	// one that can (an embedded server).
	Leases *lease.Keeper
	// Conn carries commands between processes; nil without Leases.
	Conn *nats.Conn
	// Clock is the wall clock; nil is time.Now.
	Clock  func() time.Time
	Logger *slog.Logger
}

// ownership is the lease on partition 0.
const ownership = "partition.0"

// patience is how long a request waits for the log before it is answered 503.
const patience = 10 * time.Second

// retryAfter is the pause before an unreachable log is asked again.
const retryAfter = 100 * time.Millisecond

// Ingress is safe for concurrent use.
type Ingress struct {
	cfg       Config
	replica   *replica.Replica
	committer *commit.Committer
	owner     atomic.Bool

	running context.Context // ends with Stop
	cancel  context.CancelFunc
	tasks   sync.WaitGroup

	mu  sync.Mutex
	err error // why the replica stopped following
}

// Open opens the replica. Nothing runs before Start.
func Open(ctx context.Context, cfg Config) (*Ingress, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if (cfg.Leases == nil) != (cfg.Conn == nil) {
		return nil, errors.New("ingress: leases and a connection go together")
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	r, err := replica.Open(ctx, cfg.Path, cfg.Log, cfg.Logger)
	if err != nil {
		return nil, err
	}
	c := commit.New(cfg.Log, r, commit.Config{Clock: cfg.Clock, Sole: cfg.Leases == nil, Logger: cfg.Logger})
	i := &Ingress{cfg: cfg, replica: r, committer: c}
	i.running, i.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return i, nil
}

// Start catches up with the log and then serves until Stop.
func (i *Ingress) Start(ctx context.Context) error {
	if i.cfg.Leases == nil {
		tail, err := i.cfg.Log.Tail(ctx)
		if err == nil {
			err = i.replica.CatchUp(ctx, tail)
		}
		if err != nil {
			return fmt.Errorf("fold the log: %w", err)
		}
		i.owner.Store(true)
		i.tasks.Go(func() { i.decide(i.running) })
		return nil
	}
	i.tasks.Go(func() { i.take(i.running) })
	return nil
}

// decide owns the log as the only process that can. A log that cannot be
// reached for a while is tried again.
func (i *Ingress) decide(ctx context.Context) {
	defer i.owner.Store(false)
	for {
		err := i.committer.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		if !errors.Is(err, eventlog.ErrUnavailable) {
			i.halt(err)
			return
		}
		i.cfg.Logger.Warn("the log cannot be reached; trying again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryAfter):
		}
	}
}

// take follows the log, and owns it whenever it holds the lease. It stops
// asking for the lease once this process cannot follow or decide any more, so
// that another one may.
func (i *Ingress) take(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pause := make(chan chan struct{}) // the owner asks the follower to stop
	i.tasks.Go(func() {
		defer cancel()
		i.follow(ctx, pause)
	})
	i.cfg.Leases.Hold(ctx, ownership, func(held context.Context) error {
		resume := make(chan struct{})
		select {
		case pause <- resume:
		case <-held.Done():
			return context.Cause(held)
		}
		defer close(resume)
		err := i.own(held)
		if err != nil && held.Err() == nil && !errors.Is(err, eventlog.ErrUnavailable) {
			i.halt(err)
			cancel()
		}
		return err
	})
}

// follow folds the log except while the owner does.
func (i *Ingress) follow(ctx context.Context, pause <-chan chan struct{}) {
	for ctx.Err() == nil {
		following, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- i.replica.Follow(following) }()
		var resume chan struct{}
		select {
		case <-ctx.Done():
			stop()
			<-done //nolint:errcheck // it was told to end
			return
		case err := <-done:
			stop()
			if ctx.Err() == nil {
				i.halt(err)
			}
			return
		case resume = <-pause:
			stop()
			<-done //nolint:errcheck // it was told to end
		}
		select {
		case <-resume:
		case <-ctx.Done():
		}
	}
}

// own decides until ctx ends or the committer cannot go on.
func (i *Ingress) own(ctx context.Context) error {
	stop, err := i.serveCommands(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", eventlog.ErrUnavailable, err)
	}
	defer stop()
	i.owner.Store(true)
	defer i.owner.Store(false)
	return i.committer.Run(ctx)
}

func (i *Ingress) halt(err error) {
	i.cfg.Logger.Error("the ingress cannot follow the log any more", "error", err)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.err = err
}

// Stop ends all work and closes the replica's file. It may be called twice.
func (i *Ingress) Stop() error {
	i.cancel()
	i.tasks.Wait()
	return i.replica.Close()
}

// Submit has the request decided, here or by the owner, and returns once it is
// durable and, for the answers that follow, visible to Fresh reads.
func (i *Ingress) Submit(ctx context.Context, r directory.Request) (commit.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if i.owner.Load() {
		res, err := i.committer.Submit(ctx, r)
		if i.cfg.Conn == nil || !errors.Is(err, commit.ErrStopped) {
			return res, err
		}
	}
	if i.running.Err() != nil {
		return commit.Result{}, fault.New(fault.Unavailable, "This server is stopping; nothing was changed. Try again.")
	}
	if i.cfg.Conn == nil {
		return commit.Result{}, fault.Wrap(fault.Unavailable, i.Err(), "This server cannot write to the log; nothing was changed. The operator's log has the cause.")
	}
	return i.forward(ctx, r)
}

// Fresh returns once the replica shows everything that was acknowledged before
// the call.
func (i *Ingress) Fresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tail, err := i.cfg.Log.Tail(ctx)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "The log cannot be reached. Try again.")
	}
	if i.replica.At().Seq >= tail {
		return nil
	}
	if i.owner.Load() {
		// Somebody else appended: this process lost the log and does not know yet.
		if err := i.committer.Refresh(ctx); !errors.Is(err, commit.ErrStopped) {
			return err
		}
	}
	if err := i.replica.Wait(ctx, tail); err != nil {
		return fault.Wrap(fault.Unavailable, err, "This server is catching up with the log. Try again.")
	}
	return nil
}

// Read calls f with the newest state; f must be short.
func (i *Ingress) Read(ctx context.Context, f func(directory.View) error) error {
	if err := i.Fresh(ctx); err != nil {
		return err
	}
	return i.replica.Read(f)
}

// Snapshot returns the newest state for a long read. Close it soon.
func (i *Ingress) Snapshot(ctx context.Context) (*replica.Snapshot, error) {
	if err := i.Fresh(ctx); err != nil {
		return nil, err
	}
	return i.replica.Snapshot()
}

// Now is the log's time: the clock's, but never before the last commit's. It is
// what expires at a time is held against where nothing is decided.
func (i *Ingress) Now() time.Time {
	now := i.cfg.Clock()
	if last := i.replica.At().LastAt; last.After(now) {
		return last
	}
	return now
}

// At returns how far the replica is.
func (i *Ingress) At() eventlog.Position { return i.replica.At().Position }

// Err returns why this process cannot follow the log any more, nil while it
// does.
func (i *Ingress) Err() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.err
}

// Ready reports whether a write would succeed now, without writing: the log is
// whole and has room, the state is fresh and can be read, and the log has an
// owner.
func (i *Ingress) Ready(ctx context.Context) error {
	if err := i.Err(); err != nil {
		return err
	}
	if err := i.cfg.Log.Check(ctx); err != nil {
		return err
	}
	if err := i.Read(ctx, func(directory.View) error { return nil }); err != nil {
		return err
	}
	switch {
	case i.owner.Load():
		return nil
	case i.cfg.Conn == nil:
		return fault.New(fault.Unavailable, "This server is stopping.")
	}
	_, err := owner(ctx, i.cfg.Conn)
	return err
}
