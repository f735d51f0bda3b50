package directory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

// push changes the members of a group; values are names of the test or, where
// there is none, what is sent.
func (c *cast) push(group, verb string, values ...string) directory.Outcome {
	c.t.Helper()
	sent := slices.Clone(values)
	for i, v := range sent {
		if id, ok := c.ids[v]; ok {
			sent[i] = id
		}
	}
	return c.Must(c.t, directory.PatchGroup{Scope: c.scope, ID: c.ids[group], Patch: members(verb, sent...)})
}

// has asserts who is in a group and what is pending in it, and that the group
// counts as many.
func (c *cast) has(group string, in []string, pending ...string) {
	c.t.Helper()
	id := c.ids[group]
	names := map[string]string{}
	for n, i := range c.ids {
		names[i] = n
	}
	var got, waits []string
	scanIn(c.t, c.Rows, directory.Make(directory.TableMember, id), func(k directory.Key, _ directory.Row) { got = append(got, names[k.Last()]) })
	scanIn(c.t, c.Rows, directory.Make(directory.TablePending, id), func(_ directory.Key, r directory.Row) { waits = append(waits, string(r.(directory.Ref))) })
	slices.Sort(got)
	if d := cmp.Diff(in, got); d != "" && len(in)+len(got) > 0 {
		c.t.Errorf("other members are in %s (-want +got):\n%s", group, d)
	}
	if d := cmp.Diff(pending, waits); d != "" && len(pending)+len(waits) > 0 {
		c.t.Errorf("other values are pending in %s (-want +got):\n%s", group, d)
	}
	g, ok, err := directory.Get[*directory.Group](c.Rows, directory.Make(directory.TableGroup, c.scope.Directory, id))
	if err != nil || !ok || g.Members != uint64(len(in)) || g.Pending != uint64(len(pending)) {
		c.t.Errorf("%s counts %+v (%v)", group, g, err)
	}
}

func scanIn(t directorytest.TB, v directory.View, prefix directory.Key, f func(directory.Key, directory.Row)) {
	t.Helper()
	if err := v.Scan(prefix, "", func(k directory.Key, r directory.Row) bool { f(k, r); return true }); err != nil {
		t.Fatalf("scan %q: %v", prefix, err)
	}
}

