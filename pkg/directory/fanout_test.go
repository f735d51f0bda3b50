package directory_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

// crowd makes a directory with n users, all of them in one group.
func crowd(t directorytest.TB, n int) (w *directorytest.World, s directory.Scope, group string, users []string) {
	t.Helper()
	w = directorytest.Setup(t)
	org := w.Organization(t, "initech", "initech.example")
	s = w.Directory(t, org)
	for i := range n {
		users = append(users, directorytest.ID(w.Must(t, directory.CreateUser{Scope: s, State: directorytest.User(fmt.Sprintf("u%d@initech.example", i))})))
	}
	group = directorytest.ID(w.Must(t, directory.CreateGroup{Scope: s, State: directorytest.Group("Everybody"), Members: users}))
	return w, s, group, users
}

// sizes lie around the borders of one and two batches.
var sizes = []int{0, 1, directory.FanoutBatch - 1, directory.FanoutBatch, directory.FanoutBatch + 1, 2*directory.FanoutBatch + 7}

// writes lets other writes to the directory happen between the steps.
func writes(t *rapid.T, w *directorytest.World, s directory.Scope, group string, users []string) {
	for i := range rapid.IntRange(0, 6).Draw(t, "writes in between") {
		var c directory.Command
		pick := func() string { return rapid.SampledFrom(users).Draw(t, "user") }
		switch rapid.IntRange(0, 5).Draw(t, "write") {
		case 0:
			c = directory.CreateUser{Scope: s, State: directorytest.User(fmt.Sprintf("new%d-%d@initech.example", w.LastID, i))}
		case 1:
			c = directory.DeleteUser{Scope: s, ID: pick()}
		case 2:
			c = directory.PatchGroup{Scope: s, ID: group, Patch: members("add", pick(), pick())}
		case 3:
			c = directory.PatchGroup{Scope: s, ID: group, Patch: members("remove", pick(), pick())}
		case 4:
			c = directory.CreateGroup{Scope: s, State: directorytest.Group(fmt.Sprintf("Group %d-%d", w.LastID, i)), Members: []string{pick(), group, "nobody"}}
		case 5:
			c = directory.PatchGroup{Scope: s, ID: group, Patch: members("add", fmt.Sprintf("nobody%d-%d", w.LastID, i))}
		}
		_, _ = w.Try(c) // what is gone by now is refused
	}
}

func members(verb string, ids ...string) patch.Request {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = fmt.Sprintf(`{"value":%q}`, id)
	}
	r, err := patch.Parse(nil, patch.Group, fmt.Appendf(nil, `{"Operations":[{"op":%q,"path":"members","value":[%s]}]}`, verb, strings.Join(list, ",")))
	if err != nil {
		panic(err)
	}
	return r
}

func rename(to string) patch.Request {
	r, err := patch.Parse(nil, patch.Group, fmt.Appendf(nil, `{"Operations":[{"op":"replace","path":"displayName","value":%q}]}`, to))
	if err != nil {
		panic(err)
	}
	return r
}

// job returns the pending fan-out, nil if there is none.
func job(t directorytest.TB, w *directorytest.World) *directory.Fanout {
	t.Helper()
	var f *directory.Fanout
	scan(t, w.Rows, directory.TableFanout, func(_ directory.Key, r directory.Row) { f = r.(*directory.Fanout) })
	return f
}

// steps finishes the pending job and lets other writes happen in between. A
// step that is asked for twice is taken once, and no step covers more than a
// batch.
func steps(t *rapid.T, w *directorytest.World, between func()) int {
	n := 0
	for f := job(t, w); f != nil; f = job(t, w) {
		between()
		next := directory.ContinueFanout{Job: f.Job, After: f.After}
		out, err := directory.Decide(w.Rows, directorytest.Request(next), w.Stamp())
		if err != nil || len(out.Events) != 1 {
			t.Fatalf("the step answers %v, %v", out.Events, err)
		}
		keys, err := directory.Touched(w.Rows, out.Events[0])
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) > directory.FanoutBatch {
			t.Fatalf("one step touches %d resources", len(keys))
		}
		w.Must(t, next)
		if out := w.Must(t, next); len(out.Events) != 0 {
			t.Fatalf("the step is taken twice: %v", out.Events)
		}
		if n++; n > 100 {
			t.Fatalf("the fan-out does not end")
		}
	}
	return n
}

