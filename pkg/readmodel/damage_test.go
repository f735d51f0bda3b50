package readmodel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/logtest"
	"github.com/rollcallhq/rollcall/pkg/eventlog/memlog"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
)

var quiet = slog.New(slog.DiscardHandler)

// filled returns the bytes of a file with branch pages, overflow pages, several
// buckets and free pages.
func filled(t testing.TB) []byte {
	t.Helper()
	path := file(t)
	s := open(t, path)
	for round := range 3 {
		rows := map[directory.Key]directory.Row{}
		for i := range 800 {
			id := fmt.Sprintf("diruser_%018d", i+round*100)
			rows[directory.Make(directory.TableMember, "dirgroup_1", id)] = directory.Ref("")
			rows[directory.Make(directory.TableUserName, "dir_1", id)] = directory.Ref(id)
		}
		rows[directory.Make(directory.TableUser, "dir_1", "diruser_1")] = &directory.User{
			ID: "diruser_1", UserState: directorytest.User("ada@acme.example", map[string]any{"title": string(make([]byte, 20_000))}),
		}
		if err := s.Change(at(uint64(round)+1), refs(rows), nil); err != nil { //nolint:gosec // small
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimRight(b, "\x00") // the rest was never used
}

// TestDamage damages a file in many ways. Opening it, and reading all of it if
// it opens, never ends the process: it works or says ErrCorrupt.
func TestDamage(t *testing.T) {
	t.Parallel()
	whole := filled(t)
	whole = append(whole, make([]byte, os.Getpagesize()-len(whole)%os.Getpagesize())...)
	dir := t.TempDir()
	page := os.Getpagesize()
	random := rand.New(rand.NewPCG(1, 2))
	corrupt := 0
	try := func(name string, b []byte) {
		t.Helper()
		path := filepath.Join(dir, "model.db")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := readmodel.Open(path)
		if err != nil {
			if !errors.Is(err, readmodel.ErrCorrupt) {
				t.Errorf("%s: opening answers %v, want ErrCorrupt", name, err)
			}
			corrupt++
			return
		}
		defer func() { _ = s.Close() }()
		if _, err := s.Checkpoint(); err != nil && !errors.Is(err, readmodel.ErrCorrupt) {
			t.Errorf("%s: the checkpoint answers %v", name, err)
		}
		snap, err := s.Snapshot()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		defer func() { _ = snap.Close() }()
		for _, table := range directorytest.Tables { // values may not decode; that is an error, not a crash
			_ = snap.Scan(directory.Key(table), "", func(directory.Key, directory.Row) bool { return true })
		}
	}
	for _, n := range []int{1, 100, page, 2 * page, 3 * page, len(whole) / 2, len(whole) - page} {
		try(fmt.Sprintf("the first %d bytes", n), whole[:n])
	}
	try("text", []byte("this is not a database, whatever its name says"))
	try("text of several pages", make([]byte, 5*page))
	must := corrupt
	if must != 9 {
		t.Errorf("%d of 9 truncated or foreign files are found out", must)
	}
	for n := range len(whole) / page {
		if n > 8 && random.IntN(4) > 0 {
			continue
		}
		b := append([]byte(nil), whole...)
		clear(b[n*page : (n+1)*page])
		try(fmt.Sprintf("page %d zeroed", n), b)
		for i := range b[n*page : (n+1)*page] {
			b[n*page+i] = byte(random.Uint32())
		}
		try(fmt.Sprintf("page %d random", n), b)
		if n > 1 {
			other := 2 + random.IntN(len(whole)/page-2)
			copy(b[n*page:(n+1)*page], whole[other*page:])
			try(fmt.Sprintf("page %d as page %d", other, n), b)
		}
	}
	for i := range 120 {
		b := append([]byte(nil), whole...)
		n := random.IntN(len(whole) / page)
		k := n*page + random.IntN(96) // where page headers and elements are
		b[k] ^= byte(1 << random.IntN(8))
		try(fmt.Sprintf("flip %d of byte %d", i, k), b)
	}
	if corrupt < 60 {
		t.Errorf("only %d damaged files are found out", corrupt)
	}
}

// TestOtherFormat says that a file of another version's layout is not read.
func TestOtherFormat(t *testing.T) {
	t.Parallel()
	path := file(t)
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte{99}) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := readmodel.Open(path); !errors.Is(err, readmodel.ErrCorrupt) {
		t.Errorf("a file of format 99 answers %v, want ErrCorrupt", err)
	}
}

// TestOpenErrors says that what the operating system refuses is no damage.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := readmodel.Open(dir); err == nil || errors.Is(err, readmodel.ErrCorrupt) {
		t.Errorf("a folder in the file's place answers %v", err)
	}
	blocked := filepath.Join(dir, "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readmodel.Open(filepath.Join(blocked, "model.db")); err == nil || errors.Is(err, readmodel.ErrCorrupt) {
		t.Errorf("a file in the folder's place answers %v", err)
	}
}

