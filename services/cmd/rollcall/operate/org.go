package operate

import (
	"context"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
)

type orgCmd struct {
	Server

	List   orgListCmd   `cmd:"" help:"List organizations, the oldest first."`
	Get    orgGetCmd    `cmd:"" help:"Show one."`
	Create orgCreateCmd `cmd:"" help:"Make one."`
	Update orgUpdateCmd `cmd:"" help:"Change what is given."`
	Delete orgDeleteCmd `cmd:"" help:"Delete one. Its directories have to go first."`
	Link   linkCmd      `cmd:"" help:"Links into an organization's admin portal."`
}

var orgColumns = []column[*organizations.Organization]{
	{"ID", (*organizations.Organization).GetId},
	{"NAME", (*organizations.Organization).GetDisplayName},
	{"EXTERNAL ID", (*organizations.Organization).GetExternalId},
	{"CREATED", func(o *organizations.Organization) string { return when(o.GetCreateTime()) }},
}

type orgListCmd struct {
	Limit
}

// Run lists organizations.
func (c *orgListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		var all []*organizations.Organization
		err := c.pages(most, func(size int, token string) (string, int, error) {
			r, err := s.organizations().ListOrganization(ctx, &organizations.ListOrganizationsRequest{PageSize: uint32(size), PageToken: token}) //nolint:gosec // at most most
			all = append(all, r.GetOrganizations()...)
			return r.GetNextPageToken(), len(r.GetOrganizations()), err
		})
		if err != nil {
			return err
		}
		return list(s, out, all, orgColumns)
	})
}

type orgGetCmd struct {
	Organization string `arg:"" help:"Its id (org_…) or external id."`
}

// Run shows an organization.
func (c *orgGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		req := &organizations.GetOrganizationRequest{Identities: &organizations.GetOrganizationRequest_ExternalId{ExternalId: c.Organization}}
		if isID(c.Organization, "org_") {
			req.Identities = &organizations.GetOrganizationRequest_Id{Id: c.Organization}
		}
		r, err := s.organizations().GetOrganization(ctx, req)
		if err != nil {
			return err
		}
		return show(s, out, r.GetOrganization(), orgColumns)
	})
}

type orgCreateCmd struct {
	Name       string            `arg:"" help:"What people call it."`
	ExternalID string            `help:"Your application's id of it." env:"-"`
	Metadata   map[string]string `help:"What you want to remember of it." placeholder:"KEY=VALUE" env:"-"`
}

// Run makes an organization.
func (c *orgCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.organizations().CreateOrganization(ctx, &organizations.CreateOrganizationRequest{
			Organization: &organizations.CreateOrganization{DisplayName: c.Name, ExternalId: optional(c.ExternalID), Metadata: c.Metadata},
		})
		if err != nil {
			return err
		}
		return show(s, out, r.GetOrganization(), orgColumns)
	})
}

type orgUpdateCmd struct {
	Organization string            `arg:"" help:"Its id (org_…) or external id."`
	Name         string            `help:"What people call it." env:"-"`
	ExternalID   string            `help:"Your application's id of it." env:"-"`
	Metadata     map[string]string `help:"Replaces all of it." placeholder:"KEY=VALUE" env:"-"`
}

// Run changes an organization.
func (c *orgUpdateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		req := &organizations.UpdateOrganizationRequest{
			Identities: &organizations.UpdateOrganizationRequest_ExternalId{ExternalId: c.Organization},
			Organization: &organizations.UpdateOrganization{
				DisplayName: optional(c.Name), ExternalId: optional(c.ExternalID), Metadata: c.Metadata,
			},
		}
		if isID(c.Organization, "org_") {
			req.Identities = &organizations.UpdateOrganizationRequest_Id{Id: c.Organization}
		}
		r, err := s.organizations().UpdateOrganization(ctx, req)
		if err != nil {
			return err
		}
		return show(s, out, r.GetOrganization(), orgColumns)
	})
}

type orgDeleteCmd struct {
	Organization string `arg:"" help:"Its id (org_…) or external id."`
}

// Run deletes an organization.
func (c *orgDeleteCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		req := &organizations.DeleteOrganizationRequest{Identities: &organizations.DeleteOrganizationRequest_ExternalId{ExternalId: c.Organization}}
		if isID(c.Organization, "org_") {
			req.Identities = &organizations.DeleteOrganizationRequest_Id{Id: c.Organization}
		}
		if _, err := s.organizations().DeleteOrganization(ctx, req); err != nil {
			return err
		}
		return done(s, out, "Deleted %s.", c.Organization)
	})
}

// optional returns nil for a flag that was not given.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// text is a flag's value, empty if it was not given.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
