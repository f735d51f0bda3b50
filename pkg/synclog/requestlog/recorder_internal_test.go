package requestlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rollcallhq/rollcall/pkg/synclog"
)

// wire is what the server was sent, and what it answers.
type wire struct {
	mu     sync.Mutex
	answer func(n int) error // of the n-th publish
	at     []time.Time
	ids    []string
	got    []synclog.Batch
	n      int
	slow   time.Duration // what each publish takes
}

func (w *wire) publish(ctx context.Context, _, id string, data []byte) error {
	time.Sleep(w.slow)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	w.ids = append(w.ids, id)
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.answer != nil {
		if err := w.answer(w.n); err != nil {
			return err
		}
	}
	b, err := synclog.Decode(data)
	if err != nil {
		return err
	}
	w.got = append(w.got, b)
	w.at = append(w.at, time.Now())
	return nil
}

func (w *wire) entries() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.got {
		for _, e := range b.Entries {
			n += e.Count
		}
	}
	return n
}

func refusal(dir int) synclog.Entry {
	return synclog.Entry{
		Organization: "org_1", Directory: fmt.Sprint("dir_", dir), Method: "GET", Endpoint: "Users", Resource: "diruser_1", Status: 404, Cause: "not_found", Count: 1,
	}
}

// TestRate: however many directories have something to tell, the server gets no
// more than Rate messages in any second, BusyRate if each takes long, and all is
// told in the end.
func TestRate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		slow time.Duration
		most int
	}{"fast disk": {0, Rate}, "usual disk": {2 * time.Millisecond, 15}, "busy disk": {20 * time.Millisecond, BusyRate}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &wire{slow: c.slow}
				r := start(t.Context(), Options{}, w.publish)
				const directories = 200
				for i := range directories {
					for range 3 {
						r.Record(refusal(i))
					}
				}
				time.Sleep(time.Duration(directories/c.most+2) * time.Second)
				if n := w.entries(); n != 3*directories {
					t.Errorf("%d of %d requests are told", n, 3*directories)
				}
				_ = r.Stop()
				// A tick's messages come at once, so a second can hold those of one tick
				// more.
				most := c.most + int(tick*time.Duration(c.most)/time.Second)
				for i := most; i < len(w.at); i++ {
					if d := w.at[i].Sub(w.at[i-most]); d < time.Second-tick {
						t.Errorf("messages %d to %d in %s", i-most, i, d)
					}
				}
				if r.Dropped() != 0 {
					t.Errorf("%d dropped", r.Dropped())
				}
			})
		})
	}
}

// TestOutage: while the server does not answer, requests are recorded as ever
// and told afterwards; a message that may have arrived keeps its id.
func TestOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := true
		w := &wire{answer: func(int) error {
			if down {
				return nats.ErrTimeout
			}
			return nil
		}}
		r := start(t.Context(), Options{}, w.publish)
		for i := range 5 {
			r.Record(refusal(i))
		}
		time.Sleep(10 * time.Minute)
		w.mu.Lock()
		if w.n < 10 || w.n > 40 {
			t.Errorf("%d tries in ten minutes", w.n)
		}
		down = false
		for _, id := range w.ids {
			if id != w.ids[0] {
				t.Errorf("the same message is sent as %s and %s", w.ids[0], id)
			}
		}
		w.mu.Unlock()
		time.Sleep(time.Minute)
		if n := w.entries(); n != 5 || r.Dropped() != 0 {
			t.Errorf("%d of 5 are told, %d dropped", n, r.Dropped())
		}
		_ = r.Stop()
	})
}

// TestStop writes what waits, twice, and takes nothing more.
func TestStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		r := start(t.Context(), Options{}, w.publish)
		for i := range 30 {
			r.Record(refusal(i))
		}
		began := time.Now()
		_ = r.Stop()
		_ = r.Stop()
		r.Record(refusal(1))
		if n := w.entries(); n != 30 || r.Dropped() != 0 || time.Since(began) > 3*time.Second {
			t.Errorf("%d of 30 are told after %s, %d dropped", n, time.Since(began), r.Dropped())
		}
	})
}

// TestStopDown ends in time also if nothing can be written, and says what is
// lost.
func TestStopDown(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]time.Duration{"at once": 0, "while it insists": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &wire{answer: func(int) error { return nats.ErrNoResponders }}
				r := start(t.Context(), Options{}, w.publish)
				for i := range 30 {
					r.Record(refusal(i))
				}
				time.Sleep(before)
				began := time.Now()
				_ = r.Stop()
				if r.Dropped() != 30 || time.Since(began) > 4*time.Second {
					t.Errorf("%d of 30 are reported as lost after %s", r.Dropped(), time.Since(began))
				}
			})
		})
	}
}

// TestRefused: what the server will never take does not hold up the rest.
func TestRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: func(n int) error {
			if n == 1 {
				return nats.ErrMaxPayload
			}
			return nil
		}}
		r := start(t.Context(), Options{}, w.publish)
		for i := range 5 {
			r.Record(refusal(i))
		}
		time.Sleep(5 * time.Second)
		if n := w.entries(); n != 4 || r.Dropped() != 1 {
			t.Errorf("%d told, %d lost; want 4 and 1", n, r.Dropped())
		}
		_ = r.Stop()
	})
}

// TestFlood: what comes faster than it can be told is counted and bounded, and
// Record never waits.
func TestFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: func(int) error { return errors.New("down") }}
		r := start(t.Context(), Options{}, w.publish)
		began := time.Now()
		const n = 100_000
		for i := range n {
			e := refusal(i % 500)
			e.Resource = fmt.Sprint("diruser_", i)
			r.Record(e.With(make([]byte, 1000)))
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("recording waited for %s", d)
		}
		r.mu.Lock()
		held := r.collector.Held()
		r.mu.Unlock()
		if held > synclog.MaxHeld {
			t.Errorf("%d bytes wait", held)
		}
		_ = r.Stop()
		if told := w.entries(); told+int(r.Dropped()) != n {
			t.Errorf("%d told and %d dropped, of %d", told, r.Dropped(), n)
		}
	})
}
