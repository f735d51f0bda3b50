package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rollcallhq/rollcall/services/projector/api"
)

// A method that is added to a .proto file without a rule fails here, and so does
// a rule whose method or field there is not.
func TestRules_complete(t *testing.T) {
	t.Parallel()
	left := api.RuleNames()
	for _, m := range methods(t) {
		scope, field, once, ok := api.RuleOf(procedure(m))
		if !ok {
			t.Errorf("%s has no rule in access.go", procedure(m))
			continue
		}
		delete(left, procedure(m))
		if !slices.Contains([]string{"read", "write", "admin"}, scope) {
			t.Errorf("%s needs the scope %q", procedure(m), scope)
		}
		name := string(m.Name())
		if looks := strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List") || strings.HasPrefix(name, "Search"); looks && scope == "write" || !looks && scope == "read" {
			t.Errorf("%s needs the scope %q", name, scope)
		}
		if once != (strings.HasPrefix(name, "Create") || strings.HasPrefix(name, "Regenerate")) {
			t.Errorf("an idempotency key on %s counts: %v", name, once)
		}
		if field != "" && !isText(m.Input(), field) {
			t.Errorf("%s is of the organization in %q, which its request does not have", name, field)
		}
	}
	for name := range left {
		t.Errorf("there is a rule for %s, which is in no .proto file", name)
	}
}

// isText reports whether a path of fields leads to a text.
func isText(m protoreflect.MessageDescriptor, path string) bool {
	name, rest, deeper := strings.Cut(path, ".")
	f := m.Fields().ByName(protoreflect.Name(name))
	if f == nil || f.IsList() {
		return false
	}
	if deeper {
		return f.Message() != nil && isText(f.Message(), rest)
	}
	return f.Kind() == protoreflect.StringKind
}

// What a client lacks the scope for is refused over every protocol, and what it
// has one for is not.
func TestScopes(t *testing.T) {
	t.Parallel()
	s := start(t)
	all := []string{"read", "write", "admin"}
	for _, scope := range all {
		id, secret, _ := s.client(t, `{"name":"`+scope+`","scopes":["`+scope+`"]}`)
		narrowed := s.tokenFor(t, clientID, clientSecret, "openid "+scope)
		for _, token := range []string{s.tokenFor(t, id, secret, ""), narrowed} {
			for _, m := range methods(t) {
				needs, _, _, _ := api.RuleOf(procedure(m))
				refused := needs != scope
				if got := s.grpcCode(t, m, "Bearer "+token); (got == codes.PermissionDenied) != refused || got == codes.Unauthenticated {
					t.Errorf("gRPC %s with the scope %s: %v", procedure(m), scope, got)
				}
				if st, code := s.connectCode(t, m, "Bearer "+token); (code == "permission_denied") != refused || (st == 403) != refused {
					t.Errorf("Connect %s with the scope %s: %d %s", procedure(m), scope, st, code)
				}
			}
			for _, b := range bindings(t) {
				dot := strings.LastIndex(b.selector, ".")
				needs, _, _, _ := api.RuleOf("/" + b.selector[:dot] + "/" + b.selector[dot+1:])
				body := "{}"
				if strings.HasSuffix(b.selector, ".AssignUserRoles") {
					body = "[]" // the one body that is a list
				}
				st, m := s.callAs(t, token, b.method, variable.ReplaceAllString(b.path, "x"), body)
				if refused := needs != scope; (st == http.StatusForbidden) != refused || refused && !strings.Contains(str(m, "message"), needs) {
					t.Errorf("%s %s with the scope %s: %d %v", b.method, b.path, scope, st, m)
				}
			}
		}
		for _, other := range all {
			st, m := s.form(t, "/oauth/token", map[string][]string{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "scope": {other}})
			if want := map[bool]int{true: 200, false: 400}[other == scope]; st != want || st == 400 && m["error"] != "invalid_scope" {
				t.Errorf("a client of %s asks for %s: %d %v", scope, other, st, m)
			}
		}
	}
}

