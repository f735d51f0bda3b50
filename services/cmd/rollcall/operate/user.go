package operate

import (
	"context"
	"fmt"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/commons"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
)

type userCmd struct {
	Server

	List        userListCmd        `cmd:"" help:"List users, of an organization or all."`
	Search      userSearchCmd      `cmd:"" help:"Find users by a part of their address, names, external id or id."`
	Get         userGetCmd         `cmd:"" help:"Show one, with the organizations that it is in."`
	Create      userCreateCmd      `cmd:"" help:"Make one who belongs to an organization."`
	Update      userUpdateCmd      `cmd:"" help:"Change what is given."`
	Delete      userDeleteCmd      `cmd:"" help:"Delete one whom no directory provisions."`
	Membership  userMembershipCmd  `cmd:"" help:"Users in further organizations, and invitations."`
	Role        userRoleCmd        `cmd:"" help:"Roles of a user in an organization."`
	Permissions userPermissionsCmd `cmd:"" help:"List what a user may do in an organization."`
	History     userHistoryCmd     `cmd:"" help:"Show who wrote what of a user, the newest first."`
}

var personColumns = []column[*users.User]{
	{"ID", (*users.User).GetId},
	{"EMAIL", (*users.User).GetEmail},
	{"NAME", func(u *users.User) string { return u.GetUserProfile().GetName() }},
	{"EXTERNAL ID", (*users.User).GetExternalId},
	{"ORGANIZATIONS", func(u *users.User) string {
		var ids []string
		for _, m := range u.GetMemberships() {
			ids = append(ids, m.GetOrganizationId())
		}
		return joined(ids)
	}},
	{"CREATED", func(u *users.User) string { return when(u.GetCreateTime()) }},
}

// personMembers is what one user is shown with; its organizations are a table.
var personMembers = []column[*users.User]{
	{"ID", (*users.User).GetId},
	{"EMAIL", (*users.User).GetEmail},
	{"NAME", func(u *users.User) string { return u.GetUserProfile().GetName() }},
	{"GIVEN NAME", func(u *users.User) string { return u.GetUserProfile().GetGivenName() }},
	{"FAMILY NAME", func(u *users.User) string { return u.GetUserProfile().GetFamilyName() }},
	{"USER NAME", func(u *users.User) string { return u.GetUserProfile().GetPreferredUsername() }},
	{"PHONE NUMBER", func(u *users.User) string { return u.GetUserProfile().GetPhoneNumber() }},
	{"LOCALE", func(u *users.User) string { return u.GetUserProfile().GetLocale() }},
	{"EXTERNAL ID", (*users.User).GetExternalId},
	{"METADATA", func(u *users.User) string { return pairs(u.GetMetadata()) }},
	{"CREATED", func(u *users.User) string { return when(u.GetCreateTime()) }},
	{"CHANGED", func(u *users.User) string { return when(u.GetUpdateTime()) }},
}

var membershipColumns = []column[*commons.OrganizationMembership]{
	{"ORGANIZATION", (*commons.OrganizationMembership).GetOrganizationId},
	{"NAME", (*commons.OrganizationMembership).GetDisplayName},
	{"STATUS", func(m *commons.OrganizationMembership) string { return m.GetMembershipStatus().String() }},
	{"ROLES", func(m *commons.OrganizationMembership) string {
		var names []string
		for _, r := range m.GetRoles() {
			names = append(names, r.GetName())
		}
		return joined(names)
	}},
	{"BY", (*commons.OrganizationMembership).GetProvisioningMethod},
	{"JOINED", func(m *commons.OrganizationMembership) string { return when(m.GetJoinTime()) }},
	{"INVITED UNTIL", func(m *commons.OrganizationMembership) string { return when(m.GetExpiresAt()) }},
	{"METADATA", func(m *commons.OrganizationMembership) string { return pairs(m.GetMetadata()) }},
}

