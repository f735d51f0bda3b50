package announce

import (
	"slices"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// user tells of a user. Deactivation is told as the directory's policy says:
// as a deletion, or as a change to active:false.
func (t *telling) user(before, after *directory.User) error {
	u := after
	if u == nil {
		u = before
	}
	if u == nil {
		return nil // a member that was gone already
	}
	switch k := directory.Make(directory.TableUserDirectory, u.ID); {
	case before == nil:
		t.changes = append(t.changes, directory.Change{Key: k, Row: directory.Ref(u.Directory)})
	case after == nil:
		t.changes = append(t.changes, directory.Change{Key: k})
	}
	if t.later {
		return nil
	}
	was, err := t.told(u.ID)
	if err != nil {
		return err
	}
	gone := func(reason string) {
		t.say(subject{u.ID, u.Organization, u.Directory}, was, told{}, public.UserDeleted, func(v uint64) (any, error) {
			return public.DeletedUser{Head: head(u.ID, u.Organization, u.Directory, v), DirectoryProviderID: u.ExternalID, Email: u.Address, Reason: reason}, nil
		})
	}
	if after == nil {
		if was.Live {
			gone(public.ReasonDeleted)
		}
		t.count(u.Organization, was.Roles, nil)
		t.forget(u.ID)
		return nil
	}
	dir, ok, err := directory.Get[*directory.Directory](t.view, directory.Make(directory.TableDirectory, u.Directory))
	if err != nil {
		return err
	}
	if !ok {
		return nil // deleted: the user's own deletion is all that is left to tell
	}
	if !u.Active && dir.Policy.DeactivationEvent == directory.DeactivationDeletes {
		if was.Live {
			t.count(u.Organization, was.Roles, nil)
			gone(public.ReasonDeactivated)
		}
		return nil
	}
	standing, roles, err := standingOf(t.view, u)
	if err != nil {
		return err
	}
	mapped, err := Map(dir, u)
	if err != nil {
		return err
	}
	show := func(v uint64) (any, error) {
		p, err := User(u, standing, mapped)
		p.Version = v
		return p, err
	}
	if t.only != "" {
		if was.Live {
			t.repeat(subject{u.ID, u.Organization, u.Directory}, was, public.UserCreated, show)
		}
		return nil
	}
	seen := userDigest(u, standing, mapped)
	typ := public.UserUpdated
	switch {
	case !was.Live:
		typ = public.UserCreated
	case was.Digest == seen:
		if !slices.Equal(was.Roles, roles) { // another role of the same name
			t.count(u.Organization, was.Roles, roles)
			now := *was
			now.Roles = roles
			t.changes = append(t.changes, directory.Change{Key: directory.Make(directory.TableAnnounced, u.ID), Row: &now})
		}
		return nil
	}
	t.count(u.Organization, was.Roles, roles)
	t.say(subject{u.ID, u.Organization, u.Directory}, was, told{live: true, digest: seen, roles: roles}, typ, show)
	return nil
}

// userDigest covers everything that User shows, without building it: the
// standard attributes follow from the SCIM attributes, but for what is mapped.
// Where nothing is mapped it is the same as before there were mappings.
func userDigest(u *directory.User, s Standing, m Mapped) [16]byte {
	var d digest
	d.b = make([]byte, 0, len(u.Attributes)+64*len(s.Groups)+64)
	d.add(string(u.Attributes))
	d.add(u.Address)
	if u.Active {
		d.add("active")
	}
	for _, g := range s.Groups {
		d.add(g.ID)
		d.add(g.Name)
	}
	if len(s.Roles) > 0 {
		d.add("roles")
		for _, r := range s.Roles {
			d.add(r.RoleName)
		}
	}
	m.digest(&d)
	return d.sum()
}

// Standing is what a user is in and is, which is not in its own attributes.
type Standing struct {
	Groups []public.GroupRef
	Roles  []public.RoleRef
}

// StandingOf returns the groups that a user is directly in, oldest first, and its
// roles, the most important first.
func StandingOf(v directory.View, u *directory.User) (Standing, error) {
	s, _, err := standingOf(v, u)
	return s, err
}

func standingOf(v directory.View, u *directory.User) (s Standing, roles []string, err error) {
	if s.Groups, err = GroupsOf(v, u); err != nil {
		return s, nil, err
	}
	has, err := directory.RolesOf(v, u)
	if err != nil {
		return s, nil, err
	}
	for _, r := range has {
		s.Roles = append(s.Roles, public.RoleRef{RoleName: r.Name})
		roles = append(roles, r.ID)
	}
	return s, roles, nil
}

// GroupsOf returns the groups that a user is directly in, oldest first.
func GroupsOf(v directory.View, u *directory.User) ([]public.GroupRef, error) {
	groups := []public.GroupRef{}
	var failed error
	err := v.Scan(directory.Make(directory.TableMemberOf, u.ID), "", func(k directory.Key, _ directory.Row) bool {
		g, ok, err := directory.Get[*directory.Group](v, directory.Make(directory.TableGroup, u.Directory, k.Last()))
		if err != nil {
			failed = err
			return false
		}
		if ok { // a deleted group's memberships go in a fan-out
			groups = append(groups, public.GroupRef{ID: g.ID, Name: g.DisplayName})
		}
		return true
	})
	if err == nil {
		err = failed
	}
	return groups, err
}

func head(id, org, dir string, version uint64) public.Head {
	return public.Head{ID: id, OrganizationID: org, DirectoryID: dir, Version: version}
}
