package announce

import (
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
	was, err := t.told(u.ID)
	if err != nil {
		return err
	}
	gone := func(reason string) {
		t.say(u.ID, was, false, [16]byte{}, public.UserDeleted, func(v uint64) (any, error) {
			return public.DeletedUser{Head: head(u.ID, u.Organization, u.Directory, v), DirectoryProviderID: u.ExternalID, Email: u.Address, Reason: reason}, nil
		})
	}
	if after == nil {
		if was.Live {
			gone(public.ReasonDeleted)
		}
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
			gone(public.ReasonDeactivated)
		}
		return nil
	}
	groups, err := GroupsOf(t.view, u)
	if err != nil {
		return err
	}
	mapped, err := Map(dir, u)
	if err != nil {
		return err
	}
	seen := userDigest(u, groups, mapped)
	typ := public.UserUpdated
	switch {
	case !was.Live:
		typ = public.UserCreated
	case was.Digest == seen:
		return nil
	}
	t.say(u.ID, was, true, seen, typ, func(v uint64) (any, error) {
		p, err := User(u, groups, mapped)
		p.Version = v
		return p, err
	})
	return nil
}

// userDigest covers everything that User shows, without building it: the
// standard attributes follow from the SCIM attributes, but for what is mapped.
// Where nothing is mapped it is the same as before there were mappings.
func userDigest(u *directory.User, groups []public.GroupRef, m Mapped) [16]byte {
	var d digest
	d.b = make([]byte, 0, len(u.Attributes)+64*len(groups)+64)
	d.add(string(u.Attributes))
	d.add(u.Address)
	if u.Active {
		d.add("active")
	}
	for _, g := range groups {
		d.add(g.ID)
		d.add(g.Name)
	}
	m.digest(&d)
	return d.sum()
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
