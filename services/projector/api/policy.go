package api

import (
	"context"

	"github.com/rollcallhq/rollcall/events"
	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// GetPolicy shows a directory's policy.
func (s *policyService) GetPolicy(ctx context.Context, r *rollcallv1.GetPolicyRequest) (*rollcallv1.GetPolicyResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()); err != nil {
		return nil, err
	}
	res := &rollcallv1.GetPolicyResponse{}
	err := s.core.read(ctx, func(v directory.View) error {
		d, err := directoryOf(v, r.GetOrganizationId(), r.GetDirectoryId())
		if err == nil {
			res.Policy = policyMessage(d.Policy)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// UpdatePolicy changes what is present.
func (s *policyService) UpdatePolicy(ctx context.Context, r *rollcallv1.UpdatePolicyRequest) (*rollcallv1.UpdatePolicyResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()); err != nil {
		return nil, err
	}
	d, err := submitFor[*directory.Directory](ctx, s.core, directory.ChangeDirectoryPolicy{
		Organization: r.GetOrganizationId(), Directory: r.GetDirectoryId(),
		DomainPolicy: r.DomainPolicy, EmailPolicy: r.EmailPolicy, DeactivationEvent: r.DeactivationEvent, Conformance: r.Conformance,
	})
	if err != nil {
		return nil, err
	}
	return &rollcallv1.UpdatePolicyResponse{Policy: policyMessage(d.Policy)}, nil
}

func policyMessage(p events.DirectoryPolicy) *rollcallv1.DirectoryPolicy {
	return &rollcallv1.DirectoryPolicy{
		DomainPolicy: p.DomainPolicy, EmailPolicy: p.EmailPolicy, DeactivationEvent: p.DeactivationEvent, Conformance: p.Conformance,
	}
}
