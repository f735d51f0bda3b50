package api

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// The declared limits of a user's id, in characters: of those that are looked up,
// and of those that are written.
const (
	maxUserID   = 32
	leastWritID = 19
	mostWritID  = 25
)

// identified is a request that names a user in one of two ways.
type identified interface {
	GetId() string
	GetExternalId() string
}

// checkUserIdentity refuses a request that names its user in neither way.
func checkUserIdentity(r identified, written bool) error {
	id, external := r.GetId(), r.GetExternalId()
	switch {
	case id == "" && external == "":
		return fault.New(fault.Invalid, "id or external_id is required.")
	case id == "":
		return checkID("external_id", external, "", maxExternalID)
	case written:
		return checkUserID("id", id)
	}
	return checkID("id", id, directory.PrefixPerson, maxUserID)
}

func checkUserID(field, id string) error {
	if err := checkID(field, id, directory.PrefixPerson, mostWritID); err != nil {
		return err
	}
	if len(id) < leastWritID {
		return fault.New(fault.Invalid, "%s has fewer than %d characters.", field, leastWritID)
	}
	return nil
}

// GetUser shows a user.
func (s *userService) GetUser(ctx context.Context, r *users.GetUserRequest) (*users.GetUserResponse, error) {
	if err := checkUserIdentity(r, false); err != nil {
		return nil, err
	}
	m, err := s.show(ctx, r.GetId(), r.GetExternalId())
	return answer(&users.GetUserResponse{User: m}, err)
}

// show reads a user as the principal may see it.
func (s *userService) show(ctx context.Context, id, externalID string) (m *users.User, err error) {
	p, err := principalOf(ctx)
	if err != nil {
		return nil, err
	}
	err = s.core.read(ctx, func(v directory.View) error {
		row, err := personOf(v, id, externalID, "")
		if err == nil {
			m, err = s.core.userMessage(v, row, p.organization)
		}
		return err
	})
	return m, err
}

// CreateUserAndMembership makes a user and puts it into an organization.
func (s *userService) CreateUserAndMembership(ctx context.Context, r *users.CreateUserAndMembershipRequest) (*users.CreateUserAndMembershipResponse, error) {
	in := r.GetUser()
	if err := checkID("organization_id", r.GetOrganizationId(), directory.PrefixOrganization, maxID); err != nil {
		return nil, err
	}
	if in == nil {
		return nil, fault.New(fault.Invalid, "user is required.")
	}
	profile, err := newProfile(in.GetUserProfile())
	if err != nil {
		return nil, err
	}
	who, err := principalOf(ctx)
	if err != nil {
		return nil, err
	}
	p, err := submitFor[*directory.Person](ctx, s.core, directory.CreatePerson{
		Confined: who.organization != "",
		Email:    in.GetEmail(), ExternalID: in.GetExternalId(), Metadata: in.GetMetadata(), Profile: profile,
		Membership: newMembership(r.GetOrganizationId(), in.GetMembership(), r.GetSendInvitationEmail()),
	})
	if err != nil {
		return nil, err
	}
	m, err := s.show(ctx, p.ID, "")
	return answer(&users.CreateUserAndMembershipResponse{User: m}, err)
}

// newProfile reads a profile. Names come in old fields from some SDKs.
func newProfile(in *users.CreateUserProfile) (events.PersonProfile, error) {
	p := events.PersonProfile{
		GivenName: in.GetGivenName(), FamilyName: in.GetFamilyName(), Name: in.GetName(), Locale: in.GetLocale(), PhoneNumber: in.GetPhoneNumber(),
		PreferredUsername: in.GetPreferredUsername(), Picture: in.GetPicture(), Gender: in.GetGender(), Groups: in.GetGroups(),
		CustomAttributes: in.GetCustomAttributes(), Metadata: in.GetMetadata(),
	}
	for _, f := range []struct {
		to       *string
		name, is string
	}{{&p.GivenName, "first_name", in.GetFirstName()}, {&p.FamilyName, "last_name", in.GetLastName()}} {
		if err := checkOldName(f.name, f.is); err != nil {
			return p, err
		}
		if *f.to == "" {
			*f.to = f.is
		}
	}
	return p, nil
}

// maxOldName bounds first_name and last_name, in characters.
const maxOldName = 200

func checkOldName(field, s string) error {
	if s == "" {
		return nil
	}
	return checkID(field, s, "", maxOldName)
}

