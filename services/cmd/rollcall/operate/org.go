package operate

import (
	"context"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
)

type orgCmd struct {
	Server

	List     orgListCmd     `cmd:"" help:"List organizations, the oldest first."`
	Search   orgSearchCmd   `cmd:"" help:"Find organizations by a part of their name, external id, slug or id."`
	Get      orgGetCmd      `cmd:"" help:"Show one."`
	Create   orgCreateCmd   `cmd:"" help:"Make one."`
	Update   orgUpdateCmd   `cmd:"" help:"Change what is given."`
	Delete   orgDeleteCmd   `cmd:"" help:"Delete one. Its directories have to go first."`
	Settings orgSettingsCmd `cmd:"" help:"Features of an organization, and how many users it may have."`
	Link     linkCmd        `cmd:"" help:"Links into an organization's admin portal."`
}

var orgColumns = []column[*organizations.Organization]{
	{"ID", (*organizations.Organization).GetId},
	{"NAME", (*organizations.Organization).GetDisplayName},
	{"EXTERNAL ID", (*organizations.Organization).GetExternalId},
	{"CREATED", func(o *organizations.Organization) string { return when(o.GetCreateTime()) }},
}

// orgMembers is what one organization is shown with.
var orgMembers = append(orgColumns[:len(orgColumns):len(orgColumns)],
	column[*organizations.Organization]{"CHANGED", func(o *organizations.Organization) string { return when(o.GetUpdateTime()) }},
	column[*organizations.Organization]{"REGION", func(o *organizations.Organization) string { return o.GetRegionCode().String() }},
	column[*organizations.Organization]{"SLUG", (*organizations.Organization).GetSlug},
	column[*organizations.Organization]{"LOGO", (*organizations.Organization).GetLogoUrl},
	column[*organizations.Organization]{"METADATA", func(o *organizations.Organization) string { return pairs(o.GetMetadata()) }},
)

type orgListCmd struct {
	Limit
}

// Run lists organizations.
func (c *orgListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		var all []*organizations.Organization
		err := c.pages(out, most, func(size int, token string) (string, int, error) {
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

type orgSearchCmd struct {
	Limit
	Text string `arg:"" help:"The part to look for, 3 to 100 characters in any case."`
}

// Run finds organizations.
func (c *orgSearchCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		var all []*organizations.Organization
		err := c.pages(out, mostFound, func(size int, token string) (string, int, error) {
			r, err := s.organizations().SearchOrganization(ctx, &organizations.SearchOrganizationsRequest{Query: c.Text, PageSize: uint32(size), PageToken: token}) //nolint:gosec // bounded
			all = append(all, r.GetOrganizations()...)
			return r.GetNextPageToken(), len(r.GetOrganizations()), err
		})
		if err != nil {
			return err
		}
		return list(s, out, all, orgColumns)
	})
}

type orgGetCmd struct{ organization }

// Run shows an organization.
func (c *orgGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		o, err := c.get(ctx, s)
		if err != nil {
			return err
		}
		return show(s, out, o, orgMembers)
	})
}

func (o *organization) get(ctx context.Context, s *Server) (*organizations.Organization, error) {
	r, err := s.organizations().GetOrganization(ctx, &organizations.GetOrganizationRequest{
		Identities: &organizations.GetOrganizationRequest_Id{Id: o.Organization},
	})
	return r.GetOrganization(), err
}

type orgDeleteCmd struct {
	organization
	sure
}

// Run deletes an organization.
func (c *orgDeleteCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		if err := c.confirm(ctx, out, "Delete the organization %s with all that it has?", c.Organization); err != nil {
			return err
		}
		if _, err := s.organizations().DeleteOrganization(ctx, &organizations.DeleteOrganizationRequest{
			Identities: &organizations.DeleteOrganizationRequest_Id{Id: c.Organization},
		}); err != nil {
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
