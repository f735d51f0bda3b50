package announce

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

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
	if !u.Active {
		dir, ok, err := directory.Get[*directory.Directory](t.view, directory.Make(directory.TableDirectory, u.Directory))
		if err != nil {
			return err
		}
		if !ok || dir.Policy.DeactivationEvent == directory.DeactivationDeletes {
			if was.Live {
				gone(public.ReasonDeactivated)
			}
			return nil
		}
	}
	groups, err := GroupsOf(t.view, u)
	if err != nil {
		return err
	}
	seen := userDigest(u, groups)
	typ := public.UserUpdated
	switch {
	case !was.Live:
		typ = public.UserCreated
	case was.Digest == seen:
		return nil
	}
	t.say(u.ID, was, true, seen, typ, func(v uint64) (any, error) {
		p, err := User(u, groups)
		p.Version = v
		return p, err
	})
	return nil
}

// userDigest covers everything that User shows, without building it.
func userDigest(u *directory.User, groups []public.GroupRef) [16]byte {
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

// User returns what receivers see of a user, except for its version.
func User(u *directory.User, groups []public.GroupRef) (public.User, error) {
	var a attributes
	if err := json.Unmarshal(u.Attributes, &a); err != nil {
		// A value of another shape than the schema's is left out, the rest is read.
		if _, shape := errors.AsType[*json.UnmarshalTypeError](err); !shape {
			return public.User{}, err
		}
	}
	if groups == nil {
		groups = []public.GroupRef{}
	}
	p := public.User{
		Head: head(u.ID, u.Organization, u.Directory, 0), DirectoryProviderID: u.ExternalID, PreferredUsername: u.UserName,
		Email: u.Address, Active: u.Active,
		GivenName: string(a.Name.GivenName), FamilyName: string(a.Name.FamilyName), Nickname: string(a.NickName),
		Title: string(a.Title), UserType: string(a.UserType),
		Department: string(a.Enterprise.Department), Division: string(a.Enterprise.Division), CostCenter: string(a.Enterprise.CostCenter),
		EmployeeID: string(a.Enterprise.EmployeeNumber), Organization: string(a.Enterprise.Organization),
		PhoneNumber: first(a.PhoneNumbers, "work"), Picture: first(a.Photos, "photo"), Profile: string(a.ProfileURL),
		Language: string(a.PreferredLanguage), Locale: string(a.Locale), Zoneinfo: string(a.Timezone),
		Groups: groups, Roles: []public.RoleRef{}, CustomAttributes: map[string]any{}, RawAttributes: u.Attributes,
	}
	switch {
	case a.DisplayName != "":
		p.Name = string(a.DisplayName)
	case a.Name.Formatted != "":
		p.Name = string(a.Name.Formatted)
	default:
		p.Name = strings.TrimSpace(p.GivenName + " " + p.FamilyName)
	}
	if len(a.Addresses) > 0 {
		i := max(0, slices.IndexFunc(a.Addresses, func(x address) bool { return bool(x.Primary) }))
		x := a.Addresses[i]
		p.Address = &public.Address{
			Formatted: string(x.Formatted), StreetAddress: string(x.StreetAddress), Locality: string(x.Locality),
			Region: string(x.Region), PostalCode: string(x.PostalCode), Country: string(x.Country),
		}
	}
	return p, nil
}
