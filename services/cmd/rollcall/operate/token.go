package operate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// grant is the answer to a token request.
type grant struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope"`
}

// maxGrant bounds what is read of that answer, in bytes.
const maxGrant = 1 << 20

// fetchToken asks the server for an access token.
func fetchToken(ctx context.Context, client *http.Client, s *Server) (*grant, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.ClientID}, "client_secret": {s.ClientSecret}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(req)
	if err != nil {
		return nil, unreachable(s.URL, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxGrant))
	if err != nil {
		return nil, unreachable(s.URL, err)
	}
	if res.StatusCode != http.StatusOK {
		var refused struct {
			Description string `json:"error_description"`
		}
		_ = json.Unmarshal(body, &refused) // another server's answer may be anything
		switch {
		case res.StatusCode == http.StatusUnauthorized:
			return nil, fmt.Errorf("%s does not accept the API client %s: check its id and secret, or log in again", s.URL, s.ClientID)
		case refused.Description != "":
			return nil, fmt.Errorf("%s gives no access token: %s", s.URL, refused.Description)
		}
		return nil, fmt.Errorf("%s answers a request for an access token with status %d: is it a Rollcall server?", s.URL, res.StatusCode)
	}
	var g grant
	if err := json.Unmarshal(body, &g); err != nil || g.AccessToken == "" {
		return nil, fmt.Errorf("%s answers a request for an access token with something else: is it a Rollcall server?", s.URL)
	}
	return &g, nil
}
