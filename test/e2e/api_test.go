package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/test/harness"
)

// TestREST calls everything that the API offers once, as curl would, and some of
// what it refuses.
func TestREST(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	api := s.API

	t.Run("tokens", func(t *testing.T) {
		a, err := api.Token(t.Context())
		must(t, err)
		if a.Status != http.StatusOK || a.Text("token_type") != "Bearer" || a.At("expires_in") != 86399.0 || strings.Count(a.Text("access_token"), ".") != 2 {
			t.Errorf("a token is answered %d %v", a.Status, a.Header)
		}
		s.Secrets.Add("access token", a.Text("access_token"))
		doubled := harness.Stranger(api, api.Secret)
		doubled.Base += "/"
		if a, err = doubled.Token(t.Context()); err != nil || a.Status != http.StatusOK {
			t.Errorf("//oauth/token is answered %d, %v", a.Status, err)
		}
		wrong := harness.Stranger(api, "rca_not-the-secret")
		if a, err = wrong.Token(t.Context()); err != nil || a.Status != http.StatusUnauthorized || a.Text("error") != "invalid_client" {
			t.Errorf("a wrong secret is answered %d, %v: %s", a.Status, err, a.Body)
		}
		keys := api.Must(t, http.StatusOK, http.MethodGet, "/keys", nil)
		if keys.Text("keys.0.kty") != "RSA" || keys.Text("keys.0.alg") != "RS256" || keys.Text("keys.0.kid") == "" || keys.At("keys.0.d") != nil {
			t.Errorf("the keys are %s", keys.Body)
		}
	})

	org := api.Must(t, http.StatusCreated, http.MethodPost, "/api/v1/organizations",
		map[string]any{"display_name": "Acme", "external_id": "acme-1", "metadata": map[string]string{"plan": "pro"}})
	orgID := org.Text("organization.id")
	root := "/api/v1/organizations/" + orgID
	dir := api.Must(t, http.StatusOK, http.MethodPost, root+"/directories", map[string]any{"directory_type": "SCIM", "directory_provider": "OKTA"})
	path := root + "/directories/" + dir.Text("directory.id")
	dom := api.Must(t, http.StatusOK, http.MethodPost, root+"/domains", map[string]any{"domain": "acme.example"})
	r := harness.NewReceiver(t)
	ep := api.Must(t, http.StatusCreated, http.MethodPost, "/api/v1/webhook_endpoints", map[string]any{
		"url": r.URL, "description": "tests", "event_types": []string{"organization.directory.*"}, "organization_id": orgID,
	})
	s.Secrets.Add("webhook secret", ep.Text("secret"))
	must(t, r.Trust(ep.Text("secret")))
	endpoint := "/api/v1/webhook_endpoints/" + ep.Text("endpoint.id")
	if !strings.HasPrefix(ep.Text("secret"), "whsec_") || ep.At("endpoint.enabled") != true {
		t.Errorf("an endpoint is created as %v", ep.At("endpoint"))
	}

	// In order: each call sees what the ones before it did.
	for _, c := range []struct {
		name, method, path string
		body               any
		status             int
		want               map[string]any // in the answer, by path
	}{
		{"create organization, again", "POST", "/api/v1/organizations", map[string]any{"display_name": "Acme", "external_id": "acme-1"}, 409, map[string]any{"code": 6.0}},
		{"create organization, no name", "POST", "/api/v1/organizations", map[string]any{}, 400, map[string]any{"code": 3.0}},
		{"get organization", "GET", root, nil, 200, map[string]any{"organization.display_name": "Acme", "organization.metadata.plan": "pro", "organization.region_code": "US"}},
		{"get organization by external id", "GET", "/api/v1/organizations:external/acme-1", nil, 200, map[string]any{"organization.id": orgID}},
		{"get organization, unknown", "GET", "/api/v1/organizations/org_999999999999999999", nil, 404, map[string]any{"code": 5.0}},
		{"list organizations", "GET", "/api/v1/organizations?page_size=5", nil, 200, map[string]any{"total_size": 1.0, "organizations.0.id": orgID}},
		{"update organization", "PATCH", root, map[string]any{"display_name": "Acme Ltd"}, 200, map[string]any{"organization.display_name": "Acme Ltd", "organization.external_id": "acme-1"}},
		{"get domain", "GET", root + "/domains/" + dom.Text("domain.id"), nil, 200, map[string]any{"domain.domain": "acme.example", "domain.organization_id": orgID}},
		{"list domains", "GET", root + "/domains", nil, 200, map[string]any{"domains.0.domain": "acme.example"}},
		{"create domain, not one", "POST", root + "/domains", map[string]any{"domain": "not a domain"}, 400, nil},
		{"create domain, again", "POST", root + "/domains", map[string]any{"domain": "ACME.example."}, 409, nil},
		{"delete domain", "DELETE", root + "/domains/" + dom.Text("domain.id"), nil, 200, nil},
		{"delete domain, again", "DELETE", root + "/domains/" + dom.Text("domain.id"), nil, 404, nil},
		{"get directory", "GET", path, nil, 200, map[string]any{
			"directory.enabled": false, "directory.directory_provider": "OKTA", "directory.stats.total_users": 0.0, "directory.status": "DRAFT",
			"directory.directory_endpoint": s.URL() + "/directories/" + dir.Text("directory.id") + "/scim/v2",
		}},
		{"get directory of another organization", "GET", "/api/v1/organizations/org_999999999999999999/directories/" + dir.Text("directory.id"), nil, 404, nil},
		{"list directories", "GET", root + "/directories", nil, 200, map[string]any{"directories.0.id": dir.Text("directory.id")}},
		{"create directory, no type", "POST", root + "/directories", map[string]any{}, 400, nil},
		{"create directory, unknown type", "POST", root + "/directories", map[string]any{"directory_type": "FAX"}, 400, nil},
		{"enable directory", "PATCH", path + ":enable", nil, 200, map[string]any{"enabled": true}},
		{"enable directory, again", "PATCH", path + ":enable", nil, 200, map[string]any{"enabled": true}},
		{"delete directory, enabled", "DELETE", path, nil, 400, map[string]any{"code": 9.0}},
		{"get policy", "GET", path + "/policy", nil, 200, map[string]any{
			"policy.domain_policy": "ENFORCE", "policy.email_policy": "IMMUTABLE", "policy.deactivation_event": "USER_DELETED",
		}},
		{"update policy", "PATCH", path + "/policy", map[string]any{"domain_policy": "OFF"}, 200, map[string]any{
			"policy.domain_policy": "OFF", "policy.email_policy": "IMMUTABLE",
		}},
		{"update policy, unknown", "PATCH", path + "/policy", map[string]any{"domain_policy": "SOMETIMES"}, 400, nil},
		{"disable directory", "PATCH", path + ":disable", nil, 200, map[string]any{"enabled": false}},
		{"list users", "GET", path + "/users", nil, 200, map[string]any{"total_size": 0.0}},
		{"list users, a page too large", "GET", path + "/users?page_size=31", nil, 400, nil},
		{"list users, a page token of somebody's making", "GET", path + "/users?page_token=bm90aGluZw", nil, 400, nil},
		{"list groups", "GET", path + "/groups", nil, 200, map[string]any{"total_size": 0.0}},
		{"get endpoint", "GET", endpoint, nil, 200, map[string]any{"endpoint.description": "tests", "endpoint.organization_id": orgID, "secret": nil, "endpoint.secret": nil}},
		{"list endpoints", "GET", "/api/v1/webhook_endpoints", nil, 200, map[string]any{"endpoints.0.url": r.URL, "endpoints.0.secret": nil}},
		{"update endpoint", "PATCH", endpoint, map[string]any{"enabled": false}, 200, map[string]any{"endpoint.enabled": false, "endpoint.url": r.URL}},
		{"create endpoint, a bad URL", "POST", "/api/v1/webhook_endpoints", map[string]any{"url": "ftp://receiver.example/hook"}, 400, nil},
		{"create endpoint, a bad pattern", "POST", "/api/v1/webhook_endpoints", map[string]any{"url": r.URL, "event_types": []string{"*.user"}}, 400, nil},
		{"deliveries", "GET", endpoint + "/deliveries", nil, 200, map[string]any{"next_page_token": ""}},
		{"deliveries, unknown", "GET", "/api/v1/webhook_endpoints/whe_999999999999999999/deliveries", nil, 404, nil},
		{"delete endpoint", "DELETE", endpoint, nil, 200, nil},
		{"get endpoint, deleted", "GET", endpoint, nil, 404, nil},
		{"malformed JSON", "POST", "/api/v1/organizations", `{"display_name":`, 400, map[string]any{"code": 3.0}},
		{"a wrong type", "POST", "/api/v1/organizations", `{"display_name":7}`, 400, nil},
		{"deep nesting", "POST", "/api/v1/organizations", strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000), 400, nil},
		{"an oversized body", "POST", "/api/v1/organizations", `{"display_name":"` + strings.Repeat("x", 5<<20) + `"}`, 413, nil},
		{"an unknown path", "GET", "/api/v1/printers", nil, 404, map[string]any{"code": 5.0}},
		{"a wrong method", "PUT", "/api/v1/organizations", nil, 405, nil},
		{"delete directory", "DELETE", path, nil, 200, nil},
		{"get directory, deleted", "GET", path, nil, 404, nil},
		{"delete organization", "DELETE", root, nil, 200, nil},
		{"get organization, deleted", "GET", root, nil, 404, nil},
	} {
		a, err := api.Call(t.Context(), c.method, c.path, c.body)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if a.Status != c.status {
			t.Errorf("%s: status %d, want %d: %.300s", c.name, a.Status, c.status, a.Body)
			continue
		}
		if c.status >= 400 && a.Text("message") == "" {
			t.Errorf("%s: there is no message: %.300s", c.name, a.Body)
		}
		for at, want := range c.want {
			if got := a.At(at); got != want {
				t.Errorf("%s: %s is %v, want %v: %.300s", c.name, at, got, want, a.Body)
			}
		}
	}
	stranger := harness.Stranger(api, "")
	for _, c := range []string{"/api/v1/organizations", "/api/v1/webhook_endpoints", "/api/v1/nowhere"} {
		if a, err := stranger.Bare(t.Context(), http.MethodGet, c, ""); err != nil || a.Status != http.StatusUnauthorized {
			t.Errorf("%s without a token is answered %d, %v", c, a.Status, err)
		}
		if a, err := stranger.Bare(t.Context(), http.MethodGet, c, "eyJhbGciOiJub25lIn0.e30."); err != nil || a.Status != http.StatusUnauthorized {
			t.Errorf("%s with a made-up token is answered %d, %v", c, a.Status, err)
		}
	}
}

