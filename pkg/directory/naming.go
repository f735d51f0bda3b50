package directory

import (
	"strings"

	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

// find returns whom a value means that a provider sent as a member of a group.
// By the letter that is an id (RFC 7643 section 4.2); as providers are, it may
// also be an id of before or a name that only they know. In this order, and the
// same whether the value or the resource came first:
//
//  1. the id of a user or group of the directory,
//  2. the id of a deleted one that came back: who came back as it,
//  3. an externalId, if one user or group alone has it,
//  4. the userName of a user, in any case.
//
// Display names mean nobody: they are not made to tell people apart, and giving
// the wrong one access is worse than giving it to none. For the same reason a
// value that could mean several means nobody until it means one.
func find(v View, dir, value string, group *Group) (found, error) {
	if value == group.ID {
		return found{id: value, self: true}, nil
	}
	r, err := v.Get(resourceKey(dir, value))
	if err != nil || r != nil {
		return found{id: value}, err
	}
	id, err := whom(v, dir, value, group.ID)
	switch {
	case err != nil:
		return found{}, err
	case id == group.ID, id == "" && value != "" && (value == group.ExternalID || value == group.Previous):
		return found{id: group.ID, self: true, cause: lenience.MemberByName}, nil
	case id == "":
		return found{cause: lenience.UnknownMember}, nil
	}
	return found{id: id, cause: lenience.MemberByName}, nil
}

// found is whom a member value means.
type found struct {
	id   string // empty if it is nobody
	self bool   // the group itself
	// cause is how the value deviates from the id of somebody who is there.
	cause lenience.Cause
}

// whom returns the one whom a value means that is nobody's id, empty if it is
// nobody or several. The resource self does not count.
func whom(v View, dir, value, self string) (string, error) {
	if strings.HasPrefix(value, PrefixUser) || strings.HasPrefix(value, PrefixGroup) {
		if id, err := successor(v, dir, value); err != nil || id != "" {
			return id, err
		}
	}
	if len(value) > 4*MaxName { // longer than any name
		return "", nil
	}
	holders, err := holdersOf(v, dir, value, self)
	switch {
	case err != nil || len(holders) > 1:
		return "", err
	case len(holders) == 1:
		return holders[0], nil
	}
	id, _, err := get[Ref](v, Make(TableUserName, dir, scim.Fold(value)))
	return string(id), err
}

// holdersOf returns up to two users and groups that have an externalId, besides
// the resource but.
func holdersOf(v View, dir, externalID, but string) (ids []string, err error) {
	if externalID == "" {
		return nil, nil
	}
	for _, table := range []Table{TableUserExternal, TableGroupExternal} {
		if err := v.Scan(Make(table, dir, externalID), "", func(k Key, _ Row) bool {
			if id := k.Last(); id != but {
				ids = append(ids, id)
			}
			return len(ids) < 2
		}); err != nil {
			return nil, err
		}
	}
	return ids, nil
}