// showPerson shows a user and, to people, the organizations that it is in.
func showPerson(s *Server, out *Output, u *users.User) error {
	if err := show(s, out, u, personMembers); err != nil || s.JSON || len(u.GetMemberships()) == 0 {
		return err
	}
	fmt.Fprintln(out.Stdout)
	return list(s, out, u.GetMemberships(), membershipColumns)
}

// person is what a command about one user is given.
type person struct {
	User string `arg:"" help:"Id of the user (usr_…), or its external id." of:"user"`
}

// ask is Server.ask with the user's id in place of an external id.
func (p *person) ask(ctx context.Context, s *Server, f func() error) error {
	return s.ask(ctx, func() (err error) {
		if p.User, err = s.userID(ctx, p.User); err != nil {
			return err
		}
		return f()
	})
}

type userListCmd struct {
	Limit
	Org string `help:"Only of this organization (org_… or external id)." env:"-" of:"org"`
}

// Run lists users.
func (c *userListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.askIn(ctx, &c.Org, func() error {
		var all []*users.User
		err := c.pages(out, most, func(size int, token string) (string, int, error) {
			n := uint32(size) //nolint:gosec // bounded
			if c.Org != "" {
				r, err := s.users().ListOrganizationUsers(ctx, &users.ListOrganizationUsersRequest{OrganizationId: c.Org, PageSize: n, PageToken: token})
				all = append(all, r.GetUsers()...)
				return r.GetNextPageToken(), len(r.GetUsers()), err
			}
			r, err := s.users().ListUsers(ctx, &users.ListUsersRequest{PageSize: n, PageToken: token})
			all = append(all, r.GetUsers()...)
			return r.GetNextPageToken(), len(r.GetUsers()), err
		})
		if err != nil {
			return err
		}
		return list(s, out, all, personColumns)
	})
}

type userSearchCmd struct {
	Limit
	Text string `arg:"" help:"The part to look for, 3 to 100 characters in any case."`
	Org  string `help:"Only in this organization (org_… or external id)." env:"-" of:"org"`
}

// Run finds users.
func (c *userSearchCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.askIn(ctx, &c.Org, func() error {
		var all []*users.User
		err := c.pages(out, mostFound, func(size int, token string) (string, int, error) {
			n := uint32(size) //nolint:gosec // bounded
			if c.Org != "" {
				r, err := s.users().SearchOrganizationUsers(ctx, &users.SearchOrganizationUsersRequest{OrganizationId: c.Org, Query: c.Text, PageSize: n, PageToken: token})
				all = append(all, r.GetUsers()...)
				return r.GetNextPageToken(), len(r.GetUsers()), err
			}
			r, err := s.users().SearchUsers(ctx, &users.SearchUsersRequest{Query: c.Text, PageSize: n, PageToken: token})
			all = append(all, r.GetUsers()...)
			return r.GetNextPageToken(), len(r.GetUsers()), err
		})
		if err != nil {
			return err
		}
		return list(s, out, all, personColumns)
	})
}

type userGetCmd struct{ person }

// Run shows a user.
func (c *userGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		req := &users.GetUserRequest{Identities: &users.GetUserRequest_ExternalId{ExternalId: c.User}}
		if isID(c.User, "usr_") {
			req.Identities = &users.GetUserRequest_Id{Id: c.User}
		}
		r, err := s.users().GetUser(ctx, req)
		if err != nil {
			return err
		}
		return showPerson(s, out, r.GetUser())
	})
}

type userDeleteCmd struct {
	person
	sure
}

// Run deletes a user.
func (c *userDeleteCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		if err := c.confirm(ctx, out, "Delete the user %s?", c.User); err != nil {
			return err
		}
		if _, err := s.users().DeleteUser(ctx, &users.DeleteUserRequest{Identities: &users.DeleteUserRequest_Id{Id: c.User}}); err != nil {
			return err
		}
		return done(s, out, "Deleted %s.", c.User)
	})
}