// TestPolicies holds what a directory's policies say, towards providers and
// receivers.
func TestPolicies(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	x := s.API.Tenant(t, s.SCIM, "policy.example", "OKTA")
	r := harness.NewReceiver(t)
	s.API.Endpoint(t, r, map[string]any{"event_types": []string{"scalekit.dir.user.*"}})
	mail := func(values ...string) []any {
		var list []any
		for i, v := range values {
			list = append(list, map[string]any{"value": v, "type": []string{"home", "work", "other"}[i%3]})
		}
		return list
	}
	refuse := func(method, path string, body any, kind, says string) {
		t.Helper()
		a := x.SCIM.Must(t, http.StatusBadRequest, method, path, body)
		checkError(t, a, http.StatusBadRequest)
		if a.Text("scimType") != kind || !strings.Contains(a.Text("detail"), says) {
			t.Errorf("%s %s is refused with %s", method, path, a.Body)
		}
	}
	next := func(typ public.Type, want map[string]any) {
		t.Helper()
		d := r.Await(t, soon, string(typ), func(d harness.Delivery) bool {
			for at, v := range want {
				if d.Data(at) != v {
					return false
				}
			}
			return d.Type == string(typ)
		})
		if d.Data("directory_id") != x.Directory {
			t.Errorf("%s is of directory %v", typ, d.Data("directory_id"))
		}
	}

	// The address: primary, else work, else first, else userName.
	refuse("POST", "/Users", harness.User("a@policy.example", map[string]any{"emails": []any{
		map[string]any{"value": "a@policy.example", "type": "work"}, map[string]any{"value": "a@away.example", "primary": true},
	}}), "invalidValue", "away.example")
	refuse("POST", "/Users", harness.User("a@policy.example", map[string]any{"emails": mail("a@policy.example", "a@away.example")}), "invalidValue", "away.example")
	refuse("POST", "/Users", harness.User("a@away.example", map[string]any{"emails": nil}), "invalidValue", "away.example")
	work := x.SCIM.Create(t, "/Users", harness.User("work", map[string]any{"emails": mail("w@away.example", "w@policy.example")}))
	next(public.UserCreated, map[string]any{"id": work, "email": "w@policy.example"})

	// IMMUTABLE: no other address, but a first one.
	refuse("PATCH", "/Users/"+work, harness.Patch(harness.Op("replace", `emails[type eq "work"].value`, "other@policy.example")), "mutability", "")
	s.API.Policy(t, x, map[string]any{"domain_policy": "OFF"})
	bare := x.SCIM.Create(t, "/Users", map[string]any{"schemas": []string{harness.UserURN}, "userName": "bare"})
	next(public.UserCreated, map[string]any{"id": bare, "email": nil})
	s.API.Policy(t, x, map[string]any{"domain_policy": "ENFORCE"})
	refuse("PATCH", "/Users/"+bare, harness.Patch(harness.Op("add", "emails", mail("bare@away.example"))), "invalidValue", "away.example")
	x.SCIM.Must(t, http.StatusOK, "PATCH", "/Users/"+bare, harness.Patch(harness.Op("add", "emails", mail("bare@policy.example"))))
	next(public.UserUpdated, map[string]any{"id": bare, "email": "bare@policy.example"})
	refuse("PATCH", "/Users/"+bare, harness.Patch(harness.Op("replace", "emails", mail("bare2@policy.example"))), "mutability", "")
	s.API.Policy(t, x, map[string]any{"email_policy": "FOLLOW_DIRECTORY"})
	x.SCIM.Must(t, http.StatusOK, "PATCH", "/Users/"+bare, harness.Patch(harness.Op("replace", "emails", mail("bare2@policy.example"))))
	next(public.UserUpdated, map[string]any{"id": bare, "email": "bare2@policy.example"})

	// Deactivation is told as a deletion, and the deletion behind it not at all;
	// or as a change, and then the deletion is.
	x.SCIM.Must(t, http.StatusOK, "PATCH", "/Users/"+bare, harness.Patch(harness.Op("replace", "active", false)))
	next(public.UserDeleted, map[string]any{"id": bare, "reason": "deactivated"})
	x.SCIM.Must(t, http.StatusNoContent, "DELETE", "/Users/"+bare, nil)
	s.API.Policy(t, x, map[string]any{"deactivation_event": "USER_UPDATED"})
	x.SCIM.Must(t, http.StatusOK, "PATCH", "/Users/"+work, harness.Patch(harness.Op("replace", "active", false)))
	next(public.UserUpdated, map[string]any{"id": work, "active": false})
	x.SCIM.Must(t, http.StatusNoContent, "DELETE", "/Users/"+work, nil)
	next(public.UserDeleted, map[string]any{"id": work, "reason": "deleted"})
	for _, d := range r.Deliveries() {
		if d.Data("id") == bare && d.Data("reason") == "deleted" {
			t.Error("the deletion of a user that was deactivated before is told again")
		}
	}
}
