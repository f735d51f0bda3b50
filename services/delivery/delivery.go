// Package delivery sends public events to webhook endpoints.
//
// An endpoint is a cursor over the stream EVENTS. The worker folds LOG to know
// the endpoints, reads EVENTS once for all endpoints that keep up (feed) and
// again for each that lags (catchup), and keeps what happened in the stream
// ATTEMPTS (pkg/attempts): 64 slots, each with its own state, writer and fence.
//
//	fold      LOG    -> endpoints and when their settings applied
//	feed      EVENTS -> the queues of the endpoints that keep up
//	notice    the same events while they are on their way to EVENTS
//	index     which of those want an event
//	lane      one endpoint: its queue, what is in flight, its circuit
//	replay    a second cursor of a lane, with an end
//	slot      the lanes of one slot, their timers, and group commits to ATTEMPTS
//
// At least once: an endpoint's position moves only with the record of what
// happened, so after a crash at most what was in flight, or answered but not
// recorded yet, is sent again, under the same webhook-id. Deliveries of one
// resource to one endpoint keep their order, also across retries: a later one
// waits behind an earlier one.
//
// What waits for a retry is kept in memory (its body is not: that is read again
// from EVENTS), at most MaxWaiting for an endpoint; an endpoint with more stands
// still until something settles.
//
// What must not live here: the signature and the ladder (pkg/webhook), HTTP
// (webhook/egress), listing deliveries (attempts/ledger, in the projector).
package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/lease"
	"github.com/rollcallhq/rollcall/pkg/webhook"
	"github.com/rollcallhq/rollcall/pkg/webhook/egress"
)

// The defaults of Config.
const (
	DefaultConcurrency = 8
	DefaultInFlight    = 2048
	DefaultCircuit     = 5
)

// MaxWaiting is how many deliveries of one endpoint wait for an attempt at
// most, not counting those that are still only in EVENTS.
const MaxWaiting = 10_000

// Config says how a worker works.
type Config struct {
	// Path is the file for the endpoints. It can be deleted.
	Path string
	// Log is the partition that the endpoints are in.
	Log eventlog.Source
	// JetStream has the streams EVENTS and ATTEMPTS.
	JetStream jetstream.JetStream
	// Leases divides the slots among several workers; nil if this one is alone,
	// and then all are its own.
	Leases *lease.Keeper
	// Unseal opens an endpoint's sealed signing secret: the text whsec_….
	Unseal func(sealed []byte) ([]byte, error)
	// Client sends; the worker does not close it.
	Client *egress.Client
	// Ladder is the times between attempts; webhook.DefaultLadder if zero.
	Ladder webhook.Ladder
	// Concurrency is how many attempts one endpoint has in flight at most,
	// DefaultConcurrency if 0.
	Concurrency int
	// InFlight bounds the attempts in flight of all endpoints, DefaultInFlight
	// if 0.
	InFlight int
	// Circuit is how many failures in a row open an endpoint's circuit,
	// DefaultCircuit if 0.
	Circuit int
	// Patience is how long an endpoint may answer nothing but failures before it
	// is disabled, DefaultPatience if 0.
	Patience time.Duration
	// Submit sends a command to the owner of the log, as the actor "system"; nil
	// if there is none, and endpoints are then never disabled by themselves.
	Submit func(context.Context, directory.Command) error
	// Version is shown to receivers in the user agent; "dev" if empty.
	Version string
	Logger  *slog.Logger
}

func (c *Config) complete() error {
	switch {
	case c.Path == "" || c.Log == nil || c.JetStream == nil || c.Unseal == nil || c.Client == nil || c.Logger == nil:
		return errors.New("delivery: Path, Log, JetStream, Unseal, Client and Logger are required")
	case c.Concurrency < 0 || c.InFlight < 0 || c.Circuit < 0 || c.Patience < 0:
		return errors.New("delivery: Concurrency, InFlight, Circuit and Patience are not negative")
	}
	if c.Ladder.Len() == 0 {
		l, err := webhook.ParseLadder(webhook.DefaultLadder)
		if err != nil {
			return err
		}
		c.Ladder = l
	}
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&c.Concurrency, DefaultConcurrency)
	set(&c.InFlight, DefaultInFlight)
	set(&c.Circuit, DefaultCircuit)
	if c.Patience == 0 {
		c.Patience = DefaultPatience
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	return nil
}

