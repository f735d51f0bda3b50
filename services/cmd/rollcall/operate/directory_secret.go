package operate

import (
	"context"
	"time"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
)

type secretCmd struct {
	List   secretListCmd   `cmd:"" help:"List a directory's secrets, without what they are."`
	Create secretCreateCmd `cmd:"" help:"Make one more and show it once."`
	Rotate secretRotateCmd `cmd:"" help:"Make one that takes the place of all others, and show it once."`
	Revoke secretRevokeCmd `cmd:"" help:"End one at once."`
}

var secretColumns = []column[*directories.Secret]{
	{"ID", (*directories.Secret).GetId},
	{"ENDS IN", (*directories.Secret).GetSecretSuffix},
	{"STATUS", func(m *directories.Secret) string { return m.GetStatus().String() }},
	{"CREATED", func(m *directories.Secret) string { return when(m.GetCreateTime()) }},
	{"EXPIRES", func(m *directories.Secret) string { return when(m.GetExpireTime()) }},
	{"LAST USED", func(m *directories.Secret) string { return when(m.GetLastUsedTime()) }},
}

// Overlap is how long a secret that is replaced still counts.
type Overlap struct {
	Overlap span `help:"How long the present one still counts: 0s to 7d, such as 12h." default:"24h" env:"-"`
}

// seconds is the overlap as calls take it.
func (o Overlap) seconds() *uint32 {
	n := uint32(min(max(o.Overlap.Duration, 0), 365*24*time.Hour) / time.Second)
	return &n
}

const bearerSecret = "The bearer secret" //nolint:gosec // a title

type secretListCmd struct{ place }

// Run lists secrets.
func (c *secretListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.directories().GetDirectory(ctx, &directories.GetDirectoryRequest{OrganizationId: c.Organization, Id: c.Directory})
		if err != nil {
			return err
		}
		return list(s, out, r.GetDirectory().GetSecrets(), secretColumns)
	})
}

type secretCreateCmd struct{ place }

// Run makes a secret.
func (c *secretCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.directories().CreateDirectorySecret(ctx, &directories.CreateDirectorySecretRequest{OrganizationId: c.Organization, DirectoryId: c.Directory})
		if err != nil {
			return err
		}
		return showSecret(s, out, r, r.GetSecret(), secretColumns, bearerSecret, r.GetPlainSecret())
	})
}

type secretRotateCmd struct {
	place
	Overlap
}

// Run replaces all secrets.
func (c *secretRotateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.directories().RegenerateDirectorySecret(ctx, &directories.RegenerateDirectorySecretRequest{
			OrganizationId: c.Organization, DirectoryId: c.Directory, OverlapSeconds: c.seconds(),
		})
		if err != nil {
			return err
		}
		return showSecret(s, out, r, r.GetSecret(), secretColumns, bearerSecret, r.GetPlainSecret())
	})
}

type secretRevokeCmd struct {
	place
	Secret string `arg:"" help:"Id of the secret (sec_…)." of:"secret"`
	sure
}

// Run ends a secret.
func (c *secretRevokeCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		if err := c.confirm(ctx, out, "End %s at once? A provider that uses it is refused.", c.Secret); err != nil {
			return err
		}
		req := &rollcallv1.RevokeSecretRequest{OrganizationId: c.Organization, DirectoryId: c.Directory, SecretId: c.Secret}
		if _, err := s.access().RevokeSecret(ctx, req); err != nil {
			return err
		}
		return done(s, out, "%s counts no more.", c.Secret)
	})
}
