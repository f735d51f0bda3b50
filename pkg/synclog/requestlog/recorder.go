package requestlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/rollcallhq/rollcall/pkg/synclog"
)

// Rate is how many messages a second one process writes at most, and BusyRate
// how many on a disk that is busy.
const (
	Rate     = int(time.Second/tick) * perTick
	BusyRate = int(time.Second/tick) * perBusyTick
)

const (
	tick = 200 * time.Millisecond
	// perTick messages are written in each tick, but beyond perBusyTick only while
	// all of them took less than share: 3% of the time, so that their syncs are no
	// burden to the log's, whatever the disk.
	perTick     = 10
	perBusyTick = 2
	share       = 6 * time.Millisecond
	// askTimeout bounds one publish.
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
	now     func() time.Time
	log     *slog.Logger
	publish func(ctx context.Context, subject, id string, data []byte) error

	mu        sync.Mutex
	collector *synclog.Collector
	stopped   bool

	lost atomic.Uint64 // entries of batches that could not be written

	// Of the one goroutine that writes.
	name string // of this recorder, in message ids
	sent uint64

	cancel context.CancelFunc
	done   chan struct{}
}

// Start makes a recorder that writes in the background until Stop, also beyond
// the end of ctx.
func Start(ctx context.Context, js jetstream.JetStream, o Options) *Recorder {
	return start(ctx, o, func(ctx context.Context, subject, id string, data []byte) error {
		_, err := js.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: data}, jetstream.WithMsgID(id), jetstream.WithExpectStream(Stream), jetstream.WithRetryAttempts(0))
		return err
	})
}

func start(ctx context.Context, o Options, publish func(ctx context.Context, subject, id string, data []byte) error) *Recorder {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Recorder{now: o.Now, log: o.Logger, publish: publish, collector: synclog.NewCollector(), name: nuid.Next(), done: make(chan struct{})}
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
	began := time.Now()
	for n := 0; n < perBusyTick || n < perTick && time.Since(began) < share; n++ {
		r.mu.Lock()
		batches := r.collector.Take(1, r.now())
		r.mu.Unlock()
		if len(batches) == 0 {
			return true
		}
		if !r.insist(ctx, batches[0]) {
			return false
		}
	}
	return true
}

// insist writes a batch, however long that takes; false if ctx ended first.
func (r *Recorder) insist(ctx context.Context, b synclog.Batch) bool {
	m, ok := r.message(b)
	if !ok {
		return true
	}
	pause := retryFirst
	for failures := 0; ; failures++ {
		err := r.write(ctx, m)
		if err == nil || errors.Is(err, errRefused) {
			switch {
			case err != nil:
				r.lose(b, err)
			case failures > 0:
				r.log.Info("the sync log is written again")
			}
			return true
		}
		if ctx.Err() == nil && failures == 0 {
			r.log.Warn("the sync log cannot be written; requests are answered without it, and what they were is kept for later", "error", err)
		}
		select {
		case <-ctx.Done():
			r.depart(ctx, m, b)
			return false
		case <-time.After(pause):
		}
		pause = min(2*pause, retryMost)
	}
}

// finish writes what is left at the end, each batch once.
func (r *Recorder) finish(ended context.Context) {
	r.mu.Lock()
	left := r.collector.Drain(r.now())
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ended), farewell)
	defer cancel()
	for _, b := range left {
		m, ok := r.message(b)
		if !ok {
			continue
		}
		if err := r.write(ctx, m); err != nil {
			r.lose(b, err)
		}
	}
}

// depart writes a message one last time.
func (r *Recorder) depart(ended context.Context, m message, b synclog.Batch) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ended), farewell/2)
	defer cancel()
	if err := r.write(ctx, m); err != nil {
		r.lose(b, err)
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

// message is a batch on its way. Its id makes repeats harmless.
type message struct {
	subject, id string
	data        []byte
}

func (r *Recorder) message(b synclog.Batch) (message, bool) {
	b.Redact()
	data, err := synclog.Encode(b)
	if err != nil {
		r.lose(b, err)
		return message{}, false
	}
	r.sent++
	return message{synclog.Subject(b.Organization, b.Directory), fmt.Sprintf("%s.%d", r.name, r.sent), data}, true
}

// errRefused says that the server will never take these bytes.
var errRefused = errors.New("requestlog: the server refused the message")

// codeTooLarge is JetStream's answer to a message beyond a limit.
const codeTooLarge = 10054

func (r *Recorder) write(ctx context.Context, m message) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err := r.publish(ctx, m.subject, m.id, m.data)
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == codeTooLarge || errors.Is(err, nats.ErrMaxPayload) {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return err
}
