package operate

import (
	"context"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles"
)

type roleDeleteCmd struct {
	ofOrganization
	Name     string `arg:"" help:"Name of the role." of:"role"`
	Reassign string `help:"Name of the role that takes its place; required if it is in use." env:"-" of:"role"`
	sure
}

// Help is shown by kong.
func (roleDeleteCmd) Help() string {
	return `Examples:

  rollcall role delete publisher --reassign member
  rollcall role users publisher                      # how many that is about`
}

// Run deletes a role.
func (c *roleDeleteCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() (err error) {
		if err := c.confirm(ctx, out, "Delete the role %s?", c.Name); err != nil {
			return err
		}
		if c.Org != "" {
			_, err = s.roles().DeleteOrganizationRole(ctx, &roles.DeleteOrganizationRoleRequest{OrgId: c.Org, RoleName: c.Name, ReassignRoleName: optional(c.Reassign)})
		} else {
			_, err = s.roles().DeleteRole(ctx, &roles.DeleteRoleRequest{RoleName: c.Name, ReassignRoleName: optional(c.Reassign)})
		}
		if err != nil {
			return err
		}
		return done(s, out, "Deleted the role %s.", c.Name)
	})
}

type roleDetachCmd struct {
	ofOrganization
	Name string `arg:"" help:"Name of the role." of:"role"`
}

// Run makes a role extend no other.
func (c *roleDetachCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() (err error) {
		if c.Org != "" {
			_, err = s.roles().DeleteOrganizationRoleBase(ctx, &roles.DeleteOrganizationRoleBaseRequest{OrgId: c.Org, RoleName: c.Name})
		} else {
			_, err = s.roles().DeleteRoleBase(ctx, &roles.DeleteRoleBaseRequest{RoleName: c.Name})
		}
		if err != nil {
			return err
		}
		return done(s, out, "The role %s extends no other.", c.Name)
	})
}
