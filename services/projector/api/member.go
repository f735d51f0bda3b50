package api

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/commons"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

func newMembership(org string, in *users.CreateMembership, invite bool) directory.NewMembership {
	return directory.NewMembership{
		Organization: org, Roles: roleNames(in.GetRoles()), Metadata: in.GetMetadata(), InviterEmail: in.GetInviterEmail(), Invite: invite,
	}
}

// roleNames reads roles, of which callers send the names.
func roleNames(in []*commons.Role) []string {
	var names []string
	for _, r := range in {
		names = append(names, r.GetName())
	}
	return names
}

// checkMember refuses a request that does not name a user and an organization.
func checkMember(org string, r identified) error {
	return first(checkID("organization_id", org, directory.PrefixOrganization, maxID), checkUserIdentity(r, true))
}

// CreateMembership puts a user into a further organization.
func (s *userService) CreateMembership(ctx context.Context, r *users.CreateMembershipRequest) (*users.CreateMembershipResponse, error) {
	if err := checkMember(r.GetOrganizationId(), r); err != nil {
		return nil, err
	}
	if r.GetMembership() == nil {
		return nil, fault.New(fault.Invalid, "membership is required.")
	}
	m, err := s.write(ctx, r, "", func(ref directory.PersonRef) directory.Command {
		return directory.CreateMembership{Person: ref, Membership: newMembership(r.GetOrganizationId(), r.GetMembership(), r.GetSendInvitationEmail())}
	})
	return answer(&users.CreateMembershipResponse{User: m}, err)
}

// UpdateMembership changes what is not empty.
func (s *userService) UpdateMembership(ctx context.Context, r *users.UpdateMembershipRequest) (*users.UpdateMembershipResponse, error) {
	org, in := r.GetOrganizationId(), r.GetMembership()
	if err := checkMember(org, r); err != nil {
		return nil, err
	}
	if in == nil {
		return nil, fault.New(fault.Invalid, "membership is required.")
	}
	m, err := s.write(ctx, r, org, func(ref directory.PersonRef) directory.Command {
		return directory.UpdateMembership{Organization: org, Person: ref, Roles: roleNames(in.GetRoles()), Metadata: in.GetMetadata()}
	})
	return answer(&users.UpdateMembershipResponse{User: m}, err)
}

// DeleteMembership takes a user out of an organization.
func (s *userService) DeleteMembership(ctx context.Context, r *users.DeleteMembershipRequest) (*emptypb.Empty, error) {
	org := r.GetOrganizationId()
	if err := checkMember(org, r); err != nil {
		return nil, err
	}
	_, err := s.do(ctx, r, org, func(ref directory.PersonRef) directory.Command {
		return directory.DeleteMembership{Organization: org, Person: ref, Cascade: r.GetCascade()}
	})
	return answer(&emptypb.Empty{}, err)
}

// ResendInvite sends an open invitation again.
func (s *userService) ResendInvite(ctx context.Context, r *users.ResendInviteRequest) (*users.ResendInviteResponse, error) {
	org, who := r.GetOrganizationId(), userNamed(r.GetId())
	if err := checkMember(org, who); err != nil {
		return nil, err
	}
	ref, err := s.do(ctx, who, org, func(ref directory.PersonRef) directory.Command {
		return directory.SendInvitation{Organization: org, Person: ref}
	})
	if err != nil {
		return nil, err
	}
	res := &users.ResendInviteResponse{}
	err = s.core.read(ctx, func(v directory.View) error {
		m, ok, err := directory.Get[*directory.OrgMember](v, directory.Make(directory.TableOrgMember, org, ref.ID))
		if err != nil {
			return err
		}
		if !ok || m.Invitation == nil {
			return fault.New(fault.NotFound, "The invitation was taken back or accepted by another call meanwhile.")
		}
		res.Invite = &users.Invite{
			OrganizationId: org, UserId: ref.ID, InviterEmail: text(m.InviterEmail), Status: directory.MemberInvited, CreatedAt: stamp(m.Created),
			ExpiresAt: stamp(m.Invitation.Expires), ResentAt: stamp(m.Invitation.Last), ResentCount: clamp(m.Invitation.Sent - 1),
		}
		return nil
	})
	return answer(res, err)
}

