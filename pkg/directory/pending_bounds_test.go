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
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

// TestPendingIsNotShown says that what is pending leaves a group the version it
// is, as nobody sees it.
func TestPendingIsNotShown(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	c.newGroup("g", "G", "")
	k := directory.Make(directory.TableGroup, c.scope.Directory, c.ids["g"])
	before, _, _ := directory.Get[*directory.Group](c.Rows, k)
	c.push("g", "add", "1", "2")
	c.push("g", "remove", "2")
	after, _, _ := directory.Get[*directory.Group](c.Rows, k)
	want := *before
	want.Pending = 1
	if d := cmp.Diff(&want, after); d != "" {
		t.Errorf("the group looks different (-want +got):\n%s", d)
	}
	c.user("a", "a@x", "1")
	joined, _, _ := directory.Get[*directory.Group](c.Rows, k)
	if joined.Revision != before.Revision+1 || !joined.Updated.After(before.Updated) || joined.Members != 1 {
		t.Errorf("somebody who joined leaves the group as %+v", joined)
	}
}

// TestPendingInAStrictDirectory says that a strict directory takes ids only,
// refuses a push that names somebody otherwise, and lets removals pass.
func TestPendingInAStrictDirectory(t *testing.T) {
	t.Parallel()
	strict := func(s *stage) {
		conformance := directory.ConformanceStrict
		s.Must(s.t, directory.ChangeDirectoryPolicy{Organization: s.org, Directory: s.scope.Directory, Conformance: &conformance})
	}
	with := func(values ...string) func(*stage) directory.Command {
		return func(s *stage) directory.Command {
			return directory.CreateGroup{Scope: s.scope, State: directorytest.Group("Readers"), Members: values}
		}
	}
	refusal := &refused{kind: fault.Invalid, reason: fault.InvalidValue, says: []string{"members.value"}, not: []string{"@"}}
	run(t, map[string]example{
		"an id":  {given: strict, when: func(s *stage) directory.Command { return with(s.ada)(s) }, then: []events.Type{events.TypeGroupCreated, events.TypeGroupMembersAdded}},
		"nobody": {given: strict, when: with("diruser_000000000000000000"), no: refusal},
		"a name": {given: strict, when: with(ada), no: refusal},
		"PUT of nobody": {given: strict, when: func(s *stage) directory.Command {
			return directory.ReplaceGroup{Scope: s.scope, ID: s.group, State: directorytest.Group("Editors"), Members: []string{s.ada, "1"}}
		}, no: refusal},
		"PATCH of nobody": {given: strict, when: func(s *stage) directory.Command {
			return directory.PatchGroup{Scope: s.scope, ID: s.group, Patch: members("add", "1")}
		}, no: refusal},
		"removed by name": {given: strict, when: func(s *stage) directory.Command {
			return directory.PatchGroup{Scope: s.scope, ID: s.group, Patch: operations(s.t, `{"op":"remove","path":"members[value eq \"`+ada+`\" or value eq \"nobody\"]"}`)}
		}},
		"what waits is removed": {
			given: func(s *stage) {
				s.Must(s.t, directory.PatchGroup{Scope: s.scope, ID: s.group, Patch: members("add", "1")})
				strict(s)
			},
			when: func(s *stage) directory.Command {
				return directory.PatchGroup{Scope: s.scope, ID: s.group, Patch: operations(s.t, `{"op":"remove","path":"members[value eq \"1\"]"}`)}
			},
			then: []events.Type{events.TypeGroupMembersUnpended},
		},
		"nobody is lenient": {when: with("1"), then: []events.Type{events.TypeGroupCreated, events.TypeGroupMembersPended}},
		"what waits from before": {
			given: func(s *stage) { s.Must(s.t, with("bob@acme.example")(s)); strict(s) },
			when:  func(s *stage) directory.Command { return s.create("bob@acme.example") },
			then:  []events.Type{events.TypeUserCreated, events.TypeGroupMembersAdded},
		},
	})
}

// TestPendingNotes says what the sync log is told.
func TestPendingNotes(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	c.user("a", "a@x", "")
	var values []string
	for i := range directory.MaxNoted + 10 {
		values = append(values, fmt.Sprintf("v%03d", i))
	}
	c.newGroup("g", "G", "")
	out := c.push("g", "add", append(slices.Clone(values), "a", "A@x", "g")...)
	want := directory.Notes{
		Pending: directory.Values{Total: len(values), First: values[:directory.MaxNoted]},
		LeftOut: directory.Values{Total: 1, First: []string{c.ids["g"]}},
	}
	if d := cmp.Diff(want, out.Notes); d != "" {
		t.Errorf("it is noted otherwise (-want +got):\n%s", d)
	}
	var causes []lenience.Cause
	for _, d := range out.Deviations {
		if d.Path == "members.value" {
			causes = append(causes, d.Cause)
		}
	}
	if d := cmp.Diff([]lenience.Cause{lenience.UnknownMember, lenience.MemberByName}, causes); d != "" {
		t.Errorf("other deviations are told (-want +got):\n%s", d)
	}
	if out := c.push("g", "add", "a"); !cmp.Equal(out.Notes, directory.Notes{}) || len(out.Deviations) != 0 {
		t.Errorf("an id is noted as %+v, %v", out.Notes, out.Deviations)
	}
}

