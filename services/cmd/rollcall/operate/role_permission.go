package operate

import (
	"context"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles"
)

type rolePermissionCmd struct {
	List   rolePermissionListCmd   `cmd:"" help:"List a role's own permissions, or all that it has."`
	Add    rolePermissionAddCmd    `cmd:"" help:"Add permissions to those that it has."`
	Remove rolePermissionRemoveCmd `cmd:"" help:"Take a permission of its own away."`
}

// rolePermission is what these commands are given. The API has no such calls for
// an organization's own roles.
type rolePermission struct {
	Name string `arg:"" help:"Name of the role, one of all organizations; role update --org changes those of one." of:"role"`
}

type rolePermissionListCmd struct {
	rolePermission
	All bool `help:"Also those of the roles that it extends." env:"-"`
}

// Run lists a role's permissions.
func (c *rolePermissionListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		if c.All {
			r, err := s.roles().ListEffectiveRolePermissions(ctx, &roles.ListEffectiveRolePermissionsRequest{RoleName: c.Name})
			if err != nil {
				return err
			}
			return list(s, out, r.GetPermissions(), permissionColumns)
		}
		r, err := s.roles().ListRolePermissions(ctx, &roles.ListRolePermissionsRequest{RoleName: c.Name})
		if err != nil {
			return err
		}
		return list(s, out, r.GetPermissions(), permissionColumns)
	})
}

type rolePermissionAddCmd struct {
	rolePermission
	Permissions []string `arg:"" name:"permission" help:"Names of the permissions."`
}

// Help is shown by kong.
func (rolePermissionAddCmd) Help() string {
	return `Example:

  rollcall role permission add editor posts:write posts:delete`
}

// Run adds permissions to a role.
func (c *rolePermissionAddCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.roles().AddPermissionsToRole(ctx, &roles.AddPermissionsToRoleRequest{RoleName: c.Name, PermissionNames: c.Permissions})
		if err != nil {
			return err
		}
		return list(s, out, r.GetPermissions(), permissionColumns)
	})
}

type rolePermissionRemoveCmd struct {
	rolePermission
	Permission string `arg:"" help:"Name of the permission."`
}

// Run takes a permission from a role.
func (c *rolePermissionRemoveCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		if _, err := s.roles().RemovePermissionFromRole(ctx, &roles.RemovePermissionFromRoleRequest{RoleName: c.Name, PermissionName: c.Permission}); err != nil {
			return err
		}
		return done(s, out, "The role %s has %s no more of its own.", c.Name, c.Permission)
	})
}
