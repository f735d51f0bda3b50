package operate

import (
	"context"
	"fmt"
	"os"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

type natsCmd struct {
	Server

	List   natsListCmd   `cmd:"" help:"List credentials of NATS clients, the oldest first."`
	Create natsCreateCmd `cmd:"" help:"Make one and show its seed once, or keep that in a file."`
	Revoke natsRevokeCmd `cmd:"" help:"End one: its connections are cut and its position is forgotten."`
}

var natsColumns = []column[*rollcallv1.NatsCredential]{
	{"ID", (*rollcallv1.NatsCredential).GetId},
	{"NAME", (*rollcallv1.NatsCredential).GetName},
	{"PUBLIC KEY", (*rollcallv1.NatsCredential).GetPublicKey},
	{"ORGANIZATION", (*rollcallv1.NatsCredential).GetOrganizationId},
	{"TYPES", func(c *rollcallv1.NatsCredential) string { return joined(c.GetEventTypes()) }},
	{"SINCE", func(c *rollcallv1.NatsCredential) string { return when(c.GetStartTime()) }},
	{"CREATED", func(c *rollcallv1.NatsCredential) string { return when(c.GetCreateTime()) }},
}

type natsListCmd struct{ Limit }

// Run lists credentials.
func (c *natsListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		var all []*rollcallv1.NatsCredential
		err := c.pages(out, most, func(size int, token string) (string, int, error) {
			r, err := s.nats().ListNatsCredentials(ctx, &rollcallv1.ListNatsCredentialsRequest{PageSize: uint32(size), PageToken: token}) //nolint:gosec // bounded
			all = append(all, r.GetCredentials()...)
			return r.GetNextPageToken(), len(r.GetCredentials()), err
		})
		if err != nil {
			return err
		}
		return list(s, out, all, natsColumns)
	})
}

type natsCreateCmd struct {
	Name  string   `arg:"" help:"What it is for."`
	Org   string   `help:"Restrict it to the events of this organization (org_… or external id)." env:"-" of:"org"`
	Type  []string `help:"Restrict it to events of this type; may be repeated." env:"-"`
	Since moment   `help:"Leave out what was published before this time, such as ${moment}." env:"-"`
	Seed  string   `help:"New file to keep the seed in, instead of showing it." type:"path" placeholder:"FILE" env:"-"`
}

// Run makes a credential.
func (c *natsCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.askIn(ctx, &c.Org, func() (err error) {
		var file *os.File
		if c.Seed != "" { // before the credential: a seed that cannot be kept is lost
			if file, err = os.OpenFile(c.Seed, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
				return fmt.Errorf("make the file for the seed: %w", err)
			}
			defer func() {
				if closing := file.Close(); err == nil {
					err = closing
				}
				if err != nil {
					_ = os.Remove(c.Seed)
				}
			}()
		}
		r, err := s.nats().CreateNatsCredential(ctx, &rollcallv1.CreateNatsCredentialRequest{
			Name: c.Name, OrganizationId: c.Org, EventTypes: c.Type, StartTime: given(c.Since),
		})
		if err != nil {
			return err
		}
		if file == nil {
			return showSecret(s, out, r, r.GetCredential(), natsColumns, "The seed", r.GetSeed())
		}
		if _, err := file.WriteString(r.GetSeed() + "\n"); err != nil {
			return fmt.Errorf("keep the seed of %s, which is lost; revoke it: %w", r.GetCredential().GetId(), err)
		}
		return show(s, out, r.GetCredential(), natsColumns)
	})
}

type natsRevokeCmd struct {
	Credential string `arg:"" help:"Id of the credential (nat_…)." of:"credential"`
	sure
}

// Run ends a credential.
func (c *natsRevokeCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		if err := c.confirm(ctx, out, "Revoke %s, cut its connections and forget its position?", c.Credential); err != nil {
			return err
		}
		if _, err := s.nats().RevokeNatsCredential(ctx, &rollcallv1.RevokeNatsCredentialRequest{Id: c.Credential}); err != nil {
			return err
		}
		return done(s, out, "Revoked %s.", c.Credential)
	})
}
