package replica_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/memlog"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
	"github.com/rollcallhq/rollcall/pkg/replica"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func open(t directorytest.TB, path string, log eventlog.Source) *replica.Replica {
	t.Helper()
	r, err := replica.Open(context.Background(), path, log, quiet)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return r
}

func closed(t directorytest.TB, r *replica.Replica) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// writer appends events to a log, one frame a call.
type writer struct {
	log *memlog.Log
	at  eventlog.Position
}

func (w *writer) append(t directorytest.TB, commits ...[]events.Event) eventlog.Position {
	t.Helper()
	f := frame.Frame{Header: w.at.Next()}
	for _, c := range commits {
		f.Commits = append(f.Commits, frame.Commit{Command: "cmd", Events: c})
	}
	b := frame.Encode(f)
	seq, err := w.log.Append(context.Background(), w.at, b)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	w.at = w.at.After(seq, frame.Sum(b), f.Events())
	return w.at
}

func rows(t directorytest.TB, r *replica.Replica) map[directory.Key]string {
	t.Helper()
	s, err := r.Snapshot()
	if err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	defer s.Close()
	return directorytest.Rows(t, s)
}

// TestRestart follows a random history with closes and catch-ups in between:
// after each the replica holds what a fold of the whole log holds.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "model.db")
		_ = readmodel.Remove(path)
		w := directorytest.Setup(t)
		log := &writer{log: memlog.New()}
		log.append(t, w.Log)
		r := open(t, path, log.log)
		for range rapid.IntRange(1, 5).Draw(t, "frames") {
			was := len(w.Log)
			directorytest.Run(t, w, rapid.IntRange(0, 8).Draw(t, "commands"))
			at := log.append(t, w.Log[was:])
			if rapid.Bool().Draw(t, "catch up") {
				if err := r.CatchUp(context.Background(), at.Seq); err != nil {
					t.Fatal(err)
				}
				if got := r.At(); got.Position != at || got.LastID != w.LastID || !got.LastAt.Equal(w.At) {
					t.Fatalf("it is at %+v, want %+v, %d and %v", got, at, w.LastID, w.At)
				}
				if d := cmp.Diff(directorytest.Rows(t, w.Rows), rows(t, r)); d != "" {
					t.Fatalf("it holds other rows (-want +got):\n%s", d)
				}
			}
			if rapid.Bool().Draw(t, "restart") {
				was := r.At()
				closed(t, r)
				if r = open(t, path, log.log); r.At() != was {
					t.Fatalf("it was closed at %+v and opens at %+v", was, r.At())
				}
			}
		}
		if err := r.CatchUp(context.Background(), log.at.Seq); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(directorytest.Rows(t, w.Rows), rows(t, r)); d != "" {
			t.Fatalf("it holds other rows (-want +got):\n%s", d)
		}
		closed(t, r)
	})
}

