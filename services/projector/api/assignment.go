package api

import (
	"context"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// AssignRoles replaces which groups of a directory give which roles. The order of
// the list is the order of the roles of whoever has several.
func (s *directoryService) AssignRoles(ctx context.Context, r *directories.AssignRolesRequest) (*directories.AssignRolesResponse, error) {
	if err := first(
		checkID("organization_id", r.GetOrganizationId(), directory.PrefixOrganization, maxID), checkID("id", r.GetId(), directory.PrefixDirectory, maxID),
	); err != nil {
		return nil, err
	}
	c := directory.AssignRoles{Organization: r.GetOrganizationId(), Directory: r.GetId()}
	for i, a := range r.GetRoleAssignments().GetAssignments() {
		if a.GetRoleName() == "" && a.GetRoleId() == "" {
			return nil, fault.New(fault.Invalid, "Assignment %d: role_name is required.", i+1)
		}
		c.Assignments = append(c.Assignments, directory.Assignment{Group: a.GetGroupId(), Role: a.GetRoleName(), RoleID: a.GetRoleId()})
	}
	if _, err := s.core.submit(ctx, c); err != nil {
		return nil, err
	}
	res := &directories.AssignRolesResponse{}
	return answer(res, s.core.read(ctx, func(v directory.View) (err error) {
		res.RoleAssignments, err = assignmentsOf(v, r.GetId())
		return err
	}))
}

// assignmentsOf shows a directory's mapping. A role that was deleted is shown as
// the one that took its place.
func assignmentsOf(v directory.View, dir string) (*directories.RoleAssignments, error) {
	out := &directories.RoleAssignments{}
	m, ok, err := directory.Get[*directory.RoleMapping](v, directory.Make(directory.TableRoleMapping, dir))
	if err != nil || !ok {
		return out, err
	}
	for _, a := range m.Assignments {
		r, ok, err := directory.RoleOf(v, a.Role)
		if err != nil {
			return nil, err
		}
		if ok {
			out.Assignments = append(out.Assignments, &directories.RoleAssignment{GroupId: a.Group, RoleName: r.Name, RoleId: r.ID})
		}
	}
	return out, nil
}
