package directory_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
)

// at returns the id of the row that Seek leads to, empty if there is none.
func at(t directorytest.TB, v directory.View, rows directory.Table, dir string, position uint64) (id string) {
	t.Helper()
	after, skip, err := directory.Seek(v, rows, dir, position)
	if err != nil {
		t.Fatalf("seek %d: %v", position, err)
	}
	if err := v.Scan(directory.Make(rows, dir), after, func(k directory.Key, _ directory.Row) bool {
		if skip > 0 {
			skip--
			return true
		}
		id = k.Last()
		return false
	}); err != nil {
		t.Fatalf("scan: %v", err)
	}
	return id
}

// TestSeek finds every position among some thousand users and groups, of which
// random runs are deleted, and in a directory beside them.
func TestSeek(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := directory.NewOverlay(directory.Empty{})
		id := uint64(100_000_000_000_000_000)
		fold := func(dir, resource string, p events.Payload) {
			id++
			e, err := events.New(events.Event{ID: id, At: directorytest.Start, Organization: "org_1", Directory: dir, Resource: resource, Revision: 1}, p)
			if err != nil {
				t.Fatalf("%v", err)
			}
			directorytest.FoldOver(t, rows, []events.Event{e})
		}
		type table struct {
			rows directory.Table
			dir  string
		}
		tables := []table{{directory.TableUser, "dir_1"}, {directory.TableGroup, "dir_1"}, {directory.TableUser, "dir_2"}}
		want := map[table][]string{}
		add := func(to table) {
			if to.rows == directory.TableUser {
				u := directory.FormatID(directory.PrefixUser, id)
				fold(to.dir, u, events.UserCreated{UserState: events.UserState{UserNames: events.UserNames{UserName: u}}})
				want[to] = append(want[to], u)
				return
			}
			g := directory.FormatID(directory.PrefixGroup, id)
			fold(to.dir, g, events.GroupCreated{GroupState: events.GroupState{GroupNames: events.GroupNames{DisplayName: g}}})
			want[to] = append(want[to], g)
		}
		for _, to := range tables {
			fold("", to.dir, events.DirectoryCreated{})
		}
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			of := rapid.SampledFrom(tables).Draw(t, "table")
			if n := len(want[of]); n > 0 && rapid.Bool().Draw(t, "delete") {
				from := rapid.IntRange(0, n-1).Draw(t, "from")
				to := rapid.IntRange(from, min(n, from+1500)).Draw(t, "to")
				for _, gone := range want[of][from:to] {
					if of.rows == directory.TableUser {
						fold(of.dir, gone, events.UserDeleted{})
					} else {
						fold(of.dir, gone, events.GroupDeleted{})
					}
				}
				want[of] = append(want[of][:from:from], want[of][to:]...)
				continue
			}
			for range rapid.IntRange(1, 1500).Draw(t, "created") {
				add(of)
			}
		}
		for _, of := range tables {
			ids := want[of]
			positions := []int{0, len(ids) / 2, len(ids) - 1, len(ids), len(ids) + 1000}
			for range 5 {
				positions = append(positions, rapid.IntRange(0, max(len(ids)-1, 0)).Draw(t, "position"))
			}
			for _, p := range positions {
				if p < 0 {
					continue
				}
				expected := ""
				if p < len(ids) {
					expected = ids[p]
				}
				if got := at(t, rows, of.rows, of.dir, uint64(p)); got != expected { //nolint:gosec // not negative
					t.Fatalf("position %d of %d in table %c of %s is %q, want %q", p, len(ids), of.rows, of.dir, got, expected)
				}
			}
		}
	})
}

// TestChunkIsStored says that a chunk survives its stored form.
func TestChunkIsStored(t *testing.T) {
	t.Parallel()
	for _, n := range []uint64{0, 1, 511, 1 << 40} {
		k := directory.Make(directory.TableGroupChunk, "dir_1", "dirgroup_1")
		b, err := directory.EncodeRow(&directory.Chunk{Rows: n})
		if err != nil {
			t.Fatal(err)
		}
		got, err := directory.DecodeRow(k, b)
		if d := cmp.Diff(directory.Row(&directory.Chunk{Rows: n}), got); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
		if _, err := directory.DecodeRow(k, b[:1]); err == nil {
			t.Errorf("%v reads as a chunk", b[:1])
		}
	}
}
