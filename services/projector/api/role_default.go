package api

import (
	"context"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// UpdateDefaultRoles sets what creators and members are if nothing else is said.
func (s *roleService) UpdateDefaultRoles(ctx context.Context, r *roles.UpdateDefaultRolesRequest) (*roles.UpdateDefaultRolesResponse, error) {
	c := directory.ChangeDefaultRoles{Creator: r.DefaultCreatorRole, Member: r.DefaultMemberRole}
	for _, old := range []struct {
		in *roles.UpdateDefaultRole
		to **string
	}{{r.GetDefaultCreator(), &c.Creator}, {r.GetDefaultMember(), &c.Member}} { //nolint:staticcheck // older clients send them
		if old.in == nil || *old.to != nil {
			continue
		}
		name, err := s.nameOf(ctx, old.in)
		if err != nil {
			return nil, err
		}
		*old.to = &name
	}
	if c.Creator == nil && c.Member == nil {
		return nil, fault.New(fault.Invalid, "default_creator_role or default_member_role is required.")
	}
	if _, err := s.core.submit(ctx, c); err != nil {
		return nil, err
	}
	res := &roles.UpdateDefaultRolesResponse{}
	return answer(res, s.core.read(ctx, func(v directory.View) error {
		d, err := directory.Defaults(v, "")
		if err == nil {
			res.DefaultCreator, err = optionalRole(v, d.Creator)
		}
		if err == nil {
			res.DefaultMember, err = optionalRole(v, d.Member)
		}
		return err
	}))
}

// nameOf reads the older way to name a default role.
func (s *roleService) nameOf(ctx context.Context, in *roles.UpdateDefaultRole) (name string, err error) {
	if in.GetName() != "" || in.GetId() == "" {
		return in.GetName(), nil
	}
	err = s.core.read(ctx, func(v directory.View) error {
		role, ok, err := directory.RoleOf(v, in.GetId())
		if err == nil && !ok {
			err = fault.New(fault.NotFound, "There is no role %q.", in.GetId())
		}
		if err == nil {
			name = role.Name
		}
		return err
	})
	return name, err
}

// UpdateDefaultOrganizationRoles sets what members of one organization are.
func (s *roleService) UpdateDefaultOrganizationRoles(ctx context.Context, r *roles.UpdateDefaultOrganizationRolesRequest) (*roles.UpdateDefaultOrganizationRolesResponse, error) {
	if err := checkOrgID(r.GetOrgId()); err != nil {
		return nil, err
	}
	member := r.GetDefaultMemberRole()
	if _, err := s.core.submit(ctx, directory.ChangeDefaultRoles{Organization: r.GetOrgId(), Member: &member}); err != nil {
		return nil, err
	}
	res := &roles.UpdateDefaultOrganizationRolesResponse{}
	return answer(res, s.core.read(ctx, func(v directory.View) error {
		d, err := directory.Defaults(v, r.GetOrgId())
		if err == nil {
			res.DefaultMember, err = optionalRole(v, d.Member)
		}
		return err
	}))
}