// Worker delivers for all slots. Its methods are safe for concurrent use.
type Worker struct {
	cfg      Config
	events   *eventStream
	attempts *attemptlog.Log
	fold     *fold
	feed     *feed
	tokens   *tokens
	turns    chan struct{}                        // bounds the lanes that read for themselves
	readers  chan struct{}                        // bounds the replays that read
	slots    [attempts.Slots]atomic.Pointer[slot] // nil: not this worker's
	trimming chan struct{}                        // capacity 1: trim now
	stats    stats
	// checkpointSize is how many bytes lie behind a slot's last checkpoint before
	// the next is written. Set before the slots begin.
	checkpointSize int

	// share is this worker's part of the slots, nil if all are its own. sharing is
	// its goroutine, which outlives life; giving are those that end slots.
	share           *lease.Share
	stopSharing     context.CancelFunc
	sharing, giving sync.WaitGroup
	seats           sync.Mutex
	taken           [attempts.Slots]uint64 // the turn in which each was taken, 0 if it was not; under seats
	turn            uint64                 // under seats

	// life is the context of everything but attempts; flights that of attempts
	// and of their records, which outlive it while the worker stops.
	life, flights   context.Context
	stop, abort     context.CancelFunc
	running         sync.WaitGroup
	confirming      sync.WaitGroup // the shared reader, which outlives life
	inFlight        sync.WaitGroup
	ready, stopping atomic.Bool

	mu      sync.Mutex // held while it starts and stops
	started bool
	ended   bool
}

// New returns a worker that does nothing yet.
func New(cfg Config) (*Worker, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	return &Worker{
		cfg: cfg, tokens: newTokens(cfg.InFlight), turns: make(chan struct{}, maxTurns), readers: make(chan struct{}, maxReaders), trimming: make(chan struct{}, 1),
	}, nil
}

// Start recovers every slot from its last checkpoint and the endpoints from
// their file, and then delivers. It returns when the worker has begun; ctx
// bounds that only.
func (w *Worker) Start(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.started || w.ended {
		return errors.New("delivery: the worker was started before; make a new one")
	}
	w.started = true
	w.life, w.stop = context.WithCancel(context.WithoutCancel(ctx))
	w.flights, w.abort = context.WithCancel(context.WithoutCancel(ctx))
	if err := w.start(ctx); err != nil {
		w.stop()
		w.abort()
		w.running.Wait()
		w.confirming.Wait()
		return errors.Join(err, w.close())
	}
	return nil
}

func (w *Worker) start(ctx context.Context) (err error) {
	if w.events, err = openEvents(ctx, w.cfg.JetStream); err != nil {
		return err
	}
	if w.attempts, err = attemptlog.Open(ctx, w.cfg.JetStream); err != nil {
		return err
	}
	w.checkpointSize = math.MaxInt
	if err := w.measure(ctx); err != nil {
		return err
	}
	if w.fold, err = openFold(ctx, w.cfg); err != nil {
		return err
	}
	if w.cfg.Leases == nil {
		if err := w.recoverSlots(ctx); err != nil {
			return err
		}
	}
	w.feed = newFeed(w)
	// The endpoints as of now, so that no slot forgets one that the file misses.
	if err := w.fold.catchUp(ctx); err != nil {
		return err
	}
	w.settle(w.held()) //nolint:contextcheck // attempts live as long as their lane, not as this call
	if err := w.feed.begin(ctx, w.held()); err != nil {
		return err
	}
	notices, err := w.feed.subscribe()
	if err != nil {
		return err
	}
	for _, s := range w.held() {
		s.begin(w.feed) //nolint:contextcheck // attempts live as long as their lane, not as this call
	}
	w.running.Go(func() { w.fail(w.fold.run(w.life, w.changed)) })
	w.confirming.Go(func() { w.feed.run(w.life, w.flights) })
	w.running.Go(func() { w.feed.listen(w.life, notices) })
	w.running.Go(w.sweep)
	w.running.Go(w.watch)
	w.running.Go(w.trim)
	if w.cfg.Leases == nil {
		w.ready.Store(true)
		return nil
	}
	share, err := w.cfg.Leases.Share(ctx, ShareKey, attempts.Slots, shared{w})
	if err != nil {
		return err
	}
	w.share = share
	w.ready.Store(true)
	sharing, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stopSharing = stop
	w.sharing.Go(func() { w.share.Run(sharing) })
	return nil
}

