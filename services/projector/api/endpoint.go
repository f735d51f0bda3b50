package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/seal"
	"github.com/rollcallhq/rollcall/pkg/webhook"
)

const (
	usualEndpoints = 10
	mostEndpoints  = 100
	// webhookSecretSize is the length of a signing secret in bytes: the most that
	// Standard Webhooks advises is 64, its own libraries make 24 to 32.
	webhookSecretSize = 32
	// usualOverlap is how long a replaced secret still counts.
	usualOverlap = 24 * time.Hour
)

// CreateWebhookEndpoint adds a receiver and shows its signing secret once.
func (s *endpointService) CreateWebhookEndpoint(ctx context.Context, r *rollcallv1.CreateWebhookEndpointRequest) (*rollcallv1.CreateWebhookEndpointResponse, error) {
	if org := r.GetOrganizationId(); org != "" {
		if err := checkID("organization_id", org, directory.PrefixOrganization, maxID); err != nil {
			return nil, err
		}
	}
	types := r.GetEventTypes()
	if len(types) == 0 {
		types = []string{"*"}
	}
	if err := first(s.checkURL(r.GetUrl()), checkPatterns(types), checkLadder(r.GetLadder())); err != nil {
		return nil, err
	}
	headers, err := s.sealHeaders(r.GetHeaders())
	if err != nil {
		return nil, err
	}
	secret, keys := s.newKeys(r.GetSignatures())
	ep, err := submitFor[*directory.Endpoint](ctx, s.core, directory.CreateWebhookEndpoint{
		Organization: r.GetOrganizationId(),
		Config: events.WebhookEndpointConfig{
			URL: r.GetUrl(), Description: r.GetDescription(), EventTypes: types, Enabled: r.Enabled == nil || r.GetEnabled(),
			Headers: headers, RateLimit: int(r.GetRateLimit()), Concurrency: int(r.GetConcurrency()), TimeLimit: int(r.GetTimeLimitMs()),
			Ordering: r.GetOrdering(), Ladder: r.GetLadder(), Signatures: r.GetSignatures(),
		},
		WebhookSigningKeys: keys,
	})
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(ep.SealedSecret, keys.SealedSecret) {
		secret = "" // a repeat, which made nothing
	}
	return &rollcallv1.CreateWebhookEndpointResponse{Endpoint: s.message(ep), Secret: secret}, nil
}

