package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/rollcallhq/rollcall/test/harness"
)

// idsOf maps the fields of requests to what belongs to somebody; the organization
// may be another's.
func (v *victim) idsOf(organization string) map[string]string {
	return map[string]string{
		"organization_id": organization, "org_id": organization, "OrganizationService.id": organization,
		"directory_id": v.Directory, "DirectoryService.id": v.Directory, "DomainService.id": v.domain, "secret_id": v.secret,
		"WebhookEndpointService.id": v.endpoint, "endpoint_id": v.endpoint, "ApiClientService.id": v.client, "NatsCredentialService.id": v.nats,
		"group_id": v.group, "directory_group_id": v.group, "external_ids": v.group, "link_id": v.link,
		"external_id": "victim-ext-1", "resource_id": v.user, "UserService.id": v.person, "user_id": v.person,
		"DirectoryJobService.id": "job_100000000000000001", // of a directory that is asked for first
	}
}

func clientOf(t *testing.T, s *harness.Server, body map[string]any) *harness.API {
	t.Helper()
	res := s.API.Must(t, http.StatusCreated, http.MethodPost, "/api/v1/api_clients", body)
	s.Secrets.Add("API client secret", res.Text("secret"))
	return s.API.As(res.Text("client.id"), res.Text("secret"))
}

func tokenOf(t *testing.T, a *harness.API) string {
	t.Helper()
	res, err := a.Token(t.Context())
	if err != nil || res.Text("access_token") == "" {
		t.Fatalf("no token: %d %v", res.Status, err)
	}
	return res.Text("access_token")
}

// TestAttack_calls sends every call of the API with another organization's ids,
// with tokens that are no good, and with clients that may not.
func TestAttack_calls(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t, "--nats-listen", "127.0.0.1:0").MustStart()
	v := newVictim(t, s)
	m := s.API.Tenant(t, s.SCIM, "mallory.example", "OKTA")
	mallory := tokenOf(t, clientOf(t, s, map[string]any{"name": "mallory", "scopes": []string{"read", "write"}, "organization_id": m.Organization}))
	reader := tokenOf(t, clientOf(t, s, map[string]any{"name": "reader", "scopes": []string{"read"}}))
	operator := tokenOf(t, s.API)
	expired := outdated(t, s, operator)

	rotated := clientOf(t, s, map[string]any{"name": "rotated", "scopes": []string{"read", "write", "admin"}})
	revoked := tokenOf(t, rotated)
	s.API.Must(t, 200, http.MethodPost, "/api/v1/api_clients/"+rotated.ClientID+"/secret:rotate", map[string]any{"overlap_seconds": 0})
	gone := clientOf(t, s, map[string]any{"name": "gone", "scopes": []string{"read", "write", "admin"}})
	deleted := tokenOf(t, gone)
	s.API.Must(t, 200, http.MethodDelete, "/api/v1/api_clients/"+gone.ClientID, nil)

	before := v.state(t, s)
	refusals := 0
	for _, c := range rpcs(t) {
		theirs, mixed := request(c, v.idsOf(v.Organization)), request(c, v.idsOf(m.Organization))
		attack := func(what, token string, req *dynamicpb.Message, want ...string) {
			t.Helper()
			everywhere(t, s.URL(), token, c, req, func(how string, a answer) {
				t.Helper()
				refusals++
				if !strings.Contains(" "+strings.Join(want, " ")+" ", " "+a.code+" ") {
					t.Errorf("%s, %s over %s is answered %q, want %q\n%v\n%s", what, c.procedure, how, a.code, want, req, a.text)
				}
				if text := v.leak(a.text, req.String()); text != "" {
					t.Errorf("%s, %s over %s shows %q:\n%s", what, c.procedure, how, text, a.text)
				}
			})
		}
		for what, token := range map[string]string{
			"no token": "", "a token of nobody": "x.y.z", "a token of a secret that was replaced": revoked, "a token of a client that was deleted": deleted,
			"half a token": operator[:len(operator)-8], "a token that has run out": expired,
		} {
			attack(what, token, theirs, "unauthenticated")
		}
		attack("another organization's client", mallory, theirs, "not_found", "permission_denied")
		switch named, nested := naming(c); {
		case !named:
			attack("a client of one organization, a call about all", mallory, mixed, "permission_denied")
		case nested:
			attack("its own organization, and what is another's", mallory, mixed, append([]string{"permission_denied"}, foreign...)...)
			attack("an operator, who mixes organizations up", operator, mixed, foreign...)
		}
		if isRead(c) {
			continue
		}
		attack("a client that may only read", reader, theirs, "permission_denied")
	}
	t.Logf("%d attacks were answered", refusals)
	if after := v.state(t, s); after != before {
		t.Errorf("the attacks changed something of the victim's, from\n%s\nto\n%s", before, after)
	}
}