// UpdateUser changes what is present.
func (s *userService) UpdateUser(ctx context.Context, r *users.UpdateUserRequest) (*users.UpdateUserResponse, error) {
	in := r.GetUser()
	if err := checkUserIdentity(r, true); err != nil {
		return nil, err
	}
	if in == nil {
		return nil, fault.New(fault.Invalid, "user is required.")
	}
	c := directory.UpdatePerson{ExternalID: in.ExternalId, Metadata: in.GetMetadata()}
	if p := in.GetUserProfile(); p != nil {
		if err := first(checkOldName("first_name", p.GetFirstName()), checkOldName("last_name", p.GetLastName())); err != nil {
			return nil, err
		}
		c.GivenName, c.FamilyName = p.FirstName, p.LastName
		if p.GivenName != nil {
			c.GivenName = p.GivenName
		}
		if p.FamilyName != nil {
			c.FamilyName = p.FamilyName
		}
		c.Name, c.Locale, c.PhoneNumber, c.PreferredUsername = p.Name, p.Locale, p.PhoneNumber, p.PreferredUsername
		c.Picture, c.Gender, c.Groups = p.Picture, p.Gender, p.GetGroups()
		c.CustomAttributes, c.ProfileMetadata = p.GetCustomAttributes(), p.GetMetadata()
	}
	m, err := s.write(ctx, r, "", func(ref directory.PersonRef) directory.Command {
		c.Person = ref
		return c
	})
	return answer(&users.UpdateUserResponse{User: m}, err)
}

// write submits a command about a user, of an organization unless that is empty,
// and shows the user.
func (s *userService) write(ctx context.Context, r identified, org string, c func(directory.PersonRef) directory.Command) (*users.User, error) {
	ref, err := s.do(ctx, r, org, c)
	if err != nil {
		return nil, err
	}
	return s.show(ctx, ref.ID, "")
}

// do submits a command about a user, of an organization unless that is empty.
func (s *userService) do(ctx context.Context, r identified, org string, c func(directory.PersonRef) directory.Command) (ref directory.PersonRef, err error) {
	if err := s.core.read(ctx, func(v directory.View) error {
		p, err := personOf(v, r.GetId(), r.GetExternalId(), org)
		if err == nil {
			ref = refTo(p)
		}
		return err
	}); err != nil {
		return ref, err
	}
	_, err = s.core.submit(ctx, c(ref))
	return ref, err
}

// DeleteUser ends a user whom no directory provisions.
func (s *userService) DeleteUser(ctx context.Context, r *users.DeleteUserRequest) (*emptypb.Empty, error) {
	if err := checkUserIdentity(r, true); err != nil {
		return nil, err
	}
	_, err := s.do(ctx, r, "", func(ref directory.PersonRef) directory.Command { return directory.DeletePerson{Person: ref} })
	return answer(&emptypb.Empty{}, err)
}

// refTo names a person in a command.
func refTo(p *directory.Person) directory.PersonRef {
	ref := directory.PersonRef{ID: p.ID}
	if p.Revision == 0 {
		ref.Directory = p.Parts[0].Directory
	}
	return ref
}

// personOf finds a user by its id or its external id. Of an organization, it finds
// only those who are in it, and looks into no other one's directories.
func personOf(v directory.View, id, externalID, org string) (*directory.Person, error) {
	what, none := id, fault.New(fault.NotFound, "There is no user %q.", id)
	if id == "" {
		none = fault.New(fault.NotFound, "There is no user with external id %q.", externalID)
		ref, ok, err := directory.Get[directory.Ref](v, directory.Make(directory.TablePersonExternal, externalID))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, none
		}
		what = string(ref)
	}
	if org != "" {
		if _, err := organizationOf(v, org, ""); err != nil {
			return nil, err
		}
	}
	dir, err := homeOf(v, what, org)
	if err != nil {
		return nil, err
	}
	p, ok, err := directory.FindPerson(v, what, dir)
	if err != nil {
		return nil, err
	}
	if ok && org != "" {
		_, ok, err = directory.MemberOf(v, p, org)
	}
	if err == nil && !ok {
		err = none
	}
	return p, err
}

// homeOf returns the directory of the user that a person is who was never
// stored, empty if there is none or, unless org is empty, it is another one's.
func homeOf(v directory.View, person, org string) (string, error) {
	dir, ok, err := directory.Get[directory.Ref](v, directory.Make(directory.TableUserDirectory, directory.UserIDOf(person)))
	if err != nil || !ok || org == "" {
		return string(dir), err
	}
	_, ok, err = directory.Get[directory.Ref](v, directory.Make(directory.TableOrgDirectory, org, string(dir)))
	if !ok {
		dir = ""
	}
	return string(dir), err
}
