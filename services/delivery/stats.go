package delivery

import (
	"sync/atomic"
	"time"

	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/lease"
)

// stats are the worker's own counters.
type stats struct {
	delivered, failed, dead, queued, skipped, frames, records, checkpoints atomic.Uint64
	early                                                                  atomic.Uint64
	took                                                                   atomic.Int64
	inFlight                                                               atomic.Int64
	failure                                                                atomic.Pointer[error]
}

// Stats is what a worker did since it started, and how it stands.
type Stats struct {
	// Delivered, Failed and Dead count attempts by outcome; Failed has another
	// attempt to come, Dead has none.
	Delivered, Failed, Dead uint64
	// Queued counts deliveries that waited for an earlier one of their resource,
	// Skipped events that had left EVENTS before their turn.
	Queued, Skipped uint64
	// Early counts events that were offered to endpoints ahead of EVENTS.
	Early uint64
	// Took is the time of all attempts together.
	Took time.Duration
	// Frames and Records were appended to ATTEMPTS; Checkpoints are complete.
	Frames, Records, Checkpoints uint64
	// Slots are this worker's now.
	Slots []int
	// InFlight counts attempts under way.
	InFlight int
	// Endpoints are known; Open of them have an open circuit, and Lagging of them
	// read for themselves or wait.
	Endpoints, Open, Lagging int
	// Waiting counts deliveries that wait for an attempt, DeadLetters those kept.
	Waiting, DeadLetters int
	// Position is the sequence in EVENTS up to which the endpoints that keep up
	// were served.
	Position uint64
}

// Stats returns the counters as of now.
func (w *Worker) Stats() Stats {
	s := Stats{
		Delivered: w.stats.delivered.Load(), Failed: w.stats.failed.Load(), Dead: w.stats.dead.Load(),
		Queued: w.stats.queued.Load(), Early: w.stats.early.Load(), Skipped: w.stats.skipped.Load(), Took: time.Duration(w.stats.took.Load()),
		Frames: w.stats.frames.Load(), Records: w.stats.records.Load(), Checkpoints: w.stats.checkpoints.Load(),
		InFlight: int(w.stats.inFlight.Load()),
	}
	if !w.ready.Load() {
		return s
	}
	s.Position = w.feed.at.Load()
	for _, sl := range w.held() {
		s.Slots = append(s.Slots, sl.n)
		sl.mu.Lock()
		for id, l := range sl.lanes {
			if l.ep == nil {
				continue
			}
			s.Endpoints++
			if l.open {
				s.Open++
			}
			if l.fed == nil {
				s.Lagging++
			}
			s.Waiting += sl.state.CountWaiting(id)
			if row, ok, _ := sl.state.Endpoint(id); ok { // memory does not fail
				s.DeadLetters += int(row.Dead) //nolint:gosec // at most attempts.MaxDead
			}
		}
		sl.mu.Unlock()
	}
	return s
}

func (s *stats) count(r *attempts.Record) {
	switch {
	case r.Kind == attempts.KindQueued:
		s.queued.Add(1)
	case r.Kind != attempts.KindAttempt:
	case r.Outcome == attempts.Delivered:
		s.delivered.Add(1)
	case r.Outcome == attempts.Failed:
		s.failed.Add(1)
	case r.Outcome == attempts.Dead:
		s.dead.Add(1)
	}
	s.took.Add(int64(r.Duration))
}

// Members returns which workers share the slots, as last known to this one; nil
// if all are its own.
func (w *Worker) Members() []lease.Member {
	if !w.ready.Load() || w.share == nil {
		return nil
	}
	return w.share.Members()
}