// ListWebhookEndpoints pages through all or an organization's, the oldest
// first.
func (s *endpointService) ListWebhookEndpoints(ctx context.Context, r *rollcallv1.ListWebhookEndpointsRequest) (*rollcallv1.ListWebhookEndpointsResponse, error) {
	size, sizeErr := pageSize(r.GetPageSize(), usualEndpoints, mostEndpoints)
	at, tokenErr := parseCursor(listEndpoints, r.GetPageToken())
	if err := first(sizeErr, tokenErr); err != nil {
		return nil, err
	}
	key := func(id string) directory.Key { return directory.Make(directory.TableEndpoint, id) }
	l := list{prefix: directory.Make(directory.TableEndpoint), key: key, kind: listEndpoints}
	if org := r.GetOrganizationId(); org != "" {
		l.keep = func(_ directory.Key, r directory.Row) (bool, error) {
			ep, ok := r.(*directory.Endpoint)
			return ok && ep.Organization == org, nil
		}
	}
	res := &rollcallv1.ListWebhookEndpointsResponse{}
	err := s.core.read(ctx, func(v directory.View) error {
		p, err := l.read(v, at, size)
		if err != nil {
			return err
		}
		res.TotalSize, res.NextPageToken, res.PrevPageToken = p.total, p.next, p.prev
		for _, id := range p.ids {
			ep, err := endpointOf(v, id)
			if err != nil {
				return err
			}
			res.Endpoints = append(res.Endpoints, s.message(ep))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// GetWebhookEndpoint shows one.
func (s *endpointService) GetWebhookEndpoint(ctx context.Context, r *rollcallv1.GetWebhookEndpointRequest) (*rollcallv1.GetWebhookEndpointResponse, error) {
	if err := checkID("id", r.GetId(), "", maxID); err != nil {
		return nil, err
	}
	res := &rollcallv1.GetWebhookEndpointResponse{}
	var shown *directory.Endpoint
	err := s.core.read(ctx, func(v directory.View) error {
		ep, err := endpointOf(v, r.GetId())
		if err == nil {
			res.Endpoint, shown = s.message(ep), ep
		}
		return err
	})
	if err == nil && s.core.cfg.Deliveries != nil {
		res.Health, err = s.health(ctx, shown)
	}
	if err != nil {
		return nil, err
	}
	return res, nil
}

// UpdateWebhookEndpoint changes what is present.
func (s *endpointService) UpdateWebhookEndpoint(ctx context.Context, r *rollcallv1.UpdateWebhookEndpointRequest) (*rollcallv1.UpdateWebhookEndpointResponse, error) {
	if err := checkID("id", r.GetId(), "", maxID); err != nil {
		return nil, err
	}
	if r.Url != nil {
		if err := s.checkURL(r.GetUrl()); err != nil {
			return nil, err
		}
	}
	cmd := directory.UpdateWebhookEndpoint{
		ID: r.GetId(), URL: r.Url, Description: r.Description, Enabled: r.Enabled, Ordering: r.Ordering, Ladder: r.Ladder,
		RateLimit: whole(r.RateLimit), Concurrency: whole(r.Concurrency), TimeLimit: whole(r.TimeLimitMs),
	}
	if types := r.GetEventTypes(); len(types) > 0 {
		if err := checkPatterns(types); err != nil {
			return nil, err
		}
		cmd.EventTypes = types
	}
	if err := checkLadder(r.GetLadder()); err != nil {
		return nil, err
	}
	if r.GetHeaders() != nil {
		headers, err := s.sealHeaders(r.GetHeaders().GetHeaders())
		if err != nil {
			return nil, err
		}
		cmd.Headers = &headers
	}
	if schemes := r.GetSignatures(); len(schemes) > 0 {
		_, keys := s.newKeys(schemes)
		cmd.Signatures, cmd.SealedKey, cmd.PublicKey = &schemes, keys.SealedKey, keys.PublicKey
	}
	ep, err := submitFor[*directory.Endpoint](ctx, s.core, cmd)
	if err != nil {
		return nil, err
	}
	return &rollcallv1.UpdateWebhookEndpointResponse{Endpoint: s.message(ep)}, nil
}

// RotateWebhookSecret makes new signing keys and shows the new secret once.
func (s *endpointService) RotateWebhookSecret(ctx context.Context, r *rollcallv1.RotateWebhookSecretRequest) (*rollcallv1.RotateWebhookSecretResponse, error) {
	if err := checkID("id", r.GetId(), "", maxID); err != nil {
		return nil, err
	}
	overlap := usualOverlap
	if r.OverlapSeconds != nil {
		overlap = time.Duration(r.GetOverlapSeconds()) * time.Second
	}
	// An ed25519 key is made whether the endpoint has use for one or not: it may
	// begin to while this is on its way.
	secret, keys := s.newKeys([]string{directory.SignatureHMAC, directory.SignatureEd25519})
	ep, err := submitFor[*directory.Endpoint](ctx, s.core, directory.ChangeWebhookSecret{ID: r.GetId(), WebhookSigningKeys: keys, Overlap: overlap})
	if err != nil {
		return nil, err
	}
	return &rollcallv1.RotateWebhookSecretResponse{Endpoint: s.message(ep), Secret: secret}, nil
}

// TestWebhookEndpoint sends a test event to a receiver.
func (s *endpointService) TestWebhookEndpoint(ctx context.Context, r *rollcallv1.TestWebhookEndpointRequest) (*rollcallv1.TestWebhookEndpointResponse, error) {
	if err := checkID("id", r.GetId(), "", maxID); err != nil {
		return nil, err
	}
	if _, err := s.core.submit(ctx, directory.TestWebhookEndpoint{ID: r.GetId()}); err != nil {
		return nil, err
	}
	return &rollcallv1.TestWebhookEndpointResponse{}, nil
}

// DeleteWebhookEndpoint removes a receiver.
func (s *endpointService) DeleteWebhookEndpoint(ctx context.Context, r *rollcallv1.DeleteWebhookEndpointRequest) (*emptypb.Empty, error) {
	if err := checkID("id", r.GetId(), "", maxID); err != nil {
		return nil, err
	}
	if _, err := s.core.submit(ctx, directory.DeleteWebhookEndpoint{ID: r.GetId()}); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

func (s *endpointService) checkURL(raw string) error {
	if raw == "" {
		return fault.New(fault.Invalid, "url is required.")
	}
	return s.core.cfg.CheckURL(raw)
}

// checkPatterns refuses what matches no event type, which would be an endpoint
// that gets nothing and never says why: a pattern is a type, or the beginning of
// types and a final star.
func checkPatterns(patterns []string) error {
	for _, p := range patterns {
		stem, star := strings.CutSuffix(p, "*")
		if star && stem != "" && !strings.HasSuffix(stem, ".") {
			return fault.New(fault.Invalid, "event_types: in %q the star must follow a dot.", p)
		}
		if stem == "" && !star || strings.Trim(stem, "abcdefghijklmnopqrstuvwxyz0123456789._") != "" {
			return fault.New(fault.Invalid, "event_types: %q is no event type, no beginning such as \"organization.directory.*\" and not \"*\".", p)
		}
		if pattern, err := webhook.ParsePattern(p); err != nil {
			return fault.New(fault.Invalid, "event_types: %s", fault.Of(err).Detail)
		} else if !slices.ContainsFunc(public.Types(), func(t public.Type) bool { return pattern.Match(string(t)) }) {
			return fault.New(fault.Invalid, "event_types: %q chooses no type of event; /api/asyncapi.json names those that there are.", p)
		}
	}
	return nil
}

func endpointOf(v directory.View, id string) (*directory.Endpoint, error) {
	ep, ok, err := directory.Get[*directory.Endpoint](v, directory.Make(directory.TableEndpoint, id))
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "There is no webhook endpoint %q.", id)
	}
	return ep, err
}

// message shows an endpoint, without anything secret.
func (s *endpointService) message(ep *directory.Endpoint) *rollcallv1.WebhookEndpoint {
	m := &rollcallv1.WebhookEndpoint{
		Id: ep.ID, Url: ep.URL, Description: ep.Description, EventTypes: ep.EventTypes, OrganizationId: ep.Organization,
		Enabled: ep.Enabled, CreateTime: stamp(ep.Created), UpdateTime: stamp(ep.Updated),
		RateLimit: uint32(ep.RateLimit), Concurrency: uint32(ep.Concurrency), TimeLimitMs: uint32(ep.TimeLimit), //nolint:gosec // bounded
		Ordering: cmp.Or(ep.Ordering, directory.OrderingResource), Ladder: ep.Ladder, Signatures: ep.Signatures,
		DisabledBecause: ep.DisabledBecause, FailingSince: stamp(ep.FailingSince),
	}
	if len(m.Signatures) == 0 {
		m.Signatures = []string{directory.SignatureHMAC}
	}
	if k, ok := webhook.PublicKeyOf(ep.PublicKey); ok && slices.Contains(m.Signatures, directory.SignatureEd25519) {
		m.PublicKey = k.Text()
	}
	for _, h := range ep.Headers {
		m.Headers = append(m.Headers, &rollcallv1.WebhookHeader{Name: h.Name})
	}
	now := s.core.cfg.Now()
	for _, k := range ep.Former {
		if now.Before(k.Until) {
			m.FormerSecretExpireTimes = append(m.FormerSecretExpireTimes, stamp(k.Until))
		}
	}
	return m
}

// newKeys makes the keys for some schemes, and the text of the secret among them.
func (s *endpointService) newKeys(schemes []string) (secret string, keys events.WebhookSigningKeys) {
	var b [webhookSecretSize]byte
	_, _ = rand.Read(b[:])             // never fails: it ends the program instead
	made, _ := webhook.NewSecret(b[:]) // the size is right
	secret = made.Text()
	keys.SealedSecret = s.core.cfg.Keys.Seal(seal.WebhookSecret, []byte(secret))
	if slices.Contains(schemes, directory.SignatureEd25519) {
		_, _ = rand.Read(b[:])
		key, _ := webhook.NewPrivateKey(b[:]) // likewise
		keys.SealedKey = s.core.cfg.Keys.Seal(seal.WebhookSecret, []byte(key.Text()))
		keys.PublicKey = key.Public().Bytes()
	}
	return secret, keys
}

// sealHeaders checks headers and hides their values.
func (s *endpointService) sealHeaders(headers []*rollcallv1.WebhookHeader) ([]events.WebhookHeader, error) {
	out := make([]events.WebhookHeader, 0, len(headers))
	for _, h := range headers {
		if err := webhook.CheckHeader(h.GetName(), h.GetValue()); err != nil {
			return nil, err
		}
		out = append(out, events.WebhookHeader{Name: h.GetName(), SealedValue: s.core.cfg.Keys.Seal(seal.WebhookSecret, []byte(h.GetValue()))})
	}
	return out, nil
}

// checkLadder refuses times between attempts that cannot be kept; empty is the
// server's.
func checkLadder(text string) error {
	if text == "" {
		return nil
	}
	_, err := webhook.ParseLadder(text)
	return err
}

// whole returns what was sent, nil if nothing was.
func whole(n *uint32) *int {
	if n == nil {
		return nil
	}
	v := int(min(*n, math.MaxInt32))
	return &v
}