func operations(t *testing.T, ops string) patch.Request {
	t.Helper()
	r, err := patch.Parse(nil, patch.Group, []byte(`{"Operations":[`+ops+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func types(es []events.Event) (out []events.Type) {
	for _, e := range es {
		out = append(out, e.Type)
	}
	return out
}

// TestPending says what becomes of member values that name nobody yet.
func TestPending(t *testing.T) {
	t.Parallel()
	is := func(in ...string) []string { return in }
	for name, story := range map[string]func(c *cast){
		"an externalId": func(c *cast) {
			c.newGroup("g", "G", "", "1")
			c.has("g", is(), "1")
			c.user("a", "a@x", "1")
			c.has("g", is("a"))
		},
		"a userName, in any case": func(c *cast) {
			c.newGroup("g", "G", "", "A@x")
			c.user("a", "a@X", "")
			c.has("g", is("a"))
		},
		"an externalId has a case": func(c *cast) {
			c.newGroup("g", "G", "", "i")
			c.user("a", "a@x", "I")
			c.has("g", is(), "i")
		},
		"both of somebody": func(c *cast) {
			c.newGroup("g", "G", "", "1", "a@x", "A@x")
			c.has("g", is(), "1", "A@x", "a@x")
			c.user("a", "a@x", "1")
			c.has("g", is("a"))
		},
		"in several groups": func(c *cast) {
			c.newGroup("g", "G", "", "1")
			c.newGroup("h", "H", "", "a@x")
			c.newGroup("i", "I", "", "b@x")
			out := c.Must(c.t, c.create("a@x", attrs{"externalId": "1"}))
			c.ids["a"] = directorytest.ID(out)
			if d := cmp.Diff([]events.Type{events.TypeUserCreated, events.TypeGroupMembersAdded, events.TypeGroupMembersAdded}, types(out.Events)); d != "" {
				c.t.Errorf("it is not one commit (-want +got):\n%s", d)
			}
			if out.Notes.Joined != 2 {
				c.t.Errorf("%d groups are said to have waited", out.Notes.Joined)
			}
			c.has("g", is("a"))
			c.has("h", is("a"))
			c.has("i", is(), "b@x")
		},
		"the id of somebody deleted": func(c *cast) {
			c.user("a", "a@x", "")
			c.delete("a")
			c.newGroup("g", "G", "", c.ids["a"])
			c.user("b", "a@x", "")
			c.has("g", is("b"))
		},
		"an id of long before": func(c *cast) {
			c.user("a", "a@x", "1")
			c.delete("a")
			c.user("b", "a@x", "1")
			c.delete("b")
			c.newGroup("g", "G", "", c.ids["a"])
			c.newGroup("h", "H", "", c.ids["b"])
			c.user("c", "c@x", "1")
			c.has("g", is("c"))
			c.has("h", is("c"))
		},
		"the same, the other way round": func(c *cast) {
			c.user("a", "a@x", "1")
			c.delete("a")
			c.user("b", "a@x", "1")
			c.delete("b")
			c.user("c", "c@x", "1")
			c.newGroup("g", "G", "", c.ids["a"], c.ids["b"])
			c.has("g", is("c"))
			c.push("g", "remove", "a")
			c.has("g", is())
		},
		"a group by its externalId": func(c *cast) {
			c.newGroup("g", "G", "", "1")
			c.newGroup("h", "H", "1")
			c.has("g", is("h"))
		},
		"a group that comes back": func(c *cast) {
			c.newGroup("h", "H", "")
			c.delete("h")
			c.newGroup("g", "G", "", c.ids["h"])
			c.newGroup("i", "H", "")
			c.has("g", is("i"))
		},
		"no display names": func(c *cast) {
			c.newGroup("g", "G", "", "H", "Ada")
			c.newGroup("h", "H", "")
			c.Must(c.t, c.create("a@x", attrs{"displayName": "Ada"}))
			c.has("g", is(), "Ada", "H")
		},
		"no e-mail addresses": func(c *cast) {
			c.newGroup("g", "G", "", "a@x")
			c.Must(c.t, c.create("a", attrs{"emails": []any{attrs{"value": "a@x"}}}))
			c.has("g", is(), "a@x")
		},
		"not another directory's": func(c *cast) {
			c.newGroup("g", "G", "", "1")
			c.Must(c.t, directory.CreateUser{Scope: c.other, State: directorytest.User("b@globex.example", attrs{"externalId": "1"})})
			c.has("g", is(), "1")
		},
		"a new externalId": func(c *cast) {
			c.user("a", "a@x", "")
			c.newGroup("h", "H", "")
			c.newGroup("g", "G", "", "1", "2")
			c.Must(c.t, directory.ReplaceUser{Scope: c.scope, ID: c.ids["a"], State: directorytest.User("a@x", attrs{"externalId": "1"})})
			c.has("g", is("a"), "2")
			c.Must(c.t, directory.ReplaceGroup{Scope: c.scope, ID: c.ids["h"], State: directorytest.Group("H", attrs{"externalId": "2"})})
			c.has("g", is("a", "h"))
		},
		"a new userName": func(c *cast) {
			c.user("a", "a@x", "")
			c.newGroup("g", "G", "", "b@x")
			c.Must(c.t, directory.ReplaceUser{Scope: c.scope, ID: c.ids["a"], State: directorytest.User("b@x")})
			c.has("g", is("a"))
		},
		"a new name of a member": func(c *cast) {
			c.user("a", "a@x", "")
			c.newGroup("g", "G", "", "a@x", "b@x")
			out := c.Must(c.t, directory.ReplaceUser{Scope: c.scope, ID: c.ids["a"], State: directorytest.User("b@x")})
			if d := cmp.Diff([]events.Type{events.TypeUserUpdated, events.TypeGroupMembersUnpended}, types(out.Events)); d != "" {
				c.t.Errorf("it causes other events (-want +got):\n%s", d)
			}
			c.has("g", is("a"))
		},
		"several with one externalId": func(c *cast) {
			c.user("a", "a@x", "1")
			c.user("b", "b@x", "1")
			c.newGroup("g", "G", "", "1")
			c.has("g", is(), "1")
			c.user("d", "d@x", "1")
			c.has("g", is(), "1")
			c.delete("a", "b")
			c.push("g", "add", "1")
			c.has("g", is("d"))
		},
		"a user and a group with one externalId": func(c *cast) {
			c.user("a", "a@x", "1")
			c.newGroup("h", "H", "1")
			c.newGroup("g", "G", "", "1")
			c.has("g", is(), "1")
		},
		"numbers for users and numbers for groups": func(c *cast) {
			c.user("a", "a@x", "1")
			c.newGroup("g", "G", "1", "1")
			c.has("g", is("a"))
		},
		"an externalId before a userName": func(c *cast) {
			c.user("a", "b@x", "1")
			c.user("b", "1", "a@x")
			c.newGroup("g", "G", "", "1")
			c.has("g", is("a"))
			c.newGroup("h", "H", "", "a@x")
			c.has("h", is("b"))
		},
		"a userName that is somebody's externalId": func(c *cast) {
			c.newGroup("g", "G", "", "1")
			c.user("a", "a@x", "1")
			c.user("b", "1", "")
			c.has("g", is("a"))
		},
		"removed": func(c *cast) {
			c.newGroup("g", "G", "", "1", "2")
			out := c.push("g", "remove", "1")
			if d := cmp.Diff([]events.Type{events.TypeGroupMembersUnpended}, types(out.Events)); d != "" {
				c.t.Errorf("it causes other events (-want +got):\n%s", d)
			}
			c.has("g", is(), "2")
			if out := c.push("g", "remove", "1"); len(out.Events) != 0 {
				c.t.Errorf("removed again it causes %v", types(out.Events))
			}
			c.user("a", "a@x", "1")
			c.has("g", is(), "2")
		},
		"removed by name": func(c *cast) {
			c.user("a", "a@x", "1")
			c.newGroup("g", "G", "", "1")
			c.has("g", is("a"))
			c.push("g", "remove", "A@X")
			c.has("g", is())
		},
		"replaced": func(c *cast) {
			c.user("a", "a@x", "")
			c.newGroup("g", "G", "", "1", "2")
			c.push("g", "replace", "2", "3", "a")
			c.has("g", is("a"), "2", "3")
			if out := c.push("g", "replace", "a", "2", "3"); len(out.Events) != 0 || out.Notes.Pending.Total != 2 {
				c.t.Errorf("replaced by the same it causes %v and notes %+v", types(out.Events), out.Notes)
			}
			c.Must(c.t, directory.ReplaceGroup{Scope: c.scope, ID: c.ids["g"], State: directorytest.Group("G")})
			c.has("g", is())
		},
		"cleared": func(c *cast) {
			c.newGroup("g", "G", "", "1", "2")
			c.Must(c.t, directory.PatchGroup{Scope: c.scope, ID: c.ids["g"], Patch: operations(c.t, `{"op":"remove","path":"members"}`)})
			c.has("g", is())
		},
		"added and removed at once": func(c *cast) {
			c.newGroup("g", "G", "")
			c.Must(c.t, directory.PatchGroup{Scope: c.scope, ID: c.ids["g"], Patch: operations(c.t,
				`{"op":"add","path":"members","value":["1","2"]},{"op":"remove","path":"members","value":["1"]}`)})
			c.has("g", is(), "2")
		},
		"again": func(c *cast) {
			c.newGroup("g", "G", "", "1")
			if out := c.push("g", "add", "1"); len(out.Events) != 0 || out.Notes.Pending.Total != 1 {
				c.t.Errorf("added again it causes %v and notes %+v", types(out.Events), out.Notes)
			}
		},
		"the group is gone": func(c *cast) {
			c.newGroup("g", "G", "", "1")
			c.delete("g")
			directorytest.Finish(c.t, c.World)
			if out := c.Must(c.t, c.create("a@x", attrs{"externalId": "1"})); len(out.Events) != 1 {
				c.t.Errorf("it causes %v", types(out.Events))
			}
		},
		"itself": func(c *cast) {
			c.newGroup("g", "G", "1", "1")
			c.has("g", is())
			if out := c.push("g", "add", "g", "1"); out.Notes.LeftOut.Total != 2 || len(out.Events) != 0 {
				c.t.Errorf("it notes %+v and causes %v", out.Notes, types(out.Events))
			}
			c.delete("g")
			was := c.ids["g"]
			c.newGroup("h", "G", "1", was)
			c.has("h", is())
		},
		"a value longer than any name": func(c *cast) {
			long := strings.Repeat("x", directory.MaxName+1)
			out := c.Must(c.t, directory.CreateGroup{Scope: c.scope, State: directorytest.Group("G"), Members: []string{long, "no\xffUTF-8", strings.Repeat("ü", directory.MaxName)}})
			c.ids["g"] = directorytest.ID(out)
			c.has("g", is(), strings.Repeat("ü", directory.MaxName))
			if out.Notes.LeftOut.Total != 2 {
				c.t.Errorf("it notes %+v", out.Notes)
			}
		},
		"values with odd characters": func(c *cast) {
			c.newGroup("g", "G", "", "a\x00b", "", "\u2028")
			c.has("g", is(), "a\x00b", "\u2028")
			c.user("a", "a@x", "a\x00b")
			c.user("b", "\u2028", "")
			c.has("g", is("a", "b"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCast(t)
			story(c)
			consistent(t, c.Rows)
			same(t, "a replay", directorytest.Rows(t, c.Rows), directorytest.Rows(t, directorytest.Fold(t, directorytest.Stored(c.Log))))
			c.Must(t, directory.DeleteOrganization{Organization: c.org})
			directorytest.Finish(t, c.World)
			consistent(t, c.Rows)
			everyEdgeHasEnds(t, c.Rows)
		})
	}
}

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