// userNamed is the identity of a user whom a request names by id only.
func userNamed(id string) identified {
	return &users.GetUserRequest{Identities: &users.GetUserRequest_Id{Id: id}}
}

// ListUserRoles shows all roles of a member.
func (s *userService) ListUserRoles(ctx context.Context, r *users.ListUserRolesRequest) (*users.ListUserRolesResponse, error) {
	list, err := s.roles(ctx, r.GetOrganizationId(), r.GetUserId())
	return answer(&users.ListUserRolesResponse{Roles: list}, err)
}

func (s *userService) roles(ctx context.Context, org, id string) (list []*commons.Role, err error) {
	if err := checkMember(org, userNamed(id)); err != nil {
		return nil, err
	}
	err = s.core.read(ctx, func(v directory.View) error {
		roles, err := memberRoles(v, org, id)
		list = roleRefs(roles)
		return err
	})
	return list, err
}

func memberRoles(v directory.View, org, id string) ([]*directory.Role, error) {
	p, err := personOf(v, id, "", org)
	if err != nil {
		return nil, err
	}
	m, ok, err := directory.MemberOf(v, p, org)
	if err != nil || !ok {
		return nil, err
	}
	return m.Roles(v)
}

// AssignUserRoles gives a member roles beside those that it has.
func (s *userService) AssignUserRoles(ctx context.Context, r *users.AssignUserRolesRequest) (*users.AssignUserRolesResponse, error) {
	org, who := r.GetOrganizationId(), userNamed(r.GetUserId())
	if err := checkMember(org, who); err != nil {
		return nil, err
	}
	if len(r.GetRoles()) == 0 {
		return nil, fault.New(fault.Invalid, "roles is required.")
	}
	names := make([]string, 0, len(r.GetRoles()))
	for _, in := range r.GetRoles() {
		if in.GetRoleName() == "" {
			return nil, fault.New(fault.Invalid, "roles.role_name is required.")
		}
		names = append(names, in.GetRoleName())
	}
	if _, err := s.do(ctx, who, org, func(ref directory.PersonRef) directory.Command {
		return directory.ChangeMemberRoles{Organization: org, Person: ref, Add: names}
	}); err != nil {
		return nil, err
	}
	list, err := s.roles(ctx, org, r.GetUserId())
	return answer(&users.AssignUserRolesResponse{Roles: list}, err)
}

// RemoveUserRole takes a role away that was assigned to the member.
func (s *userService) RemoveUserRole(ctx context.Context, r *users.RemoveUserRoleRequest) (*emptypb.Empty, error) {
	org, who := r.GetOrganizationId(), userNamed(r.GetUserId())
	if err := checkMember(org, who); err != nil {
		return nil, err
	}
	if r.GetRoleName() == "" {
		return nil, fault.New(fault.Invalid, "role_name is required.")
	}
	_, err := s.do(ctx, who, org, func(ref directory.PersonRef) directory.Command {
		return directory.ChangeMemberRoles{Organization: org, Person: ref, Remove: []string{r.GetRoleName()}}
	})
	return answer(&emptypb.Empty{}, err)
}

// ListUserPermissions shows what a member may do by all of its roles.
func (s *userService) ListUserPermissions(ctx context.Context, r *users.ListUserPermissionsRequest) (*users.ListUserPermissionsResponse, error) {
	org, id := r.GetOrganizationId(), r.GetUserId()
	if err := checkMember(org, userNamed(id)); err != nil {
		return nil, err
	}
	res := &users.ListUserPermissionsResponse{}
	return answer(res, s.core.read(ctx, func(v directory.View) error {
		roles, err := memberRoles(v, org, id)
		if err != nil {
			return err
		}
		held, err := permissionsOf(v, roles)
		for _, p := range held {
			res.Permissions = append(res.Permissions, &users.Permission{Id: p.ID, Name: p.Name, Description: p.Description})
		}
		return err
	}))
}

// permissionsOf returns the permissions of several roles, each once.
func permissionsOf(v directory.View, roles []*directory.Role) ([]*directory.Permission, error) {
	var all []*directory.Permission
	seen := map[string]bool{}
	for _, r := range roles {
		held, err := directory.PermissionsOf(v, r, true)
		if err != nil {
			return nil, err
		}
		for _, h := range held {
			if !seen[h.ID] {
				seen[h.ID] = true
				all = append(all, h.Permission)
			}
		}
	}
	return all, nil
}
