package directorytest

import (
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

var (
	roleNames       = []string{"admin", "editor", "member", "viewer", "owner"}
	permissionNames = []string{"posts:read", "posts:write", "billing"}
)

// Roles draws a command about roles, permissions or who is given them.
func (c Commands) Roles() directory.Command {
	org := ""
	if c.chance("of an organization") {
		org = c.any(directory.TableOrganization)
	}
	name := func(label string) string { return c.pick(label, roleNames) }
	some := rapid.SliceOfN(rapid.SampledFrom(permissionNames), 0, 3)
	switch rapid.IntRange(0, 13).Draw(c.T, "roles") {
	case 0, 1:
		return directory.CreateRole{
			Organization: org, Name: name("role"), DisplayName: c.pick("role's title", titles), Extends: c.pick("extends", []string{"", "member", "viewer"}),
			Permissions: some.Draw(c.T, "role's permissions"),
		}
	case 2:
		title, extends := c.pick("role's new title", titles), c.pick("now extends", []string{"", "member", "editor"})
		permissions := some.Draw(c.T, "role's new permissions")
		return directory.UpdateRole{Organization: org, Name: name("role"), DisplayName: &title, Extends: &extends, Permissions: &permissions}
	case 3, 4:
		return directory.DeleteRole{Organization: org, Name: name("role"), Heir: c.pick("heir", append([]string{""}, roleNames...))}
	case 5, 6:
		member := c.pick("default", append([]string{""}, roleNames...))
		return directory.ChangeDefaultRoles{Organization: org, Member: &member}
	case 7:
		return directory.CreatePermission{Name: c.pick("permission", permissionNames), Description: c.pick("what for", titles)}
	case 8:
		return directory.UpdatePermission{Name: c.pick("permission", permissionNames), Description: c.pick("what for", titles)}
	case 9:
		return directory.DeletePermission{Name: c.pick("permission", permissionNames)}
	}
	dir := c.directory()
	a := directory.AssignRoles{Organization: dir.Organization, Directory: dir.ID}
	for range rapid.IntRange(0, 4).Draw(c.T, "assignments") {
		a.Assignments = append(a.Assignments, directory.Assignment{Group: c.any(directory.TableGroup, dir.ID), Role: name("assigned")})
	}
	return a
}
