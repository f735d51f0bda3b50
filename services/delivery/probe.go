package delivery

import (
	"slices"
	"time"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/attempts"
)

const (
	// probeEvery is how long after a failure an endpoint whose circuit is open is
	// tried with something else than its earliest delivery.
	probeEvery = time.Minute
	// lookEach is how often that is looked for, and overdueRounds how often it is
	// that the deliveries that wait are gone through for it.
	lookEach      = time.Second
	overdueRounds = 60
)

// probe tries endpoints whose circuit is open with something else than their
// earliest delivery, which may be hours from its next attempt, or be the one that
// the receiver refuses for good: what happens meanwhile must not wait for it, nor
// may it go unnoticed that the receiver answers again. Nothing is tried before
// its own time, so no ladder is used up faster than without a circuit. Calls
// count the rounds.
func (w *Worker) probe(now time.Time, round int) {
	for _, s := range w.held() {
		s.mu.Lock()
		for _, l := range s.lanes {
			if l.open && len(l.inFlight) == 0 && l.may() {
				l.probe(now, (round+s.n)%overdueRounds == 0)
			}
		}
		s.mu.Unlock()
	}
}

// probe begins one attempt at most: that of a test event, or else, a while after
// the last failure, of an event that nothing was tried of or, if it is asked to go
// through them, of the delivery that has been due for longest.
func (l *lane) probe(now time.Time, thorough bool) {
	rested := now.Sub(l.failedAt) >= probeEvery
	i := slices.IndexFunc(l.queue, func(e *event) bool {
		_, wait := l.first(ordered(l.ep, e.resource()))
		return !wait && (rested || e.only != "" && e.typ == string(public.EndpointTest))
	})
	switch {
	case i >= 0 && l.waiting < MaxWaiting:
		if l.admitted() && l.slot.w.tokens.take(l) {
			l.flyFirst(i)
		}
		return
	case !rested:
		return
	case len(l.queue) == 0 && l.fed == nil && !l.reading:
		// A turn takes one event, which is tried when this is called again.
		l.reading = true
		l.slot.w.running.Go(func() { l.slot.w.catchUp(l) })
	}
	if !thorough {
		return
	}
	if d, ok := l.overdue(now); ok && l.admitted() && l.slot.w.tokens.take(l) {
		l.flyAgain(d)
	}
}

// overdue returns the delivery that has been due for longest, of those that no
// earlier one of their resource holds up.
func (l *lane) overdue(now time.Time) (found attempts.Delivery, ok bool) {
	waiting, _ := l.slot.state.Waiting(l.id) // memory does not fail
	for _, d := range waiting {
		if d.Due.After(now) || ok && !d.Due.Before(found.Due) {
			continue
		}
		if _, stale := l.unstored[d.Seq]; stale {
			continue
		}
		if chain := l.waits[d.Resource]; ordered(l.ep, d.Resource) != "" && len(chain) > 0 && chain[0] != d.Seq {
			continue
		}
		found, ok = d, true
	}
	return found, ok
}
