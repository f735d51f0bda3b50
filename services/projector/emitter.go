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
	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
)

const (
	// inMemory is how many messages wait in memory; more are read back from the
	// outbox.
	inMemory = 20_000
	// standby is how long an emitter that lost a race leaves the stream to the
	// winner before it looks whether the winner still works.
	standby = time.Second
	// lookEvery is how often somebody who waits for EVENTS looks.
	lookEvery = 2 * time.Millisecond
	// trimEvery is how often EVENTS is cut at its age limit.
	trimEvery = time.Hour
)

// emitter appends public events to EVENTS, each exactly once and in log order,
// whatever crashes. Every append expects the whole stream's last sequence, and
// the stream's last message says how far it is: two emitters cannot both win,
// and a restarted one goes on behind what is there.
type emitter struct {
	js     jetstream.JetStream
	source eventlog.Source
	store  *readmodel.Store
	log    *slog.Logger
	maxAge time.Duration

	// upTo is the number of the last event known to be in EVENTS.
	upTo   atomic.Uint64
	synced chan struct{} // closed once upTo was read from the stream
	// awaited counts those who wait for EVENTS.
	awaited atomic.Int32
	// failure is why nothing can be emitted until an operator acts.
	failure atomic.Pointer[error]

	// Only run uses these.
	last    uint64    // EVENTS' last sequence, without what is on its way
	flights []flight  // what is on its way, in order, behind upTo
	batched time.Time // when the last batch was stored
	trimmed time.Time

	mu      sync.Mutex
	waiting []message // rising, all above skipped
	// skipped is the last number that must come from the outbox, because there
	// was no room for it in waiting.
	skipped public.Number
	// end is the last message that is known to be in EVENTS, and leads says that
	// this emitter put it there: what waits comes next.
	end   place
	leads bool
	more  chan struct{}
}

// place is where a message is in EVENTS.
type place struct {
	seq    uint64
	number public.Number
}

func newEmitter(js jetstream.JetStream, source eventlog.Source, store *readmodel.Store, maxAge time.Duration, log *slog.Logger) *emitter {
	return &emitter{js: js, source: source, store: store, log: log, maxAge: maxAge, synced: make(chan struct{}), more: make(chan struct{}, 1)}
}

// keep writes what is not in EVENTS yet to the outbox, within the transaction
// that changes the rows.
func (e *emitter) keep(tx *bolt.Tx, ms []message) error {
	upTo := public.Number(e.upTo.Load())
	if err := dropOutbox(tx, upTo); err != nil {
		return err
	}
	for len(ms) > 0 && ms[0].number <= upTo {
		ms = ms[1:]
	}
	return putOutbox(tx, ms)
}

// offer hands over messages, in order. They need not be in the outbox yet: a
// crash before they are folds the same events again, and the tail of EVENTS
// says which of them it holds.
func (e *emitter) offer(ms []message) {
	if len(ms) == 0 {
		return
	}
	e.mu.Lock()
	if len(e.waiting)+len(ms) > inMemory {
		e.waiting, e.skipped = nil, ms[len(ms)-1].number
	} else {
		e.waiting = append(e.waiting, ms...)
	}
	ms, seq := e.foresee(len(ms))
	e.mu.Unlock()
	e.nudge()
	e.notify(ms, seq)
}

// idle returns when everything that was handed over before the call is in
// EVENTS, or after a while. What is handed over meanwhile is not waited for: with
// a steady stream of changes something always waits.
func (e *emitter) idle(ctx context.Context, patience time.Duration) {
	e.mu.Lock()
	last := e.skipped
	if n := len(e.waiting); n > 0 {
		last = max(last, e.waiting[n-1].number)
	}
	e.mu.Unlock()
	e.awaited.Add(1)
	defer e.awaited.Add(-1)
	e.nudge()
	end := time.NewTimer(patience)
	defer end.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for uint64(last) > e.upTo.Load() {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-look.C:
		}
	}
}

// nudge makes a waiting run look again.
func (e *emitter) nudge() {
	select {
	case e.more <- struct{}{}:
	default:
	}
}

// wait returns when there may be something to send.
func (e *emitter) wait(ctx context.Context) error {
	trim := time.NewTimer(time.Until(e.trimmed.Add(trimEvery)))
	defer trim.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-e.more:
	case <-trim.C:
		e.trim(ctx)
	}
	return nil
}

// take returns up to maxPublish messages behind what is in EVENTS or on its way
// there, nothing if none are there yet: what was skipped comes from the outbox,
// once its transaction is written.
func (e *emitter) take() ([]message, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	upTo := public.Number(e.upTo.Load())
	sent := upTo
	if n := len(e.flights); n > 0 {
		sent = e.flights[n-1].number
	}
	if sent < e.skipped {
		snap, err := e.store.Snapshot()
		if err != nil {
			return nil, err
		}
		defer func() { _ = snap.Close() }()
		return loadOutbox(snap.Tx(), sent, maxPublish)
	}
	for len(e.waiting) > 0 && e.waiting[0].number <= upTo {
		e.waiting = e.waiting[1:]
	}
	// What is on its way stays until it is there: it may have to be sent again.
	from := 0
	for from < len(e.waiting) && e.waiting[from].number <= sent {
		from++
	}
	return e.waiting[from:min(len(e.waiting), from+maxPublish)], nil
}