// TestFanoutEndsClean deletes groups, directories and organizations of all
// sizes while other writes go on. In the end nothing is left of what was
// deleted, and a replay of the log agrees.
func TestFanoutEndsClean(t *testing.T) {
	t.Parallel()
	type setting struct {
		w     *directorytest.World
		s     directory.Scope
		group string
		users []string
	}
	var settings []setting
	for _, n := range sizes {
		w, s, group, users := crowd(t, n)
		settings = append(settings, setting{w, s, group, users})
	}
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(settings).Draw(t, "size")
		w := &directorytest.World{Rows: c.w.Rows.Snapshot(directory.Empty{}), LastID: c.w.LastID, At: c.w.At}
		before := c.w.Rows.Snapshot(directory.Empty{})
		between := func() { writes(t, w, c.s, c.group, append(slices.Clip(c.users), "diruser_000000000000000000")) }
		switch rapid.IntRange(0, 3).Draw(t, "what is deleted") {
		case 0:
			w.Must(t, directory.DeleteGroup{Scope: c.s, ID: c.group})
		case 1:
			w.Must(t, directory.DisableDirectory{Organization: c.s.Organization, Directory: c.s.Directory})
			w.Must(t, directory.DeleteDirectory{Organization: c.s.Organization, Directory: c.s.Directory})
		case 2:
			w.Must(t, directory.DeleteOrganization{Organization: c.s.Organization})
		case 3:
			w.Must(t, directory.PatchGroup{Scope: c.s, ID: c.group, Patch: rename("All")})
			between()
			w.Must(t, directory.DeleteGroup{Scope: c.s, ID: c.group})
		}
		if got, most := steps(t, w, between), 2*len(c.users)/directory.FanoutBatch+2; got > most {
			t.Fatalf("it took %d steps for %d users", got, len(c.users))
		}
		consistent(t, w.Rows)
		everyEdgeHasEnds(t, w.Rows)
		same(t, "a replay", directorytest.Rows(t, w.Rows), directorytest.Rows(t, directorytest.FoldOver(t, before, directorytest.Stored(w.Log))))
	})
}

// TestFanoutTouchesEveryMember says that a rename and a deletion reach each
// member exactly once, whatever the size of the group.
func TestFanoutTouchesEveryMember(t *testing.T) {
	t.Parallel()
	for _, n := range sizes {
		for name, c := range map[string]func(s directory.Scope, group string) directory.Command{
			"rename": func(s directory.Scope, g string) directory.Command {
				return directory.PatchGroup{Scope: s, ID: g, Patch: rename("All")}
			},
			"delete": func(s directory.Scope, g string) directory.Command { return directory.DeleteGroup{Scope: s, ID: g} },
			"directory": func(s directory.Scope, _ string) directory.Command {
				return directory.DeleteOrganization{Organization: s.Organization}
			},
		} {
			t.Run(fmt.Sprintf("%s %d", name, n), func(t *testing.T) {
				t.Parallel()
				w, s, group, users := crowd(t, n)
				touched := map[directory.Key]int{}
				do := func(c directory.Command) {
					rows := w.Rows.Snapshot(directory.Empty{})
					for _, e := range w.Must(t, c).Events {
						keys, err := directory.Touched(rows, e)
						if err != nil {
							t.Fatal(err)
						}
						for _, k := range keys {
							touched[k]++
						}
						directorytest.FoldOver(t, rows, []events.Event{e})
					}
				}
				do(c(s, group))
				for f := job(t, w); f != nil; f = job(t, w) {
					do(directory.ContinueFanout{Job: f.Job, After: f.After})
				}
				for _, u := range users {
					if got := touched[directory.Make(directory.TableUser, s.Directory, u)]; got != 1 {
						t.Fatalf("%s is touched %d times", u, got)
					}
				}
				if k := directory.Make(directory.TableGroup, s.Directory, group); name == "directory" && touched[k] != 1 {
					t.Errorf("the directory's group is touched %d times", touched[k])
				}
			})
		}
	}
}

