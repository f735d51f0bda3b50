package operate

import (
	"context"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
)

type userCmd struct {
	Server

	List   userListCmd   `cmd:"" help:"List users, of an organization or all."`
	Get    userGetCmd    `cmd:"" help:"Show one."`
	Create userCreateCmd `cmd:"" help:"Make one who belongs to an organization."`
	Delete userDeleteCmd `cmd:"" help:"Delete one."`
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

type userListCmd struct {
	Limit
	Org string `help:"Only of this organization (org_…)." env:"-"`
}

// Run lists users.
func (c *userListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		var all []*users.User
		err := c.pages(most, func(size int, token string) (string, int, error) {
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

type userGetCmd struct {
	User string `arg:"" help:"Its id (usr_…) or external id."`
}

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
		return show(s, out, r.GetUser(), personColumns)
	})
}

type userCreateCmd struct {
	Organization string `arg:"" help:"Id of the organization (org_…)."`
	Email        string `arg:"" help:"The user's address."`
	ExternalID   string `help:"Your application's id of the user." env:"-"`
}

// Run makes a user.
func (c *userCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.users().CreateUserAndMembership(ctx, &users.CreateUserAndMembershipRequest{
			OrganizationId: c.Organization, User: &users.CreateUser{Email: c.Email, ExternalId: optional(c.ExternalID)},
		})
		if err != nil {
			return err
		}
		return show(s, out, r.GetUser(), personColumns)
	})
}

type userDeleteCmd struct {
	User string `arg:"" help:"Its id (usr_…) or external id."`
}

// Run deletes a user.
func (c *userDeleteCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		req := &users.DeleteUserRequest{Identities: &users.DeleteUserRequest_ExternalId{ExternalId: c.User}}
		if isID(c.User, "usr_") {
			req.Identities = &users.DeleteUserRequest_Id{Id: c.User}
		}
		if _, err := s.users().DeleteUser(ctx, req); err != nil {
			return err
		}
		return done(s, out, "Deleted %s.", c.User)
	})
}
