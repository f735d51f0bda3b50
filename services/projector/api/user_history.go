package api

import (
	"context"
	"maps"
	"slices"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// ListUserHistory shows who wrote what of a user.
func (s *userHistoryService) ListUserHistory(ctx context.Context, r *rollcallv1.ListUserHistoryRequest) (*rollcallv1.ListUserHistoryResponse, error) {
	if err := checkUserID("user_id", r.GetUserId()); err != nil {
		return nil, err
	}
	res := &rollcallv1.ListUserHistoryResponse{}
	return answer(res, s.core.read(ctx, func(v directory.View) error {
		p, err := personOf(v, r.GetUserId(), "", "")
		if err != nil {
			return err
		}
		writes, err := directory.WritesOf(v, p)
		if err != nil {
			return err
		}
		for _, w := range slices.Backward(writes) {
			res.Writes = append(res.Writes, &rollcallv1.UserWrite{
				Time: stamp(w.At), Actor: w.Actor, OrganizationId: w.Organization, DirectoryId: w.Directory, Attributes: w.Attributes,
			})
		}
		for _, name := range slices.Sorted(maps.Keys(p.Stamps)) {
			res.Attributes = append(res.Attributes, &rollcallv1.UserAttribute{Name: name, Time: stamp(p.Stamps[name].At), Actor: p.Stamps[name].Actor})
		}
		return nil
	}))
}

// AcceptInvitation says that an invited user has come.
func (s *userHistoryService) AcceptInvitation(ctx context.Context, r *rollcallv1.AcceptInvitationRequest) (*rollcallv1.AcceptInvitationResponse, error) {
	org, who := r.GetOrganizationId(), userNamed(r.GetUserId())
	if err := checkMember(org, who); err != nil {
		return nil, err
	}
	users := &userService{core: s.core}
	_, err := users.do(ctx, who, org, func(ref directory.PersonRef) directory.Command {
		return directory.AcceptInvitation{Organization: org, Person: ref}
	})
	return answer(&rollcallv1.AcceptInvitationResponse{}, err)
}
