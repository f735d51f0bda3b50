package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
	"github.com/rollcallhq/rollcall/pkg/lease"
)

// ShareKey is the key under which workers share the slots.
const ShareKey = "delivery"

const (
	// recoverAtOnce is how many slots are read at a time.
	recoverAtOnce = 8
	// claimAttempts is how often a slot is read again because its former worker
	// still wrote to it.
	claimAttempts = 100
	// tryAgain is how long a slot that cannot be read is left alone.
	tryAgain = 500 * time.Millisecond
)

// shared is the worker as lease.Worker sees it. Every slot is leased: a worker
// begins on one by folding what the one before it recorded, and by a frame of
// its own behind that. From then on nothing of the former worker's is taken any
// more, also if it does not know yet.
type shared struct{ w *Worker }

// Take implements lease.Worker.
func (s shared) Take(slots []int) {
	w := s.w
	w.seats.Lock()
	w.turn++
	turn := w.turn
	for _, n := range slots {
		w.taken[n] = turn
	}
	w.seats.Unlock()
	w.running.Go(func() { w.takeOver(slots, turn) })
}

// Give implements lease.Worker.
func (s shared) Give(slots []int) {
	for _, n := range slots {
		s.w.giving.Go(func() { s.w.give(n) })
	}
}

// Lose implements lease.Worker.
func (s shared) Lose(slots []int) {
	for _, n := range slots {
		if sl := s.w.unseat(n); sl != nil {
			s.w.giving.Go(sl.abandon)
		}
	}
}

// Resume implements lease.Worker.
func (s shared) Resume() {
	for _, sl := range s.w.held() {
		sl.mu.Lock()
		for _, l := range sl.lanes {
			l.followReplays()
			l.pump()
		}
		sl.mu.Unlock()
	}
}

var _ lease.Worker = shared{}

// unseat makes a slot nobody's here, and returns it if work on it had begun.
func (w *Worker) unseat(n int) *slot {
	w.seats.Lock()
	defer w.seats.Unlock()
	w.taken[n] = 0
	return w.slots[n].Swap(nil)
}

// give ends the work on a slot in an orderly way and passes it on. The slot stays
// in its seat until then, so that its endpoints' changes still reach it.
func (w *Worker) give(n int) {
	if s := w.slots[n].Load(); s != nil {
		s.leave()
	}
	if s := w.unseat(n); s != nil {
		s.abandon()
	}
	w.share.Done(n)
}

// forfeit is for a slot that another worker was found to write to.
func (w *Worker) forfeit(s *slot) {
	w.seats.Lock()
	mine := w.slots[s.n].CompareAndSwap(s, nil)
	if mine {
		w.taken[s.n] = 0
	}
	w.seats.Unlock()
	s.abandon()
	if mine {
		w.share.Done(s.n)
	}
}

// abandon ends a slot whatever is under way. Nothing more is recorded.
func (s *slot) abandon() {
	s.mu.Lock()
	s.fenced = true
	s.forgetAll()
	for _, l := range s.lanes {
		l.end()
	}
	s.mu.Unlock()
	s.cancel()
}

