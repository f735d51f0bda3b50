package projector_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/natslog"
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

// TestRivals_between has somebody else append what is next while a projector has
// messages on their way, so that any of them may be refused and the one behind it
// stored.
func TestRivals_between(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stream, err := w.js.Stream(t.Context(), natslog.EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	p := w.start(t, "model")
	w.settled(t, p)
	won, lost := 0, 0
	for range 10 {
		stop(t, p)
		emitted := last(t, w.want(t))
		w.users(t, 9) // too few for a batch
		want := w.want(t)
		p = w.start(t, "model")
		eventually(t, func() bool { return p.Emitted() >= emitted }, "the projector to begin")
		for {
			info, err := stream.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			at := info.State.LastSeq
			if at >= uint64(len(want)) {
				break
			}
			_, err = w.js.PublishMsg(t.Context(), want[at].nats(), jetstream.WithExpectLastSequence(at))
			if refused, ok := errors.AsType[*jetstream.APIError](err); ok && refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
				lost++ // to the projector
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			won++
		}
		w.settled(t, p)
	}
	t.Logf("the rival appended %d messages and was too late for %d", won, lost)
}