// TestOpenFitting says when a file is used, when it starts over, and when
// neither: what fits another log is left for the operator to judge.
func TestOpenFitting(t *testing.T) {
	t.Parallel()
	log := memlog.New()
	positions := logtest.Fill(t, log, eventlog.Position{}, 3)
	other := positions[2]
	other.Hash[0] ^= 1
	ahead := positions[3]
	ahead.Seq++
	for name, c := range map[string]struct {
		at       eventlog.Position
		edit     func(t *testing.T, path string)
		kept     bool
		mismatch bool
	}{
		"at the beginning": {at: positions[0], kept: true},
		"in the middle":    {at: positions[2], kept: true},
		"at the tail":      {at: positions[3], kept: true},
		"another history":  {at: other, kept: true, mismatch: true},
		"ahead of the log": {at: ahead, kept: true, mismatch: true},
		"truncated": {at: positions[2], edit: func(t *testing.T, path string) {
			t.Helper()
			if err := os.Truncate(path, 5000); err != nil {
				t.Fatal(err)
			}
		}},
		"not a database": {at: positions[2], edit: func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := file(t)
			s := open(t, path)
			row := map[directory.Key]directory.Row{keys[0]: directory.Ref("1")}
			if err := errors.Join(s.Change(readmodel.Checkpoint{Position: c.at, LastID: 7}, refs(row), nil), s.Close()); err != nil {
				t.Fatal(err)
			}
			if c.edit != nil {
				c.edit(t, path)
			}
			s, got, err := readmodel.OpenFitting(t.Context(), path, log, quiet)
			if _, mismatch := errors.AsType[*eventlog.MismatchError](err); mismatch != c.mismatch || err != nil && !mismatch {
				t.Fatalf("opening answers %v", err)
			}
			if c.mismatch {
				s = open(t, path)
				if got, err = s.Checkpoint(); err != nil {
					t.Fatal(err)
				}
			}
			defer func() { _ = s.Close() }()
			snap, err := s.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = snap.Close() }()
			r, err := snap.Get(keys[0])
			if err != nil || (r != nil) != c.kept {
				t.Errorf("the row is %v (%v), kept should be %v", r, err, c.kept)
			}
			want := readmodel.Checkpoint{}
			if c.kept {
				want = readmodel.Checkpoint{Position: c.at, LastID: 7}
			}
			if got != want {
				t.Errorf("it is at %+v, want %+v", got, want)
			}
		})
	}
}

// away is a log that cannot be reached.
type away struct{ eventlog.Source }

func (away) Open(context.Context, eventlog.Position) (eventlog.Reader, error) {
	return nil, eventlog.ErrUnavailable
}

// TestOpenFittingKeeps says that a file is not thrown away because the log
// cannot be reached, has a gap, or another process has the file.
func TestOpenFittingKeeps(t *testing.T) {
	t.Parallel()
	path := file(t)
	s := open(t, path)
	log := memlog.New()
	positions := logtest.Fill(t, log, eventlog.Position{}, 3)
	if err := s.Change(readmodel.Checkpoint{Position: positions[1]}, refs(nil), nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readmodel.OpenFitting(t.Context(), path, log, quiet); !errors.Is(err, readmodel.ErrLocked) {
		t.Errorf("a file in use answers %v, want ErrLocked", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readmodel.OpenFitting(t.Context(), path, away{}, quiet); !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("a log that is away answers %v, want ErrUnavailable", err)
	}
	log.Drop(positions[3].Seq)
	if _, _, err := readmodel.OpenFitting(t.Context(), path, log, quiet); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("a damaged log answers %v, want ErrDamaged", err)
	}
	if c, err := open(t, path).Checkpoint(); err != nil || c.Position != positions[1] {
		t.Errorf("the file is at %+v (%v) after all", c, err)
	}
}

func TestAdvanced(t *testing.T) {
	t.Parallel()
	event := func(id uint64, second int64) events.Event {
		return events.Event{ID: id, At: time.Unix(second, 0).UTC()}
	}
	e := eventlog.Entry{Position: at(9).Position, Frame: frame.Frame{Commits: []frame.Commit{
		{Events: []events.Event{event(5, 50), event(6, 50)}}, {}, {Events: []events.Event{event(7, 49)}},
	}}}
	want := readmodel.Checkpoint{Position: e.Position, LastID: 7, LastAt: time.Unix(50, 0).UTC()}
	if got := (readmodel.Checkpoint{LastID: 4, LastAt: time.Unix(40, 0).UTC()}).Advanced(e); got != want {
		t.Errorf("it is at %+v, want %+v", got, want)
	}
	last := readmodel.Checkpoint{LastID: 99, LastAt: time.Unix(99, 0).UTC()}
	if got := last.Advanced(e); got.LastID != 99 || got.LastAt != last.LastAt {
		t.Errorf("it goes back to %+v", got)
	}
}
