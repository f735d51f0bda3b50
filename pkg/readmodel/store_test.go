package readmodel_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, path string) *readmodel.Store {
	t.Helper()
	s, err := readmodel.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "made", "model.db") }

func at(n uint64) readmodel.Checkpoint {
	return readmodel.Checkpoint{
		Position: eventlog.Position{Seq: n, Index: n + 1, Ordinal: n + 2, Hash: [32]byte{byte(n), 9}},
		LastID:   n + 3, LastAt: time.UnixMicro(1_700_000_000_000_000 + int64(n)).UTC(), //nolint:gosec // small
	}
}

// refs are changes of index rows.
func refs(m map[directory.Key]directory.Row) func(func(directory.Key, directory.Row) bool) {
	return func(yield func(directory.Key, directory.Row) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

type seen struct {
	Key directory.Key
	Row directory.Row
}

var keys = []directory.Key{
	directory.Make(directory.TableMember, "g1", "a"), directory.Make(directory.TableMember, "g1", "b"), directory.Make(directory.TableMember, "g10", "a"),
	directory.Make(directory.TableMember, "g2", "c"), directory.Make(directory.TableMemberOf, "a", "g1"), directory.Make(directory.TableUserName, "d", "x"),
	directory.Make(directory.TableUserName, "d", "x\xff"), directory.Make(directory.TableUserName, "e", ""),
}

// TestRows compares a store under random changes, with snapshots taken along
// the way and reopened files, with maps.
func TestRows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, rapid.StringMatching(`[a-z]{20}`).Draw(t, "file"))
		_ = readmodel.Remove(path)
		s, err := readmodel.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		model := map[directory.Key]directory.Row{}
		type past struct {
			snap  *readmodel.Snapshot
			model map[directory.Key]directory.Row
			at    readmodel.Checkpoint
		}
		var kept []past
		var now readmodel.Checkpoint
		for i := range rapid.IntRange(1, 6).Draw(t, "steps") {
			changes := map[directory.Key]directory.Row{}
			for range rapid.IntRange(0, 6).Draw(t, "changes") {
				k := rapid.SampledFrom(keys).Draw(t, "key")
				if rapid.Bool().Draw(t, "remove") {
					changes[k] = nil
					delete(model, k)
				} else {
					r := directory.Ref(rapid.SampledFrom([]string{"", "1", "long enough to move"}).Draw(t, "row"))
					changes[k], model[k] = r, r
				}
			}
			now = at(uint64(i) + 1) //nolint:gosec // small
			if err := s.Change(now, refs(changes), nil); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "keep a snapshot") {
				snap, err := s.Snapshot()
				if err != nil {
					t.Fatal(err)
				}
				kept = append(kept, past{snap, maps.Clone(model), now})
			}
		}
		prefix := rapid.SampledFrom(append([]directory.Key{"a", "ag1\x00", "b", "n", "nd\x00", "q"}, keys...)).Draw(t, "prefix")
		after := rapid.SampledFrom(append([]directory.Key{"", "A", "ag1\x00aa", "z"}, keys...)).Draw(t, "after")
		limit := rapid.IntRange(1, 8).Draw(t, "limit")
		for _, p := range kept {
			compare(t, p.snap, p.model, prefix, after, limit)
			if c, err := p.snap.Checkpoint(); err != nil || c != p.at {
				t.Fatalf("the snapshot is at %+v (%v), want %+v", c, err, p.at)
			}
			if err := errors.Join(p.snap.Close(), p.snap.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = readmodel.Open(path); err != nil {
			t.Fatal(err)
		}
		snap, err := s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = snap.Close() }()
		compare(t, snap, model, prefix, after, limit)
		if c, err := s.Checkpoint(); err != nil || c != now {
			t.Fatalf("the reopened file is at %+v (%v), want %+v", c, err, now)
		}
	})
}

func compare(t *rapid.T, v directory.View, model map[directory.Key]directory.Row, prefix, after directory.Key, limit int) {
	t.Helper()
	var want, got []seen
	for _, k := range slices.Sorted(maps.Keys(model)) {
		if strings.HasPrefix(string(k), string(prefix)) && k > after && len(want) < limit {
			want = append(want, seen{k, model[k]})
		}
	}
	if err := v.Scan(prefix, after, func(k directory.Key, r directory.Row) bool {
		got = append(got, seen{k, r})
		return len(got) < limit
	}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("scan of %q after %q, at most %d (-want +got):\n%s", prefix, after, limit, d)
	}
	want, got = nil, nil
	for _, k := range slices.Backward(slices.Sorted(maps.Keys(model))) {
		if strings.HasPrefix(string(k), string(prefix)) && (after == "" || k < after) && len(want) < limit {
			want = append(want, seen{k, model[k]})
		}
	}
	if err := v.ScanBack(prefix, after, func(k directory.Key, r directory.Row) bool {
		got = append(got, seen{k, r})
		return len(got) < limit
	}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("scan back of %q before %q, at most %d (-want +got):\n%s", prefix, after, limit, d)
	}
	for _, k := range append([]directory.Key{"", "q"}, keys...) {
		if r, err := v.Get(k); err != nil || r != model[k] {
			t.Fatalf("get %q: %v, %v; want %v", k, r, err, model[k])
		}
	}
}

