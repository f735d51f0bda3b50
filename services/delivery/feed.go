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
	// at is the last event of EVENTS that was offered to every attached lane.
	at atomic.Uint64
	// known is up to where EVENTS is known to hold what was offered, by this feed
	// or in an earlier life: what is recorded is about no later event. It is the
	// shared reader's only.
	known atomic.Uint64

	// index holds the attached lanes.
	index *index

	mu      sync.Mutex
	wanting []*lane // of the event that is offered
	// ahead are the events behind at that were offered before EVENTS is known to
	// hold them, heard those that cannot be offered yet, by sequence.
	ahead []*event
	heard map[uint64]*event
}

func newFeed(w *Worker) *feed { return &feed{w: w, index: newIndex(), heard: map[uint64]*event{}} }

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
	f.known.Store(last)
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
	f.take(l)
	return fed
}

// take begins to feed a lane that has read as far. Both are locked.
func (f *feed) take(l *lane) {
	l.feedFrom(f)
	for _, e := range f.ahead {
		if l.fed == f {
			l.consider(e, true)
		}
	}
}

// run offers what it reads until ctx ends. Until recorded ends, it still says what
// of the events that were offered ahead EVENTS holds.
func (f *feed) run(ctx, recorded context.Context) {
	for recorded.Err() == nil {
		err := f.w.events.read(recorded, f.at.Load(), func(e *event) bool {
			if f.expected(e) { //nolint:contextcheck // attempts live as long as their lane, not as this call
				return true
			}
			// An event that a frame caused is matched only against endpoints as of
			// that frame, or later.
			if f.w.fold.wait(ctx, e.logSeq) != nil {
				return false
			}
			f.offer(e) //nolint:contextcheck // attempts live as long as their lane, not as this call
			return true
		})
		if recorded.Err() != nil || err == nil && ctx.Err() != nil {
			return
		}
		f.w.cfg.Logger.Warn("the stream of events cannot be read; trying again", "error", err)
		pause(recorded, 200*time.Millisecond)
	}
}

// expected reports whether an event of EVENTS was offered ahead of it.
func (f *feed) expected(e *event) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.confirm(e)
}

// offer hands an event of EVENTS to every attached lane that wants it, unless it
// was offered ahead by now.
func (f *feed) offer(e *event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.confirm(e) {
		return
	}
	if e.id != "" {
		f.tell(e, false)
	}
	f.settle(e.seq)
}

// tell hands an event to every attached lane that wants it. A lane without room
// is detached: it reads for itself from there on.
func (f *feed) tell(e *event, ahead bool) {
	f.wanting = f.index.find(e, f.wanting[:0])
	for _, l := range f.wanting {
		l.offer(e, ahead)
	}
}
