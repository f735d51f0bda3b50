package operate

import (
	"context"
	"fmt"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/domains"
)

type domainCmd struct {
	Server

	List   domainListCmd   `cmd:"" help:"List an organization's domains."`
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

type domainListCmd struct {
	organization
}

// Run lists domains.
func (c *domainListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.domains().ListDomains(ctx, &domains.ListDomainRequest{Identities: &domains.ListDomainRequest_OrganizationId{OrganizationId: c.Organization}})
		if err != nil {
			return err
		}
		return list(s, out, r.GetDomains(), domainColumns)
	})
}

type domainCreateCmd struct {
	organization
	Domain string `arg:"" help:"The domain, such as acme.example."`
}

// Run registers a domain.
func (c *domainCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.domains().CreateDomain(ctx, &domains.CreateDomainRequest{
			Identities: &domains.CreateDomainRequest_OrganizationId{OrganizationId: c.Organization},
			Domain:     &domains.CreateDomain{Domain: c.Domain},
		})
		if err != nil {
			return err
		}
		return show(s, out, r.GetDomain(), domainColumns)
	})
}

type domainVerifyCmd struct {
	organization
	Domain string `arg:"" help:"Id of the domain (dom_…)."`
}

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
	organization
	Domain string `arg:"" help:"Id of the domain (dom_…)."`
}

// Run takes a domain away.
func (c *domainDeleteCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		if _, err := s.domains().DeleteDomain(ctx, &domains.DeleteDomainRequest{
			Identities: &domains.DeleteDomainRequest_OrganizationId{OrganizationId: c.Organization}, Id: c.Domain,
		}); err != nil {
			return err
		}
		return done(s, out, "Deleted %s.", c.Domain)
	})
}
