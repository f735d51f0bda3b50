package directory_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
)

func groupIDs(groups []*directory.Group) []string {
	var out []string
	for _, g := range groups {
		out = append(out, g.ID)
	}
	return out
}

func groupsOf(t directorytest.TB, v directory.View, dir, id string) (direct, indirect []string) {
	t.Helper()
	d, i, err := directory.GroupsOf(v, dir, id)
	if err != nil {
		t.Fatalf("the groups of %s: %v", id, err)
	}
	return groupIDs(d), groupIDs(i)
}

// TestGroupsOf draws hierarchies of groups, circles and all, and holds the
// answer against one that is worked out step by step from who is in what.
func TestGroupsOf(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := directorytest.Setup(t)
		s := w.Directory(t, w.Organization(t, "initech", "initech.example"))
		members := map[string][]string{}
		who := []string{directorytest.ID(w.Must(t, directory.CreateUser{Scope: s, State: directorytest.User("ada@initech.example")}))}
		for i := range rapid.IntRange(0, 8).Draw(t, "groups") {
			who = append(who, directorytest.ID(w.Must(t, directory.CreateGroup{Scope: s, State: directorytest.Group(fmt.Sprint("G", i))})))
		}
		for _, g := range who[1:] {
			in := rapid.SliceOfNDistinct(rapid.SampledFrom(who), 0, 4, rapid.ID[string]).Draw(t, "members")
			w.Must(t, directory.ReplaceGroup{Scope: s, ID: g, State: state(t, w, s, g), Members: in})
			members[g] = slices.DeleteFunc(in, func(m string) bool { return m == g })
		}
		if len(who) > 1 && rapid.Bool().Draw(t, "delete one") {
			gone := rapid.SampledFrom(who[1:]).Draw(t, "which")
			// Its members are still there as rows: only what is left of a large group
			// goes in a fan-out, so rows are put back as if that were under way.
			left := w.Rows.Snapshot(directory.Empty{})
			w.Must(t, directory.DeleteGroup{Scope: s, ID: gone})
			for _, m := range members[gone] {
				k := directory.Make(directory.TableMemberOf, m, gone)
				r, _ := left.Get(k)
				w.Rows.Set(k, r)
			}
			delete(members, gone)
			who = slices.DeleteFunc(who, func(id string) bool { return id == gone })
		}
		for _, id := range who {
			direct, all := []string(nil), map[string]bool{}
			for g, in := range members {
				if slices.Contains(in, id) {
					direct, all[g] = append(direct, g), true
				}
			}
			for again := true; again; {
				again = false
				for g, in := range members {
					if !all[g] && slices.ContainsFunc(in, func(m string) bool { return all[m] }) {
						all[g], again = true, true
					}
				}
			}
			slices.Sort(direct)
			delete(all, id)
			gotDirect, gotIndirect := groupsOf(t, w.Rows, s.Directory, id)
			if d := cmp.Diff(direct, gotDirect); d != "" {
				t.Fatalf("%s is directly in (-want +got):\n%s", id, d)
			}
			for _, g := range gotIndirect {
				if !all[g] || slices.Contains(direct, g) {
					t.Fatalf("%s is said to be indirectly in %s", id, g)
				}
				delete(all, g)
			}
			for _, g := range direct {
				delete(all, g)
			}
			if len(all) > 0 {
				t.Fatalf("%s is said to be in %v and %v, not in %v", id, gotDirect, gotIndirect, all)
			}
		}
	})
}

func state(t directorytest.TB, w *directorytest.World, s directory.Scope, id string) events.GroupState {
	t.Helper()
	g, _, err := directory.Get[*directory.Group](w.Rows, directory.Make(directory.TableGroup, s.Directory, id))
	if err != nil {
		t.Fatalf("read the group: %v", err)
	}
	return g.GroupState
}

// TestGroupsOf_nearest says that the order is by distance, which is what the
// bound leaves, and that the bound holds in breadth and in depth.
func TestGroupsOf_nearest(t *testing.T) {
	t.Parallel()
	const most = directory.MaxGroupsOf
	name := func(i int) string { return directory.FormatID(directory.PrefixGroup, uint64(i)) }
	for title, parent := range map[string]func(i int) string{
		"a chain": func(i int) string {
			if i == 0 {
				return "diruser_1"
			}
			return name(i - 1)
		},
		"all at once": func(int) string { return "diruser_1" },
		"one for all": func(i int) string {
			if i == 0 {
				return "diruser_1"
			}
			return name(0)
		},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			o := directory.NewOverlay(directory.Empty{})
			for i := range most + 10 {
				o.Set(directory.Make(directory.TableGroup, "dir_1", name(i)), &directory.Group{ID: name(i)})
				o.Set(directory.Make(directory.TableMemberOf, parent(i), name(i)), directory.Ref(""))
			}
			direct, indirect := groupsOf(t, o, "dir_1", "diruser_1")
			all := slices.Concat(direct, indirect)
			if len(all) != most || all[0] != name(0) || all[most-1] != name(most-1) {
				t.Errorf("%d groups are found, from %s to %s", len(all), all[0], all[len(all)-1])
			}
			if title == "all at once" && len(indirect) != 0 || title != "all at once" && len(direct) != 1 {
				t.Errorf("%d groups are direct, %d indirect", len(direct), len(indirect))
			}
		})
	}
	if _, _, err := directory.GroupsOf(broken{}, "dir_1", "diruser_1"); err == nil {
		t.Error("a broken store has no groups")
	}
}