// run emits until ctx ends.
func (e *emitter) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := e.emit(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := retryAfter
		switch {
		case errors.Is(err, errLostRace):
			pause = standby
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errNoAnswer):
			e.log.Warn("the EVENTS stream does not answer; trying again", "error", err)
		case errors.Is(err, eventlog.ErrDamaged):
			if e.failure.Swap(&err) == nil {
				e.log.Error("public events cannot be emitted", "error", err)
			}
			pause = standby
		default:
			e.log.Error("public events cannot be emitted; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// errLostRace says that another emitter is at work.
var errLostRace = errors.New("another emitter appended to EVENTS")

// emit sends until something goes wrong that takes a pause.
func (e *emitter) emit(ctx context.Context) error {
	if err := e.sync(ctx); err != nil {
		return err
	}
	for {
		err := e.send(ctx)
		e.doubt()
		e.abandon(ctx)
		if ctx.Err() != nil {
			return err
		}
		// Whatever went wrong, the stream's tail says how far it got.
		before := e.upTo.Load()
		if err2 := e.sync(ctx); err2 != nil {
			return errors.Join(err, err2)
		}
		if !errors.Is(err, errExpectation) {
			return err
		}
		if e.upTo.Load() > before {
			return errLostRace
		}
	}
}

// send appends what is handed over until that fails: single messages while they
// come one by one, and all that wait in one batch when they come faster than the
// server stores them. It may leave some on their way.
func (e *emitter) send(ctx context.Context) error {
	for {
		ms, err := e.take()
		if err != nil {
			return err
		}
		room := maxFlights - len(e.flights)
		switch {
		case len(ms) == 0 && len(e.flights) == 0:
			err = e.wait(ctx)
		case len(ms) >= batchFrom && len(e.flights) == 0:
			if rest := e.gathers(len(ms)); rest > 0 {
				err = e.gather(ctx, rest)
			} else {
				err = e.batch(ctx, ms)
			}
		case len(ms) >= batchFrom || room == 0:
			err = e.land(ctx, nil)
		case len(ms) == 0:
			err = e.land(ctx, e.more)
		default:
			err = e.launch(ms[:min(len(ms), room)])
		}
		if err != nil {
			return err
		}
	}
}

// gathers returns how long the next batch, of which so many messages wait, gathers
// still.
func (e *emitter) gathers(waiting int) time.Duration {
	if waiting >= maxPublish || e.awaited.Load() > 0 {
		return 0
	}
	return time.Until(e.batched.Add(gatherBatch))
}

// gather waits that long, or until something is handed over or waited for.
func (e *emitter) gather(ctx context.Context, rest time.Duration) error {
	t := time.NewTimer(rest)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
	case <-e.more:
	}
	return nil
}

// appended notes that EVENTS holds everything up to a message, at a sequence, and
// whether this emitter put it there just now.
func (e *emitter) appended(seq uint64, upTo public.Number, leads bool) {
	e.last = seq
	e.mu.Lock()
	e.end, e.leads = place{seq, upTo}, leads
	e.mu.Unlock()
	e.upTo.Store(uint64(upTo))
}

// sync reads how far EVENTS is from its last message.
func (e *emitter) sync(ctx context.Context) error {
	end, err := eventsTail(ctx, e.js)
	if err != nil {
		return err
	}
	if before := public.Number(e.upTo.Load()); end.number < before {
		return fmt.Errorf("EVENTS ends at %s now, but %s was in it; restart the projector, which then emits what is missing", end.number.ID(), before.ID())
	}
	if err := end.fits(ctx, e.source); err != nil {
		return err
	}
	e.appended(end.seq, end.number, false)
	e.failure.Store(nil)
	select {
	case <-e.synced:
		return nil
	default:
	}
	// Before anything is folded: what an earlier life left in the outbox.
	snap, err := e.store.Snapshot()
	if err != nil {
		return err
	}
	defer func() { _ = snap.Close() }()
	e.mu.Lock()
	e.skipped = lastInOutbox(snap.Tx())
	e.mu.Unlock()
	close(e.synced)
	return nil
}

// trim cuts EVENTS at its age limit; it always keeps the last message.
func (e *emitter) trim(ctx context.Context) {
	now := time.Now()
	e.trimmed = now
	if e.maxAge <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := natslog.TrimEvents(ctx, e.js, now.Add(-e.maxAge)); err != nil && ctx.Err() == nil {
		e.log.Warn("EVENTS cannot be trimmed", "error", err)
	}
}
