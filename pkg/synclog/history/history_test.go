package history_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/pkg/synclog"
	"github.com/rollcallhq/rollcall/pkg/synclog/history"
	"github.com/rollcallhq/rollcall/pkg/synclog/requestlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	quiet = slog.New(slog.DiscardHandler)
)

// stream is a Source in memory.
type stream struct {
	mu       sync.Mutex
	created  time.Time
	first    uint64
	messages []synclog.Stored
	more     chan struct{}
}

func newStream() *stream { return &stream{created: noon, first: 1, more: make(chan struct{})} }

func (s *stream) append(bs ...synclog.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range bs {
		s.messages = append(s.messages, synclog.Stored{Seq: s.first + uint64(len(s.messages)), Batch: b})
	}
	close(s.more)
	s.more = make(chan struct{})
}

// trim drops all messages before a sequence.
func (s *stream) trim(first uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = s.messages[first-s.first:]
	s.first = first
}

func (s *stream) Extent(context.Context) (synclog.Extent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return synclog.Extent{Created: s.created, First: s.first, Last: s.first + uint64(len(s.messages)) - 1}, nil
}

func (s *stream) Follow(ctx context.Context, after uint64, each func(synclog.Stored) error) error {
	for {
		s.mu.Lock()
		var due []synclog.Stored
		for _, m := range s.messages {
			if m.Seq > after {
				due = append(due, m)
			}
		}
		more := s.more
		s.mu.Unlock()
		for _, m := range due {
			if err := each(m); err != nil {
				return err
			}
			after = m.Seq
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-more:
		}
	}
}

// follow opens the file and folds into it until the returned function is called.
func follow(t testing.TB, path string, s history.Source) (*history.History, func()) {
	t.Helper()
	h, err := history.Open(path, s, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Follow(ctx) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("Follow ended with %v", err)
			}
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return h, stop
}

// everything lists all pages of a query.
func everything(t testing.TB, h *history.History, q synclog.Query) (all []synclog.Entry) {
	t.Helper()
	for range 10_000 {
		p, err := h.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p.Entries...)
		if p.Next == "" {
			return all
		}
		q.After = p.Next
	}
	t.Fatal("the pages do not end")
	return nil
}

func entry(n int) synclog.Entry {
	return synclog.Entry{
		At: noon.Add(time.Duration(n) * time.Second), Secret: "sec_1", Method: "PATCH", Endpoint: "Users", Resource: fmt.Sprint("diruser_", n), Kind: "User",
		Status: 200, Deviations: []synclog.Deviation{{Cause: "string_boolean", Path: "active"}}, Body: `{}`, BodySize: 2, Count: 1,
	}
}

func batch(dir string, es ...synclog.Entry) synclog.Batch {
	return synclog.Batch{Organization: "org_1", Directory: dir, Entries: es, Usage: &synclog.Usage{Requests: len(es), Last: noon}}
}

var alike = cmp.Options{cmpopts.IgnoreUnexported(synclog.Entry{}), cmpopts.IgnoreFields(synclog.Entry{}, "ID"), cmpopts.EquateEmpty()}

