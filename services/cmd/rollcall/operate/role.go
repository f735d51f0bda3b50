package operate

import (
	"context"
	"slices"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles"
)

type roleCmd struct {
	Server

	List     roleListCmd     `cmd:"" help:"List roles."`
	Get      roleGetCmd      `cmd:"" help:"Show one."`
	Create   roleCreateCmd   `cmd:"" help:"Make one."`
	Update   roleUpdateCmd   `cmd:"" help:"Change what is given."`
	Delete   roleDeleteCmd   `cmd:"" help:"Delete one."`
	Defaults roleDefaultsCmd `cmd:"" help:"Say which roles creators and members have if nothing else gives them any."`
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
	Org string `help:"Of this organization (org_…) and not of all." env:"-"`
}

type roleListCmd struct{ ofOrganization }

// Run lists roles.
func (c *roleListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
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
	Name string `arg:"" help:"Name of the role."`
}

// Run shows a role.
func (c *roleGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
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
	Extends     string   `help:"Name of the role whose permissions it has as well." env:"-"`
	Permission  []string `help:"Name of a permission; may be repeated." env:"-"`
}

// Run makes a role.
func (c *roleCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	if c.DisplayName == "" {
		c.DisplayName = c.Name
	}
	return s.ask(ctx, func() error {
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
	Name        string   `arg:"" help:"Name of the role."`
	DisplayName string   `help:"What people call it." env:"-"`
	Description string   `help:"What it is for." env:"-"`
	Extends     string   `help:"Name of the role whose permissions it has as well." env:"-"`
	Permission  []string `help:"Names of its permissions, which replace all." env:"-"`
}

// Run changes a role.
func (c *roleUpdateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	change := &roles.UpdateRole{
		DisplayName: optional(c.DisplayName), Description: optional(c.Description), Extends: optional(c.Extends), Permissions: slices.Clone(c.Permission),
	}
	return s.ask(ctx, func() error {
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

type roleDeleteCmd struct {
	ofOrganization
	Name     string `arg:"" help:"Name of the role."`
	Reassign string `help:"Name of the role that takes its place; required if it is in use." env:"-"`
}

// Run deletes a role.
func (c *roleDeleteCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() (err error) {
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

type roleDefaultsCmd struct {
	Creator string `help:"Name of the role of creators." env:"-"`
	Member  string `help:"Name of the role of members." env:"-"`
}

// Run changes the default roles.
func (c *roleDefaultsCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.roles().UpdateDefaultRoles(ctx, &roles.UpdateDefaultRolesRequest{
			DefaultCreatorRole: optional(c.Creator), DefaultMemberRole: optional(c.Member),
		})
		if err != nil {
			return err
		}
		return show(s, out, r, []column[*roles.UpdateDefaultRolesResponse]{
			{"CREATORS", func(m *roles.UpdateDefaultRolesResponse) string { return m.GetDefaultCreator().GetName() }},
			{"MEMBERS", func(m *roles.UpdateDefaultRolesResponse) string { return m.GetDefaultMember().GetName() }},
		})
	})
}
