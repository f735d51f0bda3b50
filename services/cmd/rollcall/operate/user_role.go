package operate

import (
	"context"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/commons"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
)

type userRoleCmd struct {
	List   userRoleListCmd   `cmd:"" help:"List all roles of a user, those of groups too, the most important first."`
	Add    userRoleAddCmd    `cmd:"" help:"Assign roles beside those that it has."`
	Remove userRoleRemoveCmd `cmd:"" help:"Take away a role that was assigned, not one of a group."`
}

var heldRoleColumns = []column[*commons.Role]{
	{"NAME", (*commons.Role).GetName},
	{"DISPLAY NAME", (*commons.Role).GetDisplayName},
	{"ID", (*commons.Role).GetId},
}

type userRoleListCmd struct{ member }

// Run lists a user's roles.
func (c *userRoleListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.users().ListUserRoles(ctx, &users.ListUserRolesRequest{OrganizationId: c.Organization, UserId: c.User})
		if err != nil {
			return err
		}
		return list(s, out, r.GetRoles(), heldRoleColumns)
	})
}

type userRoleAddCmd struct {
	member
	Roles []string `arg:"" name:"role" help:"Names of the roles." of:"role"`
}

// Help is shown by kong.
func (userRoleAddCmd) Help() string {
	return `Example:

  rollcall user role add acme mara editor billing`
}

// Run assigns roles.
func (c *userRoleAddCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		req := &users.AssignUserRolesRequest{OrganizationId: c.Organization, UserId: c.User}
		for _, name := range c.Roles {
			req.Roles = append(req.Roles, &users.AssignRoleRequest{RoleName: name})
		}
		r, err := s.users().AssignUserRoles(ctx, req)
		if err != nil {
			return err
		}
		return list(s, out, r.GetRoles(), heldRoleColumns)
	})
}

type userRoleRemoveCmd struct {
	member
	Role string `arg:"" help:"Name of the role." of:"role"`
}

// Run takes a role away.
func (c *userRoleRemoveCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		if _, err := s.users().RemoveUserRole(ctx, &users.RemoveUserRoleRequest{OrganizationId: c.Organization, UserId: c.User, RoleName: c.Role}); err != nil {
			return err
		}
		return done(s, out, "The role %s is not assigned to %s any more.", c.Role, c.User)
	})
}

type userPermissionsCmd struct{ member }

var heldPermissionColumns = []column[*users.Permission]{
	{"NAME", (*users.Permission).GetName},
	{"DESCRIPTION", (*users.Permission).GetDescription},
}

// Run lists a user's permissions.
func (c *userPermissionsCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.users().ListUserPermissions(ctx, &users.ListUserPermissionsRequest{OrganizationId: c.Organization, UserId: c.User})
		if err != nil {
			return err
		}
		return list(s, out, r.GetPermissions(), heldPermissionColumns)
	})
}
