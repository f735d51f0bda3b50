package requestlog

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/rollcallhq/rollcall/pkg/synclog"
)

const (
	// tick is the time between two appends. Each is one sync of the disk that the
	// log of all writes is on, however many messages it holds.
	tick = 200 * time.Millisecond
	// perTick messages, each of another directory, are one append, or as many as
	// have bytesPerTick: so 500 directories that all have something to tell wait for
	// three of them.
	perTick      = 200
	bytesPerTick = 1 << 20
	// perTickAlone messages are written in each tick where the server takes no
	// batches, as each is a sync of its own.
	perTickAlone = 2
	// askTimeout bounds one append.
	askTimeout = 5 * time.Second
	// A stream that cannot be reached is tried again after retryFirst, and then
	// after twice as long each time, up to retryMost.
	retryFirst = 500 * time.Millisecond
	retryMost  = 30 * time.Second
	// farewell is how long Stop tries to write what waits.
	farewell = 2 * time.Second
)

// Options of Start. The zero value works.
type Options struct {
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Logger hears when the stream cannot be written and when it can again.
	Logger *slog.Logger
}

// Recorder writes the sync log. It is safe for concurrent use.
type Recorder struct {
	now    func() time.Time
	log    *slog.Logger
	stream appender

	mu        sync.Mutex
	collector *synclog.Collector
	stopped   bool

	lost atomic.Uint64 // entries of batches that could not be written

	// Of the one goroutine that writes.
	name  string // of this recorder, in message ids
	sent  uint64
	alone bool // the server took no batch

	cancel context.CancelFunc
	done   chan struct{}
}

// Start makes a recorder that writes in the background until Stop, also beyond
// the end of ctx.
func Start(ctx context.Context, js jetstream.JetStream, o Options) *Recorder {
	return start(ctx, o, stream{js})
}

func start(ctx context.Context, o Options, to appender) *Recorder {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Recorder{now: o.Now, log: o.Logger, stream: to, collector: synclog.NewCollector(), name: nuid.Next(), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	go func() {
		defer close(r.done)
		r.run(ctx)
	}()
	return r
}

// Record takes an answered request. It does no more than count and remember;
// entries without a time get the present one. After Stop it does nothing.
func (r *Recorder) Record(e synclog.Entry) {
	now := r.now()
	if e.At.IsZero() {
		e.At = now
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopped {
		r.collector.Add(e, now)
	}
}

// Dropped returns how many requests that should have been kept were not: too
// many waited, or the stream could not be written until the end.
func (r *Recorder) Dropped() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.collector.Dropped() + r.lost.Load()
}

// Stop writes what waits, for at most two seconds, and ends. It may be called
// twice.
func (r *Recorder) Stop() error {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	r.cancel()
	<-r.done
	return nil
}

// run writes until ctx ends, and then what is left.
func (r *Recorder) run(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			r.finish(ctx)
			return
		case <-ticker.C:
		}
		if !r.turn(ctx) {
			r.finish(ctx)
			return
		}
	}
}

// turn writes what one tick may write; false if ctx ended.
func (r *Recorder) turn(ctx context.Context) bool {
	most, size := perTick, 0
	if r.alone {
		most = perTickAlone
	}
	var load []parcel
	for len(load) < most && size < bytesPerTick {
		r.mu.Lock()
		batches := r.collector.Take(1, r.now())
		r.mu.Unlock()
		if len(batches) == 0 {
			break
		}
		if p, ok := r.pack(batches[0]); ok {
			load = append(load, p)
			size += len(p.data)
		}
	}
	return r.insist(ctx, load)
}

// insist writes a load, however long that takes; false if ctx ended first.
func (r *Recorder) insist(ctx context.Context, load []parcel) bool {
	pause := retryFirst
	for failures := 0; ; failures++ {
		var err error
		if load, err = r.write(ctx, load); err == nil {
			if failures > 0 {
				r.log.Info("the sync log is written again")
			}
			return true
		}
		if ctx.Err() == nil && failures == 0 {
			r.log.Warn("the sync log cannot be written; requests are answered without it, and what they were is kept for later", "error", err)
		}
		select {
		case <-ctx.Done():
			r.depart(ctx, load)
			return false
		case <-time.After(pause):
		}
		pause = min(2*pause, retryMost)
	}
}

// finish writes what is left at the end, each load once.
func (r *Recorder) finish(ended context.Context) {
	r.mu.Lock()
	left := r.collector.Drain(r.now())
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ended), farewell)
	defer cancel()
	for len(left) > 0 {
		var load []parcel
		for size := 0; len(left) > 0 && len(load) < perTick && size < bytesPerTick; left = left[1:] {
			if p, ok := r.pack(left[0]); ok {
				load = append(load, p)
				size += len(p.data)
			}
		}
		if rest, err := r.write(ctx, load); err != nil {
			r.loseAll(rest, err)
		}
	}
}

// depart writes a load one last time.
func (r *Recorder) depart(ended context.Context, load []parcel) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ended), farewell/2)
	defer cancel()
	if rest, err := r.write(ctx, load); err != nil {
		r.loseAll(rest, err)
	}
}

func (r *Recorder) loseAll(load []parcel, err error) {
	for _, p := range load {
		r.lose(p.batch, err)
	}
}

// lose counts what is not written.
func (r *Recorder) lose(b synclog.Batch, err error) {
	n := 0
	for _, e := range b.Entries {
		n += e.Count
	}
	r.lost.Add(uint64(n))
	r.log.Warn("a part of the sync log is lost", "directory", b.Directory, "requests", n, "error", err)
}
