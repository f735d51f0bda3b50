package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
)

// API is an administrator: a client of the REST API with the credentials that
// the installation was started with.
type API struct {
	Base             string
	ClientID, Secret string

	secrets *Secrets
	mu      sync.Mutex
	token   string
}

// Token gets an access token by the client credentials grant.
func (a *API) Token(ctx context.Context) (Answer, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {a.ClientID}, "client_secret": {a.Secret}}
	c := call{
		client: patient, method: http.MethodPost, url: a.Base + "/oauth/token", body: form.Encode(),
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	}
	return c.do(ctx)
}

// Call sends a request with a token, which it renews once if it is refused.
func (a *API) Call(ctx context.Context, method, path string, body any) (Answer, error) {
	for renewed := false; ; renewed = true {
		a.mu.Lock()
		token := a.token
		a.mu.Unlock()
		if token == "" {
			res, err := a.Token(ctx)
			if err != nil || res.Status != http.StatusOK {
				return res, err
			}
			token = res.Text("access_token")
			a.secrets.Add("access token", token)
			a.mu.Lock()
			a.token = token
			a.mu.Unlock()
		}
		c := call{client: patient, method: method, url: a.Base + path, body: body, header: http.Header{
			"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"},
		}}
		res, err := c.do(ctx)
		if err != nil || res.Status != http.StatusUnauthorized || renewed {
			return res, err
		}
		a.mu.Lock()
		a.token = ""
		a.mu.Unlock()
	}
}

// Must is Call for tests that cannot go on without the expected status.
func (a *API) Must(t testing.TB, want int, method, path string, body any) Answer {
	t.Helper()
	res, err := a.Call(t.Context(), method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if res.Status != want {
		t.Fatalf("%s %s: status %d, want %d\n%s", method, path, res.Status, want, res.Body)
	}
	return res
}

// Tenant is a customer with one enabled directory.
type Tenant struct {
	Organization, Directory, Domain string
	SCIM                            *SCIM
}

// Path is the directory's REST path.
func (x *Tenant) Path() string {
	return "/api/v1/organizations/" + x.Organization + "/directories/" + x.Directory
}

// Tenant makes an organization with a domain and an enabled directory of the
// provider ("" is a generic one), whose SCIM service is below scimBase.
func (a *API) Tenant(t testing.TB, scimBase, domain, provider string) *Tenant {
	t.Helper()
	x := &Tenant{Domain: domain}
	x.Organization = a.Must(t, http.StatusCreated, http.MethodPost, "/api/v1/organizations",
		map[string]any{"display_name": domain, "external_id": domain}).Text("organization.id")
	a.Must(t, http.StatusOK, http.MethodPost, "/api/v1/organizations/"+x.Organization+"/domains", map[string]any{"domain": domain})
	dir := map[string]any{"directory_type": "SCIM"}
	if provider != "" {
		dir["directory_provider"] = provider
	}
	x.Directory = a.Must(t, http.StatusOK, http.MethodPost, "/api/v1/organizations/"+x.Organization+"/directories", dir).Text("directory.id")
	secret := a.Must(t, http.StatusOK, http.MethodPost, x.Path()+"/secrets", nil).Text("plain_secret")
	a.Must(t, http.StatusOK, http.MethodPatch, x.Path()+":enable", nil)
	if x.Organization == "" || x.Directory == "" || secret == "" {
		t.Fatalf("the API did not show what it made: %+v, secret of %d characters", x, len(secret))
	}
	a.secrets.Add("SCIM secret", secret)
	x.SCIM = &SCIM{Base: scimBase + "/directories/" + x.Directory + "/scim/v2", Token: secret, secrets: a.secrets}
	return x
}

// Endpoint registers a receiver and lets it verify what it gets.
func (a *API) Endpoint(t testing.TB, r *Receiver, config map[string]any) (id string) {
	t.Helper()
	body := map[string]any{"url": r.URL}
	for k, v := range config {
		body[k] = v
	}
	res := a.Must(t, http.StatusCreated, http.MethodPost, "/api/v1/webhook_endpoints", body)
	secret := res.Text("secret")
	a.secrets.Add("webhook secret", secret)
	if err := r.Trust(secret); err != nil {
		t.Fatal(err)
	}
	return res.Text("endpoint.id")
}

// Policy changes a directory's policy.
func (a *API) Policy(t testing.TB, x *Tenant, change map[string]any) {
	t.Helper()
	a.Must(t, http.StatusOK, http.MethodPatch, x.Path()+"/policy", change)
}

// Users lists all users of a directory, page by page, by id.
func (a *API) Users(ctx context.Context, x *Tenant) (map[string]map[string]any, error) {
	return a.all(ctx, x.Path()+"/users", "users", "&include_detail=true")
}

// Groups lists all groups of a directory, page by page, by id.
func (a *API) Groups(ctx context.Context, x *Tenant) (map[string]map[string]any, error) {
	return a.all(ctx, x.Path()+"/groups", "groups", "")
}

func (a *API) all(ctx context.Context, path, field, more string) (map[string]map[string]any, error) {
	found := map[string]map[string]any{}
	token := ""
	for {
		res, err := a.Call(ctx, http.MethodGet, path+"?page_size=30"+more+"&page_token="+url.QueryEscape(token), nil)
		if err != nil {
			return nil, err
		}
		if res.Status != http.StatusOK {
			return nil, fmt.Errorf("list %s: status %d: %s", path, res.Status, res.Body)
		}
		rows, _ := res.At(field).([]any)
		for _, row := range rows {
			m, _ := row.(map[string]any)
			id, _ := m["id"].(string)
			if id == "" || found[id] != nil {
				return nil, errors.New("a page shows a row without an id, or twice")
			}
			found[id] = m
		}
		if token = res.Text("next_page_token"); token == "" {
			if total, _ := res.At("total_size").(float64); int(total) != len(found) {
				return nil, fmt.Errorf("total_size is %v, the pages hold %d", res.At("total_size"), len(found))
			}
			return found, nil
		}
	}
}

// Stranger is somebody who has only heard of the client's id.
func Stranger(a *API, secret string) *API {
	return &API{Base: a.Base, ClientID: a.ClientID, Secret: secret, secrets: a.secrets}
}

// Bare sends a request with the given token or, if it is empty, none.
func (a *API) Bare(ctx context.Context, method, path, token string) (Answer, error) {
	c := call{client: patient, method: method, url: a.Base + path, header: http.Header{}}
	if token != "" {
		c.header.Set("Authorization", "Bearer "+token)
	}
	return c.do(ctx)
}

// NewAPI is an administrator of an installation that the test did not start.
func NewAPI(base, client, secret string) *API {
	return &API{Base: base, ClientID: client, Secret: secret, secrets: &Secrets{}}
}

// As is the same installation for another API client.
func (a *API) As(client, secret string) *API {
	return &API{Base: a.Base, ClientID: client, Secret: secret, secrets: a.secrets}
}
