package ingress_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/logtest"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/ingress"
)

// TestSole writes and reads through the only ingress, and again after a
// restart.
func TestSole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	i := w.sole(t)
	if err := i.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
	w.setup(t, i)
	key := w.must(t, i, w.user("mara")).Key
	if found, err := shows(t.Context(), i, key); err != nil || !found {
		t.Errorf("the user just made: found %v, %v", found, err)
	}
	at := i.At()
	stop(t, i)
	stop(t, i)
	started := time.Now()
	if _, err := i.Submit(t.Context(), w.request(w.user("late"))); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a stopped ingress answers %v", err)
	}
	if took := time.Since(started); took > limit {
		t.Errorf("a stopped ingress takes %s to refuse", took)
	}
	if err := i.Ready(t.Context()); err == nil {
		t.Error("a stopped ingress is ready")
	}

	again := w.sole(t)
	if again.At() != at {
		t.Errorf("after the restart the state is at %d, it was at %d", again.At().Seq, at.Seq)
	}
	snap, err := again.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if r, err := snap.Get(key); err != nil || r == nil {
		t.Errorf("the user is %v, %v after a restart", r, err)
	}
	if _, err := again.Submit(t.Context(), w.request(w.user("mara"))); fault.KindOf(err) != fault.Conflict {
		t.Errorf("the same userName again answers %v", err)
	}
}

// TestOpenRefuses half of what several processes need.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	if _, err := ingress.Open(t.Context(), ingress.Config{Path: filepath.Join(w.dir, "x.db"), Log: w.log, Conn: w.js.Conn()}); err == nil {
		t.Error("a connection without leases is accepted")
	}
}

// TestLinearizable writes through one ingress and reads through the other at
// once; only one of them owns the log.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	a, b := w.pair(t)
	both := []*ingress.Ingress{a, b}
	const writers, rounds = 10, 50
	var tasks sync.WaitGroup
	for n := range writers {
		tasks.Go(func() {
			for round := range rounds {
				to, from := both[round%2], both[(round+1)%2]
				res, err := to.Submit(t.Context(), w.request(w.user(fmt.Sprintf("u%d-%d", n, round))))
				if err != nil {
					t.Errorf("write %d-%d: %v", n, round, err)
					return
				}
				if u, ok := res.Row.(*directory.User); !ok || !strings.HasPrefix(u.UserName, "u") || !res.Changed {
					t.Errorf("write %d-%d answers %#v", n, round, res)
				}
				for _, i := range []*ingress.Ingress{from, to} {
					if found, err := shows(t.Context(), i, res.Key); err != nil || !found {
						t.Errorf("write %d-%d: found %v, %v", n, round, found, err)
						return
					}
				}
			}
		})
	}
	tasks.Wait()
	if h := w.holder(t); h != "a" {
		t.Errorf("the log went to %q under load", h)
	}
	for _, i := range both {
		if err := i.Ready(t.Context()); err != nil {
			t.Errorf("not ready: %v", err)
		}
	}
}

// TestOneWins creates the same userName through both at once.
func TestOneWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	a, b := w.pair(t)
	for round := range 15 {
		results := make(chan error, 8)
		for n := range cap(results) {
			go func() {
				to := a
				if n%2 == 1 {
					to = b
				}
				_, err := to.Submit(t.Context(), w.request(w.user(fmt.Sprintf("same%d", round))))
				results <- err
			}()
		}
		won := 0
		for range cap(results) {
			switch err := <-results; {
			case err == nil:
				won++
			case fault.KindOf(err) != fault.Conflict:
				t.Errorf("a loser is answered %v", err)
			}
		}
		if won != 1 {
			t.Errorf("round %d: %d of %d creates won", round, won, cap(results))
		}
	}
}

// TestRefusal brings kind, reason and words of a refusal through NATS.
func TestRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	a, b := w.pair(t)
	w.must(t, a, w.user("mara"))
	_, here := a.Submit(t.Context(), w.request(w.user("mara")))
	_, there := b.Submit(t.Context(), w.request(w.user("mara")))
	if f, g := fault.Of(here), fault.Of(there); f.Kind != g.Kind || f.Reason != g.Reason || f.Detail != g.Detail {
		t.Errorf("refused as %#v by the owner, as %#v through another", f, g)
	}
	tail := b.At().Seq
	res, err := b.Submit(t.Context(), w.request(directory.EnableDirectory{Organization: w.scope.Organization, Directory: w.scope.Directory}))
	if err != nil || res.Changed || res.Seq != tail {
		t.Errorf("a repeat answers %+v, %v", res, err)
	}
	big := w.user("big")
	big.State.Attributes = []byte(`"` + strings.Repeat(`\"`, 2<<20) + `"`)
	if _, err := b.Submit(t.Context(), w.request(big)); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("a command larger than a message answers %v", err)
	}
}

