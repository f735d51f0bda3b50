package operate

import (
	"context"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
)

type linkCmd struct {
	List   linkListCmd   `cmd:"" help:"List the links that still work, without where they lead."`
	Create linkCreateCmd `cmd:"" help:"Make one and show it once. It works once, within a minute."`
	Delete linkDeleteCmd `cmd:"" help:"End one, or all if none is named."`
}

var linkColumns = []column[*organizations.Link]{
	{"ID", (*organizations.Link).GetId},
	{"EXPIRES", func(l *organizations.Link) string { return when(l.GetExpireTime()) }},
}

type linkListCmd struct {
	organization
}

// Run lists links.
func (c *linkListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.organizations().GetPortalLinks(ctx, &organizations.GetPortalLinkRequest{Id: c.Organization})
		if err != nil {
			return err
		}
		return list(s, out, r.GetLinks(), linkColumns)
	})
}

type linkCreateCmd struct {
	organization
	Shared bool `help:"For somebody else: it lasts 7 days." env:"-"`
}

// Run makes a link.
func (c *linkCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.organizations().GeneratePortalLink(ctx, &organizations.GeneratePortalLinkRequest{Id: c.Organization, Shared: &c.Shared})
		if err != nil {
			return err
		}
		return showSecret(s, out, r, r.GetLink(), linkColumns, "The link", r.GetLink().GetLocation())
	})
}

type linkDeleteCmd struct {
	organization
	Link string `arg:"" optional:"" help:"Id of the link (lnk_…)." of:"link"`
	sure
}

// Run ends links.
func (c *linkDeleteCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		if c.Link == "" {
			if err := c.confirm(ctx, out, "End all links of %s?", c.Organization); err != nil {
				return err
			}
			if _, err := s.organizations().DeletePortalLink(ctx, &organizations.DeletePortalLinkRequest{Id: c.Organization}); err != nil {
				return err
			}
			return done(s, out, "No link of %s works any more.", c.Organization)
		}
		if _, err := s.organizations().DeletePortalLinkByID(ctx, &organizations.DeletePortalLinkByIdRequest{Id: c.Organization, LinkId: c.Link}); err != nil {
			return err
		}
		return done(s, out, "%s works no more.", c.Link)
	})
}
