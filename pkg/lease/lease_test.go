package lease_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/pkg/lease"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ttl      = 6 * time.Second // long enough for a machine that is busy with other things
	patience = time.Minute
)

var quiet = slog.New(slog.DiscardHandler)

// bucket starts a server and returns a way to open keepers on it.
func bucket(t *testing.T) (js jetstream.JetStream, open func(id string) *lease.Keeper) {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), StoreLimit: 256 << 20, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	return js, func(id string) *lease.Keeper {
		t.Helper()
		k, err := lease.Open(t.Context(), js, id, ttl, 1, quiet)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
}

// holder runs Hold in the background.
type holder struct {
	has    chan struct{} // gets one for each time that work begins
	lost   chan struct{} // gets one for each time that its context ends
	give   chan struct{} // one lets work return
	cancel context.CancelFunc
	done   chan struct{}
}

func hold(t *testing.T, k *lease.Keeper, working *atomic.Int32) *holder {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	h := &holder{has: make(chan struct{}, 100), lost: make(chan struct{}, 100), give: make(chan struct{}), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(h.done)
		k.Hold(ctx, "work", func(ctx context.Context) error {
			if n := working.Add(1); n > 1 {
				t.Errorf("%d do the work at once", n)
			}
			defer working.Add(-1)
			h.has <- struct{}{}
			select {
			case <-ctx.Done():
				h.lost <- struct{}{}
			case <-h.give:
			}
			return nil
		})
	}()
	t.Cleanup(func() { cancel(); <-h.done })
	return h
}

func soon(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s does not happen", what)
	}
}

// TestTakeover passes a lease on: while one holds it nobody else works, for
// longer than it lives without being renewed; once it is given up another has
// it, at once.
func TestTakeover(t *testing.T) {
	t.Parallel()
	_, open := bucket(t)
	var working atomic.Int32
	first := open("first")
	a := hold(t, first, &working)
	soon(t, "taking the lease", a.has)
	if id, err := first.Holder(t.Context(), "work"); err != nil || id != "first" {
		t.Errorf("the holder is %q (%v), want first", id, err)
	}
	b := hold(t, open("second"), &working)
	select {
	case <-b.has:
		t.Fatal("a renewed lease is taken")
	case <-a.lost:
		t.Fatal("a renewed lease is lost")
	case <-time.After(2 * ttl):
	}
	began := time.Now()
	a.cancel()
	soon(t, "the takeover", b.has)
	t.Logf("taking over a lease that was given up took %v; it lives %v", time.Since(began), ttl)
	b.cancel()
	<-b.done
	if id, err := first.Holder(t.Context(), "work"); err != nil || id != "" {
		t.Errorf("the holder is %q (%v), want nobody", id, err)
	}
}

// TestWorkEnds says that a lease whose work ended is offered to the others.
func TestWorkEnds(t *testing.T) {
	t.Parallel()
	_, open := bucket(t)
	var working atomic.Int32
	a := hold(t, open("first"), &working)
	soon(t, "taking the lease", a.has)
	b := hold(t, open("second"), &working)
	close(a.give) // whenever it works from now on it ends at once
	soon(t, "the other's turn", b.has)
}

// TestLost says that work ends when somebody else took the lease meanwhile, as
// after a pause longer than it lives.
func TestLost(t *testing.T) {
	t.Parallel()
	js, open := bucket(t)
	var working atomic.Int32
	a := hold(t, open("first"), &working)
	soon(t, "taking the lease", a.has)
	kv, err := js.KeyValue(t.Context(), lease.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), "work", []byte("thief")); err != nil {
		t.Fatal(err)
	}
	soon(t, "noticing the loss", a.lost)
	soon(t, "taking it again once the thief is silent", a.has)
}

// TestExpiry says that a holder that says nothing any more loses the lease.
func TestExpiry(t *testing.T) {
	t.Parallel()
	js, open := bucket(t)
	k := open("first")
	kv, err := js.KeyValue(t.Context(), lease.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Create(t.Context(), "work", []byte("dead")); err != nil {
		t.Fatal(err)
	}
	var working atomic.Int32
	soon(t, "the takeover", hold(t, k, &working).has)
}

// TestMany lets many compete: one works at a time, and each that stops is
// followed by another.
func TestMany(t *testing.T) {
	t.Parallel()
	_, open := bucket(t)
	var working atomic.Int32
	turn := make(chan *holder)
	var all []*holder
	for i := range 5 {
		all = append(all, hold(t, open(string(rune('a'+i))), &working))
	}
	var wg sync.WaitGroup
	for _, h := range all {
		wg.Go(func() {
			select {
			case <-h.has:
				turn <- h
			case <-time.After(patience):
				t.Error("somebody never gets a turn")
				turn <- h
			}
		})
	}
	for range all {
		h := <-turn
		h.cancel()
		<-h.done
	}
	wg.Wait()
}
