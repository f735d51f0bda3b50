package announce

import (
	"slices"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// role tells of a role. Who has it is told with the users.
func (t *telling) role(before, after *directory.Role) error {
	r := after
	if r == nil {
		r = before
	}
	if r == nil {
		return nil
	}
	was, err := t.told(r.ID)
	if err != nil {
		return err
	}
	data, err := Role(t.view, r)
	if err != nil {
		return err
	}
	show := func(v uint64) (any, error) {
		data.Version = v
		return data, nil
	}
	about := subject{r.ID, r.Organization, ""}
	if after == nil || !after.Deleted.IsZero() {
		if was.Live {
			t.say(about, was, told{}, public.RoleDeleted, show)
		}
		t.forget(r.ID)
		return nil
	}
	var d digest
	for _, s := range append([]string{data.DisplayName, data.Description, data.Extends}, data.Permissions...) {
		d.add(s)
	}
	seen, typ := d.sum(), public.RoleUpdated
	switch {
	case !was.Live:
		typ = public.RoleCreated
	case was.Digest == seen:
		return nil
	}
	t.say(about, was, told{live: true, digest: seen}, typ, show)
	return nil
}

// Role returns what receivers see of a role, except for its version.
func Role(v directory.View, r *directory.Role) (public.Role, error) {
	out := public.Role{
		ID: r.ID, OrganizationID: r.Organization, Name: r.Name, DisplayName: r.DisplayName, Description: r.Description, Permissions: []string{},
	}
	if r.Extends != "" {
		base, ok, err := directory.RoleOf(v, r.Extends)
		if err != nil {
			return out, err
		}
		if ok {
			out.Extends = base.Name
		}
	}
	for _, id := range r.Permissions {
		p, ok, err := directory.Get[*directory.Permission](v, directory.Make(directory.TablePermission, id))
		if err != nil {
			return out, err
		}
		if ok {
			out.Permissions = append(out.Permissions, p.Name)
		}
	}
	return out, nil
}

// permission tells of a permission.
func (t *telling) permission(before, after *directory.Permission) error {
	p := after
	if p == nil {
		p = before
	}
	if p == nil {
		return nil
	}
	was, err := t.told(p.ID)
	if err != nil {
		return err
	}
	show := func(v uint64) (any, error) {
		return public.Permission{ID: p.ID, Version: v, Name: p.Name, Description: p.Description}, nil
	}
	about := subject{id: p.ID}
	if after == nil {
		t.say(about, was, told{}, public.PermissionDeleted, show)
		t.forget(p.ID)
		return nil
	}
	var d digest
	d.add(p.Description)
	seen, typ := d.sum(), public.PermissionUpdated
	switch {
	case !was.Live:
		typ = public.PermissionCreated
	case was.Digest == seen:
		return nil
	}
	t.say(about, was, told{live: true, digest: seen}, typ, show)
	return nil
}

// count notes that a user of an organization has other roles than before.
func (t *telling) count(org string, before, after []string) {
	if slices.Equal(before, after) {
		return
	}
	if t.counts == nil {
		t.counts = map[directory.Key]int{}
	}
	for _, id := range before {
		t.counts[directory.Make(directory.TableRoleCount, id, org)]--
	}
	for _, id := range after {
		t.counts[directory.Make(directory.TableRoleCount, id, org)]++
	}
}

// recount changes the rows that say how many users have a role. They follow what
// receivers are told, so while a fan-out is under way they follow that.
func (t *telling) recount() error {
	keys := make([]directory.Key, 0, len(t.counts))
	for k, by := range t.counts {
		if by != 0 {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		was, ok, err := directory.Get[*directory.RoleCount](t.view, k)
		if err != nil {
			return err
		}
		n := t.counts[k]
		if ok {
			n += int(was.Users) //nolint:gosec // a count of rows
		}
		change := directory.Change{Key: k}
		if n > 0 {
			change.Row = &directory.RoleCount{Users: uint64(n)}
		}
		t.changes = append(t.changes, change)
	}
	return nil
}
