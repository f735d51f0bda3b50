package directory

import (
	"errors"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// RoleNamed finds a role by its name: one of the organization's own, or of all.
func RoleNamed(v View, org, name string) (*Role, bool, error) {
	scopes := []string{org}
	if org != "" {
		scopes = append(scopes, "")
	}
	for _, scope := range scopes {
		id, ok, err := get[Ref](v, Make(TableRoleName, scope, name))
		if err != nil {
			return nil, false, err
		}
		if ok {
			return get[*Role](v, Make(TableRole, string(id)))
		}
	}
	return nil, false, nil
}

// ownRole finds a role in exactly the scope.
func ownRole(v View, org, name string) (*Role, error) {
	if org != "" {
		if _, err := organization(v, org); err != nil {
			return nil, err
		}
	}
	r, ok, err := RoleNamed(v, org, name)
	if err == nil && (!ok || r.Organization != org) {
		err = fault.New(fault.NotFound, "There is no role %q.", name)
	}
	return r, err
}

// RoleOf returns a role by its id, or the one that took its place.
func RoleOf(v View, id string) (*Role, bool, error) {
	for range maxRoles {
		r, ok, err := get[*Role](v, Make(TableRole, id))
		if err != nil || !ok || r.Deleted.IsZero() {
			return r, ok, err
		}
		if r.Heir == "" {
			return nil, false, nil
		}
		id = r.Heir
	}
	return nil, false, nil
}

// Dependents returns the roles that extend a role, or one whose place it took, in
// the order of their ids.
func Dependents(v View, id string) ([]*Role, error) {
	ids, err := inPlaceOf(v, id)
	if err != nil {
		return nil, err
	}
	var deps []*Role
	for _, id := range ids {
		var failed error
		if err := v.Scan(Make(TableRoleExtends, id), "", func(k Key, _ Row) bool {
			r, ok, err := get[*Role](v, Make(TableRole, k.Last()))
			if failed = err; ok && r.Deleted.IsZero() {
				deps = append(deps, r)
			}
			return failed == nil
		}); err != nil || failed != nil {
			return nil, errors.Join(err, failed)
		}
	}
	slices.SortFunc(deps, func(a, b *Role) int { return strings.Compare(a.ID, b.ID) })
	return deps, nil
}

// inPlaceOf returns a role's id and those of the deleted roles whose place it
// took.
func inPlaceOf(v View, id string) ([]string, error) {
	ids := []string{id}
	for i := 0; i < len(ids); i++ {
		if err := v.Scan(Make(TableRoleHeir, ids[i]), "", func(k Key, _ Row) bool {
			if old := k.Last(); !slices.Contains(ids, old) {
				ids = append(ids, old)
			}
			return true
		}); err != nil {
			return nil, err
		}
	}
	return ids, nil
}
