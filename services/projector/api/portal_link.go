package api

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// GeneratePortalLink makes a link into the organization's portal and shows it
// once. It works once, within a minute; a shared one within 7 days.
func (s *organizationService) GeneratePortalLink(ctx context.Context, r *organizations.GeneratePortalLinkRequest) (*organizations.GeneratePortalLinkResponse, error) {
	if err := checkID("id", r.GetId(), directory.PrefixOrganization, maxID); err != nil {
		return nil, err
	}
	cmd := directory.CreatePortalLink{Organization: r.GetId(), Shared: r.GetShared()}
	wanted := r.GetFeatures()
	if r.GetSso() { //nolint:staticcheck // older clients send it
		wanted = append(wanted, organizations.Feature_sso)
	}
	if r.GetDirectorySync() { //nolint:staticcheck // likewise
		wanted = append(wanted, organizations.Feature_dir_sync)
	}
	for _, f := range wanted {
		name, known := organizations.Feature_name[int32(f)]
		if !known {
			return nil, fault.New(fault.Invalid, "features has no value %d.", f)
		}
		if f != organizations.Feature_FEATURE_UNSPECIFIED {
			cmd.Features = append(cmd.Features, name)
		}
	}
	made := credential.New(credential.PrefixLink)
	cmd.Hash = made.Hash
	l, err := submitFor[*directory.PortalLink](ctx, s.core, cmd)
	if err != nil {
		return nil, err
	}
	m := linkMessage(l)
	m.Location = s.core.cfg.PortalURL + "/portal/" + l.ID + "/" + made.Plain
	return &organizations.GeneratePortalLinkResponse{Link: m}, nil
}

// GetPortalLinks shows the links that were not used and last, the oldest first.
func (s *organizationService) GetPortalLinks(ctx context.Context, r *organizations.GetPortalLinkRequest) (*organizations.GetPortalLinksResponse, error) {
	if err := checkID("id", r.GetId(), directory.PrefixOrganization, maxID); err != nil {
		return nil, err
	}
	res := &organizations.GetPortalLinksResponse{}
	now := s.core.cfg.Now()
	err := s.core.read(ctx, func(v directory.View) error {
		if _, err := organizationOf(v, r.GetId(), ""); err != nil {
			return err
		}
		links, err := directory.PortalLinksOf(v, r.GetId())
		for _, l := range links {
			if l.LiveAt(now) && len(l.Session) == 0 {
				res.Links = append(res.Links, linkMessage(l))
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// DeletePortalLink ends all links of the organization, and the sessions that
// they opened.
func (s *organizationService) DeletePortalLink(ctx context.Context, r *organizations.DeletePortalLinkRequest) (*emptypb.Empty, error) {
	if err := checkID("id", r.GetId(), directory.PrefixOrganization, maxID); err != nil {
		return nil, err
	}
	return s.deleteLinks(ctx, directory.DeletePortalLinks{Organization: r.GetId()})
}

// DeletePortalLinkByID ends one link, or the session that it opened.
func (s *organizationService) DeletePortalLinkByID(ctx context.Context, r *organizations.DeletePortalLinkByIdRequest) (*emptypb.Empty, error) {
	if err := first(checkID("id", r.GetId(), directory.PrefixOrganization, maxID), checkID("link_id", r.GetLinkId(), directory.PrefixPortalLink, maxID)); err != nil {
		return nil, err
	}
	return s.deleteLinks(ctx, directory.DeletePortalLinks{Organization: r.GetId(), ID: r.GetLinkId()})
}

func (s *organizationService) deleteLinks(ctx context.Context, cmd directory.DeletePortalLinks) (*emptypb.Empty, error) {
	if _, err := s.core.submit(ctx, cmd); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

func linkMessage(l *directory.PortalLink) *organizations.Link {
	return &organizations.Link{Id: l.ID, ExpireTime: stamp(l.Until)}
}