// naming says whether a request names its organization, and whether it names
// something else besides that must be of it.
func naming(c rpc) (named, nested bool) {
	if filter := c.method.Input().Fields().ByName("filter"); filter != nil && filter.Message().Fields().ByName("organization_id") != nil {
		named = true
	}
	fields := c.method.Input().Fields()
	service := string(c.method.Parent().Name())
	for i := range fields.Len() {
		switch name := string(fields.Get(i).Name()); {
		case name == "organization_id" || name == "org_id" || name == "id" && service == "OrganizationService":
			named = true
		case name == "id", name == "directory_id", name == "link_id", name == "secret_id", name == "directory_group_id", name == "endpoint_id":
			nested = true
		}
	}
	return named, nested
}

func isRead(c rpc) bool {
	name := string(c.method.Name())
	return strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List") || strings.HasPrefix(name, "Search")
}

// foreign is how a call is answered that names something of another organization:
// as if there were no such thing. Calls that are not offered say that instead,
// whatever they name.
var foreign = []string{"not_found", "unimplemented"}

// TestAttack_taken asks, as a client of one organization, for names that are taken
// in another: over every protocol it is answered as for names that are free.
func TestAttack_taken(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t, "--nats-listen", "127.0.0.1:0").MustStart()
	v := newVictim(t, s)
	m := s.API.Tenant(t, s.SCIM, "mallory.example", "OKTA")
	mallory := tokenOf(t, clientOf(t, s, map[string]any{"name": "mallory", "scopes": []string{"read", "write"}, "organization_id": m.Organization}))
	before := v.state(t, s)
	n := 0
	for _, tt := range []struct{ procedure, organization, field, taken, free string }{
		{"/scalekit.v1.users.UserService/CreateUserAndMembership", "organization_id", "user.email", "valentin@victim.example", "free@victim.example"},
		{"/scalekit.v1.users.UserService/CreateUserAndMembership", "organization_id", "user.email", "vera@victim.example", "free@victim.example"},
		{"/scalekit.v1.users.UserService/CreateUserAndMembership", "organization_id", "user.external_id", "victim-ext-2", "free-ext"},
		{"/scalekit.v1.organizations.OrganizationService/UpdateOrganization", "id", "organization.external_id", "victim.example", "free-ext"},
	} {
		for _, c := range rpcs(t) {
			if c.procedure != tt.procedure {
				continue
			}
			// The owner of the name frees it again, so that each protocol meets the same.
			ask := func(value string) map[string]answer {
				got := map[string]answer{}
				req := dynamicpb.NewMessage(c.method.Input())
				setText(req, tt.organization, m.Organization)
				setText(req, "user.email", "mallory@mallory.example")
				setText(req, tt.field, value)
				everywhere(t, s.URL(), mallory, c, req, func(how string, a answer) {
					got[how] = a
					list := s.API.Must(t, http.StatusOK, http.MethodGet, "/api/v1/organizations/"+m.Organization+"/users", nil)
					for i := 0; list.At(fmt.Sprintf("users.%d", i)) != nil; i++ {
						s.API.Must(t, http.StatusOK, http.MethodDelete, "/api/v1/users/"+list.Text(fmt.Sprintf("users.%d.id", i)), nil)
					}
				})
				return got
			}
			free := ask(tt.free)
			for how, a := range ask(tt.taken) {
				n++
				if tt.field == "user.email" && a.code != "ok" {
					t.Errorf("%s over %s takes no address: %q\n%s", c.procedure, how, a.code, a.text)
				}
				if tt.field != "user.email" && a.code != "permission_denied" {
					t.Errorf("%s over %s takes an external id: %q\n%s", c.procedure, how, a.code, a.text)
				}
				if a.code == "" || a.code != free[how].code {
					t.Errorf("%s with %s %q over %s is answered %q, with %q %q\n%s", c.procedure, tt.field, tt.taken, how, a.code, tt.free, free[how].code, a.text)
				}
				if strings.Contains(a.text, v.person) || strings.Contains(a.text, v.Organization) {
					t.Errorf("%s over %s shows what is the victim's:\n%s", c.procedure, how, a.text)
				}
			}
		}
	}
	if n < 12 {
		t.Errorf("only %d attacks were made", n)
	}
	if after := v.state(t, s); after != before {
		t.Errorf("the attacks changed something of the victim's, from\n%s\nto\n%s", before, after)
	}
}

// setText sets a text within a request, by its path, if the request has such.
func setText(m *dynamicpb.Message, path, value string) {
	at := m.ProtoReflect()
	steps := strings.Split(path, ".")
	if at.Descriptor().Fields().ByName(protoreflect.Name(steps[0])) == nil {
		return
	}
	for _, name := range steps[:len(steps)-1] {
		at = at.Mutable(at.Descriptor().Fields().ByName(protoreflect.Name(name))).Message()
	}
	at.Set(at.Descriptor().Fields().ByName(protoreflect.Name(steps[len(steps)-1])), protoreflect.ValueOfString(value))
}