// TestFollow reads, waits and takes snapshots while frames arrive. A snapshot
// stays as it was, and shows exactly the position that it names.
func TestFollow(t *testing.T) {
	t.Parallel()
	log := &writer{log: memlog.New()}
	r := open(t, filepath.Join(t.TempDir(), "model.db"), log.log)
	defer closed(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	following := make(chan error, 1)
	go func() { following <- r.Follow(ctx) }()
	var wg sync.WaitGroup
	const frames = 200
	for range 3 {
		wg.Go(func() {
			for seq := uint64(1); seq <= frames; seq += 7 {
				if err := r.Wait(ctx, seq); err != nil {
					t.Errorf("wait for %d: %v", seq, err)
					return
				}
				s, err := r.Snapshot()
				if err != nil {
					t.Error(err)
					return
				}
				n := uint64(0)
				err = s.Scan(directory.Make(directory.TableOrganization), "", func(directory.Key, directory.Row) bool { n++; return true })
				if err != nil || n != s.At.Seq || n < seq {
					t.Errorf("a snapshot at %d, taken behind %d, shows %d organizations (%v)", s.At.Seq, seq, n, err)
				}
				s.Close()
				if err := r.Read(func(v directory.View) error {
					_, ok, err := directory.Get[*directory.Organization](v, directory.Make(directory.TableOrganization, fmt.Sprintf("org_%d", seq)))
					if !ok {
						return errors.Join(err, fmt.Errorf("organization %d is not there", seq))
					}
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range uint64(frames) {
		log.append(t, []events.Event{organization(t, i+1)})
	}
	wg.Wait()
	cancel()
	if err := <-following; !errors.Is(err, context.Canceled) {
		t.Errorf("following ends with %v", err)
	}
}

func organization(t testing.TB, n uint64) events.Event {
	t.Helper()
	e, err := events.New(events.Event{ID: n, At: time.Unix(1_700_000_000, 0).UTC(), Resource: fmt.Sprintf("org_%d", n), Revision: 1},
		events.OrganizationCreated{OrganizationProfile: events.OrganizationProfile{DisplayName: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestCommit says that what the owner hands in is there at once, and after a
// restart.
func TestCommit(t *testing.T) {
	t.Parallel()
	log := &writer{log: memlog.New()}
	path := filepath.Join(t.TempDir(), "model.db")
	r := open(t, path, log.log)
	e := organization(t, 1)
	changes := directorytest.FoldOver(t, directory.NewOverlay(directory.Empty{}), []events.Event{e})
	to := readmodel.Checkpoint{Position: log.append(t, []events.Event{e}), LastID: e.ID, LastAt: e.At}
	if err := r.Commit(t.Context(), to, changes); err != nil {
		t.Fatal(err)
	}
	want := directorytest.Rows(t, changes)
	for range 2 {
		if d := cmp.Diff(want, rows(t, r)); d != "" || r.At() != to {
			t.Errorf("it is at %+v with other rows (-want +got):\n%s", r.At(), d)
		}
		closed(t, r)
		r = open(t, path, log.log)
	}
	closed(t, r)
}

// TestPoison says that a frame which cannot be folded stops the replica with a
// word about where, wakes who waits, and leaves nothing of the frame.
func TestPoison(t *testing.T) {
	t.Parallel()
	log := &writer{log: memlog.New()}
	r := open(t, filepath.Join(t.TempDir(), "model.db"), log.log)
	defer closed(t, r)
	good := log.append(t, []events.Event{organization(t, 1)})
	if err := r.CatchUp(t.Context(), good.Seq); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() { waiting <- r.Wait(context.Background(), good.Seq+1) }()
	log.append(t, []events.Event{organization(t, 2), {Type: events.TypeUserCreated, ID: 3, Payload: []byte(`7`)}})
	if err := r.CatchUp(t.Context(), good.Seq+1); !errors.Is(err, replica.ErrBroken) {
		t.Errorf("catching up answers %v, want ErrBroken", err)
	}
	if err := <-waiting; !errors.Is(err, replica.ErrBroken) {
		t.Errorf("who waited is told %v, want ErrBroken", err)
	}
	if got := r.At(); got.Position != good {
		t.Errorf("it is at %+v, want %+v", got.Position, good)
	}
	if _, err := r.Snapshot(); !errors.Is(err, replica.ErrBroken) {
		t.Errorf("a snapshot answers %v, want ErrBroken", err)
	}
	if err := r.Read(func(directory.View) error { return nil }); !errors.Is(err, replica.ErrBroken) {
		t.Errorf("a read answers %v, want ErrBroken", err)
	}
}

// TestDamagedLog says that a gap ends following, and that what was folded
// before stays readable.
func TestDamagedLog(t *testing.T) {
	t.Parallel()
	log := &writer{log: memlog.New()}
	r := open(t, filepath.Join(t.TempDir(), "model.db"), log.log)
	defer closed(t, r)
	for i := range uint64(3) {
		log.append(t, []events.Event{organization(t, i+1)})
	}
	log.log.Drop(2)
	if err := r.Follow(t.Context()); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("following ends with %v, want ErrDamaged", err)
	}
	if got := r.At().Seq; got != 1 {
		t.Errorf("it is at %d, want 1", got)
	}
	if len(rows(t, r)) == 0 {
		t.Error("what was folded is gone")
	}
}

// flaky is a log that cannot be opened the first times.
type flaky struct {
	*memlog.Log
	left int
}

func (f *flaky) Open(ctx context.Context, at eventlog.Position) (eventlog.Reader, error) {
	if f.left--; f.left >= 0 {
		return nil, eventlog.ErrUnavailable
	}
	return f.Log.Open(ctx, at)
}

// TestLogAway says that following goes on when the log is back.
func TestLogAway(t *testing.T) {
	t.Parallel()
	log := &writer{log: memlog.New()}
	at := log.append(t, []events.Event{organization(t, 1)})
	f := &flaky{Log: log.log}
	r := open(t, filepath.Join(t.TempDir(), "model.db"), f)
	defer closed(t, r)
	f.left = 2
	if err := r.CatchUp(t.Context(), at.Seq); err != nil {
		t.Fatal(err)
	}
	if got := r.At().Position; got != at {
		t.Errorf("it is at %+v, want %+v", got, at)
	}
}

// TestBackPressure hands in more rows than may wait in memory: it goes on as the
// file takes them, and all of them arrive.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	log := &writer{log: memlog.New()}
	path := filepath.Join(t.TempDir(), "model.db")
	r := open(t, path, log.log)
	const frames, each = 5, 30_000
	r.SetLimit(2 * each)
	var to readmodel.Checkpoint
	for n := range frames {
		changes := directory.NewOverlay(directory.Empty{})
		for i := range each {
			changes.Set(directory.Make(directory.TableMember, "dirgroup_1", fmt.Sprintf("%010d", n*each+i)), directory.Ref(""))
		}
		to.Position = log.append(t, []events.Event{organization(t, uint64(n)+1)}) //nolint:gosec // small
		if err := r.Commit(t.Context(), to, changes); err != nil {
			t.Fatal(err)
		}
	}
	closed(t, r)
	s, err := readmodel.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = snap.Close() }()
	n := 0
	if err := snap.Scan(directory.Make(directory.TableMember), "", func(directory.Key, directory.Row) bool { n++; return true }); err != nil || n != frames*each {
		t.Errorf("the file holds %d rows (%v), want %d", n, err, frames*each)
	}
	if at, err := s.Checkpoint(); err != nil || at != to {
		t.Errorf("the file is at %+v (%v), want %+v", at, err, to)
	}
}
