package operate

import (
	"context"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

type clientCmd struct {
	Server

	List   clientListCmd   `cmd:"" help:"List API clients, the oldest first."`
	Get    clientGetCmd    `cmd:"" help:"Show one."`
	Create clientCreateCmd `cmd:"" help:"Make one and show its secret once."`
	Update clientUpdateCmd `cmd:"" help:"Change what is given."`
	Delete clientDeleteCmd `cmd:"" help:"End one and its tokens."`
	Secret clientSecretCmd `cmd:"" help:"Secrets of API clients."`
}

var clientColumns = []column[*rollcallv1.ApiClient]{
	{"ID", (*rollcallv1.ApiClient).GetId},
	{"NAME", (*rollcallv1.ApiClient).GetName},
	{"SCOPES", func(c *rollcallv1.ApiClient) string { return joined(c.GetScopes()) }},
	{"ORGANIZATION", (*rollcallv1.ApiClient).GetOrganizationId},
	{"ENDS IN", (*rollcallv1.ApiClient).GetSecretSuffix},
	{"CREATED", func(c *rollcallv1.ApiClient) string { return when(c.GetCreateTime()) }},
	{"LAST USED", func(c *rollcallv1.ApiClient) string { return when(c.GetLastUsedTime()) }},
}

const clientSecret = "The client secret" //nolint:gosec // a title

// apiClient is what every API client is named by.
type apiClient struct {
	Client string `arg:"" help:"Id of the API client (skc_…)." of:"client"`
}

type clientListCmd struct{ Limit }

// Run lists API clients.
func (c *clientListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		var all []*rollcallv1.ApiClient
		err := c.pages(out, most, func(size int, token string) (string, int, error) {
			r, err := s.clients().ListApiClients(ctx, &rollcallv1.ListApiClientsRequest{PageSize: uint32(size), PageToken: token}) //nolint:gosec // bounded
			all = append(all, r.GetClients()...)
			return r.GetNextPageToken(), len(r.GetClients()), err
		})
		if err != nil {
			return err
		}
		return list(s, out, all, clientColumns)
	})
}

type clientGetCmd struct{ apiClient }

// Run shows an API client.
func (c *clientGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.clients().GetApiClient(ctx, &rollcallv1.GetApiClientRequest{Id: c.Client})
		if err != nil {
			return err
		}
		return show(s, out, r.GetClient(), clientColumns)
	})
}

type clientCreateCmd struct {
	Name  string   `arg:"" help:"What it is for."`
	Scope []string `help:"read, write or admin; may be repeated." required:"" env:"-"`
	Org   string   `help:"Restrict it to this organization (org_… or external id)." env:"-" of:"org"`
}

// Run makes an API client.
func (c *clientCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.askIn(ctx, &c.Org, func() error {
		r, err := s.clients().CreateApiClient(ctx, &rollcallv1.CreateApiClientRequest{Name: c.Name, Scopes: c.Scope, OrganizationId: c.Org})
		if err != nil {
			return err
		}
		return showSecret(s, out, r, r.GetClient(), clientColumns, clientSecret, r.GetSecret())
	})
}

type clientUpdateCmd struct {
	apiClient
	Name  string   `help:"What it is for." env:"-"`
	Scope []string `help:"Its scopes, which replace all." env:"-"`
}

// Run changes an API client.
func (c *clientUpdateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.clients().UpdateApiClient(ctx, &rollcallv1.UpdateApiClientRequest{Id: c.Client, Name: optional(c.Name), Scopes: c.Scope})
		if err != nil {
			return err
		}
		return show(s, out, r.GetClient(), clientColumns)
	})
}

type clientDeleteCmd struct {
	apiClient
	sure
}

// Run ends an API client.
func (c *clientDeleteCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		if err := c.confirm(ctx, out, "Delete the API client %s and end its tokens?", c.Client); err != nil {
			return err
		}
		if _, err := s.clients().DeleteApiClient(ctx, &rollcallv1.DeleteApiClientRequest{Id: c.Client}); err != nil {
			return err
		}
		return done(s, out, "Deleted %s.", c.Client)
	})
}

type clientSecretCmd struct {
	Rotate clientRotateCmd `cmd:"" help:"Make a new secret and show it once. With --overlap 0s, every earlier one ends at once."`
}

type clientRotateCmd struct {
	apiClient
	Overlap
}

// Run replaces a secret.
func (c *clientRotateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.clients().RotateApiClientSecret(ctx, &rollcallv1.RotateApiClientSecretRequest{Id: c.Client, OverlapSeconds: c.seconds()})
		if err != nil {
			return err
		}
		return showSecret(s, out, r, r.GetClient(), clientColumns, clientSecret, r.GetSecret())
	})
}