// TestFanoutOfManyPending deletes a group, or its directory, in which more
// values are pending and more were deleted than one step covers: after every
// step the totals are those of what is left, and in the end nothing is.
func TestFanoutOfManyPending(t *testing.T) {
	t.Parallel()
	const n = 2*directory.FanoutBatch + 7
	for name, deletes := range map[string]func(s directory.Scope, group string) []directory.Command{
		"group": func(s directory.Scope, group string) []directory.Command {
			return []directory.Command{directory.DeleteGroup{Scope: s, ID: group}}
		},
		"directory": func(s directory.Scope, _ string) []directory.Command {
			return []directory.Command{
				directory.DisableDirectory{Organization: s.Organization, Directory: s.Directory},
				directory.DeleteDirectory{Organization: s.Organization, Directory: s.Directory},
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s, group, users := crowd(t, n)
			for _, u := range users[:n/2] {
				w.Must(t, directory.DeleteUser{Scope: s, ID: u})
			}
			var nobody []string
			for i := range n {
				nobody = append(nobody, fmt.Sprint("Nobody ", i))
			}
			w.Must(t, directory.PatchGroup{Scope: s, ID: group, Patch: members("add", nobody...)})
			for _, c := range deletes(s, group) {
				w.Must(t, c)
			}
			steps := 0
			for f := job(t, w); f != nil; f = job(t, w) {
				consistent(t, w.Rows)
				w.Must(t, directory.ContinueFanout{Job: f.Job, After: f.After})
				steps++
			}
			if steps < 2 {
				t.Errorf("it took %d steps", steps)
			}
			consistent(t, w.Rows)
			everyEdgeHasEnds(t, w.Rows)
			same(t, "a replay", directorytest.Rows(t, w.Rows), directorytest.Rows(t, directorytest.Fold(t, directorytest.Stored(w.Log))))
		})
	}
}

// TestContinueFanout_limit takes steps of a job that are as large as their sender
// wants, within what any step may cover. Each member is left once.
func TestContinueFanout_limit(t *testing.T) {
	t.Parallel()
	const left = 107 // to the steps, behind what the deletion itself covers
	for limit, want := range map[int][]int{
		0: {left}, -1: {left}, left: {left}, left + 1: {left}, directory.FanoutBatch + 1: {left},
		50: {50, 50, 7}, left - 1: {left - 1, 1},
	} {
		t.Run(strconv.Itoa(limit), func(t *testing.T) {
			t.Parallel()
			w, s, group, _ := crowd(t, directory.FanoutBatch+left)
			w.Must(t, directory.DeleteGroup{Scope: s, ID: group})
			var covered []int
			members := func() (n int) {
				if err := w.Rows.Scan(directory.Make(directory.TableMember, group), "", func(directory.Key, directory.Row) bool { n++; return true }); err != nil {
					t.Fatal(err)
				}
				return n
			}
			for f := job(t, w); f != nil && len(covered) <= left; f = job(t, w) {
				before := members()
				w.Must(t, directory.ContinueFanout{Job: f.Job, After: f.After, Limit: limit})
				covered = append(covered, before-members())
				consistent(t, w.Rows)
			}
			if !slices.Equal(covered, want) {
				t.Errorf("the steps cover %v members, want %v", covered, want)
			}
			same(t, "a replay", directorytest.Rows(t, w.Rows), directorytest.Rows(t, directorytest.Fold(t, directorytest.Stored(w.Log))))
		})
	}
}

// TestMembersInBoundedEvents says that a change of many members is one commit
// of events that each name at most events.MaxMembers.
func TestMembersInBoundedEvents(t *testing.T) {
	t.Parallel()
	w, s, group, users := crowd(t, events.MaxMembers+1)
	out := w.Must(t, directory.ReplaceGroup{Scope: s, ID: group, State: directorytest.Group("Everybody")})
	if len(out.Events) != 2 {
		t.Fatalf("removing %d members is %d events, want 2", len(users), len(out.Events))
	}
	left := map[string]bool{}
	for _, u := range users {
		left[u] = true
	}
	for _, e := range out.Events {
		p, err := events.Decode[events.GroupMembersRemoved](e)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Members) > events.MaxMembers {
			t.Errorf("an event names %d members", len(p.Members))
		}
		for _, m := range p.Members {
			delete(left, m)
		}
	}
	if len(left) != 0 {
		t.Errorf("%d members are not named", len(left))
	}
	consistent(t, w.Rows)
}
