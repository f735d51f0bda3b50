package operate

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/commons"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
)

type orgCreateCmd struct {
	Name       string            `arg:"" help:"What people call it."`
	ExternalID string            `help:"Your application's id of it." env:"-"`
	Region     string            `help:"Where its data lives: ${enum}." enum:"us,eu" default:"us" env:"-"`
	Slug       string            `help:"Its name in URLs: lower case letters, digits and single hyphens." env:"-"`
	Logo       string            `help:"URL of its logo." env:"-"`
	Metadata   map[string]string `help:"What you want to remember of it; may be repeated." placeholder:"KEY=VALUE" env:"-"`
}

// Help is shown by kong.
func (orgCreateCmd) Help() string {
	return `Example:

  rollcall org create "Acme Ltd" --external-id acme --metadata tier=gold --metadata team=blue`
}

// Run makes an organization.
func (c *orgCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.organizations().CreateOrganization(ctx, &organizations.CreateOrganizationRequest{
			Organization: &organizations.CreateOrganization{
				DisplayName: c.Name, ExternalId: optional(c.ExternalID), Metadata: c.Metadata, Slug: optional(c.Slug), LogoUrl: optional(c.Logo),
				RegionCode: commons.RegionCode(commons.RegionCode_value[strings.ToUpper(c.Region)]),
			},
		})
		if err != nil {
			return err
		}
		return show(s, out, r.GetOrganization(), orgMembers)
	})
}

type orgUpdateCmd struct {
	organization
	Name       *string           `help:"What people call it." env:"-"`
	ExternalID *string           `help:"Your application's id of it." env:"-"`
	Slug       *string           `help:"Its name in URLs." env:"-"`
	Logo       *string           `help:"URL of its logo." env:"-"`
	Metadata   map[string]string `help:"Replaces all of it; may be repeated." placeholder:"KEY=VALUE" env:"-"`
	NoMetadata bool              `help:"Remember nothing of it any more." env:"-"`
}

// Help is shown by kong.
func (orgUpdateCmd) Help() string {
	return `Examples:

  rollcall org update acme --name Acme
  rollcall org update acme --slug '' --no-metadata     # takes both away`
}

// Run changes an organization.
func (c *orgUpdateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	if c.NoMetadata && len(c.Metadata) > 0 {
		return errors.New("give --metadata or --no-metadata, not both")
	}
	mask := &fieldmaskpb.FieldMask{} // without one, what is emptied would stay
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"display_name", c.Name != nil},
		{"external_id", c.ExternalID != nil},
		{"slug", c.Slug != nil},
		{"logo_url", c.Logo != nil},
		{"metadata", c.NoMetadata || len(c.Metadata) > 0},
	} {
		if f.given {
			mask.Paths = append(mask.Paths, f.name)
		}
	}
	if len(mask.Paths) == 0 {
		return errors.New("say what to change: --name, --external-id, --slug, --logo, --metadata or --no-metadata")
	}
	return c.ask(ctx, s, func() error {
		r, err := s.organizations().UpdateOrganization(ctx, &organizations.UpdateOrganizationRequest{
			Identities: &organizations.UpdateOrganizationRequest_Id{Id: c.Organization}, UpdateMask: mask,
			Organization: &organizations.UpdateOrganization{
				DisplayName: c.Name, ExternalId: c.ExternalID, Slug: c.Slug, LogoUrl: c.Logo, Metadata: c.Metadata,
			},
		})
		if err != nil {
			return err
		}
		return show(s, out, r.GetOrganization(), orgMembers)
	})
}
