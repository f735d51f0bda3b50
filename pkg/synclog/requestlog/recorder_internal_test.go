package requestlog

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	answer func(n int) error // of the n-th append
	batch  error             // of every append of several messages
	at     []time.Time       // of appends
	ids    []string
	got    []synclog.Batch
	sizes  []int // of appends
	n      int
	slow   time.Duration // what each append takes
}

func (w *wire) one(ctx context.Context, m message) error {
	return w.append(ctx, []message{m})
}

func (w *wire) all(ctx context.Context, load []parcel) error {
	if w.batch != nil {
		return w.batch
	}
	var ms []message
	for _, p := range load {
		ms = append(ms, p.message)
	}
	return w.append(ctx, ms)
}

func (w *wire) append(ctx context.Context, ms []message) error {
	time.Sleep(w.slow)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	for _, m := range ms {
		w.ids = append(w.ids, m.id)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.answer != nil {
		if err := w.answer(w.n); err != nil {
			return err
		}
	}
	size := 0
	for _, m := range ms {
		b, err := synclog.Decode(m.data)
		if err != nil {
			return err
		}
		size += len(m.data)
		w.got = append(w.got, b)
	}
	w.at, w.sizes = append(w.at, time.Now()), append(w.sizes, size)
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

// TestRate: 500 directories that all have something to tell wait for 600 ms, and
// however many there are, the server gets one append for each tick, of a bounded
// size. One that takes no batches gets a few messages.
func TestRate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		slow        time.Duration
		batch       error
		directories int
		body        int // bytes
		appends     int // in a tick
		within      time.Duration
	}{
		"fast disk":   {directories: 500, appends: 1, within: 3 * tick},
		"busy disk":   {slow: 50 * time.Millisecond, directories: 500, appends: 1, within: 3*tick + 50*time.Millisecond},
		"many":        {directories: 2000, appends: 1, within: 10 * tick},
		"large ones":  {directories: 80, body: 15 << 10, appends: 1, within: 6 * tick},
		"no batches":  {batch: errAlone, directories: 220, appends: perTickAlone, within: 11 * tick},
		"a bad batch": {batch: errApart, directories: 500, appends: perTick, within: 3 * tick},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &wire{slow: c.slow, batch: c.batch}
				r := start(t.Context(), Options{}, w)
				body := []byte(`{"a":"` + strings.Repeat("x", c.body) + `"}`)
				for i := range c.directories {
					for range 3 {
						r.Record(refusal(i).With(body))
					}
				}
				time.Sleep(c.within)
				synctest.Wait()
				if n := w.entries(); n != 3*c.directories {
					t.Errorf("%d of %d requests are told", n, 3*c.directories)
				}
				_ = r.Stop()
				first := c.appends
				if c.batch != nil { // which the server had to say first
					first = perTick
				}
				for i := first; i+c.appends < len(w.at); i++ {
					if d := w.at[i+c.appends].Sub(w.at[i]); d < tick-c.slow {
						t.Errorf("appends %d to %d in %s", i, i+c.appends, d)
					}
				}
				for _, size := range w.sizes {
					if size > bytesPerTick+synclog.MaxBatch {
						t.Errorf("an append has %d bytes", size)
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
		r := start(t.Context(), Options{}, w)
		for i := range 5 {
			r.Record(refusal(i))
		}
		time.Sleep(10 * time.Minute)
		w.mu.Lock()
		if w.n < 10 || w.n > 40 {
			t.Errorf("%d tries in ten minutes", w.n)
		}
		down = false
		for i, id := range w.ids {
			if id != w.ids[i%5] {
				t.Errorf("the same message is sent as %s and %s", w.ids[i%5], id)
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
		r := start(t.Context(), Options{}, w)
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
				r := start(t.Context(), Options{}, w)
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
		w := &wire{batch: errApart, answer: func(n int) error {
			if n == 1 {
				return errRefused
			}
			return nil
		}}
		r := start(t.Context(), Options{}, w)
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
		r := start(t.Context(), Options{}, w)
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
