package operate

import (
	"context"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
)

// organization is what a command about one organization is given.
type organization struct {
	Organization string `arg:"" help:"Id of the organization (org_…), or its external id." of:"org"`
}

// ask is Server.ask with the organization's id in place of an external id.
func (o *organization) ask(ctx context.Context, s *Server, f func() error) error {
	return s.askIn(ctx, &o.Organization, f)
}

// askIn is ask with the organization's id in place of an external id.
func (s *Server) askIn(ctx context.Context, org *string, f func() error) error {
	return s.ask(ctx, func() (err error) {
		if *org, err = s.organizationID(ctx, *org); err != nil {
			return err
		}
		return f()
	})
}

// isID reports whether a text is an id and no external id.
func isID(text, prefix string) bool { return strings.HasPrefix(text, prefix) }

// organizationID looks an external id up. An id is taken as it is, so that a
// client of one organization, who may not look others up, can use it.
func (s *Server) organizationID(ctx context.Context, text string) (string, error) {
	if text == "" || isID(text, "org_") {
		return text, nil
	}
	r, err := s.organizations().GetOrganizationByExternalId(ctx, &organizations.GetOrganizationRequest{
		Identities: &organizations.GetOrganizationRequest_ExternalId{ExternalId: text},
	})
	return r.GetOrganization().GetId(), err
}

// userID looks an external id up, as organizationID does.
func (s *Server) userID(ctx context.Context, text string) (string, error) {
	if isID(text, "usr_") {
		return text, nil
	}
	r, err := s.users().GetUser(ctx, &users.GetUserRequest{Identities: &users.GetUserRequest_ExternalId{ExternalId: text}})
	return r.GetUser().GetId(), err
}
