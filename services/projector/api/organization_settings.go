package api

import (
	"context"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// UpdateOrganizationSettings changes the features that are named; the others
// stay as they are.
func (s *organizationService) UpdateOrganizationSettings(ctx context.Context, r *organizations.UpdateOrganizationSettingsRequest) (*organizations.GetOrganizationResponse, error) {
	if err := checkID("id", r.GetId(), directory.PrefixOrganization, maxID); err != nil {
		return nil, err
	}
	if r.GetSettings() == nil {
		return nil, fault.New(fault.Invalid, "settings is required.")
	}
	cmd := directory.ChangeOrganizationSettings{Organization: r.GetId()}
	for _, f := range r.GetSettings().GetFeatures() {
		cmd.Features = append(cmd.Features, events.OrganizationFeature{Name: f.GetName(), Enabled: f.GetEnabled()})
	}
	o, err := submitFor[*directory.Organization](ctx, s.core, cmd)
	if err != nil {
		return nil, err
	}
	return &organizations.GetOrganizationResponse{Organization: organizationMessage(o)}, nil
}

// UpsertUserManagementSettings sets how many users an organization may have, if
// that is given; 0 is no limit.
func (s *organizationService) UpsertUserManagementSettings(ctx context.Context, r *organizations.UpsertUserManagementSettingsRequest) (*organizations.UpsertUserManagementSettingsResponse, error) {
	if err := checkID("organization_id", r.GetOrganizationId(), directory.PrefixOrganization, maxID); err != nil {
		return nil, err
	}
	if r.GetSettings() == nil {
		return nil, fault.New(fault.Invalid, "settings is required.")
	}
	cmd := directory.ChangeOrganizationSettings{Organization: r.GetOrganizationId()}
	if most := r.GetSettings().GetMaxAllowedUsers(); most != nil {
		cmd.MaxUsers = new(int(most.GetValue()))
	}
	o, err := submitFor[*directory.Organization](ctx, s.core, cmd)
	if err != nil {
		return nil, err
	}
	return &organizations.UpsertUserManagementSettingsResponse{Settings: userManagementMessage(o)}, nil
}

// GetOrganizationUserManagementSetting shows how many users an organization may
// have.
func (s *organizationService) GetOrganizationUserManagementSetting(ctx context.Context, r *organizations.GetOrganizationUserManagementSettingsRequest) (*organizations.GetOrganizationUserManagementSettingsResponse, error) {
	if err := checkID("organization_id", r.GetOrganizationId(), directory.PrefixOrganization, maxID); err != nil {
		return nil, err
	}
	o, err := s.find(ctx, r.GetOrganizationId(), "")
	if err != nil {
		return nil, err
	}
	return &organizations.GetOrganizationUserManagementSettingsResponse{Settings: userManagementMessage(o)}, nil
}

func userManagementMessage(o *directory.Organization) *organizations.OrganizationUserManagementSettings {
	return &organizations.OrganizationUserManagementSettings{MaxAllowedUsers: wrapperspb.Int32(clamp(o.Settings.MaxUsers))}
}

func settingsMessage(o *directory.Organization) *organizations.OrganizationSettings {
	m := &organizations.OrganizationSettings{}
	for _, f := range o.Features() {
		m.Features = append(m.Features, &organizations.OrganizationSettingsFeature{Name: f.Name, Enabled: f.Enabled})
	}
	return m
}