// TestList folds what a recorder wrote into a real stream.
func TestList(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server, err := embedded.Start(ctx, embedded.Options{Dir: t.TempDir(), StoreLimit: 256 << 20, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := natslog.Ensure(ctx, js, natslog.Config{}); err != nil {
		t.Fatal(err)
	}
	h, stop := follow(t, filepath.Join(t.TempDir(), "a", "synclog.db"), requestlog.New(js))
	if got := everything(t, h, synclog.Query{Directory: "dir_1"}); len(got) != 0 {
		t.Errorf("an empty log lists %+v", got)
	}
	r := requestlog.Start(t.Context(), js, requestlog.Options{Now: func() time.Time { return noon }})
	want := entry(7)
	want.Organization, want.Directory = "org_1", "dir_1"
	r.Record(want)
	other := want
	other.Directory, other.Status, other.Cause, other.Detail = "dir_2", 409, "uniqueness", "Taken."
	r.Record(other)
	_ = r.Stop()
	got := everything(t, h, synclog.Query{Directory: "dir_1", Limit: 10})
	want.Body, want.BodySize = "", 2
	if diff := cmp.Diff([]synclog.Entry{want}, got, alike); diff != "" {
		t.Errorf("dir_1 (-want +got):\n%s", diff)
	}
	if len(got) == 1 && got[0].ID == "" {
		t.Error("the entry has no id")
	}
	s, err := h.Status(ctx, "dir_2")
	if err != nil || s.Requests != 1 || s.Refused != 1 || !s.Secrets["sec_1"].Equal(other.At) || s.LastRefusal.Detail != "Taken." || !s.Since.Equal(other.At) {
		t.Errorf("the use of dir_2 is %+v, %v", s, err)
	}
	if s, err := h.Status(ctx, "dir_3"); err != nil || s.Requests != 0 || !s.Since.IsZero() {
		t.Errorf("the use of nobody is %+v, %v", s, err)
	}
	stop()
	if _, err := h.List(ctx, synclog.Query{Directory: "dir_1"}); err == nil {
		t.Error("a closed file was listed")
	}
}

// matches is a query as it reads.
func matches(q synclog.Query, dir string, e *synclog.Entry) bool {
	cause := q.Cause == "" || e.Cause == q.Cause || slices.ContainsFunc(e.Deviations, func(d synclog.Deviation) bool { return d.Cause == q.Cause })
	return dir == q.Directory && cause &&
		(q.Resource == "" || e.Resource == q.Resource || slices.Contains(e.Resources, q.Resource)) &&
		(q.Endpoint == "" || e.Endpoint == q.Endpoint) && (q.Class == 0 || e.Status/100 == q.Class) &&
		(q.From.IsZero() || !e.At.Before(q.From)) && (q.To.IsZero() || e.At.Before(q.To))
}

// TestListProperty: every query finds what reading everything finds, whatever
// the pages, before and after the stream was trimmed and the file was opened
// anew.
func TestListProperty(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		s := newStream()
		path := filepath.Join(folder, "synclog.db")
		defer func() { _ = os.Remove(path) }()
		h, stop := follow(t, path, s)
		defer func() { stop() }()
		one := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, label) }
		type stored struct {
			seq uint64
			dir string
			e   synclog.Entry
		}
		var all []stored
		for n := range rapid.IntRange(1, 25).Draw(rt, "messages") {
			b := batch(one("directory", "dir_1", "dir_2", "dir_11"))
			for range rapid.IntRange(0, 6).Draw(rt, "entries") {
				e := synclog.Entry{
					At: noon.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "second")) * time.Second), Method: "PUT", Count: 1,
					Endpoint: one("endpoint", "Users", "Groups", ""), Resource: one("resource", "", "u1", "u2"),
					Status: rapid.SampledFrom([]int{200, 204, 400, 404, 503}).Draw(rt, "status"),
				}
				if e.Status >= 400 {
					e.Cause = one("cause", "not_found", "invalid", "a")
				}
				for range rapid.IntRange(0, 2).Draw(rt, "deviations") {
					e.Deviations = append(e.Deviations, synclog.Deviation{Cause: one("deviation", "a", "b", "invalid"), Path: "active"})
				}
				for range rapid.IntRange(0, 2).Draw(rt, "resources") {
					e.Resources = append(e.Resources, one("other", "u1", "u3", "u4"))
				}
				b.Entries = append(b.Entries, e)
				all = append(all, stored{uint64(n) + 1, b.Directory, e})
			}
			s.append(b)
		}
		check := func() {
			for range 8 {
				q := synclog.Query{
					Directory: one("of", "dir_1", "dir_2", "dir_11", "dir"), Limit: rapid.IntRange(1, 5).Draw(rt, "limit"),
					Cause: one("by cause", "", "", "a", "invalid", "not_found"), Resource: one("by resource", "", "", "u1", "u3", "u"),
					Endpoint: one("by endpoint", "", "Users", "User"), Class: rapid.SampledFrom([]int{0, 0, 2, 4, 5}).Draw(rt, "by class"),
				}
				if rapid.Bool().Draw(rt, "from") {
					q.From = noon.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "from second")) * time.Second)
				}
				if rapid.Bool().Draw(rt, "to") {
					q.To = noon.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "to second")) * time.Second)
				}
				var want []synclog.Entry
				for _, a := range slices.Backward(all) {
					if matches(q, a.dir, &a.e) {
						e := a.e
						e.Organization, e.Directory = "org_1", a.dir
						want = append(want, e)
					}
				}
				slices.SortStableFunc(want, func(a, b synclog.Entry) int { return b.At.Compare(a.At) })
				got := everything(t, h, q)
				if diff := cmp.Diff(want, got, alike); diff != "" {
					rt.Fatalf("%+v (-want +got):\n%s", q, diff)
				}
				ids := map[string]bool{}
				for _, e := range got {
					if ids[e.ID] {
						rt.Fatalf("two entries are called %s", e.ID)
					}
					ids[e.ID] = true
				}
			}
		}
		check()
		first := uint64(rapid.IntRange(1, len(s.messages)+1).Draw(rt, "first"))
		stop()
		s.trim(first)
		all = slices.DeleteFunc(all, func(a stored) bool { return a.seq < first })
		h, stop = follow(t, path, s) // which prunes before it folds
		s.append(batch("dir_1", entry(100)))
		all = append(all, stored{1 << 60, "dir_1", entry(100)})
		check()
	})
}

