package api

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/commons"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	usualOrganizations = 10
	mostOrganizations  = 100
)

// CreateOrganization adds a customer.
func (s *organizationService) CreateOrganization(ctx context.Context, r *organizations.CreateOrganizationRequest) (*organizations.CreateOrganizationResponse, error) {
	in := r.GetOrganization()
	if in == nil {
		return nil, fault.New(fault.Invalid, "organization is required.")
	}
	region := in.GetRegionCode()
	if region == commons.RegionCode_REGION_CODE_UNSPECIFIED {
		region = commons.RegionCode_US
	}
	if _, known := commons.RegionCode_name[int32(region)]; !known {
		return nil, fault.New(fault.Invalid, "region_code has no value %d.", region)
	}
	o, err := submitFor[*directory.Organization](ctx, s.core, directory.CreateOrganization{Profile: events.OrganizationProfile{
		DisplayName: in.GetDisplayName(), RegionCode: region.String(), ExternalID: in.GetExternalId(),
		Slug: in.GetSlug(), LogoURL: in.GetLogoUrl(), Metadata: in.GetMetadata(),
	}})
	if err != nil {
		return nil, err
	}
	return &organizations.CreateOrganizationResponse{Organization: organizationMessage(o)}, nil
}

// GetOrganization finds one by either of its ids.
func (s *organizationService) GetOrganization(ctx context.Context, r *organizations.GetOrganizationRequest) (*organizations.GetOrganizationResponse, error) {
	o, err := s.find(ctx, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	return &organizations.GetOrganizationResponse{Organization: organizationMessage(o)}, nil
}

// GetOrganizationByExternalId is GetOrganization under another path.
//
//nolint:staticcheck // the generated interface spells the name
func (s *organizationService) GetOrganizationByExternalId(ctx context.Context, r *organizations.GetOrganizationRequest) (*organizations.GetOrganizationResponse, error) {
	return s.GetOrganization(ctx, r)
}

// ListOrganization pages through all, the oldest first.
func (s *organizationService) ListOrganization(ctx context.Context, r *organizations.ListOrganizationsRequest) (*organizations.ListOrganizationsResponse, error) {
	size, sizeErr := pageSize(r.GetPageSize(), usualOrganizations, mostOrganizations)
	at, tokenErr := parseCursor(listOrganizations, r.GetPageToken())
	if err := first(sizeErr, tokenErr); err != nil {
		return nil, err
	}
	res := &organizations.ListOrganizationsResponse{}
	err := s.core.read(ctx, func(v directory.View) error {
		if r.GetExternalId() != "" {
			o, err := organizationOf(v, "", r.GetExternalId())
			if fault.KindOf(err) == fault.NotFound && err != nil {
				return nil
			}
			if err == nil {
				res.TotalSize, res.Organizations = 1, append(res.Organizations, organizationMessage(o))
			}
			return err
		}
		key := func(id string) directory.Key { return directory.Make(directory.TableOrganization, id) }
		p, err := list{prefix: directory.Make(directory.TableOrganization), key: key, kind: listOrganizations}.read(v, at, size)
		if err != nil {
			return err
		}
		res.TotalSize, res.NextPageToken, res.PrevPageToken = p.total, p.next, p.prev
		res.Organizations, err = organizationMessages(v, p.ids)
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// organizationMessages shows the organizations of a page.
func organizationMessages(v directory.View, ids []string) (list []*organizations.Organization, err error) {
	for _, id := range ids {
		o, err := organizationOf(v, id, "")
		if err != nil {
			return nil, err
		}
		list = append(list, organizationMessage(o))
	}
	return list, nil
}

// UpdateOrganization changes what is present, or what the mask names.
func (s *organizationService) UpdateOrganization(ctx context.Context, r *organizations.UpdateOrganizationRequest) (*organizations.UpdateOrganizationResponse, error) {
	in := r.GetOrganization()
	if in == nil {
		return nil, fault.New(fault.Invalid, "organization is required.")
	}
	cmd, err := organizationChange(in, r.GetUpdateMask().GetPaths())
	if err != nil {
		return nil, err
	}
	o, err := s.find(ctx, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	cmd.Organization = o.ID
	if err := ownName(ctx, &cmd, o); err != nil {
		return nil, err
	}
	if o, err = submitFor[*directory.Organization](ctx, s.core, cmd); err != nil {
		return nil, err
	}
	return &organizations.UpdateOrganizationResponse{Organization: organizationMessage(o)}, nil
}

// ownName refuses a new external id to a client of one organization: that is
// unique among all, so a refusal of a taken one would tell it of others.
func ownName(ctx context.Context, cmd *directory.UpdateOrganization, o *directory.Organization) error {
	p, err := principalOf(ctx)
	if err != nil || p.organization == "" || cmd.ExternalID == nil {
		return err
	}
	if *cmd.ExternalID != o.ExternalID {
		return fault.New(fault.Forbidden, "external_id is unique in the whole environment, so an API client that is restricted to one organization cannot change it.")
	}
	cmd.ExternalID = nil
	return nil
}

// organizationChange is the command that an update stands for.
func organizationChange(in *organizations.UpdateOrganization, mask []string) (directory.UpdateOrganization, error) {
	if len(mask) == 0 {
		cmd := directory.UpdateOrganization{DisplayName: in.DisplayName, ExternalID: in.ExternalId, Slug: in.Slug, LogoURL: in.LogoUrl}
		if len(in.GetMetadata()) > 0 { // an absent map and an empty one look the same
			cmd.Metadata = in.GetMetadata()
		}
		return cmd, nil
	}
	var cmd directory.UpdateOrganization
	for _, path := range mask {
		switch path {
		case "display_name":
			cmd.DisplayName = new(in.GetDisplayName())
		case "external_id":
			cmd.ExternalID = new(in.GetExternalId())
		case "slug":
			cmd.Slug = new(in.GetSlug())
		case "logo_url":
			cmd.LogoURL = new(in.GetLogoUrl())
		case "metadata":
			if cmd.Metadata = in.GetMetadata(); cmd.Metadata == nil {
				cmd.Metadata = map[string]string{}
			}
		default:
			return cmd, fault.New(fault.Invalid, "update_mask names %q, which is no field that can change.", path)
		}
	}
	return cmd, nil
}

// DeleteOrganization removes a customer with all it has.
func (s *organizationService) DeleteOrganization(ctx context.Context, r *organizations.DeleteOrganizationRequest) (*emptypb.Empty, error) {
	o, err := s.find(ctx, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	if _, err := s.core.submit(ctx, directory.DeleteOrganization{Organization: o.ID}); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

func (s *organizationService) find(ctx context.Context, id, externalID string) (o *directory.Organization, err error) {
	if err := checkIdentity("id", id, externalID); err != nil {
		return nil, err
	}
	err = s.core.read(ctx, func(v directory.View) error {
		o, err = organizationOf(v, id, externalID)
		return err
	})
	return o, err
}

func organizationMessage(o *directory.Organization) *organizations.Organization {
	region := commons.RegionCode(commons.RegionCode_value[o.RegionCode])
	if region == commons.RegionCode_REGION_CODE_UNSPECIFIED {
		region = commons.RegionCode_US
	}
	return &organizations.Organization{
		Id: o.ID, CreateTime: stamp(o.Created), UpdateTime: stamp(o.Updated), DisplayName: o.DisplayName, RegionCode: region,
		ExternalId: text(o.ExternalID), Metadata: o.Metadata, Slug: text(o.Slug), LogoUrl: text(o.LogoURL),
		Settings: settingsMessage(o),
	}
}
