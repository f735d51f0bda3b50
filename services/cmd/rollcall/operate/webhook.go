package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

type webhookCmd struct {
	Server

	List       webhookListCmd       `cmd:"" help:"List endpoints, the oldest first."`
	Get        webhookGetCmd        `cmd:"" help:"Show one, and how its receiver fares."`
	Create     webhookCreateCmd     `cmd:"" help:"Add one and show its signing secret once."`
	Update     webhookUpdateCmd     `cmd:"" help:"Change what is given."`
	Enable     webhookEnableCmd     `cmd:"" help:"Send to it."`
	Disable    webhookDisableCmd    `cmd:"" help:"Send nothing to it."`
	Delete     webhookDeleteCmd     `cmd:"" help:"Delete one. Pending deliveries end with it."`
	Secret     webhookSecretCmd     `cmd:"" help:"Signing secrets."`
	Deliveries webhookDeliveriesCmd `cmd:"" help:"List what was sent to an endpoint, the newest first."`
	Attempts   webhookAttemptsCmd   `cmd:"" help:"Show the attempts of one delivery."`
	Replay     webhookReplayCmd     `cmd:"" help:"Send again, or for the first time what an endpoint never got."`
	Test       webhookTestCmd       `cmd:"" help:"Send a test event to one endpoint."`
	Tail       webhookTailCmd       `cmd:"" help:"Show attempts as they are made."`
	Listen     webhookListenCmd     `cmd:"" help:"Receive webhooks on this machine, verify and print them."`
}

var endpointColumns = []column[*rollcallv1.WebhookEndpoint]{
	{"ID", (*rollcallv1.WebhookEndpoint).GetId},
	{"URL", (*rollcallv1.WebhookEndpoint).GetUrl},
	{"ENABLED", func(e *rollcallv1.WebhookEndpoint) string {
		if because := e.GetDisabledBecause(); because != "" {
			return "no (" + because + ")"
		}
		return yes(e.GetEnabled())
	}},
	{"ORGANIZATION", (*rollcallv1.WebhookEndpoint).GetOrganizationId},
	{"EVENTS", func(e *rollcallv1.WebhookEndpoint) string { return joined(e.GetEventTypes()) }},
	{"DESCRIPTION", (*rollcallv1.WebhookEndpoint).GetDescription},
}

// endpointDetails are shown of one endpoint: what is not as usual.
var endpointDetails = append(slices.Clone(endpointColumns), []column[*rollcallv1.WebhookEndpoint]{
	{"HEADERS", func(e *rollcallv1.WebhookEndpoint) string {
		var names []string
		for _, h := range e.GetHeaders() {
			names = append(names, h.GetName())
		}
		return joined(names)
	}},
	{"RATE LIMIT", func(e *rollcallv1.WebhookEndpoint) string { return unlessZero(e.GetRateLimit(), "%d a second") }},
	{"CONCURRENCY", func(e *rollcallv1.WebhookEndpoint) string { return unlessZero(e.GetConcurrency(), "%d") }},
	{"TIME LIMIT", func(e *rollcallv1.WebhookEndpoint) string { return unlessZero(e.GetTimeLimitMs(), "%d ms") }},
	{"ORDERING", (*rollcallv1.WebhookEndpoint).GetOrdering},
	{"LADDER", (*rollcallv1.WebhookEndpoint).GetLadder},
	{"SIGNATURES", func(e *rollcallv1.WebhookEndpoint) string { return joined(e.GetSignatures()) }},
	{"PUBLIC KEY", (*rollcallv1.WebhookEndpoint).GetPublicKey},
	{"OLD SECRETS", func(e *rollcallv1.WebhookEndpoint) string {
		var ends []string
		for _, t := range e.GetFormerSecretExpireTimes() {
			ends = append(ends, "until "+when(t))
		}
		return joined(ends)
	}},
	{"FAILING SINCE", func(e *rollcallv1.WebhookEndpoint) string { return when(e.GetFailingSince()) }},
}...)

// unlessZero shows a number that is not the default.
func unlessZero(n uint32, format string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(format, n)
}

const signingSecret = "The signing secret"

// endpoint is what every webhook endpoint is named by.
type endpoint struct {
	Endpoint string `arg:"" help:"Id of the endpoint (whe_…)." of:"endpoint"`
}

type webhookListCmd struct {
	Limit
	Org string `help:"Only this organization's (org_… or external id)." env:"-" of:"org"`
}

// Run lists endpoints.
func (c *webhookListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.askIn(ctx, &c.Org, func() error {
		var all []*rollcallv1.WebhookEndpoint
		err := c.pages(out, most, func(size int, token string) (string, int, error) {
			r, err := s.webhooks().ListWebhookEndpoints(ctx, &rollcallv1.ListWebhookEndpointsRequest{
				PageSize: uint32(size), PageToken: token, OrganizationId: c.Org, //nolint:gosec // bounded
			})
			all = append(all, r.GetEndpoints()...)
			return r.GetNextPageToken(), len(r.GetEndpoints()), err
		})
		if err != nil {
			return err
		}
		return list(s, out, all, endpointColumns)
	})
}

type webhookGetCmd struct{ endpoint }

// Run shows an endpoint.
func (c *webhookGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.webhooks().GetWebhookEndpoint(ctx, &rollcallv1.GetWebhookEndpointRequest{Id: c.Endpoint})
		if err != nil {
			return err
		}
		if s.JSON {
			return show(s, out, r, nil)
		}
		if err := show(s, out, r.GetEndpoint(), endpointDetails); err != nil || r.GetHealth() == nil {
			return err
		}
		return show(s, out, r.GetHealth(), healthColumns)
	})
}