// takeOver recovers slots and begins work on those that are still this worker's
// by then.
func (w *Worker) takeOver(numbers []int, turn uint64) {
	var (
		mu    sync.Mutex
		slots []*slot
		wg    sync.WaitGroup
		limit = make(chan struct{}, recoverAtOnce)
	)
	for _, n := range numbers {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			if s := w.claim(w.life, n, turn); s != nil {
				mu.Lock()
				slots = append(slots, s)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for {
		// No endpoint may be forgotten that the former worker knew already.
		err := w.fold.reach(w.life)
		if err == nil {
			break
		}
		if !pause(w.life, tryAgain) {
			return
		}
	}
	slots = w.seat(slots, turn)
	if len(slots) == 0 {
		return
	}
	relay := newFeed(w)
	for {
		err := relay.begin(w.life, slots)
		if err == nil {
			break
		}
		w.cfg.Logger.Warn("the stream of events cannot be asked; trying again", "error", err)
		if !pause(w.life, tryAgain) {
			return
		}
	}
	for _, s := range slots {
		s.begin(relay)
	}
	relay.hand(w.life)
}

// claim recovers a slot and fences its former worker off. It returns nil if the
// slot is not this worker's any more.
func (w *Worker) claim(ctx context.Context, n int, turn uint64) *slot {
	for try := 1; ; try++ {
		w.seats.Lock()
		taken := w.taken[n] == turn
		w.seats.Unlock()
		if !taken || ctx.Err() != nil {
			return nil
		}
		s, err := recoverSlot(ctx, w, n)
		if err == nil {
			if err = s.fence(ctx); err == nil {
				return s
			}
			s.cancel()
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, attemptlog.ErrFenced) && try < claimAttempts:
			continue // the former worker wrote meanwhile: its last word counts
		case errors.Is(err, attemptlog.ErrFenced), errors.Is(err, attemptlog.ErrUnavailable), errors.Is(err, attemptlog.ErrFull):
			w.cfg.Logger.Warn("a slot cannot be taken over; trying again", "slot", n, "error", err)
		default:
			w.fail(fmt.Errorf("take slot %d over: %w", n, err))
		}
		if errors.Is(err, attemptlog.ErrFull) {
			w.trimNow()
		}
		if !pause(ctx, tryAgain) {
			return nil
		}
	}
}

// fence appends a frame without records. The expectation of whoever wrote before
// fails from then on.
func (s *slot) fence(ctx context.Context) error {
	f := attempts.Frame{Header: attempts.Header{Slot: s.n, Index: s.place.Index + 1, Checkpoint: s.place.Checkpoint}}
	b, err := attempts.Encode(f)
	if err != nil {
		return err
	}
	seq, err := s.writer.Append(ctx, b)
	if err != nil {
		return err
	}
	s.place, err = attempts.Apply(s.state, s.place, seq, f)
	return err
}

// seat makes recovered slots this worker's, with the endpoints as of now, and
// returns those that still were to be.
func (w *Worker) seat(slots []*slot, turn uint64) (seated []*slot) {
	// No endpoint changes meanwhile: a slot misses no change and sees none twice.
	w.fold.telling.Lock()
	defer w.fold.telling.Unlock()
	w.seats.Lock()
	for _, s := range slots {
		if w.taken[s.n] == turn && !w.stopping.Load() {
			w.slots[s.n].Store(s)
			seated = append(seated, s)
		} else {
			s.cancel()
		}
	}
	w.seats.Unlock()
	w.settle(seated)
	return seated
}

// hand reads for lanes that were taken over until they are where everybody else
// is, and hands them to the shared reader.
func (f *feed) hand(ctx context.Context) {
	main := f.w.feed
	over := func() bool { //nolint:contextcheck // attempts live as long as their lane, not as this call
		if f.at.Load() < main.at.Load() {
			return false
		}
		main.mu.Lock()
		defer main.mu.Unlock()
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.at.Load() < main.at.Load() {
			return false
		}
		for _, l := range f.index.all() {
			main.adopt(l, f)
		}
		return true
	}
	for !over() && ctx.Err() == nil {
		err := f.w.events.read(ctx, f.at.Load(), func(e *event) bool {
			if f.w.fold.wait(ctx, e.logSeq) != nil {
				return false
			}
			f.offer(e) //nolint:contextcheck // attempts live as long as their lane, not as this call
			return f.at.Load() < main.at.Load() || !over()
		})
		if err != nil && ctx.Err() == nil {
			f.w.cfg.Logger.Warn("the stream of events cannot be read; trying again", "error", err)
			pause(ctx, 200*time.Millisecond)
		}
	}
}

// adopt feeds a lane that another feed, which is at least as far, fed so far.
// Both are locked.
func (f *feed) adopt(l *lane, former *feed) {
	l.slot.mu.Lock()
	defer l.slot.mu.Unlock()
	if l.gone || l.fed != former {
		return
	}
	l.read = max(l.read, former.at.Load())
	f.take(l)
}
