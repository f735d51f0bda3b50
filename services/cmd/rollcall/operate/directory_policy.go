package operate

import (
	"context"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

type policyCmd struct {
	Get policyGetCmd `cmd:"" help:"Show a directory's policy."`
	Set policySetCmd `cmd:"" help:"Change what is given."`
}

var policyMembers = []column[*rollcallv1.DirectoryPolicy]{
	{"DOMAINS", (*rollcallv1.DirectoryPolicy).GetDomainPolicy},
	{"ADDRESSES", (*rollcallv1.DirectoryPolicy).GetEmailPolicy},
	{"DEACTIVATION", (*rollcallv1.DirectoryPolicy).GetDeactivationEvent},
	{"CONFORMANCE", (*rollcallv1.DirectoryPolicy).GetConformance},
}

type policyGetCmd struct{ place }

// Run shows a policy.
func (c *policyGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.policies().GetPolicy(ctx, &rollcallv1.GetPolicyRequest{OrganizationId: c.Organization, DirectoryId: c.Directory})
		if err != nil {
			return err
		}
		return show(s, out, r.GetPolicy(), policyMembers)
	})
}

type policySetCmd struct {
	place
	Domains      string `help:"ENFORCE: only users of registered domains. OFF: all." env:"-"`
	Addresses    string `help:"IMMUTABLE or FOLLOW_DIRECTORY: whether a user's address may change." env:"-"`
	Deactivation string `help:"USER_DELETED or USER_UPDATED: what receivers are told." env:"-"`
	Conformance  string `help:"LENIENT or STRICT." env:"-"`
}

// Run changes a policy.
func (c *policySetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.policies().UpdatePolicy(ctx, &rollcallv1.UpdatePolicyRequest{
			OrganizationId: c.Organization, DirectoryId: c.Directory, DomainPolicy: optional(c.Domains), EmailPolicy: optional(c.Addresses),
			DeactivationEvent: optional(c.Deactivation), Conformance: optional(c.Conformance),
		})
		if err != nil {
			return err
		}
		return show(s, out, r.GetPolicy(), policyMembers)
	})
}

type allowlistCmd struct {
	Get allowlistGetCmd `cmd:"" help:"Show a directory's networks."`
	Set allowlistSetCmd `cmd:"" help:"Replace them."`
}

type allowlistGetCmd struct{ place }

// Run shows networks.
func (c *allowlistGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.access().GetAllowlist(ctx, &rollcallv1.GetAllowlistRequest{OrganizationId: c.Organization, DirectoryId: c.Directory})
		if err != nil {
			return err
		}
		return show(s, out, r, []column[*rollcallv1.GetAllowlistResponse]{
			{"NETWORKS", func(m *rollcallv1.GetAllowlistResponse) string { return networks(m.GetNetworks()) }},
		})
	})
}

type allowlistSetCmd struct {
	place
	Networks []string `arg:"" optional:"" name:"network" help:"Networks such as 203.0.113.0/24, or addresses."`
	None     bool     `help:"Take requests from everywhere." env:"-"`
}

// Run replaces networks.
func (c *allowlistSetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	if err := someOrNone(len(c.Networks), c.None, "a network"); err != nil {
		return err
	}
	return c.ask(ctx, s, func() error {
		r, err := s.access().ReplaceAllowlist(ctx, &rollcallv1.ReplaceAllowlistRequest{
			OrganizationId: c.Organization, DirectoryId: c.Directory, Networks: c.Networks,
		})
		if err != nil {
			return err
		}
		return show(s, out, r, []column[*rollcallv1.ReplaceAllowlistResponse]{
			{"NETWORKS", func(m *rollcallv1.ReplaceAllowlistResponse) string { return networks(m.GetNetworks()) }},
		})
	})
}

func networks(list []string) string {
	if len(list) == 0 {
		return "everywhere"
	}
	return joined(list)
}
