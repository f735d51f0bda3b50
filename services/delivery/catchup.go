package delivery

import (
	"context"
	"time"
)

const (
	// maxTurns is how many endpoints read EVENTS for themselves at a time.
	maxTurns = 64
	// turnTime is how long one reads while others wait for their turn.
	turnTime = 5 * time.Second
	// fullTime is how long a turn waits for room in the queue.
	fullTime = time.Second
)

// catchUp is one turn of a lane that lags: it reads until it has reached the
// feed, its queue stays full, or its time is over.
func (w *Worker) catchUp(l *lane) {
	select {
	case w.turns <- struct{}{}:
	case <-w.life.Done():
		return
	}
	err := w.readFor(l)
	<-w.turns
	if err != nil && w.life.Err() == nil {
		w.cfg.Logger.Warn("the stream of events cannot be read for an endpoint; trying again", "endpoint", l.id, "error", err)
		pause(w.life, 500*time.Millisecond)
	}
	l.slot.mu.Lock()
	defer l.slot.mu.Unlock()
	l.reading = false
	l.pump()
}

func (w *Worker) readFor(l *lane) error {
	ctx := w.life
	from, era, err := w.place(ctx, l)
	if err != nil || w.feed.attach(l) != behind {
		return err // without room, the lane asks again when it has some
	}
	end := time.Now().Add(turnTime)
	return w.events.read(ctx, from, func(e *event) bool {
		if w.fold.wait(ctx, e.logSeq) != nil {
			return false
		}
		for {
			done, ok := l.feedSelf(e, era) //nolint:contextcheck // attempts live as long as their lane, not as this call
			if done {
				return false
			}
			if ok {
				break
			}
			wait := time.NewTimer(fullTime)
			select {
			case <-l.drained:
				wait.Stop()
				continue
			case <-wait.C:
			case <-ctx.Done():
				wait.Stop()
			}
			return false
		}
		if e.seq >= w.feed.at.Load() && w.feed.attach(l) != behind { //nolint:contextcheck // attempts live as long as their lane, not as this call
			return false
		}
		return time.Now().Before(end) || len(w.turns) < cap(w.turns)
	})
}

// place returns where the lane is to read on: for a new endpoint, behind what
// was caused before it; for one that was away for long, where EVENTS begins. That
// is so until the lane's era changes.
func (w *Worker) place(ctx context.Context, l *lane) (from uint64, era int, err error) {
	l.slot.mu.Lock()
	placed, ep, read, era := l.placed, l.ep, l.read, l.era
	l.slot.mu.Unlock()
	if !placed {
		if read, err = w.events.behind(ctx, ep.created()); err != nil {
			return 0, 0, err
		}
		l.slot.mu.Lock()
		l.placed, l.read, l.touched = true, read, true
		l.slot.signal()
		l.slot.mu.Unlock()
	}
	first, _, err := w.events.bounds(ctx)
	if err != nil {
		return 0, 0, err
	}
	if read+1 < first {
		w.cfg.Logger.Warn("events left the stream before an endpoint's turn and are skipped",
			"endpoint", l.id, "from", read+1, "to", first-1)
		w.stats.skipped.Add(first - 1 - read)
		l.slot.mu.Lock()
		read = first - 1
		l.read, l.touched = max(l.read, read), true
		l.slot.mu.Unlock()
	}
	return read, era, nil
}

// feedSelf takes an event that the lane read for itself. done ends the turn; ok
// says that the event was dealt with.
func (l *lane) feedSelf(e *event, era int) (done, ok bool) {
	l.slot.mu.Lock()
	defer l.slot.mu.Unlock()
	if l.gone || l.slot.stopped() || l.era != era {
		return true, false
	}
	if e.seq <= l.read {
		return false, true
	}
	if e.id == "" || !l.ep.wants(e) || l.settled(e.seq) {
		l.read = e.seq
		return false, true
	}
	if len(l.queue) > 0 && !l.mayAdvance() {
		return true, false // one is enough to go on with; it reads again when there is need
	}
	if !l.room() {
		return false, false
	}
	l.take(e)
	return false, true
}
