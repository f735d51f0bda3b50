package operate

import (
	"context"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles"
)

type roleCmd struct {
	Server

	List       roleListCmd       `cmd:"" help:"List roles."`
	Get        roleGetCmd        `cmd:"" help:"Show one."`
	Create     roleCreateCmd     `cmd:"" help:"Make one."`
	Update     roleUpdateCmd     `cmd:"" help:"Change what is given."`
	Delete     roleDeleteCmd     `cmd:"" help:"Delete one."`
	Detach     roleDetachCmd     `cmd:"" help:"Have it extend no other role any more."`
	Dependents roleDependentsCmd `cmd:"" help:"List the roles that extend it."`
	Users      roleUsersCmd      `cmd:"" help:"Count who has it."`
	Permission rolePermissionCmd `cmd:"" help:"Permissions of a role, one by one."`
	Defaults   roleDefaultsCmd   `cmd:"" help:"Say which roles creators and members have if nothing else gives them any."`
}

var roleColumns = []column[*roles.Role]{
	{"NAME", (*roles.Role).GetName},
	{"DISPLAY NAME", (*roles.Role).GetDisplayName},
	{"EXTENDS", (*roles.Role).GetExtends},
	{"DEFAULT OF", defaultOf},
	{"PERMISSIONS", func(r *roles.Role) string {
		var names []string
		for _, p := range r.GetPermissions() {
			names = append(names, p.GetName())
		}
		return joined(names)
	}},
	{"DESCRIPTION", (*roles.Role).GetDescription},
}

func defaultOf(r *roles.Role) string {
	var of []string
	if r.GetDefaultCreator() {
		of = append(of, "creators")
	}
	if r.GetDefaultMember() {
		of = append(of, "members")
	}
	return joined(of)
}

// withPermissions has roles shown with their own permissions.
var withPermissions = new("permissions")

// ofOrganization makes a role command one about an organization's own roles.
type ofOrganization struct {
	Org string `help:"Of this organization (org_… or external id) and not of all." env:"-" of:"org"`
}

// ask is Server.ask with the organization's id in place of an external id.
func (o *ofOrganization) ask(ctx context.Context, s *Server, f func() error) error {
	return s.askIn(ctx, &o.Org, f)
}

type roleListCmd struct{ ofOrganization }

// Run lists roles.
func (c *roleListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		if c.Org != "" {
			r, err := s.roles().ListOrganizationRoles(ctx, &roles.ListOrganizationRolesRequest{OrgId: c.Org, Include: withPermissions})
			if err != nil {
				return err
			}
			return list(s, out, r.GetRoles(), roleColumns)
		}
		r, err := s.roles().ListRoles(ctx, &roles.ListRolesRequest{Include: withPermissions})
		if err != nil {
			return err
		}
		return list(s, out, r.GetRoles(), roleColumns)
	})
}

type roleGetCmd struct {
	ofOrganization
	Name string `arg:"" help:"Name of the role." of:"role"`
}

// Run shows a role.
func (c *roleGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		if c.Org != "" {
			r, err := s.roles().GetOrganizationRole(ctx, &roles.GetOrganizationRoleRequest{OrgId: c.Org, RoleName: c.Name, Include: withPermissions})
			if err != nil {
				return err
			}
			return show(s, out, r.GetRole(), roleColumns)
		}
		r, err := s.roles().GetRole(ctx, &roles.GetRoleRequest{RoleName: c.Name, Include: withPermissions})
		if err != nil {
			return err
		}
		return show(s, out, r.GetRole(), roleColumns)
	})
}

type roleCreateCmd struct {
	ofOrganization
	Name        string   `arg:"" help:"Its name, which never changes."`
	DisplayName string   `help:"What people call it; its name if empty." env:"-"`
	Description string   `help:"What it is for." env:"-"`
	Extends     string   `help:"Name of the role whose permissions it has as well." env:"-" of:"role"`
	Permission  []string `help:"Name of a permission; may be repeated." env:"-"`
}

// Run makes a role.
func (c *roleCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	if c.DisplayName == "" {
		c.DisplayName = c.Name
	}
	return c.ask(ctx, s, func() error {
		if c.Org != "" {
			r, err := s.roles().CreateOrganizationRole(ctx, &roles.CreateOrganizationRoleRequest{OrgId: c.Org, Role: &roles.CreateOrganizationRole{
				Name: c.Name, DisplayName: c.DisplayName, Description: optional(c.Description), Extends: optional(c.Extends), Permissions: c.Permission,
			}})
			if err != nil {
				return err
			}
			return show(s, out, r.GetRole(), roleColumns)
		}
		r, err := s.roles().CreateRole(ctx, &roles.CreateRoleRequest{Role: &roles.CreateRole{
			Name: c.Name, DisplayName: c.DisplayName, Description: optional(c.Description), Extends: optional(c.Extends), Permissions: c.Permission,
		}})
		if err != nil {
			return err
		}
		return show(s, out, r.GetRole(), roleColumns)
	})
}

type roleUpdateCmd struct {
	ofOrganization
	Name        string   `arg:"" help:"Name of the role." of:"role"`
	DisplayName *string  `help:"What people call it." env:"-"`
	Description *string  `help:"What it is for." env:"-"`
	Extends     *string  `help:"Name of the role whose permissions it has as well." env:"-" of:"role"`
	Permission  []string `help:"Names of its permissions, which replace all; may be repeated." env:"-"`
}

// Run changes a role.
func (c *roleUpdateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	change := &roles.UpdateRole{
		DisplayName: c.DisplayName, Description: c.Description, Extends: c.Extends, Permissions: c.Permission,
	}
	return c.ask(ctx, s, func() error {
		if c.Org != "" {
			r, err := s.roles().UpdateOrganizationRole(ctx, &roles.UpdateOrganizationRoleRequest{OrgId: c.Org, RoleName: c.Name, Role: change})
			if err != nil {
				return err
			}
			return show(s, out, r.GetRole(), roleColumns)
		}
		r, err := s.roles().UpdateRole(ctx, &roles.UpdateRoleRequest{RoleName: c.Name, Role: change})
		if err != nil {
			return err
		}
		return show(s, out, r.GetRole(), roleColumns)
	})
}