// recoverSlots reads the slots, a few at a time.
func (w *Worker) recoverSlots(ctx context.Context) error {
	var (
		wg    sync.WaitGroup
		limit = make(chan struct{}, 8)
		errs  [attempts.Slots]error
	)
	for n := range w.slots {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			s, err := recoverSlot(ctx, w, n)
			if errs[n] = err; err == nil {
				w.slots[n].Store(s)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return fmt.Errorf("recover the deliveries: %w", err)
	}
	return nil
}

// held returns the slots that are this worker's, in order.
func (w *Worker) held() []*slot {
	list := make([]*slot, 0, attempts.Slots)
	for n := range w.slots {
		if s := w.slots[n].Load(); s != nil {
			list = append(list, s)
		}
	}
	return list
}

// of returns the slot of an endpoint, nil if it is another worker's.
func (w *Worker) of(endpoint string) *slot { return w.slots[attempts.SlotOf(endpoint)].Load() }

// settle gives slots the endpoints as of now.
func (w *Worker) settle(slots []*slot) {
	mine := map[int]*slot{}
	for _, s := range slots {
		mine[s.n] = s
	}
	w.fold.each(func(ep *endpoint) {
		if s := mine[attempts.SlotOf(ep.ID)]; s != nil {
			s.install(ep.ID, ep)
		}
	})
	for _, s := range slots {
		s.forgetUnknown(w.fold)
	}
}

// changed is told of every endpoint that the log changes, nil if it is gone.
func (w *Worker) changed(id string, ep *endpoint) {
	if s := w.of(id); s != nil {
		s.install(id, ep)
	}
}

// stopPatience is how long a slot that ends waits for its attempts in flight.
// What is not answered by then is sent again by whoever has the slot next.
const stopPatience = 5 * time.Second

// partPatience is how long a worker that stops tries to tell the others.
const partPatience = 2 * time.Second

// Stop starts no more attempts, waits a few seconds for those in flight,
// records what came of them, and returns. It may be called twice, and before
// Start.
func (w *Worker) Stop() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return nil
	}
	w.ended = true
	if !w.started {
		return nil
	}
	w.stopping.Store(true)
	for _, s := range w.held() {
		s.mu.Lock()
		s.mu.Unlock() //nolint:staticcheck // whoever began something before is counted by now
	}
	if w.share != nil {
		w.share.Leave()
	}
	w.stop()
	w.running.Wait()
	var leaving sync.WaitGroup
	for n := range w.slots {
		switch s := w.slots[n].Load(); {
		case w.share != nil:
			leaving.Go(func() { w.give(n) })
		case s != nil:
			leaving.Go(s.leave)
		}
	}
	leaving.Wait()
	w.partWith()
	w.abort()
	w.confirming.Wait()
	return w.close()
}

// partWith waits until the others know that this worker has left, if they can be
// told.
func (w *Worker) partWith() {
	if w.share == nil {
		return
	}
	patience := time.AfterFunc(partPatience, w.stopSharing)
	w.sharing.Wait()
	patience.Stop()
	w.stopSharing()
	w.giving.Wait()
}

func (w *Worker) close() error {
	if w.fold == nil {
		return nil
	}
	return w.fold.close()
}

// fail keeps the first failure that the worker cannot get over.
func (w *Worker) fail(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	w.cfg.Logger.Error("webhooks are no longer delivered", "error", err)
	w.stats.failure.CompareAndSwap(nil, &err)
}

// Ready returns why the worker cannot deliver now: what Err says, or that it does
// not share the slots with the others yet, or could not renew its share.
func (w *Worker) Ready() error {
	if err := w.Err(); err != nil {
		return err
	}
	if w.share != nil && !w.share.Valid() {
		return errors.New("delivery: this worker has no part of the slots yet, or could not renew it; see whether NATS can be reached")
	}
	return nil
}

// Err returns why the worker, or one of its slots, no longer delivers; nil
// while all is well.
func (w *Worker) Err() error {
	if p := w.stats.failure.Load(); p != nil {
		return *p
	}
	return nil
}