type webhookTestCmd struct{ endpoint }

// Run sends a test event.
func (c *webhookTestCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		if _, err := s.webhooks().TestWebhookEndpoint(ctx, &rollcallv1.TestWebhookEndpointRequest{Id: c.Endpoint}); err != nil {
			return err
		}
		return done(s, out, "A test event is on its way to %s.", c.Endpoint)
	})
}

type webhookCreateCmd struct {
	URL         string   `arg:"" name:"url" help:"Where to send, https."`
	Type        []string `help:"Event type, or beginning such as organization.directory.*; may be repeated. All if none." env:"-"`
	Org         string   `help:"Only events of this organization (org_… or external id)." env:"-" of:"org"`
	Description string   `help:"What it is for." env:"-"`
	Disabled    bool     `help:"Send nothing until it is enabled." env:"-"`
	sending
}

// Run adds an endpoint.
func (c *webhookCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	req := &rollcallv1.CreateWebhookEndpointRequest{
		Url: c.URL, EventTypes: c.Type, Description: c.Description, Enabled: new(!c.Disabled),
		Ordering: c.Ordering, Signatures: c.Signature,
	}
	var err error
	if req.Headers, err = c.headers(); err != nil {
		return err
	}
	limit, err := c.milliseconds()
	if err != nil {
		return err
	}
	if limit != nil {
		req.TimeLimitMs = *limit
	}
	if c.RateLimit != nil {
		req.RateLimit = *c.RateLimit
	}
	if c.Concurrency != nil {
		req.Concurrency = *c.Concurrency
	}
	if c.Ladder != nil {
		req.Ladder = *c.Ladder
	}
	return s.askIn(ctx, &c.Org, func() error {
		req.OrganizationId = c.Org
		r, err := s.webhooks().CreateWebhookEndpoint(ctx, req)
		if err != nil {
			return err
		}
		return showSecret(s, out, r, r.GetEndpoint(), endpointDetails, signingSecret, r.GetSecret())
	})
}

type webhookUpdateCmd struct {
	endpoint
	To          string   `help:"Where to send, https." env:"-"`
	Type        []string `help:"Event types, which replace all; may be repeated." env:"-"`
	Description *string  `help:"What it is for." env:"-"`
	sending
	NoHeaders bool `help:"Send none of the headers any more; headers that are given replace all." env:"-"`
}

// Run changes an endpoint.
func (c *webhookUpdateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	if c.NoHeaders && len(c.Header) > 0 {
		return errors.New("give --header or --no-headers, not both")
	}
	req := &rollcallv1.UpdateWebhookEndpointRequest{
		Url: optional(c.To), EventTypes: c.Type, Description: c.Description,
		RateLimit: c.RateLimit, Concurrency: c.Concurrency, Ordering: optional(c.Ordering), Ladder: c.Ladder, Signatures: c.Signature,
	}
	headers, err := c.headers()
	if err != nil {
		return err
	}
	if len(headers) > 0 || c.NoHeaders {
		req.Headers = &rollcallv1.WebhookHeaders{Headers: headers}
	}
	if req.TimeLimitMs, err = c.milliseconds(); err != nil {
		return err
	}
	return c.change(ctx, s, out, req)
}

func (e endpoint) change(ctx context.Context, s *Server, out *Output, req *rollcallv1.UpdateWebhookEndpointRequest) error {
	req.Id = e.Endpoint
	return s.ask(ctx, func() error {
		r, err := s.webhooks().UpdateWebhookEndpoint(ctx, req)
		if err != nil {
			return err
		}
		return show(s, out, r.GetEndpoint(), endpointDetails)
	})
}

type webhookEnableCmd struct{ endpoint }

// Run enables an endpoint.
func (c *webhookEnableCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.change(ctx, s, out, &rollcallv1.UpdateWebhookEndpointRequest{Enabled: new(true)})
}

type webhookDisableCmd struct{ endpoint }

// Run disables an endpoint.
func (c *webhookDisableCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.change(ctx, s, out, &rollcallv1.UpdateWebhookEndpointRequest{Enabled: new(false)})
}

type webhookDeleteCmd struct {
	endpoint
	sure
}

// Run deletes an endpoint.
func (c *webhookDeleteCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		if err := c.confirm(ctx, out, "Delete the endpoint %s and end its deliveries?", c.Endpoint); err != nil {
			return err
		}
		if _, err := s.webhooks().DeleteWebhookEndpoint(ctx, &rollcallv1.DeleteWebhookEndpointRequest{Id: c.Endpoint}); err != nil {
			return err
		}
		return done(s, out, "Deleted %s.", c.Endpoint)
	})
}

type webhookSecretCmd struct {
	Rotate webhookRotateCmd `cmd:"" help:"Make a new signing secret and show it once."`
}

type webhookRotateCmd struct {
	endpoint
	Overlap
}

// Run replaces a signing secret.
func (c *webhookRotateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.webhooks().RotateWebhookSecret(ctx, &rollcallv1.RotateWebhookSecretRequest{Id: c.Endpoint, OverlapSeconds: c.seconds()})
		if err != nil {
			return err
		}
		return showSecret(s, out, r, r.GetEndpoint(), endpointDetails, signingSecret, r.GetSecret())
	})
}
