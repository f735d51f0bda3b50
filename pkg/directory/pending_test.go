package directory_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
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
				c.t.Fatalf("it causes other events (-want +got):\n%s", d)
			}
			if r := out.Events[1].Revision; r != 2 {
				c.t.Errorf("a group at revision 2 is at %d though nobody sees a change", r)
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
		"several with one externalId, which is a userName": func(c *cast) {
			c.user("a", "a@x", "c@x")
			c.user("b", "b@x", "c@x")
			c.user("c", "c@x", "")
			c.newGroup("g", "G", "", "c@x")
			c.has("g", is(), "c@x")
		},
		"a group that takes the name pending in it": func(c *cast) {
			c.newGroup("g", "G", "", "1")
			c.Must(c.t, directory.ReplaceGroup{Scope: c.scope, ID: c.ids["g"], State: directorytest.Group("G", attrs{"externalId": "1"}), Members: []string{"1"}})
			c.has("g", is())
			c.newGroup("h", "H", "", "2")
			c.Must(c.t, directory.PatchGroup{Scope: c.scope, ID: c.ids["h"], Patch: operations(c.t, `{"op":"add","path":"externalId","value":"2"}`)})
			c.has("h", is(), "2")
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
			c.push("g", "remove", "1")
			c.has("g", is())
			c.push("g", "add", "1")
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