// A client of one organization gets on with that and sees no other.
func TestOrganizationsClient(t *testing.T) {
	t.Parallel()
	s := start(t)
	mine, other := s.organization(t, "Acme"), s.organization(t, "Globex")
	dir := s.directory(t, other)
	_, _, token := s.client(t, `{"scopes":["read","write"],"organization_id":"`+mine+`"}`)
	for name, tt := range map[string]struct {
		method, path, body string
		want               int
	}{
		"its organization":           {"GET", "/api/v1/organizations/" + mine, "", 200},
		"its directories":            {"GET", "/api/v1/organizations/" + mine + "/directories", "", 200},
		"a new directory":            {"POST", "/api/v1/organizations/" + mine + "/directories", `{"directory_type":"SCIM"}`, 200},
		"its own endpoint":           {"POST", "/api/v1/webhook_endpoints", `{"url":"https://a.example","organization_id":"` + mine + `"}`, 201},
		"another organization":       {"GET", "/api/v1/organizations/" + other, "", 404},
		"another's directory":        {"GET", "/api/v1/organizations/" + other + "/directories/" + dir, "", 404},
		"another's, through its own": {"GET", "/api/v1/organizations/" + mine + "/directories/" + dir, "", 404},
		"another's endpoint":         {"POST", "/api/v1/webhook_endpoints", `{"url":"https://a.example","organization_id":"` + other + `"}`, 404},
		"everybody's endpoint":       {"POST", "/api/v1/webhook_endpoints", `{"url":"https://a.example"}`, 403},
		"all organizations":          {"GET", "/api/v1/organizations", "", 403},
		"by external id":             {"GET", "/api/v1/organizations:external/acme", "", 403},
		"a new organization":         {"POST", "/api/v1/organizations", `{"display_name":"x"}`, 403},
		"roles of all":               {"GET", "/api/v1/roles", "", 403},
		"clients":                    {"GET", "/api/v1/api_clients", "", 403},
	} {
		st, m := s.callAs(t, token, tt.method, tt.path, tt.body)
		if st != tt.want || st >= 400 && strings.Contains(str(m, "message"), "Globex") {
			t.Errorf("%s: %d %v, want %d", name, st, m, tt.want)
		}
	}
}

// Errors over REST are problem details, whoever makes them.
func TestProblemDetails(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, _, reader := s.client(t, `{"scopes":["read"]}`)
	for name, tt := range map[string]struct {
		token, method, path, body string
		status                    int
		kind                      string
	}{
		"no token":       {"x", "GET", "/api/v1/organizations", "", 401, "unauthenticated"},
		"no scope":       {reader, "POST", "/api/v1/organizations", `{}`, 403, "forbidden"},
		"no row":         {s.token, "GET", "/api/v1/organizations/org_1", "", 404, "not_found"},
		"no path":        {s.token, "GET", "/api/v1/nothing", "", 404, ""},
		"no method":      {s.token, "PUT", "/api/v1/organizations", "", 405, ""},
		"no JSON":        {s.token, "POST", "/api/v1/organizations", "{", 400, "invalid"},
		"a limit broken": {s.token, "GET", "/api/v1/organizations?page_size=101", "", 400, "invalid"},
		"too large":      {s.token, "POST", "/api/v1/organizations", strings.Repeat(" ", api.MaxBody+1), 413, "too_large"},
		"not offered":    {s.token, "GET", "/api/v1/organizations/org_1/directories/dir_1:sync", "", 501, "unimplemented"},
	} {
		st, header, b := s.do(t, tt.method, tt.path, "application/json", tt.body, http.Header{"Authorization": {"Bearer " + tt.token}})
		m := decode(t, b)
		want := "about:blank"
		if tt.kind != "" {
			want = "urn:rollcall:problem:" + tt.kind
		}
		if st != tt.status || header.Get("Content-Type") != "application/problem+json" || m["status"] != float64(st) || str(m, "type") != want ||
			str(m, "title") != http.StatusText(st) || str(m, "detail") == "" || str(m, "detail") != str(m, "message") {
			t.Errorf("%s: %d %s %v", name, st, header.Get("Content-Type"), m)
		}
		if _, isCode := m["code"].(float64); !isCode {
			t.Errorf("%s has no code: %v", name, m)
		}
	}
}