// TestChangeIsWhole says that rows, further buckets and the checkpoint change
// together or not at all.
func TestChangeIsWhole(t *testing.T) {
	t.Parallel()
	s := open(t, file(t))
	extra := func(fail error) func(*bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("outbox"))
			if err != nil {
				return err
			}
			return errors.Join(b.Put([]byte("k"), []byte("v")), fail)
		}
	}
	row := map[directory.Key]directory.Row{keys[0]: directory.Ref("1")}
	boom := errors.New("boom")
	if err := s.Change(at(1), refs(row), extra(boom)); !errors.Is(err, boom) {
		t.Fatalf("the change answers %v, want its own error", err)
	}
	check := func(there bool, want readmodel.Checkpoint) {
		t.Helper()
		snap, err := s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = snap.Close() }()
		r, err := snap.Get(keys[0])
		c, cerr := snap.Checkpoint()
		if err != nil || cerr != nil || (r != nil) != there || (snap.Tx().Bucket([]byte("outbox")) != nil) != there || c != want {
			t.Errorf("the file holds %v, bucket %v and checkpoint %+v (%v, %v)", r, snap.Tx().Bucket([]byte("outbox")), c, err, cerr)
		}
	}
	check(false, readmodel.Checkpoint{})
	if err := s.Change(at(1), refs(map[directory.Key]directory.Row{"n" + directory.Key(strings.Repeat("x", 40_000)): directory.Ref("")}), nil); err == nil {
		t.Error("a key that is too large is taken")
	}
	check(false, readmodel.Checkpoint{})
	if err := s.Change(at(1), refs(row), extra(nil)); err != nil {
		t.Fatal(err)
	}
	check(true, at(1))
}

// TestEveryRowIsStored writes the rows of a random history and reads them back.
func TestEveryRowIsStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		w := directorytest.Setup(t)
		directorytest.Run(t, w, 20)
		path := filepath.Join(dir, "model.db")
		_ = readmodel.Remove(path)
		s, err := readmodel.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		if err := s.Change(at(1), w.Rows.Changes, nil); err != nil {
			t.Fatal(err)
		}
		snap, err := s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = snap.Close() }()
		if d := cmp.Diff(directorytest.Rows(t, w.Rows), directorytest.Rows(t, snap)); d != "" {
			t.Fatalf("other rows come back (-want +got):\n%s", d)
		}
	})
}

func TestLocked(t *testing.T) {
	t.Parallel()
	path := file(t)
	open(t, path)
	if _, err := readmodel.Open(path); !errors.Is(err, readmodel.ErrLocked) {
		t.Errorf("a file in use answers %v, want ErrLocked", err)
	}
}

// TestEveryTable says that a row is found whatever character names its table.
func TestEveryTable(t *testing.T) {
	t.Parallel()
	rows := map[directory.Key]directory.Row{}
	for c := byte('0'); c <= 'z'; c++ {
		rows[directory.Make(directory.Table(c), "x")] = nil
	}
	source, err := os.ReadFile("../directory/key.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`Table = '(.)'`).FindAllSubmatch(source, -1) {
		if _, ok := rows[directory.Make(directory.Table(m[1][0]), "x")]; !ok {
			t.Errorf("no store finds rows of the table %q", m[1])
		}
	}
	store := open(t, file(t))
	k := directory.Make(directory.TableAuditOf, "org", "x")
	if err := store.Change(at(1), refs(map[directory.Key]directory.Row{k: directory.Ref("")}), nil); err != nil {
		t.Fatal(err)
	}
	snap, err := store.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = snap.Close() }()
	n := 0
	if err := snap.Scan(directory.Make(directory.TableAuditOf), "", func(directory.Key, directory.Row) bool { n++; return true }); err != nil || n != 1 {
		t.Errorf("%d rows are scanned (%v)", n, err)
	}
	if r, err := snap.Get(k); r == nil || err != nil {
		t.Errorf("the row is read as %v (%v)", r, err)
	}
}