// TestPendingIsBounded says what is left out above each bound.
func TestPendingIsBounded(t *testing.T) {
	t.Parallel()
	numbered := func(n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = fmt.Sprintf("%06d", i)
		}
		return out
	}
	t.Run("in a group", func(t *testing.T) {
		t.Parallel()
		c := newCast(t)
		c.newGroup("g", "G", "", numbered(directory.MaxPendingOfGroup-1)...)
		out := c.push("g", "add", "x", "y", "z")
		if n := out.Notes; n.Pending.Total != 1 || !slices.Equal(n.LeftOut.First, []string{"y", "z"}) {
			t.Errorf("the last ones are noted as %+v", n)
		}
		out = c.Must(t, directory.PatchGroup{Scope: c.scope, ID: c.ids["g"], Patch: operations(t,
			`{"op":"remove","path":"members","value":["000000","000001"]},{"op":"add","path":"members","value":["y","z"]}`)})
		if n := out.Notes; n.Pending.Total != 2 || n.LeftOut.Total != 0 {
			t.Errorf("with room again it notes %+v", n)
		}
		consistent(t, c.Rows)
	})
	t.Run("in a directory", func(t *testing.T) {
		t.Parallel()
		c := newCast(t)
		k := directory.Make(directory.TableCounts, c.scope.Directory)
		counts, _, _ := directory.Get[*directory.Counts](c.Rows, k)
		nearly := *counts
		nearly.Pending = directory.MaxPendingOfDirectory - 1
		c.Rows.Set(k, &nearly)
		c.newGroup("g", "G", "", "a", "b")
		c.has("g", nil, "a")
	})
	t.Run("of one value", func(t *testing.T) {
		t.Parallel()
		c := newCast(t)
		for i := range directory.MaxPendingGroups {
			c.newGroup("g", fmt.Sprint("G", i), "", "a@x")
		}
		c.has("g", nil, "a@x")
		c.newGroup("h", "H", "", "A@x")
		c.has("h", nil)
		out := c.Must(t, c.create("a@x"))
		if out.Notes.Joined != directory.MaxPendingGroups || len(out.Events) != directory.MaxPendingGroups+1 {
			t.Errorf("%d groups are joined by %d events", out.Notes.Joined, len(out.Events))
		}
		consistent(t, c.Rows)
	})
}

// TestPendingComesToTheSame lets users and pushes happen in any order: in the
// end those are in whose last push had them in, whichever came first.
func TestPendingComesToTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := directorytest.Setup(t)
		s := w.Directory(t, w.Organization(t, "initech", "initech.example"))
		group := directorytest.ID(w.Must(t, directory.CreateGroup{Scope: s, State: directorytest.Group("G")}))
		// Each is called by one name: its userName or its externalId.
		const people = 6
		call := func(i int) string {
			if i%2 == 0 {
				return fmt.Sprintf("U%d@Initech.example", i)
			}
			return fmt.Sprint("external-", i)
		}
		there, in := map[int]string{}, map[int]bool{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			i := rapid.IntRange(0, people-1).Draw(t, "who")
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				if there[i] == "" {
					there[i] = directorytest.ID(w.Must(t, directory.CreateUser{Scope: s, State: directorytest.User(
						fmt.Sprintf("u%d@initech.example", i), attrs{"externalId": fmt.Sprint("external-", i)})}))
				}
			case 1, 2:
				w.Must(t, directory.PatchGroup{Scope: s, ID: group, Patch: members("add", call(i))})
				in[i] = true
			case 3:
				w.Must(t, directory.PatchGroup{Scope: s, ID: group, Patch: members("remove", call(i))})
				in[i] = false
			case 4:
				j := rapid.IntRange(0, people-1).Draw(t, "who else")
				w.Must(t, directory.PatchGroup{Scope: s, ID: group, Patch: members("replace", call(i), call(j))})
				clear(in)
				in[i], in[j] = true, true
			}
		}
		var want, got []string
		for i, id := range there {
			if in[i] {
				want = append(want, id)
			}
		}
		slices.Sort(want)
		scanIn(t, w.Rows, directory.Make(directory.TableMember, group), func(k directory.Key, _ directory.Row) { got = append(got, k.Last()) })
		if !slices.Equal(want, got) {
			t.Fatalf("in are %v, want %v", got, want)
		}
		consistent(t, w.Rows)
	})
}
