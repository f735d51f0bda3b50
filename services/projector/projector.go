// Package projector folds the log into the read model that the API shows, and
// turns what changes for receivers into public events.
//
// Rows, outbox and position change in one bbolt transaction, so a crash at any
// moment leaves them telling the same story. The emitter appends the outbox to
// the EVENTS stream in log order; the stream's own tail says what is already
// there. Deleting the file costs time and nothing else.
//
//	log -> fold (pkg/announce) -> rows + outbox -> emitter -> EVENTS
//	                                 |
//	                                 +-> Read: the API
//
// What must not live here: deciding (pkg/directory), HTTP (services/projector/api),
// sending webhooks (services/delivery).
package projector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
)

// Config says what a projector works on.
type Config struct {
	// Path is the read model's file.
	Path string
	Log  eventlog.Log
	// JetStream reaches the EVENTS stream.
	JetStream jetstream.JetStream
	// EventsMaxAge is how long public events are kept; 0 is for ever.
	EventsMaxAge time.Duration
	// Commands carries the steps of fan-outs to the owner of the log; nil means
	// that nobody continues them.
	Commands Commands
	Logger   *slog.Logger
	// Progress, if set, is told after each transaction how far the model is.
	Progress func(eventlog.Position)
}

// Commands is the road to the owner of the log.
type Commands interface {
	// Submit returns the log sequence that the answer reflects.
	Submit(ctx context.Context, r directory.Request) (seq uint64, err error)
}

// Projector folds one partition.
type Projector struct {
	cfg     Config
	store   *readmodel.Store
	emitter *emitter

	mu    sync.Mutex
	at    readmodel.Checkpoint
	moved chan struct{}
	err   error // why the fold stopped

	pace pace // of the steps of fan-outs

	hurry chan struct{} // capacity 1: somebody waits for the next transaction

	// environment is the installation's id, known once its first event is folded.
	environment atomic.Pointer[string]

	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// Open opens the read model, or starts it over if it is damaged or has forgotten
// events that EVENTS does not hold. Nothing runs before Start.
//
// Errors that match eventlog.ErrDamaged or *eventlog.MismatchError mean that
// the log has lost frames: nothing must be written to it.
func Open(ctx context.Context, cfg Config) (*Projector, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	store, at, err := readmodel.OpenFitting(ctx, cfg.Path, cfg.Log, cfg.Logger)
	if err != nil {
		return nil, err
	}
	switch whole, err := tellsAll(ctx, cfg.JetStream, store); {
	case err != nil:
		return nil, errors.Join(err, store.Close())
	case !whole:
		cfg.Logger.Warn("EVENTS has lost its end; the read model is built again from the log, and what is missing is emitted", "file", cfg.Path)
		if err := errors.Join(store.Close(), readmodel.Remove(cfg.Path)); err != nil {
			return nil, err
		}
		if store, at, err = readmodel.OpenFitting(ctx, cfg.Path, cfg.Log, cfg.Logger); err != nil {
			return nil, err
		}
	}
	e := newEmitter(cfg.JetStream, cfg.Log, store, cfg.EventsMaxAge, cfg.Logger)
	if end, err := eventsTail(ctx, cfg.JetStream); err == nil {
		if err := end.fits(ctx, cfg.Log); errors.Is(err, eventlog.ErrDamaged) {
			return nil, errors.Join(err, store.Close())
		}
	}
	return &Projector{cfg: cfg, store: store, at: at, moved: make(chan struct{}), hurry: make(chan struct{}, 1), emitter: e}, nil
}

// Start folds, emits and continues fan-outs in the background until Stop.
func (p *Projector) Start(ctx context.Context) error {
	ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.tasks.Go(func() { p.emitter.run(ctx) })
	if p.cfg.Commands != nil {
		p.tasks.Go(func() { p.continueFanouts(ctx) })
	}
	p.tasks.Go(func() {
		if err := p.follow(ctx, 0); err != nil && ctx.Err() == nil {
			p.cfg.Logger.Error("the projector stopped", "error", err)
			p.halt(err)
		}
	})
	return nil
}

// Stop ends the background work and closes the file. It may be called twice.
func (p *Projector) Stop() error {
	if p.cancel != nil {
		p.cancel()
	}
	p.tasks.Wait()
	return p.store.Close()
}

// RunToEnd folds up to the log's present tail and returns: a rebuild, or a
// test. What EVENTS does not hold yet is left in the outbox. It must not be
// called while started.
func (p *Projector) RunToEnd(ctx context.Context) error {
	if err := p.emitter.sync(ctx); err != nil {
		return err
	}
	tail, err := p.cfg.Log.Tail(ctx)
	if err != nil || tail <= p.At().Seq {
		return err
	}
	return p.follow(ctx, tail)
}

// At returns how far the read model is.
func (p *Projector) At() readmodel.Checkpoint {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// Err returns why the fold stopped or nothing can be emitted, nil while all is
// well.
func (p *Projector) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if failure := p.emitter.failure.Load(); p.err == nil && failure != nil {
		return *failure
	}
	return p.err
}

func (p *Projector) halt(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
	close(p.moved)
	p.moved = make(chan struct{})
}

func (p *Projector) advance(to readmodel.Checkpoint) {
	p.mu.Lock()
	p.at = to
	close(p.moved)
	p.moved = make(chan struct{})
	p.mu.Unlock()
	if p.cfg.Progress != nil {
		p.cfg.Progress(to.Position)
	}
}

// Wait returns when the frame at seq is folded and on disk.
func (p *Projector) Wait(ctx context.Context, seq uint64) error {
	for {
		p.mu.Lock()
		at, moved, err := p.at.Seq, p.moved, p.err
		p.mu.Unlock()
		if at >= seq {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case p.hurry <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the read model is at %d, %d was asked for: %w", at, seq, context.Cause(ctx))
		case <-moved:
		}
	}
}

// Emitted returns the number of the last public event that is known to be in
// EVENTS, 0 before any.
func (p *Projector) Emitted() uint64 {
	return p.emitter.upTo.Load()
}
