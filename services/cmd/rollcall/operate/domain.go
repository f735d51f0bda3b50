package operate

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/domains"
)

type domainCmd struct {
	Server

	List   domainListCmd   `cmd:"" help:"List an organization's domains."`
	Get    domainGetCmd    `cmd:"" help:"Show one."`
	Create domainCreateCmd `cmd:"" help:"Register one."`
	Verify domainVerifyCmd `cmd:"" help:"Look for its TXT record now."`
	Delete domainDeleteCmd `cmd:"" help:"Take one away."`
}

var domainColumns = []column[*domains.Domain]{
	{"ID", (*domains.Domain).GetId},
	{"DOMAIN", (*domains.Domain).GetDomain},
	{"TYPE", func(d *domains.Domain) string { return d.GetDomainType().String() }},
	{"STATUS", func(d *domains.Domain) string { return d.GetVerificationStatus().String() }},
	{"TXT NAME", (*domains.Domain).GetTxtRecordKey},
	{"TXT VALUE", (*domains.Domain).GetTxtRecordSecret},
	{"CREATED", func(d *domains.Domain) string { return when(d.GetCreateTime()) }},
}

// domain is what a command about one domain is given.
type domain struct {
	organization
	Domain string `arg:"" help:"Id of the domain (dom_…)." of:"domain"`
}

type domainListCmd struct {
	organization
	Limit
}

// Run lists domains, of which the API counts pages instead of giving tokens.
func (c *domainListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		var all []*domains.Domain
		for page := int32(1); len(all) < c.Limit.Limit; page++ {
			r, err := s.domains().ListDomains(ctx, &domains.ListDomainRequest{
				Identities: &domains.ListDomainRequest_OrganizationId{OrganizationId: c.Organization},
				PageSize:   wrapperspb.Int32(most), PageNumber: wrapperspb.Int32(page),
			})
			if err != nil {
				return err
			}
			if all = append(all, r.GetDomains()...); len(r.GetDomains()) < most {
				break
			}
		}
		if c.Limit.Limit < len(all) {
			all = all[:max(c.Limit.Limit, 0)]
			out.more(c.Limit.Limit)
		}
		return list(s, out, all, domainColumns)
	})
}

type domainGetCmd struct{ domain }

// Run shows a domain.
func (c *domainGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.domains().GetDomain(ctx, &domains.GetDomainRequest{
			Identities: &domains.GetDomainRequest_OrganizationId{OrganizationId: c.Organization}, Id: c.Domain,
		})
		if err != nil {
			return err
		}
		return show(s, out, r.GetDomain(), domainColumns)
	})
}

type domainCreateCmd struct {
	organization
	Domain       string `arg:"" help:"The domain, such as acme.example."`
	Verification string `help:"admin: it counts by your word. dns: once its TXT record is seen, within 7 days." enum:"admin,dns" default:"admin" env:"-"`
	Type         string `help:"organization: its directories may provision users of it. allowed-email: addresses only." enum:"organization,allowed-email" default:"organization" env:"-"`
}

// Help is shown by kong.
func (domainCreateCmd) Help() string {
	return `Examples:

  rollcall domain create acme acme.example
  rollcall domain create acme acme.example --verification dns     # shows the TXT record that has to be there
  rollcall domain verify acme dom_…`
}

// Run registers a domain.
func (c *domainCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	in := &domains.CreateDomain{
		Domain: c.Domain, DomainType: domains.DomainType_ORGANIZATION_DOMAIN, VerificationMethod: domains.VerificationMethod_ADMIN,
	}
	if c.Verification == "dns" {
		in.VerificationMethod = domains.VerificationMethod_DNS
	}
	if c.Type == "allowed-email" {
		in.DomainType = domains.DomainType_ALLOWED_EMAIL_DOMAIN
	}
	return c.ask(ctx, s, func() error {
		r, err := s.domains().CreateDomain(ctx, &domains.CreateDomainRequest{
			Identities: &domains.CreateDomainRequest_OrganizationId{OrganizationId: c.Organization}, Domain: in,
		})
		if err != nil {
			return err
		}
		return show(s, out, r.GetDomain(), domainColumns)
	})
}

type domainVerifyCmd struct{ domain }

// Run has the server look for the domain's TXT record. It fails if the record is
// not there, so that a script can wait for it.
func (c *domainVerifyCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.domains().VerifyDomain(ctx, &domains.VerifyDomainRequest{
			Identities: &domains.VerifyDomainRequest_OrganizationId{OrganizationId: c.Organization}, Id: c.Domain,
		})
		if err != nil {
			return err
		}
		if !r.GetVerified() {
			return fmt.Errorf("%s is not verified: its TXT record is not there yet (rollcall domain list shows what it has to be)", c.Domain)
		}
		return done(s, out, "%s is verified.", c.Domain)
	})
}

type domainDeleteCmd struct {
	domain
	sure
}

// Run takes a domain away.
func (c *domainDeleteCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		if err := c.confirm(ctx, out, "Delete the domain %s? Users of it may be refused.", c.Domain); err != nil {
			return err
		}
		if _, err := s.domains().DeleteDomain(ctx, &domains.DeleteDomainRequest{
			Identities: &domains.DeleteDomainRequest_OrganizationId{OrganizationId: c.Organization}, Id: c.Domain,
		}); err != nil {
			return err
		}
		return done(s, out, "Deleted %s.", c.Domain)
	})
}
