package operate

import (
	"context"
	"strconv"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
)

type userMembershipCmd struct {
	Create membershipCreateCmd `cmd:"" help:"Put a user into a further organization."`
	Update membershipUpdateCmd `cmd:"" help:"Change what is given."`
	Delete membershipDeleteCmd `cmd:"" help:"Take a user out of an organization."`
	Resend membershipResendCmd `cmd:"" help:"Send an open invitation again."`
	Accept membershipAcceptCmd `cmd:"" help:"Say that an invited user has come."`
}

// member is what a command about a user in an organization is given.
type member struct {
	organization
	person
}

// ask is Server.ask with ids in place of external ids.
func (m *member) ask(ctx context.Context, s *Server, f func() error) error {
	return m.organization.ask(ctx, s, func() (err error) {
		if m.User, err = s.userID(ctx, m.User); err != nil {
			return err
		}
		return f()
	})
}

type membershipCreateCmd struct {
	member
	membershipFlags
	Metadata map[string]string `help:"What you want to remember of the membership; may be repeated." placeholder:"KEY=VALUE" env:"-"`
}

// Help is shown by kong.
func (membershipCreateCmd) Help() string {
	return `Examples:

  rollcall user membership create globex usr_… --role editor
  rollcall user membership create globex mara --invite`
}

// Run makes a membership.
func (c *membershipCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.users().CreateMembership(ctx, &users.CreateMembershipRequest{
			OrganizationId: c.Organization, Identities: &users.CreateMembershipRequest_Id{Id: c.User},
			Membership: c.membership(c.Metadata), SendInvitationEmail: &c.Invite,
		})
		if err != nil {
			return err
		}
		return showPerson(s, out, r.GetUser())
	})
}

type membershipUpdateCmd struct {
	member
	Role     []string          `help:"Names of the roles that are assigned, which replace all; may be repeated." env:"-" of:"role"`
	Metadata map[string]string `help:"What you want to remember of the membership, which replaces all; may be repeated." placeholder:"KEY=VALUE" env:"-"`
}

// Help is shown by kong.
func (membershipUpdateCmd) Help() string {
	return `Roles of groups stay. "rollcall user role" adds and removes single ones.`
}

// Run changes a membership.
func (c *membershipUpdateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.users().UpdateMembership(ctx, &users.UpdateMembershipRequest{
			OrganizationId: c.Organization, Identities: &users.UpdateMembershipRequest_Id{Id: c.User},
			Membership: &users.UpdateMembership{Roles: rolesNamed(c.Role), Metadata: c.Metadata},
		})
		if err != nil {
			return err
		}
		return showPerson(s, out, r.GetUser())
	})
}

type membershipDeleteCmd struct {
	member
	Cascade bool `help:"Delete a user who is in no other organization." env:"-"`
	sure
}

// Run ends a membership.
func (c *membershipDeleteCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		if err := c.confirm(ctx, out, "Take %s out of %s?", c.User, c.Organization); err != nil {
			return err
		}
		if _, err := s.users().DeleteMembership(ctx, &users.DeleteMembershipRequest{
			OrganizationId: c.Organization, Identities: &users.DeleteMembershipRequest_Id{Id: c.User}, Cascade: &c.Cascade,
		}); err != nil {
			return err
		}
		return done(s, out, "%s is in %s no more.", c.User, c.Organization)
	})
}

type membershipResendCmd struct{ member }

var inviteColumns = []column[*users.Invite]{
	{"ORGANIZATION", (*users.Invite).GetOrganizationId},
	{"USER", (*users.Invite).GetUserId},
	{"STATUS", (*users.Invite).GetStatus},
	{"INVITER", (*users.Invite).GetInviterEmail},
	{"CREATED", func(i *users.Invite) string { return when(i.GetCreatedAt()) }},
	{"RESENT", func(i *users.Invite) string { return when(i.GetResentAt()) }},
	{"TIMES", func(i *users.Invite) string { return strconv.Itoa(int(i.GetResentCount())) }},
	{"EXPIRES", func(i *users.Invite) string { return when(i.GetExpiresAt()) }},
}

// Run sends an invitation again.
func (c *membershipResendCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.users().ResendInvite(ctx, &users.ResendInviteRequest{OrganizationId: c.Organization, Id: c.User})
		if err != nil {
			return err
		}
		return show(s, out, r.GetInvite(), inviteColumns)
	})
}

type membershipAcceptCmd struct{ member }

// Run accepts an invitation.
func (c *membershipAcceptCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		req := &rollcallv1.AcceptInvitationRequest{OrganizationId: c.Organization, UserId: c.User}
		if _, err := s.history().AcceptInvitation(ctx, req); err != nil {
			return err
		}
		return done(s, out, "%s is active in %s.", c.User, c.Organization)
	})
}
