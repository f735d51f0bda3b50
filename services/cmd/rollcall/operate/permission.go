package operate

import (
	"context"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles"
)

type permissionCmd struct {
	Server

	List   permissionListCmd   `cmd:"" help:"List permissions."`
	Get    permissionGetCmd    `cmd:"" help:"Show one."`
	Create permissionCreateCmd `cmd:"" help:"Make one."`
	Update permissionUpdateCmd `cmd:"" help:"Change what it says of itself."`
	Delete permissionDeleteCmd `cmd:"" help:"Delete one, and take it from every role."`
}

var permissionColumns = []column[*roles.Permission]{
	{"NAME", (*roles.Permission).GetName},
	{"DESCRIPTION", (*roles.Permission).GetDescription},
	{"CREATED", func(p *roles.Permission) string { return when(p.GetCreateTime()) }},
}

type permissionListCmd struct{ Limit }

// Run lists permissions.
func (c *permissionListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		var all []*roles.Permission
		err := c.pages(out, most, func(size int, token string) (string, int, error) {
			n := uint32(size) //nolint:gosec // bounded
			r, err := s.roles().ListPermissions(ctx, &roles.ListPermissionsRequest{PageSize: &n, PageToken: &token})
			all = append(all, r.GetPermissions()...)
			return r.GetNextPageToken(), len(r.GetPermissions()), err
		})
		if err != nil {
			return err
		}
		return list(s, out, all, permissionColumns)
	})
}

type permissionGetCmd struct {
	Name string `arg:"" help:"Name of the permission."`
}

// Run shows a permission.
func (c *permissionGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.roles().GetPermission(ctx, &roles.GetPermissionRequest{PermissionName: c.Name})
		if err != nil {
			return err
		}
		return show(s, out, r.GetPermission(), permissionColumns)
	})
}

type permissionCreateCmd struct {
	Name        string `arg:"" help:"Its name, such as posts:write."`
	Description string `help:"What it allows; its name if empty." env:"-"`
}

// Run makes a permission.
func (c *permissionCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	if c.Description == "" {
		c.Description = c.Name
	}
	return s.ask(ctx, func() error {
		r, err := s.roles().CreatePermission(ctx, &roles.CreatePermissionRequest{Permission: &roles.CreatePermission{Name: c.Name, Description: c.Description}})
		if err != nil {
			return err
		}
		return show(s, out, r.GetPermission(), permissionColumns)
	})
}

type permissionUpdateCmd struct {
	Name        string `arg:"" help:"Name of the permission, which never changes."`
	Description string `help:"What it allows." required:"" env:"-"`
}

// Run changes a permission.
func (c *permissionUpdateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.roles().UpdatePermission(ctx, &roles.UpdatePermissionRequest{
			PermissionName: c.Name, Permission: &roles.CreatePermission{Name: c.Name, Description: c.Description},
		})
		if err != nil {
			return err
		}
		return show(s, out, r.GetPermission(), permissionColumns)
	})
}

type permissionDeleteCmd struct {
	Name string `arg:"" help:"Name of the permission."`
	sure
}

// Run deletes a permission.
func (c *permissionDeleteCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		if err := c.confirm(ctx, out, "Delete the permission %s, and take it from every role?", c.Name); err != nil {
			return err
		}
		if _, err := s.roles().DeletePermission(ctx, &roles.DeletePermissionRequest{PermissionName: c.Name}); err != nil {
			return err
		}
		return done(s, out, "Deleted the permission %s.", c.Name)
	})
}
