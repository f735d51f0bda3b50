package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/test/harness"
)

// TestIdempotencyKey_kill repeats calls that make something after the server was
// killed, over another protocol as well: each is answered with what the first
// made, and nothing is made again.
func TestIdempotencyKey_kill(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	org := s.API.Must(t, http.StatusCreated, http.MethodPost, "/api/v1/organizations", map[string]any{"display_name": "Acme"}).Text("organization.id")
	calls := []struct{ path, procedure, body, wrapped, id, list, listed string }{
		{
			"/api/v1/organizations", "/scalekit.v1.organizations.OrganizationService/CreateOrganization",
			`{"display_name":"Globex"}`, `{"organization":{"display_name":"Globex"}}`, "organization.id", "/api/v1/organizations", "organizations",
		},
		{
			"/api/v1/organizations/" + org + "/directories", "/scalekit.v1.directories.DirectoryService/CreateDirectory",
			`{"directory_type":"SCIM"}`, `{"organization_id":"` + org + `","directory":{"directory_type":"SCIM"}}`, "directory.id",
			"/api/v1/organizations/" + org + "/directories", "directories",
		},
		{
			"/api/v1/organizations/" + org + "/users", "/scalekit.v1.users.UserService/CreateUserAndMembership",
			`{"email":"ada@acme.example"}`, `{"organization_id":"` + org + `","user":{"email":"ada@acme.example"}}`, "user.id",
			"/api/v1/organizations/" + org + "/users", "users",
		},
		{
			"/api/v1/webhook_endpoints", "/rollcall.v1.WebhookEndpointService/CreateWebhookEndpoint",
			`{"url":"https://receiver.example"}`, `{"url":"https://receiver.example"}`, "endpoint.id", "/api/v1/webhook_endpoints", "endpoints",
		},
	}
	ids := make([]string, len(calls))
	post := func(i int, path, body string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{
			"Authorization": {"Bearer " + tokenOf(t, s.API)}, "Content-Type": {"application/json"}, "Idempotency-Key": {fmt.Sprintf("key-%d", i)},
		}
		res, err := attacker.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode >= 300 {
			t.Fatalf("POST %s: %d %v %s", path, res.StatusCode, err, b)
		}
		return harness.Answer{Body: b}.Text(calls[i].id)
	}
	count := func(i int) (n int) {
		t.Helper()
		res := s.API.Must(t, http.StatusOK, http.MethodGet, calls[i].list, nil)
		for res.At(fmt.Sprintf("%s.%d", calls[i].listed, n)) != nil {
			n++
		}
		return n
	}
	for i, c := range calls {
		if ids[i] = post(i, c.path, c.body); ids[i] == "" {
			t.Fatalf("POST %s shows no id", c.path)
		}
	}
	before := make([]int, len(calls))
	for i := range calls {
		before[i] = count(i)
	}
	for range 2 {
		s.Kill()
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		for i, c := range calls {
			for path, body := range map[string]string{c.path: c.body, c.procedure: c.wrapped} {
				if again := post(i, path, body); again != ids[i] {
					t.Errorf("POST %s after the kill makes %s, before it made %s", path, again, ids[i])
				}
			}
			if n := count(i); n != before[i] {
				t.Errorf("%s: there are %d by now, there were %d", c.path, n, before[i])
			}
		}
	}
}
