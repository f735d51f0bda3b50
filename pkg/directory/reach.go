package directory

import (
	"slices"

	"github.com/rollcallhq/rollcall/events"
)

// maxReach is how many prefixes of keys a fan-out names one by one; beyond it,
// it covers more than it has to, which costs time and changes nothing.
const maxReach = 1000

// everyUser is the prefix of the users of all directories, everyMember that of
// the members of all organizations of whom the API says something.
var (
	everyUser   = Key([]byte{byte(TableUser)})
	everyMember = Key([]byte{byte(TableOrgMember)})
)

// usersOf returns the prefixes of the users and members of an organization, or
// of all.
func usersOf(v View, org string) ([]Key, error) {
	if org == "" {
		return []Key{everyMember, everyUser}, nil
	}
	over := []Key{Make(TableOrgMember, org)}
	err := v.Scan(Make(TableOrgDirectory, org), "", func(k Key, _ Row) bool {
		over = append(over, Make(TableUser, k.Last()))
		return true
	})
	return reach(over), err
}

// holders returns the prefixes of the users who may have a role: those of the
// directories that assign it, or one whose place it took, the members to whom it
// is assigned, and those whose default it is.
func holders(v View, role string) ([]Key, error) {
	ids, err := inPlaceOf(v, role)
	if err != nil {
		return nil, err
	}
	var over []Key
	for _, id := range ids {
		var scopes []string
		over = append(over, Make(TableRoleMember, id))
		uses, defaults := Make(TableRoleUse, id), Make(TableRoleDefault, id)
		if err := v.Scan(uses, "", func(k Key, _ Row) bool {
			over = append(over, Make(TableUser, k.from(uses)))
			return true
		}); err != nil {
			return nil, err
		}
		if err := v.Scan(defaults, "", func(k Key, _ Row) bool {
			scopes = append(scopes, k.from(defaults))
			return true
		}); err != nil {
			return nil, err
		}
		for _, org := range scopes {
			users, err := usersOf(v, org)
			if err != nil {
				return nil, err
			}
			over = append(over, users...)
		}
	}
	return reach(over), nil
}

// from returns the last part of a key behind its prefix, which may be empty.
func (k Key) from(prefix Key) string {
	rest := string(k[len(prefix):])
	return rest[:max(0, len(rest)-len(sep))]
}

// reassigned returns the prefixes of the members whose roles change when a
// directory's mapping becomes list: of the groups whose assignments or their
// places change, and of the groups inside those.
func reassigned(v View, dir string, list []events.RoleAssignment) ([]Key, error) {
	was, ok, err := get[*RoleMapping](v, Make(TableRoleMapping, dir))
	if err != nil {
		return nil, err
	}
	var old []events.RoleAssignment
	if ok {
		old = was.Assignments
	}
	// What begins and ends alike keeps its order, too.
	for len(old) > 0 && len(list) > 0 && old[0] == list[0] {
		old, list = old[1:], list[1:]
	}
	for len(old) > 0 && len(list) > 0 && old[len(old)-1] == list[len(list)-1] {
		old, list = old[:len(old)-1], list[:len(list)-1]
	}
	var groups []string
	for _, l := range [][]events.RoleAssignment{old, list} {
		for _, a := range l {
			groups = append(groups, a.Group)
		}
	}
	return within(v, groups)
}

// within returns the prefixes of the members of groups and of the groups inside
// them.
func within(v View, groups []string) ([]Key, error) {
	seen := map[string]bool{}
	var over []Key
	for len(groups) > 0 && len(over) <= MaxGroupsOf {
		g := groups[0]
		groups = groups[1:]
		if seen[g] {
			continue
		}
		seen[g] = true
		over = append(over, Make(TableMember, g))
		// The ids of groups are before those of users, so they are found without
		// walking over the users.
		prefix := Make(TableMember, g)
		if err := v.Scan(prefix+PrefixGroup, "", func(k Key, _ Row) bool {
			groups = append(groups, k.Last())
			return true
		}); err != nil {
			return nil, err
		}
	}
	slices.Sort(over)
	return over, nil
}

// nestedIn returns the prefixes of the members of the groups among ids, and of
// the groups inside those, if the event's directory gives groups roles at all.
func nestedIn(v View, dir string, ids []string) ([]Key, error) {
	var groups []string
	for _, id := range ids {
		if len(id) > len(PrefixGroup) && id[:len(PrefixGroup)] == PrefixGroup {
			groups = append(groups, id)
		}
	}
	if len(groups) == 0 {
		return nil, nil
	}
	if _, mapped, err := get[*RoleMapping](v, Make(TableRoleMapping, dir)); err != nil || !mapped {
		return nil, err
	}
	return within(v, groups)
}

// nestedInGroup is nestedIn for the groups that are members of a group.
func nestedInGroup(v View, dir, group string) ([]Key, error) {
	var ids []string
	if err := v.Scan(Make(TableMember, group)+PrefixGroup, "", func(k Key, _ Row) bool {
		ids = append(ids, k.Last())
		return true
	}); err != nil {
		return nil, err
	}
	return nestedIn(v, dir, ids)
}

// reach sorts prefixes and leaves out those that others cover. Too many become
// everybody.
func reach(over []Key) []Key {
	slices.Sort(over)
	over = slices.Compact(over)
	if len(over) > maxReach || slices.Contains(over, everyUser) {
		return []Key{everyMember, everyUser}
	}
	return over
}
