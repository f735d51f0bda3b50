package operate

import (
	"context"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/commons"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
)

// profile is what there is to say of a user. What is not given stays as it is.
type profile struct {
	ExternalID *string           `help:"Your application's id of the user." env:"-"`
	GivenName  *string           `help:"Given name." env:"-"`
	FamilyName *string           `help:"Family name." env:"-"`
	Name       *string           `help:"Name as it is shown." env:"-"`
	Username   *string           `help:"Preferred user name." env:"-"`
	Phone      *string           `help:"Phone number." env:"-"`
	Locale     *string           `help:"Locale, such as en-GB." env:"-"`
	Picture    *string           `help:"URL of a picture." env:"-"`
	Gender     *string           `help:"Gender." env:"-"`
	Attribute  map[string]string `help:"Custom attributes, which replace all; may be repeated." placeholder:"KEY=VALUE" env:"-"`
	Metadata   map[string]string `help:"What you want to remember of it, which replaces all; may be repeated." placeholder:"KEY=VALUE" env:"-"`
}

// membershipFlags is how a user comes into an organization.
type membershipFlags struct {
	Role    []string `help:"Name of a role to assign; may be repeated." env:"-" of:"role"`
	Invite  bool     `help:"Invite the user, who is PENDING_INVITE until it has come. The server sends no e-mail: it tells of the invitation by an event." env:"-"`
	Inviter string   `help:"Address of who invites." env:"-"`
}

func (m membershipFlags) membership(metadata map[string]string) *users.CreateMembership {
	return &users.CreateMembership{Roles: rolesNamed(m.Role), Metadata: metadata, InviterEmail: optional(m.Inviter)}
}

// rolesNamed are roles as calls take them.
func rolesNamed(names []string) []*commons.Role {
	var list []*commons.Role
	for _, name := range names {
		list = append(list, &commons.Role{Name: name})
	}
	return list
}

type userCreateCmd struct {
	organization
	Email string `arg:"" help:"The user's address."`
	profile
	membershipFlags
}

// Help is shown by kong.
func (userCreateCmd) Help() string {
	return `Examples:

  rollcall user create acme mara@acme.example --given-name Mara --role editor
  rollcall user create acme mara@acme.example --invite --inviter boss@acme.example

Users whom a directory provisions come by themselves.`
}

// Run makes a user.
func (c *userCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.users().CreateUserAndMembership(ctx, &users.CreateUserAndMembershipRequest{
			OrganizationId: c.Organization, SendInvitationEmail: &c.Invite,
			User: &users.CreateUser{
				Email: c.Email, ExternalId: c.ExternalID, Metadata: c.Metadata, Membership: c.membership(nil),
				UserProfile: &users.CreateUserProfile{
					GivenName: text(c.GivenName), FamilyName: text(c.FamilyName), Name: text(c.Name), PreferredUsername: text(c.Username),
					PhoneNumber: text(c.Phone), Locale: text(c.Locale), Picture: c.Picture, Gender: c.Gender, CustomAttributes: c.Attribute,
				},
			},
		})
		if err != nil {
			return err
		}
		return showPerson(s, out, r.GetUser())
	})
}

type userUpdateCmd struct {
	person
	profile
}

// Help is shown by kong.
func (userUpdateCmd) Help() string {
	return `Examples:

  rollcall user update usr_… --family-name Moor
  rollcall user update mara --metadata team=red --metadata desk=4
  rollcall user update mara --phone ''                             # takes the number away

What a directory provides as well is as whoever wrote it last has it. The address follows the directory and cannot be changed.`
}

// Run changes a user.
func (c *userUpdateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.users().UpdateUser(ctx, &users.UpdateUserRequest{
			Identities: &users.UpdateUserRequest_Id{Id: c.User},
			User: &users.UpdateUser{
				ExternalId: c.ExternalID, Metadata: c.Metadata,
				UserProfile: &users.UpdateUserProfile{
					GivenName: c.GivenName, FamilyName: c.FamilyName, Name: c.Name, PreferredUsername: c.Username, PhoneNumber: c.Phone,
					Locale: c.Locale, Picture: c.Picture, Gender: c.Gender, CustomAttributes: c.Attribute,
				},
			},
		})
		if err != nil {
			return err
		}
		return showPerson(s, out, r.GetUser())
	})
}
