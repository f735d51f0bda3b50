package projector_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
	"github.com/rollcallhq/rollcall/services/projector"
)

// TestCrashPoints starts a projector on every state that a crash can leave:
// the read model as it was after any frame, with all its outbox or missing
// altogether, and EVENTS cut after any message, within a frame too. What is
// left to emit goes out one by one or as an atomic batch, by how much it is.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fold(t, "model")
	copyFile(t, w.path("model"), w.path("after-1"))
	ids := w.users(t, 20)
	w.fold(t, "model")
	copyFile(t, w.path("model"), w.path("after-2"))
	w.do(t, directory.CreateGroup{Scope: w.scope, State: directorytest.Group("Editors"), Members: ids[:5]}, directory.DeleteUser{Scope: w.scope, ID: ids[7]})
	w.fold(t, "model")
	copyFile(t, w.path("model"), w.path("after-3"))
	w.do(t, directory.DeleteUser{Scope: w.scope, ID: ids[8]})
	want := w.want(t)

	models := []string{"none", "after-1", "after-2", "after-3", "model"}
	stored := []int{0, 1, len(want) - 16, len(want) - 12, len(want) - 11, len(want) - 5, len(want) - 1, len(want)}
	for _, model := range models {
		for _, n := range stored {
			t.Run(fmt.Sprintf("%s with %d of %d emitted", model, n, len(want)), func(t *testing.T) {
				w.resetEvents(t, want[:n])
				if err := readmodel.Remove(w.path("crashed")); err != nil {
					t.Fatal(err)
				}
				if model != "none" {
					copyFile(t, w.path(model), w.path("crashed"))
				}
				p := w.start(t, "crashed")
				w.settled(t, p)
				stop(t, p)
			})
		}
	}
}

// TestRestarts stops projectors wherever they happen to be while the log grows,
// and now and then takes the file away or puts an older one in its place.
func TestRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := rand.New(rand.NewPCG(1, 2))
	old := false
	for range 16 {
		for range 1 + r.IntN(3) {
			w.users(t, 1+r.IntN(30))
		}
		p := w.start(t, "model")
		switch goal := r.IntN(4); goal {
		case 0: // stopped before it did anything
		case 1: // while it emits
			from := p.Emitted()
			eventually(t, func() bool { return p.Emitted() > from }, "something to be emitted")
		case 2: // folded, perhaps not emitted
			if err := p.Wait(t.Context(), w.at.Seq); err != nil {
				t.Fatal(err)
			}
		case 3:
			w.settled(t, p)
		}
		stop(t, p)
		switch r.IntN(6) {
		case 0:
			if err := readmodel.Remove(w.path("model")); err != nil {
				t.Fatal(err)
			}
		case 1:
			copyFile(t, w.path("model"), w.path("old"))
			old = true
		case 2:
			if old {
				copyFile(t, w.path("old"), w.path("model"))
			}
		}
	}
	w.settled(t, w.start(t, "model"))
}

// TestRunToEndEmitsNothing leaves what is due in the outbox, and a projector
// that is started on the file emits it.
func TestRunToEndEmitsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.users(t, 3)
	w.fold(t, "model")
	w.fold(t, "model") // at the end already
	if got := w.emitted(t); len(got) != 0 {
		t.Fatalf("a rebuild emitted %d events", len(got))
	}
	w.settled(t, w.start(t, "model"))
}

// TestTrimmed restarts behind an EVENTS that holds only its last message.
func TestTrimmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.users(t, 20)
	p := w.start(t, "model")
	w.settled(t, p)
	stop(t, p)
	if err := natslog.TrimEvents(t.Context(), w.js, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	kept := w.emitted(t)
	if len(kept) != 1 {
		t.Fatalf("%d messages are left after the trim, want the last one", len(kept))
	}
	gone := len(w.want(t)) - 1
	for _, fresh := range []bool{false, true} {
		if fresh {
			if err := readmodel.Remove(w.path("model")); err != nil {
				t.Fatal(err)
			}
		}
		w.users(t, 2)
		p := w.start(t, "model")
		want := w.want(t)
		eventually(t, func() bool { return p.Emitted() >= last(t, want) }, "the events behind the trim")
		compare(t, w.emitted(t), want[gone:])
		stop(t, p)
	}
}

// TestEventsMaxAge cuts EVENTS at its age limit when a projector starts.
func TestEventsMaxAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.users(t, 5)
	p := w.start(t, "model")
	w.settled(t, p)
	stop(t, p)
	w.start(t, "model", maxAge(time.Nanosecond))
	eventually(t, func() bool { return len(w.emitted(t)) == 1 }, "all but the last event to be trimmed")
}

// TestEventsLost takes the end of EVENTS away, as an older copy put in its place
// does. A projector that runs notices, and one that starts emits what is
// missing, though its outbox has forgotten it.
func TestEventsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	said := &lines{}
	p := w.start(t, "model", func(c *projector.Config) { c.Logger = slog.New(slog.NewTextHandler(said, nil)) })
	for range 4 {
		w.users(t, 3)
		w.settled(t, p)
	}
	w.resetEvents(t, w.want(t)[:4])
	w.users(t, 1)
	eventually(t, func() bool { return said.count("EVENTS ends at") > 0 }, "the projector to notice")
	stop(t, p)
	if got, want := w.emitted(t), w.want(t)[:4]; len(got) != len(want) {
		t.Errorf("EVENTS holds %d messages, a gap behind the %d that were left", len(got), len(want))
	}

	for _, left := range []int{4, 0} {
		w.resetEvents(t, w.want(t)[:left])
		p = w.start(t, "model")
		w.settled(t, p)
		w.users(t, 2) // the outbox is dropped
		w.settled(t, p)
		stop(t, p)
	}
}
