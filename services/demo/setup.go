package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/webhook"
)

// setup makes through the API what an application makes for a new customer.
type setup struct {
	api          *client
	organization string
	endpoint     string
}

// signIn gets an access token (RFC 6749 section 4.4).
func (s *setup) signIn(ctx context.Context, id, secret string) error {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.api.base+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := s.api.http.Do(req)
	if err != nil {
		return fmt.Errorf("no server answers; start one with rollcall serve: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	var grant struct {
		AccessToken string `json:"access_token"`
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("sign in as %s, check --client-id and --client-secret: %w", id, &failure{method: http.MethodPost, path: "/oauth/token", status: res.StatusCode, body: excerpt(body), tries: 1})
	}
	if err := json.Unmarshal(body, &grant); err != nil || grant.AccessToken == "" {
		return fmt.Errorf("the answer of /oauth/token holds no access_token")
	}
	s.api.token = grant.AccessToken
	return nil
}

// organize makes the organization and registers its domain, in which the
// users' addresses are.
func (s *setup) organize(ctx context.Context, name, domain string) error {
	var made struct {
		Organization struct {
			ID string `json:"id"`
		} `json:"organization"`
	}
	if _, err := s.api.send(ctx, http.MethodPost, "/api/v1/organizations", map[string]any{"display_name": name}, &made); err != nil {
		return err
	}
	s.organization = made.Organization.ID
	_, err := s.api.send(ctx, http.MethodPost, s.path("/domains"), map[string]any{"domain": domain}, nil)
	return err
}

func (s *setup) path(below string) string {
	return "/api/v1/organizations/" + url.PathEscape(s.organization) + below
}

// connect makes and enables a directory, and returns a client for its SCIM
// endpoint.
func (s *setup) connect(ctx context.Context, providerName, agent string) (*client, error) {
	var made struct {
		Directory struct {
			ID       string `json:"id"`
			Endpoint string `json:"directory_endpoint"`
		} `json:"directory"`
	}
	body := map[string]any{"directory_type": "SCIM", "directory_provider": providerName}
	if _, err := s.api.send(ctx, http.MethodPost, s.path("/directories"), body, &made); err != nil {
		return nil, err
	}
	path := s.path("/directories/" + url.PathEscape(made.Directory.ID))
	var secret struct {
		Plain string `json:"plain_secret"`
	}
	if _, err := s.api.send(ctx, http.MethodPost, path+"/secrets", map[string]any{}, &secret); err != nil {
		return nil, err
	}
	if _, err := s.api.send(ctx, http.MethodPatch, path+":enable", nil, nil); err != nil {
		return nil, err
	}
	if made.Directory.Endpoint == "" || secret.Plain == "" {
		return nil, fmt.Errorf("directory %s was made without directory_endpoint or plain_secret", made.Directory.ID)
	}
	return &client{
		http: s.api.http, base: strings.TrimRight(made.Directory.Endpoint, "/"), token: secret.Plain,
		media: "application/scim+json", agent: agent, counts: s.api.counts,
	}, nil
}

// subscribe registers the receiver. It comes last, so that nothing of the
// set-up is told to it.
func (s *setup) subscribe(ctx context.Context, receiver string) (webhook.Secret, error) {
	var made struct {
		Endpoint struct {
			ID string `json:"id"`
		} `json:"endpoint"`
		Secret string `json:"secret"`
	}
	body := map[string]any{
		"url": receiver, "description": "rollcall demo", "event_types": []string{"*"}, "organization_id": s.organization,
	}
	if _, err := s.api.send(ctx, http.MethodPost, "/api/v1/webhook_endpoints", body, &made); err != nil {
		return webhook.Secret{}, err
	}
	s.endpoint = made.Endpoint.ID
	return webhook.ParseSecret(made.Secret)
}

// unsubscribe removes the receiver, so that the server does not go on sending
// to a port that nobody listens on.
func (s *setup) unsubscribe(ctx context.Context) error {
	_, err := s.api.send(ctx, http.MethodDelete, "/api/v1/webhook_endpoints/"+url.PathEscape(s.endpoint), nil, nil)
	return err
}