// TestReady tells why a write would not succeed.
func TestReady(t *testing.T) {
	t.Parallel()
	t.Run("full", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, natslog.Sizes{Log: 2 << 20})
		i := w.sole(t)
		w.setup(t, i)
		if err := i.Ready(t.Context()); err != nil {
			t.Fatalf("not ready with room: %v", err)
		}
		var err error
		for n := 0; err == nil && n < 100; n++ {
			u := w.user(fmt.Sprint("large", n))
			u.State.Attributes = fmt.Appendf(nil, `{"userName":"large%d@acme.example","title":%q}`, n, strings.Repeat("x", 200<<10))
			_, err = i.Submit(t.Context(), w.request(u))
		}
		if !errors.Is(err, eventlog.ErrFull) || fault.KindOf(err) != fault.Unavailable {
			t.Errorf("a full log answers %v", err)
		}
		if err := i.Ready(t.Context()); !errors.Is(err, eventlog.ErrFull) {
			t.Errorf("with a full log, readiness answers %v", err)
		}
	})
	t.Run("no owner", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, natslog.Sizes{})
		a, b := w.pair(t)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		stop(t, a)
		stop(t, b)
		_, err := ingress.Forward(ctx, w.js.Conn(), w.request(w.user("nobody")))
		if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("without an owner a command is answered %v", err)
		}
		if err := b.Ready(t.Context()); err == nil {
			t.Error("ready without an owner")
		}
	})
	t.Run("waiting for a lease", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, natslog.Sizes{})
		a, b := w.pair(t)
		kv, err := w.js.KeyValue(t.Context(), "LEASES")
		if err != nil {
			t.Fatal(err)
		}
		stop(t, a)
		eventually(t, func() bool { return w.holder(t) == "b" }, "b to own the log")
		stop(t, b)
		eventually(t, func() bool {
			_, err := kv.Create(t.Context(), "partition.0", []byte("a process that never answers"))
			return err == nil
		}, "b's lease to be free")
		c := w.shared(t, "c", w.connect(t))
		if err := c.Ready(t.Context()); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("ready while nobody answers for the log: %v", err)
		}
		eventually(t, func() bool { return c.Ready(t.Context()) == nil }, "c to own the log")
	})
	t.Run("damaged", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, natslog.Sizes{})
		i := w.sole(t)
		w.setup(t, i)
		w.damage(t)
		if _, err := i.Submit(t.Context(), w.request(w.user("mara"))); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("a write to a damaged log answers %v", err)
		}
		eventually(t, func() bool { return i.Err() != nil }, "the ingress to halt")
		if err := i.Ready(t.Context()); !errors.Is(err, eventlog.ErrDamaged) {
			t.Errorf("readiness answers %v", err)
		}
		started := time.Now()
		if _, err := i.Submit(t.Context(), w.request(w.user("mara"))); fault.KindOf(err) != fault.Unavailable || errors.Is(err, commit.ErrStopped) && i.Err() == nil {
			t.Errorf("a write to a halted ingress answers %v", err)
		}
		if took := time.Since(started); took > limit {
			t.Errorf("a halted ingress takes %s to refuse", took)
		}
	})
	t.Run("damaged under two", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, natslog.Sizes{})
		a, b := w.pair(t)
		w.damage(t)
		_, _ = a.Submit(t.Context(), w.request(w.user("mara")))
		eventually(t, func() bool { return a.Err() != nil && b.Err() != nil }, "both to halt")
		for _, i := range []*ingress.Ingress{a, b} {
			if err := i.Ready(t.Context()); !errors.Is(err, eventlog.ErrDamaged) {
				t.Errorf("readiness answers %v", err)
			}
		}
		eventually(t, func() bool { return w.holder(t) == "" }, "the lease to be given up")
	})
}

// damage appends what is not a frame.
func (w *world) damage(t *testing.T) {
	t.Helper()
	if _, err := w.js.Publish(t.Context(), natslog.Subject(0), []byte("not a frame")); err != nil {
		t.Fatal(err)
	}
	if _, err := logtest.TryRead(t, w.log, eventlog.Position{}); !errors.Is(err, frame.ErrNotAFrame) {
		t.Fatalf("the damage reads as %v", err)
	}
}
