package delivery

import "time"

// Kill ends the worker as a kill would: what is under way is cut off, what is
// pending is not recorded, and nothing is saved.
func (w *Worker) Kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.stopping.Store(true)
	if w.share != nil {
		w.stopSharing()
		w.sharing.Wait()
	}
	w.abort()
	held := w.held()
	for _, s := range held {
		s.mu.Lock()
		s.fenced = true
		s.mu.Unlock()
	}
	w.stop()
	w.running.Wait()
	w.confirming.Wait()
	w.giving.Wait()
	w.inFlight.Wait()
	for _, s := range held {
		<-s.committed
	}
	_ = w.fold.store.Close()
}

// GiveUp does what the worker does from time to time, as of a time.
func (w *Worker) GiveUp(now time.Time) { w.feed.giveUp(w.life, now) }

// Warning is warning.
var Warning = warning

// Probe looks for what may be tried of endpoints whose circuit is open, as it
// would at the time now.
func (w *Worker) Probe(now time.Time) {
	for round := range overdueRounds {
		w.probe(now, round)
	}
}
