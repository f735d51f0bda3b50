package api

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/rollcallhq/rollcall/events"
	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/seal"
)

const (
	usualEndpoints = 10
	mostEndpoints  = 100
	// webhookSecretSize is the length of a signing secret in bytes: the most that
	// Standard Webhooks advises is 64, its own libraries make 24 to 32.
	webhookSecretSize = 32
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
	if err := first(s.checkURL(r.GetUrl()), checkPatterns(types)); err != nil {
		return nil, err
	}
	var b [webhookSecretSize]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	secret := "whsec_" + base64.StdEncoding.EncodeToString(b[:])
	ep, err := submitFor[*directory.Endpoint](ctx, s.core, directory.CreateWebhookEndpoint{
		Organization: r.GetOrganizationId(),
		Config: events.WebhookEndpointConfig{
			URL: r.GetUrl(), Description: r.GetDescription(), EventTypes: types, Enabled: r.Enabled == nil || r.GetEnabled(),
		},
		SealedSecret: s.core.cfg.Keys.Seal(seal.WebhookSecret, []byte(secret)),
	})
	if err != nil {
		return nil, err
	}
	return &rollcallv1.CreateWebhookEndpointResponse{Endpoint: endpointMessage(ep), Secret: secret}, nil
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
			res.Endpoints = append(res.Endpoints, endpointMessage(ep))
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
	err := s.core.read(ctx, func(v directory.View) error {
		ep, err := endpointOf(v, r.GetId())
		if err == nil {
			res.Endpoint = endpointMessage(ep)
		}
		return err
	})
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
	cmd := directory.UpdateWebhookEndpoint{ID: r.GetId(), URL: r.Url, Description: r.Description, Enabled: r.Enabled}
	if types := r.GetEventTypes(); len(types) > 0 {
		if err := checkPatterns(types); err != nil {
			return nil, err
		}
		cmd.EventTypes = types
	}
	ep, err := submitFor[*directory.Endpoint](ctx, s.core, cmd)
	if err != nil {
		return nil, err
	}
	return &rollcallv1.UpdateWebhookEndpointResponse{Endpoint: endpointMessage(ep)}, nil
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

// checkPatterns refuses what could match no event type: a pattern is a type, or
// the beginning of types and a final star.
func checkPatterns(patterns []string) error {
	for _, p := range patterns {
		stem, star := strings.CutSuffix(p, "*")
		if star && stem != "" && !strings.HasSuffix(stem, ".") {
			return fault.New(fault.Invalid, "event_types: in %q the star must follow a dot.", p)
		}
		if stem == "" && !star || strings.Trim(stem, "abcdefghijklmnopqrstuvwxyz0123456789._") != "" {
			return fault.New(fault.Invalid, "event_types: %q is no event type, no beginning such as \"organization.directory.*\" and not \"*\".", p)
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

func endpointMessage(ep *directory.Endpoint) *rollcallv1.WebhookEndpoint {
	return &rollcallv1.WebhookEndpoint{
		Id: ep.ID, Url: ep.URL, Description: ep.Description, EventTypes: ep.EventTypes, OrganizationId: ep.Organization,
		Enabled: ep.Enabled, CreateTime: stamp(ep.Created), UpdateTime: stamp(ep.Updated),
	}
}
