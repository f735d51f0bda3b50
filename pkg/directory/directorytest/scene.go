package directorytest

import (
	"encoding/json"
	"slices"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// RoleScene makes what random commands rarely come to by themselves: users in
// groups within groups, all of which are mapped to roles.
func (c Commands) RoleScene() {
	s := c.scope()
	may := func(cmd directory.Command) string {
		out, err := c.W.Try(cmd)
		if err != nil && !refusal(err) {
			c.T.Fatalf("%T fails: %v", cmd, err)
		}
		if err != nil {
			return ""
		}
		return ID(out)
	}
	for _, name := range roleNames {
		may(directory.CreateRole{Name: name, DisplayName: name})
	}
	a := directory.AssignRoles{Organization: s.Organization, Directory: s.Directory}
	inner := []string{}
	for i, title := range []string{"Innermost", "Inner", "Outer"} {
		members := slices.Clone(inner)
		for _, name := range []string{"x", "y"} {
			members = append(members, may(directory.CreateUser{Scope: s, State: User(name+title+"@"+domains[0], nil)}))
		}
		inner = []string{may(directory.CreateGroup{Scope: s, State: Group(title), Members: slices.DeleteFunc(members, func(id string) bool { return id == "" })})}
		a.Assignments = append(a.Assignments, directory.Assignment{Group: inner[0], Role: roleNames[i]})
	}
	may(a)
}

// Standing draws a command that changes what somebody's roles follow from, as
// narrowly as can be: one membership, one nesting, the order of a mapping, an
// assignment more or less, whether a user or a directory is active.
func (c Commands) Standing() directory.Command {
	s, d := c.scope(), c.directory()
	group := func(dir string) string { return c.any(directory.TableGroup, dir) }
	member := func(op, id string) directory.Command {
		return directory.PatchGroup{Scope: s, ID: group(s.Directory), Patch: c.operation(patch.Group, map[string]any{
			"op": op, "path": "members", "value": []any{map[string]any{"value": id}},
		})}
	}
	verb := c.pick("membership", []string{"add", "remove"})
	switch rapid.IntRange(0, 9).Draw(c.T, "standing") {
	case 0, 1:
		return member(verb, c.any(directory.TableUser, s.Directory))
	case 2, 3:
		return member(verb, group(s.Directory))
	case 4, 5:
		return directory.PatchUser{Scope: s, ID: c.any(directory.TableUser, s.Directory), Patch: c.operation(patch.User, map[string]any{
			"op": "replace", "path": "active", "value": c.chance("active again"),
		})}
	case 6, 7, 8:
		return c.remapped(d)
	}
	if d.Enabled {
		return directory.DisableDirectory{Organization: d.Organization, Directory: d.ID}
	}
	return directory.EnableDirectory{Organization: d.Organization, Directory: d.ID}
}

// remapped draws a directory's mapping anew from what it is: in another order,
// with one assignment less, or with one more in front.
func (c Commands) remapped(d *directory.Directory) directory.Command {
	a := directory.AssignRoles{Organization: d.Organization, Directory: d.ID}
	if r, _ := c.W.Rows.Get(directory.Make(directory.TableRoleMapping, d.ID)); r != nil {
		for _, old := range r.(*directory.RoleMapping).Assignments { //nolint:errcheck // the table says what its rows are
			a.Assignments = append(a.Assignments, directory.Assignment{Group: old.Group, RoleID: old.Role})
		}
	}
	change := c.pick("mapping", []string{"order", "less", "more", "more"})
	switch n := len(a.Assignments); {
	case change == "order" && n > 1:
		a.Assignments = rapid.Permutation(a.Assignments).Draw(c.T, "order")
	case change == "less" && n > 0:
		at := rapid.IntRange(0, n-1).Draw(c.T, "which")
		a.Assignments = slices.Delete(a.Assignments, at, at+1)
	default:
		more := directory.Assignment{Group: c.any(directory.TableGroup, d.ID), Role: c.pick("more important", roleNames)}
		a.Assignments = slices.Insert(a.Assignments, 0, more)
	}
	return a
}

// operation is a PATCH of one operation.
func (c Commands) operation(kind *schema.Resource, op map[string]any) patch.Request {
	body, err := json.Marshal(map[string]any{"Operations": []any{op}})
	if err != nil {
		panic(err)
	}
	r, err := patch.Parse(nil, kind, body)
	if err != nil {
		c.T.Fatalf("the PATCH %s does not parse: %v", body, err)
	}
	return r
}
