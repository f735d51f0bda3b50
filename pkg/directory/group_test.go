package directory_test

import (
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

func TestGroups(t *testing.T) {
	t.Parallel()
	const (
		created, updated, deleted = events.TypeGroupCreated, events.TypeGroupUpdated, events.TypeGroupDeleted
		added, removed            = events.TypeGroupMembersAdded, events.TypeGroupMembersRemoved
		pended                    = events.TypeGroupMembersPended
	)
	types := func(ts ...events.Type) []events.Type { return ts }
	taken := &refused{kind: fault.Conflict, reason: fault.Uniqueness}
	create := func(name string, members ...string) func(*stage) directory.Command {
		return func(s *stage) directory.Command {
			return directory.CreateGroup{Scope: s.scope, State: directorytest.Group(name), Members: ids(s, members)}
		}
	}
	put := func(state events.GroupState, members ...string) func(*stage) directory.Command {
		return func(s *stage) directory.Command {
			return directory.ReplaceGroup{Scope: s.scope, ID: s.group, State: state, Members: ids(s, members)}
		}
	}
	patched := func(ops string) func(*stage) directory.Command {
		return func(s *stage) directory.Command {
			for _, name := range []string{"ada", "group", "foreign"} {
				ops = strings.ReplaceAll(ops, "$"+name, ids(s, []string{name})[0])
			}
			r, err := patch.Parse(nil, patch.Group, []byte(`{"Operations":[`+ops+`]}`))
			if err != nil {
				s.t.Fatal(err)
			}
			return directory.PatchGroup{Scope: s.scope, ID: s.group, Patch: r}
		}
	}
	editors := directorytest.Group("Editors")
	run(t, map[string]example{
		"empty":                       {when: create("Readers"), then: types(created)},
		"with a member":               {when: create("Readers", "ada"), then: types(created, added)},
		"with a group as member":      {when: create("Readers", "group"), then: types(created, added)},
		"a member twice":              {when: create("Readers", "ada", "ada"), then: types(created, added)},
		"members that are not there":  {when: create("Readers", "nobody", "foreign"), then: types(created, pended)},
		"a taken name":                {when: create("EDITORS"), no: taken},
		"no name":                     {when: of(directory.CreateGroup{}), no: unauthenticated},
		"an empty name":               {when: func(s *stage) directory.Command { return directory.CreateGroup{Scope: s.scope} }, no: invalidValue("displayName")},
		"a long name":                 {when: create(strings.Repeat("x", directory.MaxName+1)), no: invalidValue("displayName")},
		"a long externalId":           {when: put(directorytest.Group("Editors", attrs{"externalId": strings.Repeat("x", directory.MaxName+1)})), no: invalidValue("externalId")},
		"PUT of the same":             {when: put(editors, "ada")},
		"PUT without members":         {when: put(editors), then: types(removed)},
		"PUT of another name":         {when: put(directorytest.Group("Readers"), "ada"), then: types(updated)},
		"PUT of its name's case":      {when: put(directorytest.Group("EDITORS"), "ada"), then: types(updated)},
		"PUT of everything":           {given: func(s *stage) { s.Must(s.t, create("Readers")(s)) }, when: put(directorytest.Group("Writers", attrs{"externalId": "w"})), then: types(removed, updated)},
		"PUT of a taken name":         {given: func(s *stage) { s.Must(s.t, create("Readers")(s)) }, when: put(directorytest.Group("readers")), no: taken},
		"PUT of itself as member":     {when: put(editors, "ada", "group")},
		"PATCH adds who is in":        {when: patched(`{"op":"add","path":"members","value":[{"value":"$ada"}]}`)},
		"PATCH adds who is not there": {when: patched(`{"op":"add","path":"members","value":[{"value":"$foreign"}]}`), then: types(pended)},
		"PATCH removes":               {when: patched(`{"op":"remove","path":"members[value eq \"$ada\"]"}`), then: types(removed)},
		"PATCH removes who is out":    {when: patched(`{"op":"remove","path":"members[value eq \"$foreign\"]"}`)},
		"PATCH removes all":           {when: patched(`{"op":"remove","path":"members"}`), then: types(removed)},
		"PATCH removes and adds":      {when: patched(`{"op":"remove","path":"members"},{"op":"add","path":"members","value":[{"value":"$ada"}]}`)},
		"PATCH adds and removes":      {when: patched(`{"op":"add","path":"members","value":[{"value":"$ada"}]},{"op":"remove","path":"members[value eq \"$ada\"]"}`), then: types(removed)},
		"PATCH replaces":              {when: patched(`{"op":"replace","path":"members","value":[{"value":"$ada"}]}`)},
		"PATCH renames":               {when: patched(`{"op":"replace","value":{"displayName":"Readers"}}`), then: types(updated)},
		"PATCH of the same":           {when: patched(`{"op":"replace","value":{"displayName":"Editors"}}`)},
		"DELETE":                      {when: func(s *stage) directory.Command { return directory.DeleteGroup{Scope: s.scope, ID: s.group} }, then: types(deleted)},
		"DELETE of another's":         {when: func(s *stage) directory.Command { return directory.DeleteGroup{Scope: s.other, ID: s.group} }, no: notFound},
		"PUT of another's": {when: func(s *stage) directory.Command {
			return directory.ReplaceGroup{Scope: s.other, ID: s.group, State: editors}
		}, no: notFound},
		"a name freed by a deletion": {given: func(s *stage) { s.Must(s.t, directory.DeleteGroup{Scope: s.scope, ID: s.group}) }, when: create("Editors"), then: types(created)},
	})
}

// ids resolves the names that examples use for members.
func ids(s *stage, names []string) []string {
	s.t.Helper()
	var out []string
	for _, n := range names {
		switch n {
		case "ada":
			out = append(out, s.ada)
		case "group":
			out = append(out, s.group)
		case "foreign":
			r, ok, err := directory.Get[directory.Ref](s.Rows, directory.Make(directory.TableUserName, s.other.Directory, "hank@globex.example"))
			if err != nil {
				s.t.Fatal(err)
			}
			if !ok {
				r = directory.Ref(directorytest.ID(s.Must(s.t, directory.CreateUser{Scope: s.other, State: directorytest.User("hank@globex.example")})))
			}
			out = append(out, string(r))
		default:
			out = append(out, "diruser_000000000000000000")
		}
	}
	return out
}
