package delivery

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// rewind is how far behind the end of EVENTS the shared reader begins at most.
// Endpoints further behind read for themselves first.
const rewind = 50_000

// feed reads EVENTS once for all endpoints that keep up.
//
// Locks are taken in the order feed, slot, index. A lane is attached or detached
// with the first two held, unless it is gone, so under either of them alone that
// does not change.
type feed struct {
	w *Worker
	// at is the last event that was offered to every attached lane.
	at atomic.Uint64

	// index holds the attached lanes.
	index *index

	mu      sync.Mutex
	wanting []*lane // of the event that is offered
}

func newFeed(w *Worker) *feed { return &feed{w: w, index: newIndex()} }

// begin chooses where to begin: at the furthest-behind lane that is not too far
// behind.
func (f *feed) begin(ctx context.Context, slots []*slot) error {
	first, last, err := f.w.events.bounds(ctx)
	if err != nil {
		return err
	}
	at := last
	for _, s := range slots {
		s.mu.Lock()
		for _, l := range s.lanes {
			if l.read > last {
				// EVENTS lost its end, so what is there under these numbers now was
				// never delivered.
				f.w.cfg.Logger.Error("the stream of events ends before an endpoint's position; the endpoint goes on from the stream's end",
					"endpoint", l.id, "position", l.read, "end", last)
				l.read, l.rewound = last, true
			}
			if l.placed && l.read+rewind >= last {
				at = min(at, l.read)
			}
		}
		s.mu.Unlock()
	}
	// Lanes before what is kept read for themselves, and say what they skip.
	f.at.Store(max(at, max(first, 1)-1))
	return nil
}

// What attach answers.
const (
	fed    = iota // the lane is fed now, or gone
	behind        // it has to read on first
	full          // its queue has to drain first
)

// attach lets the lane be fed, if it has read as far as the feed.
func (f *feed) attach(l *lane) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	l.slot.mu.Lock()
	defer l.slot.mu.Unlock()
	switch {
	case l.gone || l.fed != nil:
		return fed
	case l.read < f.at.Load():
		return behind
	case !l.room():
		return full
	}
	l.feedFrom(f)
	return fed
}

// run reads until ctx ends.
func (f *feed) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.w.events.read(ctx, f.at.Load(), func(e *event) bool {
			// An event that a frame caused is matched only against endpoints as of
			// that frame, or later.
			if f.w.fold.wait(ctx, e.logSeq) != nil {
				return false
			}
			f.offer(e) //nolint:contextcheck // attempts live as long as their lane, not as this call
			return true
		})
		if ctx.Err() != nil {
			return
		}
		f.w.cfg.Logger.Warn("the stream of events cannot be read; trying again", "error", err)
		pause(ctx, 200*time.Millisecond)
	}
}

// offer hands an event to every attached lane that wants it. A lane without room
// is detached: it reads for itself from there on.
func (f *feed) offer(e *event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.id != "" {
		f.wanting = f.index.find(e, f.wanting[:0])
		for _, l := range f.wanting {
			l.offer(e)
		}
	}
	f.at.Store(e.seq)
}
