package projector_test

import (
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/services/projector"
)

func maxAge(d time.Duration) func(*projector.Config) {
	return func(c *projector.Config) { c.EventsMaxAge = d }
}

// TestRivals runs two projectors with a file each on one log. Whoever emits,
// each event is there once, and when one stops the other goes on within
// seconds.
func TestRivals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.start(t, "a"), w.start(t, "b")
	for i := range 26 {
		w.users(t, 1+i%25)
	}
	w.settled(t, a)
	w.settled(t, b)
	for _, leaving := range []string{"a", "b", "a"} {
		if leaving == "a" {
			stop(t, a)
			w.users(t, 3)
			takenOver(t, w, b)
			a = w.start(t, "a")
		} else {
			stop(t, b)
			w.users(t, 20)
			takenOver(t, w, a)
			b = w.start(t, "b")
		}
		for range 5 {
			w.users(t, 2)
		}
	}
	w.settled(t, a)
	w.settled(t, b)
}

func takenOver(t *testing.T, w *world, p *projector.Projector) {
	t.Helper()
	started := time.Now()
	w.settled(t, p)
	t.Logf("the takeover took %s", time.Since(started))
}
