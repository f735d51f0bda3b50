package api

import (
	"context"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// GetAllowlist shows where a directory's SCIM requests may come from.
func (s *accessService) GetAllowlist(ctx context.Context, r *rollcallv1.GetAllowlistRequest) (*rollcallv1.GetAllowlistResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()); err != nil {
		return nil, err
	}
	res := &rollcallv1.GetAllowlistResponse{}
	err := s.core.read(ctx, func(v directory.View) error {
		d, err := directoryOf(v, r.GetOrganizationId(), r.GetDirectoryId())
		if err == nil {
			res.Networks = d.Networks
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// ReplaceAllowlist sets all of it.
func (s *accessService) ReplaceAllowlist(ctx context.Context, r *rollcallv1.ReplaceAllowlistRequest) (*rollcallv1.ReplaceAllowlistResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()); err != nil {
		return nil, err
	}
	d, err := submitFor[*directory.Directory](ctx, s.core, directory.AllowDirectoryNetworks{
		Organization: r.GetOrganizationId(), Directory: r.GetDirectoryId(), Networks: r.GetNetworks(),
	})
	if err != nil {
		return nil, err
	}
	return &rollcallv1.ReplaceAllowlistResponse{Networks: d.Networks}, nil
}
