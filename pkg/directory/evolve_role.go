package directory

import (
	"slices"

	"github.com/rollcallhq/rollcall/events"
)

func foldRoleCreated(f *folding, p events.RoleCreated) error {
	r := &Role{
		ID: f.e.Resource, Organization: f.e.Organization, Revision: f.e.Revision, Created: f.e.At, Updated: f.e.At, RoleProfile: p.RoleProfile,
	}
	f.put(Make(TableRole, r.ID), r)
	f.refer(r.ID, Make(TableRoleName, r.Organization, r.Name))
	if r.Organization != "" {
		f.refer("", Make(TableOrgRoleName, r.Name, r.Organization))
	}
	if r.Extends != "" {
		f.refer("", Make(TableRoleExtends, r.Extends, r.ID))
	}
	return nil
}

func foldRoleUpdated(f *folding, p events.RoleUpdated) error {
	return f.role(func(r *Role) {
		r.RoleProfile = p.RoleProfile
		if p.Freed != "" {
			f.drop(Make(TableRoleExtends, p.Freed, r.ID))
		}
		if r.Extends != "" {
			f.refer("", Make(TableRoleExtends, r.Extends, r.ID))
		}
	})
}

// foldRoleDeleted leaves the row: mappings, defaults and other roles go on naming
// it, and it leads them to its heir. Users who had it are told by a fan-out.
func foldRoleDeleted(f *folding, p events.RoleDeleted) error {
	over, err := holders(f.view, f.e.Resource)
	if err != nil {
		return err
	}
	if err := f.role(func(r *Role) {
		r.Deleted, r.Heir = f.e.At, p.Heir
		f.drop(Make(TableRoleName, r.Organization, r.Name))
		if r.Organization != "" {
			f.drop(Make(TableOrgRoleName, r.Name, r.Organization))
		}
		if r.Extends != "" {
			f.drop(Make(TableRoleExtends, r.Extends, r.ID))
		}
		if p.Heir != "" {
			f.refer("", Make(TableRoleHeir, p.Heir, r.ID))
		}
	}); err != nil || p.Heir == "" {
		return err
	}
	return f.startFanout(FanoutRolesChanged, over...)
}

// role changes a copy of the event's role row.
func (f *folding) role(change func(*Role)) error {
	k := Make(TableRole, f.e.Resource)
	old, ok, err := get[*Role](f.view, k)
	if err != nil || !ok || !old.Deleted.IsZero() {
		return err
	}
	r := *old
	r.Revision, r.Updated = f.e.Revision, f.e.At
	change(&r)
	f.put(k, &r)
	return nil
}

func foldDefaultRolesChanged(f *folding, p events.DefaultRolesChanged) error {
	was, err := Defaults(f.view, f.e.Organization)
	if err != nil {
		return err
	}
	for _, id := range []string{was.Creator, was.Member} {
		if id != "" {
			f.drop(Make(TableRoleDefault, id, f.e.Organization))
		}
	}
	for _, id := range []string{p.Creator, p.Member} {
		if id != "" {
			f.refer("", Make(TableRoleDefault, id, f.e.Organization))
		}
	}
	f.put(Make(TableDefaultRoles, f.e.Organization), &DefaultRoles{f.e.Revision, p})
	if was.Member == p.Member {
		return nil
	}
	over, err := usersOf(f.view, f.e.Organization)
	if err != nil {
		return err
	}
	return f.startFanout(FanoutRolesChanged, over...)
}

// dropRolesOf drops the roles that a deleted organization had of its own.
func (f *folding) dropRolesOf(org string) error {
	d, err := Defaults(f.view, org)
	if err != nil {
		return err
	}
	f.drop(Make(TableDefaultRoles, org))
	if d.Member != "" {
		f.drop(Make(TableRoleDefault, d.Member, org))
	}
	var failed error
	err = f.view.Scan(Make(TableRoleName, org), "", func(k Key, ref Row) bool {
		id := string(ref.(Ref)) //nolint:errcheck,forcetypeassert // the table's rows
		r, ok, err := get[*Role](f.view, Make(TableRole, id))
		if err != nil {
			failed = err
			return false
		}
		f.drop(k)
		if ok {
			f.drop(Make(TableRole, id))
			f.drop(Make(TableOrgRoleName, r.Name, org))
			if r.Extends != "" {
				f.drop(Make(TableRoleExtends, r.Extends, id))
			}
		}
		return true
	})
	if err == nil {
		err = failed
	}
	return err
}

func foldPermissionCreated(f *folding, p events.PermissionCreated) error {
	f.put(Make(TablePermission, f.e.Resource), &Permission{
		ID: f.e.Resource, Revision: f.e.Revision, Created: f.e.At, Updated: f.e.At, PermissionProfile: p.PermissionProfile,
	})
	f.refer(f.e.Resource, Make(TablePermissionName, p.Name))
	return nil
}

func foldPermissionUpdated(f *folding, p events.PermissionUpdated) error {
	k := Make(TablePermission, f.e.Resource)
	old, ok, err := get[*Permission](f.view, k)
	if err != nil || !ok {
		return err
	}
	r := *old
	r.Revision, r.Updated, r.PermissionProfile = f.e.Revision, f.e.At, p.PermissionProfile
	f.put(k, &r)
	return nil
}

// foldPermissionDeleted leaves the roles as they are: a permission that is not
// there any more is in none of them.
func foldPermissionDeleted(f *folding, p events.PermissionDeleted) error {
	f.drop(Make(TablePermission, f.e.Resource))
	f.drop(Make(TablePermissionName, p.Name))
	return nil
}

func foldRolesAssigned(f *folding, p events.DirectoryRolesAssigned) error {
	over, err := reassigned(f.view, f.e.Directory, p.Assignments)
	if err != nil {
		return err
	}
	if err := f.directory(func(*Directory) {}); err != nil { // a revision of it
		return err
	}
	if err := f.mapRoles(f.e.Directory, p.Assignments); err != nil {
		return err
	}
	return f.startFanout(FanoutRolesChanged, over...)
}

// mapRoles sets a directory's mapping and the index of where roles are used.
func (f *folding) mapRoles(dir string, list []events.RoleAssignment) error {
	k := Make(TableRoleMapping, dir)
	was, ok, err := get[*RoleMapping](f.view, k)
	if err != nil {
		return err
	}
	if ok {
		for _, id := range rolesIn(was.Assignments) {
			f.drop(Make(TableRoleUse, id, dir))
		}
	}
	for _, id := range rolesIn(list) {
		f.refer("", Make(TableRoleUse, id, dir))
	}
	switch {
	case len(list) > 0:
		f.put(k, newRoleMapping(list))
	case ok:
		f.drop(k)
	}
	return nil
}

// unmapGroups takes deleted groups out of the mapping of the event's directory.
func (f *folding) unmapGroups(groups []*Group) error {
	m, ok, err := get[*RoleMapping](f.view, Make(TableRoleMapping, f.e.Directory))
	if err != nil || !ok {
		return err
	}
	gone := func(a events.RoleAssignment) bool {
		return slices.ContainsFunc(groups, func(g *Group) bool { return g.ID == a.Group })
	}
	if !slices.ContainsFunc(m.Assignments, gone) {
		return nil
	}
	return f.mapRoles(f.e.Directory, slices.DeleteFunc(slices.Clone(m.Assignments), gone))
}

// rolesIn returns the roles of a mapping, each once, in the order of their ids.
func rolesIn(list []events.RoleAssignment) []string {
	ids := make([]string, 0, len(list))
	for _, a := range list {
		ids = append(ids, a.Role)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
