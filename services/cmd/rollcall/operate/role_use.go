package operate

import (
	"context"
	"errors"
	"strconv"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles"
)

type roleUsersCmd struct {
	ofOrganization
	Name string `arg:"" help:"Name of the role." of:"role"`
}

// Help is shown by kong.
func (roleUsersCmd) Help() string {
	return `Counts in all organizations, or with --org in that one, where the role may be one of all.`
}

// Run counts the users of a role.
func (c *roleUsersCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		if c.Org != "" {
			r, err := s.roles().GetOrganizationRoleUsersCount(ctx, &roles.GetOrganizationRoleUsersCountRequest{OrgId: c.Org, RoleName: c.Name})
			if err != nil {
				return err
			}
			return show(s, out, r, []column[*roles.GetOrganizationRoleUsersCountResponse]{
				{"USERS", func(m *roles.GetOrganizationRoleUsersCountResponse) string {
					return strconv.FormatInt(m.GetCount(), 10)
				}},
			})
		}
		r, err := s.roles().GetRoleUsersCount(ctx, &roles.GetRoleUsersCountRequest{RoleName: c.Name})
		if err != nil {
			return err
		}
		return show(s, out, r, []column[*roles.GetRoleUsersCountResponse]{
			{"USERS", func(m *roles.GetRoleUsersCountResponse) string { return strconv.FormatInt(m.GetCount(), 10) }},
		})
	})
}

type roleDependentsCmd struct {
	Name string `arg:"" help:"Name of the role, one of all organizations." of:"role"`
}

// Run lists the roles that extend one.
func (c *roleDependentsCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.roles().ListDependentRoles(ctx, &roles.ListDependentRolesRequest{RoleName: c.Name})
		if err != nil {
			return err
		}
		return list(s, out, r.GetRoles(), roleColumns)
	})
}

type roleDefaultsCmd struct {
	ofOrganization
	Creator *string `help:"Name of the role of creators." env:"-" of:"role"`
	Member  *string `help:"Name of the role of members." env:"-" of:"role"`
}

// Help is shown by kong.
func (roleDefaultsCmd) Help() string {
	return `Examples:

  rollcall role defaults --member viewer
  rollcall role defaults --org acme --member editor     # members of one organization
  rollcall role defaults --org acme --member ''         # as everywhere again`
}

// Run changes the default roles.
func (c *roleDefaultsCmd) Run(ctx context.Context, s *Server, out *Output) error {
	switch {
	case c.Creator == nil && c.Member == nil:
		return errors.New("give --creator, --member or both")
	case c.Org != "" && (c.Creator != nil || c.Member == nil):
		return errors.New("an organization has a default for members only: give --org and --member")
	}
	return c.ask(ctx, s, func() error {
		if c.Org != "" {
			r, err := s.roles().UpdateDefaultOrganizationRoles(ctx, &roles.UpdateDefaultOrganizationRolesRequest{OrgId: c.Org, DefaultMemberRole: *c.Member})
			if err != nil {
				return err
			}
			return show(s, out, r, []column[*roles.UpdateDefaultOrganizationRolesResponse]{
				{"MEMBERS", func(m *roles.UpdateDefaultOrganizationRolesResponse) string {
					return orNone(m.GetDefaultMember().GetName())
				}},
			})
		}
		r, err := s.roles().UpdateDefaultRoles(ctx, &roles.UpdateDefaultRolesRequest{DefaultCreatorRole: c.Creator, DefaultMemberRole: c.Member})
		if err != nil {
			return err
		}
		return show(s, out, r, []column[*roles.UpdateDefaultRolesResponse]{
			{"CREATORS", func(m *roles.UpdateDefaultRolesResponse) string { return orNone(m.GetDefaultCreator().GetName()) }},
			{"MEMBERS", func(m *roles.UpdateDefaultRolesResponse) string { return orNone(m.GetDefaultMember().GetName()) }},
		})
	})
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
