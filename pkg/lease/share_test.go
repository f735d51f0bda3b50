package lease_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/pkg/lease"
)

const slots = 16

// worker does the work of slots at once, and notes what it has.
type worker struct {
	t     *testing.T
	share *lease.Share
	stop  context.CancelFunc
	done  chan struct{}

	mu   sync.Mutex
	has  map[int]bool
	lost int
}

// Take implements lease.Worker.
func (w *worker) Take(slots []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range slots {
		if w.has[n] {
			w.t.Errorf("slot %d is taken twice", n)
		}
		w.has[n] = true
	}
}

// Give implements lease.Worker.
func (w *worker) Give(slots []int) {
	for _, n := range slots {
		w.drop(n)
		w.share.Done(n)
	}
}

// Lose implements lease.Worker.
func (w *worker) Lose(slots []int) {
	for _, n := range slots {
		w.drop(n)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost += len(slots)
}

// Resume implements lease.Worker.
func (w *worker) Resume() {}

func (w *worker) drop(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.has[n] {
		w.t.Errorf("slot %d is asked back from who does not have it", n)
	}
	delete(w.has, n)
}

func (w *worker) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.has)
}

func join(t *testing.T, k *lease.Keeper) *worker {
	t.Helper()
	w := &worker{t: t, has: map[int]bool{}, done: make(chan struct{})}
	var err error
	if w.share, err = k.Share(t.Context(), "work", slots, w); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	w.stop = cancel
	go func() {
		defer close(w.done)
		w.share.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-w.done })
	return w
}

// fair waits until every slot is held, and everybody has a fair share.
func fair(t *testing.T, all ...*worker) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		sum, counts := 0, []int{}
		for _, w := range all {
			n := w.count()
			sum, counts = sum+n, append(counts, n)
		}
		if sum == slots && slices.Max(counts)-slices.Min(counts) <= 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d workers hold %v of %d slots", len(all), counts, slots)
		}
		time.Sleep(5 * time.Millisecond) // between looks
	}
}

// TestShare lets workers join, leave and die.
func TestShare(t *testing.T) {
	t.Parallel()
	_, open := bucket(t)
	a := join(t, open("a"))
	fair(t, a)
	b, c := join(t, open("b")), join(t, open("c"))
	fair(t, a, b, c)
	for _, w := range []*worker{a, b, c} {
		if !w.share.Valid() {
			t.Error("a share that is renewed does not count")
		}
	}
	if m := a.share.Members(); len(m) != 3 {
		t.Errorf("members %+v", m)
	}
	began := time.Now()
	b.share.Leave()
	<-b.done
	fair(t, a, c)
	t.Logf("what was handed over took %v; a share lives %v", time.Since(began), ttl)
	if n := b.count(); n > 0 {
		t.Errorf("%d slots are with one that left", n)
	}
	a.stop() // without a word
	<-a.done
	began = time.Now()
	fair(t, c)
	if took := time.Since(began); took < ttl/2 {
		t.Errorf("slots were taken %v after their holder's last renewal or so", took)
	}
	if a.share.Valid() {
		t.Error("the share of one that was replaced counts")
	}
	if a.lost+b.lost+c.lost > 0 {
		t.Error("slots were lost by who renewed")
	}
}
