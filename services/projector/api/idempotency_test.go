package api_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
)

// Every call that makes something makes it once with one key, and shows the same
// again, but for what is shown once.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir := s.directory(t, org)
	base := "/api/v1/organizations/" + org
	for name, tt := range map[string]struct{ path, body, other, id, secret string }{
		"organization": {"/api/v1/organizations", `{"display_name":"Globex","external_id":"g"}`, `{"display_name":"Initech"}`, "organization.id", ""},
		"directory":    {base + "/directories", `{"directory_type":"SCIM"}`, `{"directory_type":"SCIM","directory_provider":"OKTA"}`, "directory.id", ""},
		"secret":       {base + "/directories/" + dir + "/secrets", "", "", "secret.id", "plain_secret"},
		"domain":       {base + "/domains", `{"domain":"acme.example"}`, `{"domain":"globex.example"}`, "domain.id", ""},
		"role":         {"/api/v1/roles", `{"name":"ops","display_name":"Ops"}`, `{"name":"dev","display_name":"Dev"}`, "role.id", ""},
		"permission":   {"/api/v1/permissions", `{"name":"a:b","description":"x"}`, `{"name":"c:d","description":"x"}`, "permission.id", ""},
		"endpoint":     {"/api/v1/webhook_endpoints", `{"url":"https://a.example"}`, `{"url":"https://b.example"}`, "endpoint.id", "secret"},
		"client":       {"/api/v1/api_clients", `{"scopes":["read"]}`, `{"scopes":["write"]}`, "client.id", "secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := "key of " + name
			first, made := s.callAs(t, s.token, "POST", tt.path, tt.body, "Idempotency-Key", key)
			id := str(made, strings2any(tt.id)...)
			if first/100 != 2 || id == "" || tt.secret != "" && str(made, tt.secret) == "" {
				t.Fatalf("%d %v", first, made)
			}
			again, same := s.callAs(t, s.token, "POST", tt.path, tt.body, "Idempotency-Key", key)
			if again != first || str(same, strings2any(tt.id)...) != id || tt.secret != "" && str(same, tt.secret) != "" {
				t.Errorf("the repeat: %d %v", again, same)
			}
			if tt.other != "" {
				if st, m := s.callAs(t, s.token, "POST", tt.path, tt.other, "Idempotency-Key", key); st != 400 || !strings.Contains(str(m, "message"), "Idempotency-Key") {
					t.Errorf("another body: %d %v", st, m)
				}
			}
			if st, _ := s.callAs(t, s.token, "POST", "/api/v1/organizations", `{"display_name":"other"}`, "Idempotency-Key", key); st != 400 {
				t.Errorf("the key with another call: %d", st)
			}
		})
	}
}

// strings2any turns a dotted path into arguments of at.
func strings2any(path string) []any {
	var out []any
	for _, p := range strings.Split(path, ".") {
		out = append(out, p)
	}
	return out
}

// A key is a client's own, is the same over every protocol, does not count where
// nothing is made, and is not used up by a refusal.
func TestIdempotencyKey_scope(t *testing.T) {
	t.Parallel()
	s := start(t)
	post := func(token, key, name string) (int, string) {
		t.Helper()
		st, m := s.callAs(t, token, "POST", "/api/v1/organizations", `{"display_name":"`+name+`"}`, "Idempotency-Key", key)
		return st, str(m, "organization", "id")
	}
	_, mine := post(s.token, "k", "Acme")
	_, _, token := s.client(t, `{"scopes":["write"]}`)
	if st, theirs := post(token, "k", "Acme"); st != 201 || theirs == mine {
		t.Errorf("another client's key leads to %s (%d)", theirs, st)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.token, "idempotency-key", "k")
	res, err := organizations.NewOrganizationServiceClient(s.grpc).CreateOrganization(ctx, &organizations.CreateOrganizationRequest{
		Organization: &organizations.CreateOrganization{DisplayName: "Acme"},
	})
	if err != nil || res.GetOrganization().GetId() != mine {
		t.Errorf("over gRPC the key leads to %v (%v), over REST to %s", res, err, mine)
	}
	if st, _ := s.callAs(t, s.token, "PATCH", "/api/v1/organizations/"+mine, `{"display_name":"Acme 2"}`, "Idempotency-Key", "k"); st != 200 {
		t.Errorf("a change with a used key: %d", st)
	}
	if st, _ := post(s.token, "refused", strings.Repeat("x", 5000)); st != 400 {
		t.Fatalf("a long name: %d", st)
	}
	if st, id := post(s.token, "refused", "Globex"); st != 201 || id == "" {
		t.Errorf("after a refusal the key is used up: %d", st)
	}
	for name, key := range map[string]string{"empty": "", "long": strings.Repeat("k", 256), "not ASCII": "k\u00e9"} {
		if st, _ := post(s.token, key, "x"); st != 400 {
			t.Errorf("a key that is %s: %d", name, st)
		}
	}
	if st, _ := post(s.token, strings.Repeat("k", 255), "x"); st != 201 {
		t.Errorf("the longest key: %d", st)
	}
}
