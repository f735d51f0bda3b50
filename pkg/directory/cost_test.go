package directory_test

import (
	"fmt"
	"testing"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
)

// counted is a view that counts the rows that are looked at: every Get, and
// every row that a scan comes by.
type counted struct {
	directory.View
	rows int
}

func (c *counted) Get(k directory.Key) (directory.Row, error) {
	c.rows++
	return c.View.Get(k)
}

func (c *counted) Scan(prefix, after directory.Key, yield func(directory.Key, directory.Row) bool) error {
	c.rows++
	return c.View.Scan(prefix, after, func(k directory.Key, r directory.Row) bool { c.rows++; return yield(k, r) })
}

func (c *counted) ScanBack(prefix, before directory.Key, yield func(directory.Key, directory.Row) bool) error {
	c.rows++
	return c.View.ScanBack(prefix, before, func(k directory.Key, r directory.Row) bool { c.rows++; return yield(k, r) })
}

// cost decides and folds a command without keeping what it does, and returns
// how many rows that looks at, how many it changes, and how many bytes its
// commit has in a frame.
func cost(t *testing.T, w *directorytest.World, c directory.Command) (looks, writes, bytes int) {
	t.Helper()
	v := &counted{View: w.Rows}
	out, err := directory.Decide(v, directorytest.Request(c), w.Stamp())
	if err != nil {
		t.Fatal(err)
	}
	top := directory.NewOverlay(v)
	for _, e := range out.Events {
		changes, err := directory.Evolve(top, e)
		if err != nil {
			t.Fatal(err)
		}
		writes += len(changes)
		top.Apply(changes)
	}
	return v.rows, writes, len(frame.AppendCommit(nil, frame.Commit{Command: "0123456789abcdef0123456789abcdef", Events: out.Events}))
}

// TestCostOfAChange says that a change of a group, and of a user, costs what the
// change is and not what the group or the directory holds.
func TestCostOfAChange(t *testing.T) {
	t.Parallel()
	world := func(size int) (w *directorytest.World, s directory.Scope, group, in, out string) {
		w = directorytest.Setup(t)
		s = w.Directory(t, w.Organization(t, "initech", "initech.example"))
		var ids []string
		for i := range 12 {
			ids = append(ids, directorytest.ID(w.Must(t, directory.CreateUser{Scope: s, State: directorytest.User(fmt.Sprintf("u%d@initech.example", i))})))
		}
		group = directorytest.ID(w.Must(t, directory.CreateGroup{Scope: s, State: directorytest.Group("Everybody"), Members: ids[:10]}))
		k := directory.Make(directory.TableGroup, s.Directory, group)
		for i := 10; i < size; i++ {
			id := directory.FormatID(directory.PrefixUser, uint64(i))
			w.Rows.Set(directory.Make(directory.TableMember, group, id), directory.Ref(""))
			w.Rows.Set(directory.Make(directory.TableMemberOf, id, group), directory.Ref(""))
		}
		g, _, _ := directory.Get[*directory.Group](w.Rows, k)
		large := *g
		large.Members = uint64(size)
		w.Rows.Set(k, &large)
		return w, s, group, ids[0], ids[11]
	}
	small, scope, group, in, out := world(10)
	large, _, _, _, _ := world(100_000)
	for name, c := range map[string]struct {
		command directory.Command
		looks   int // at most
	}{
		"PATCH that adds a member":       {directory.PatchGroup{Scope: scope, ID: group, Patch: members("add", out)}, 16},
		"PATCH that adds ten":            {directory.PatchGroup{Scope: scope, ID: group, Patch: members("add", out, in, "1", "2", "3", "4", "5", "6", "7", "8")}, 100},
		"PATCH that adds nobody":         {directory.PatchGroup{Scope: scope, ID: group, Patch: members("add", "nobody")}, 24},
		"PATCH that removes a member":    {directory.PatchGroup{Scope: scope, ID: group, Patch: members("remove", in)}, 16},
		"PATCH that removes by userName": {directory.PatchGroup{Scope: scope, ID: group, Patch: members("remove", "u0@initech.example")}, 24},
		"PATCH that changes nothing":     {directory.PatchGroup{Scope: scope, ID: group, Patch: members("add", in)}, 16},
		"DELETE of a member":             {directory.DeleteUser{Scope: scope, ID: in}, 24},
		"POST of a user":                 {directory.CreateUser{Scope: scope, State: directorytest.User("new@initech.example")}, 24},
	} {
		t.Run(name, func(t *testing.T) {
			looks, writes, size := cost(t, small, c.command)
			moreLooks, moreWrites, moreSize := cost(t, large, c.command)
			if looks != moreLooks || writes != moreWrites || size != moreSize {
				t.Errorf("in a group of 10 it looks at %d rows, changes %d and has %d bytes; in one of 100,000 %d, %d and %d", looks, writes, size, moreLooks, moreWrites, moreSize)
			}
			if looks > c.looks {
				t.Errorf("it looks at %d rows", looks)
			}
			if size >= 2048 {
				t.Errorf("its commit has %d bytes", size)
			}
			t.Logf("%d looks, %d changes, %d bytes", looks, writes, size)
		})
	}
	// A rename is a job: the group's own commit is small, too.
	if _, _, size := cost(t, large, directory.PatchGroup{Scope: scope, ID: group, Patch: rename("All")}); size >= 2048 {
		t.Errorf("a rename has %d bytes", size)
	}
}