// TestRestart goes on where the file is, and starts over with another stream or
// with a file that cannot be used.
func TestRestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "synclog.db")
	s := newStream()
	s.append(batch("dir_1", entry(1)), batch("dir_1", entry(2)))
	requests := func(h *history.History) int {
		t.Helper()
		if err := h.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		st, err := h.Status(t.Context(), "dir_1")
		if err != nil {
			t.Fatal(err)
		}
		return st.Requests
	}
	h, stop := follow(t, path, s)
	if n := requests(h); n != 2 {
		t.Errorf("%d requests", n)
	}
	if _, err := history.Open(path, s, quiet); !errors.Is(err, history.ErrLocked) {
		t.Errorf("a second process gets %v", err)
	}
	stop()
	s.append(batch("dir_1", entry(3)))
	h, stop = follow(t, path, s)
	if n := requests(h); n != 3 {
		t.Errorf("after a restart %d requests, each message must count once", n)
	}
	if n := len(everything(t, h, synclog.Query{Directory: "dir_1", Limit: 2})); n != 3 {
		t.Errorf("after a restart %d entries", n)
	}
	stop()

	anew := newStream()
	anew.created = noon.Add(time.Hour)
	anew.append(batch("dir_1", entry(1)), batch("dir_1", entry(2)), batch("dir_1", entry(3)), batch("dir_1", entry(4)))
	h, stop = follow(t, path, anew)
	if n := requests(h); n != 4 {
		t.Errorf("of another stream %d requests are counted, it has 4", n)
	}
	stop()

	shorter := newStream()
	shorter.created = anew.created
	shorter.append(batch("dir_1", entry(9)))
	h, stop = follow(t, path, shorter)
	eventually(t, func() bool { return len(everything(t, h, synclog.Query{Directory: "dir_1"})) == 1 })
	stop()

	if err := os.WriteFile(path, make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	h, _ = follow(t, path, anew)
	if n := requests(h); n != 4 {
		t.Errorf("after damage %d requests", n)
	}
}

// TestUnreadable messages are passed over.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	s := newStream()
	s.append(batch("dir_1", entry(1)), batch("dir_1", entry(2)), batch("dir\x00_1", entry(3)))
	s.messages[0].Err = synclog.ErrMalformed
	h, _ := follow(t, filepath.Join(t.TempDir(), "synclog.db"), s)
	got := everything(t, h, synclog.Query{Directory: "dir_1"})
	if len(got) != 1 || got[0].Resource != "diruser_2" {
		t.Errorf("listed %+v", got)
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	h, _ := follow(t, filepath.Join(t.TempDir(), "synclog.db"), newStream())
	for _, after := range []string{"x", "00", "zz0000000000000000000000000000000000", "000000000000000000000000000000000000000000"} {
		if _, err := h.List(t.Context(), synclog.Query{Directory: "dir_1", After: after}); !errors.Is(err, synclog.ErrPlace) {
			t.Errorf("after %q: %v", after, err)
		}
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("it did not come about within 10 s")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
