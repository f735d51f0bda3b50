package api

import (
	"slices"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

func optionalRole(v directory.View, id string) (*roles.Role, error) {
	if id == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	role, ok, err := directory.RoleOf(v, id)
	if err != nil || !ok {
		return nil, err
	}
	return roleMessage(v, role, "")
}

func roleMessage(v directory.View, r *directory.Role, include string) (*roles.Role, error) {
	m := &roles.Role{Id: r.ID, Name: r.Name, DisplayName: r.DisplayName, Description: r.Description, IsOrgRole: r.Organization != "", Permissions: []*roles.RolePermission{}}
	for _, scope := range slices.Compact([]string{"", r.Organization}) {
		d, err := directory.Defaults(v, scope)
		if err != nil {
			return nil, err
		}
		is := func(id string) (bool, error) {
			held, ok, err := directory.RoleOf(v, id)
			return ok && held.ID == r.ID, err
		}
		creator, err := is(d.Creator)
		if err != nil {
			return nil, err
		}
		member, err := is(d.Member)
		if err != nil {
			return nil, err
		}
		m.DefaultCreator, m.DefaultMember = m.DefaultCreator || creator, m.DefaultMember || member
	}
	if r.Extends != "" {
		base, ok, err := directory.RoleOf(v, r.Extends)
		if err != nil {
			return nil, err
		}
		if ok {
			m.Extends = &base.Name
		}
	}
	deps, err := directory.Dependents(v, r.ID)
	if err != nil {
		return nil, err
	}
	m.DependentRolesCount = clamp(len(deps))
	if include == "" {
		return m, nil
	}
	held, err := directory.PermissionsOf(v, r, include == includeAll)
	for _, h := range held {
		m.Permissions = append(m.Permissions, &roles.RolePermission{
			Id: h.ID, Name: h.Name, Description: h.Description, CreateTime: stamp(h.Created), UpdateTime: stamp(h.Updated), RoleName: h.Role,
		})
	}
	return m, err
}
