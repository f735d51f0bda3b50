package history

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/pkg/synclog"
)

// still is a stream that says nothing more.
type still struct{ extent synclog.Extent }

func (s still) Follow(ctx context.Context, _ uint64, _ func(synclog.Stored) error) error {
	<-ctx.Done()
	return context.Cause(ctx)
}
func (s still) Extent(context.Context) (synclog.Extent, error) { return s.extent, nil }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func openStill(t testing.TB, last uint64) *History {
	t.Helper()
	h, err := Open(filepath.Join(t.TempDir(), "synclog.db"), still{synclog.Extent{Created: noon, First: 1, Last: last}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func fill(t testing.TB, h *History, n int, entry func(i int) synclog.Entry) {
	t.Helper()
	var list []synclog.Stored
	for i := range n {
		list = append(list, synclog.Stored{Seq: uint64(i) + 1, Batch: synclog.Batch{Organization: "org_1", Directory: "dir_1", Entries: []synclog.Entry{entry(i)}}})
		if len(list) == batchMessages || i == n-1 {
			if err := h.write(list); err != nil {
				t.Fatal(err)
			}
			list = nil
		}
	}
}

// count counts the rows of every bucket.
func count(t *testing.T, h *History) map[string]int {
	t.Helper()
	n := map[string]int{}
	if err := h.db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			n[string(name)] = b.Stats().KeyN
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestMost: of a directory that never rests the oldest entries go, with all of
// their rows.
func TestMost(t *testing.T) {
	t.Parallel()
	h := openStill(t, 100)
	h.most = 10
	fill(t, h, 100, func(i int) synclog.Entry {
		return synclog.Entry{At: noon.Add(time.Duration(i) * time.Second), Endpoint: "Users", Resource: fmt.Sprint("u", i), Status: 404, Cause: "not_found", Count: 1}
	})
	p, err := h.List(t.Context(), synclog.Query{Directory: "dir_1", Limit: 50})
	if err != nil || len(p.Entries) != 10 || p.Entries[0].Resource != "u99" || p.Entries[9].Resource != "u90" || p.Next != "" {
		t.Errorf("listed %+v, %v", p, err)
	}
	if n := count(t, h); n["entries"] != 10 || n["tags"] != 40 {
		t.Errorf("rows are left: %v", n)
	}
	if err := h.db.Update(func(tx *bolt.Tx) error { return pruneTo(tx, 101) }); err != nil {
		t.Fatal(err)
	}
	if n := count(t, h); n["entries"] != 0 || n["tags"] != 0 || n["messages"] != 0 {
		t.Errorf("after everything was dropped, rows are left: %v", n)
	}
}

// TestSteps: a query whose tags never meet gives up a page after a while, with a
// place to go on from, and finds in the end what there is.
func TestSteps(t *testing.T) {
	t.Parallel()
	const n = 3 * maxSteps
	h := openStill(t, n)
	fill(t, h, n, func(i int) synclog.Entry {
		e := synclog.Entry{At: noon.Add(time.Duration(i) * time.Millisecond), Endpoint: []string{"Users", "Groups"}[i%2], Status: 404, Cause: []string{"a", "b"}[i%2], Count: 1}
		if i == 5 {
			e.Cause = "a" // the only one of its kind
		}
		return e
	})
	q := synclog.Query{Directory: "dir_1", Endpoint: "Groups", Cause: "a", Limit: 10}
	pages, found := 0, 0
	for {
		p, err := h.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		found += len(p.Entries)
		if p.Next == "" {
			break
		}
		q.After = p.Next
		if pages > 10 {
			t.Fatal("the pages do not end")
		}
	}
	if found != 1 || pages < 2 {
		t.Errorf("%d found on %d pages", found, pages)
	}
}

func TestAbove(t *testing.T) {
	t.Parallel()
	p := placeOf(noon, 1<<16-1, 1<<16-1)
	if q := p.above(); !p.before(q) || binary.BigEndian.Uint64(q[8:]) != 1<<16 || q[17] != 0 {
		t.Errorf("above %x is %x", p, q)
	}
}

// TestForget: directories and secrets that nobody uses any more are forgotten.
func TestForget(t *testing.T) {
	t.Parallel()
	h := openStill(t, 2)
	used := map[string]time.Time{}
	for i := range 2 * maxSecrets {
		used[fmt.Sprint("sec_", i)] = noon.Add(time.Duration(i) * time.Second)
	}
	if err := h.write([]synclog.Stored{
		{Seq: 1, Batch: synclog.Batch{Directory: "dir_old", Usage: &synclog.Usage{Requests: 1, Last: noon}}},
		{Seq: 2, Batch: synclog.Batch{Directory: "dir_1", Usage: &synclog.Usage{Requests: 1, Last: noon.Add(time.Hour), Secrets: used}}},
	}); err != nil {
		t.Fatal(err)
	}
	if err := h.forgetDirs(noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, h)["directories"]; n != 1 {
		t.Errorf("%d directories are remembered", n)
	}
	s, err := h.Status(t.Context(), "dir_1")
	if err != nil || len(s.Secrets) != maxSecrets || s.Secrets["sec_0"] != (time.Time{}) || s.Secrets[fmt.Sprint("sec_", 2*maxSecrets-1)].IsZero() {
		t.Errorf("%d secrets are remembered, %v", len(s.Secrets), err)
	}
}

// BenchmarkList takes pages of 50 out of 100,000 entries.
func BenchmarkList(b *testing.B) {
	const n = MaxEntries
	h := openStill(b, n)
	r := rand.New(rand.NewPCG(1, 2))
	fill(b, h, n, func(i int) synclog.Entry {
		return synclog.Entry{
			At: noon.Add(time.Duration(i) * time.Second), Method: "PATCH", Endpoint: "Users", Resource: fmt.Sprint("diruser_", r.IntN(n)), Status: []int{200, 200, 200, 404}[r.IntN(4)],
			Deviations: []synclog.Deviation{{Cause: fmt.Sprint("cause_", r.IntN(20)), Path: "active"}}, Body: fmt.Sprintf(`{"pad":"%0500d"}`, i), Count: 1,
		}
	})
	for name, q := range map[string]synclog.Query{
		"newest":   {},
		"middle":   {To: noon.Add(n / 2 * time.Second)},
		"cause":    {Cause: "cause_7"},
		"resource": {Resource: "diruser_77"},
		"all":      {Cause: "cause_7", Class: 4, Endpoint: "Users"},
	} {
		q.Directory, q.Limit = "dir_1", 50
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				if _, err := h.List(b.Context(), q); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
		})
	}
}
