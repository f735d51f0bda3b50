package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/test/harness"
)

// scimRoutes are all routes of a directory's SCIM service, for what is U of a user
// and G of a group.
var scimRoutes = []struct{ method, path, body string }{
	{"GET", "/", ""},
	{"POST", "/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}`},
	{"GET", "/Users", ""},
	{"POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"mallory@mallory.example"}`},
	{"POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}`},
	{"GET", "/Users/U", ""},
	{"PUT", "/Users/U", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"mallory@mallory.example"}`},
	{"PATCH", "/Users/U", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`},
	{"DELETE", "/Users/U", ""},
	{"GET", "/Groups", ""},
	{"POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"attack"}`},
	{"POST", "/Groups/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}`},
	{"GET", "/Groups/G", ""},
	{"PUT", "/Groups/G", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"attack"}`},
	{"PATCH", "/Groups/G", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"displayName","value":"attack"}]}`},
	{"DELETE", "/Groups/G", ""},
	{"POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"DELETE","path":"/Users/U"}]}`},
	{"GET", "/ServiceProviderConfig", ""},
	{"GET", "/ResourceTypes", ""},
	{"GET", "/ResourceTypes/User", ""},
	{"GET", "/Schemas", ""},
	{"GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", ""},
	{"GET", "/Me", ""},
	{"POST", "/Me", "{}"},
	{"PUT", "/Me", "{}"},
	{"PATCH", "/Me", "{}"},
	{"DELETE", "/Me", ""},
}

// TestAttack_scim sends every SCIM request to a directory with another one's
// token, a revoked one, one whose overlap has run out, one of the API and none;
// and to its own with another's ids.
func TestAttack_scim(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t, "--nats-listen", "127.0.0.1:0").MustStart()
	v := newVictim(t, s)
	m := s.API.Tenant(t, s.SCIM, "mallory.example", "OKTA")
	spare := s.API.Must(t, 200, http.MethodPost, v.Path()+"/secrets", nil)
	s.API.Must(t, 200, http.MethodDelete, v.Path()+"/secrets/"+spare.Text("secret.id"), nil)
	former := v.SCIM.Token
	v.SCIM.Token = s.API.Must(t, 200, http.MethodPost, v.Path()+"/secrets:regenerate?overlap_seconds=1", nil).Text("plain_secret")
	// Asked of the API: a SCIM request that still counts would be told as activity
	// of the directory later, beside the attacks.
	harness.Eventually(t, time.Minute, "the overlap runs out", func() error {
		if status := s.API.Must(t, 200, http.MethodGet, v.Path(), nil).Text("directory.secrets.0.status"); status != "INACTIVE" {
			return fmt.Errorf("the former secret is %s", status)
		}
		return nil
	})
	before := v.state(t, s)
	ids := strings.NewReplacer("/U", "/"+v.user, "/G", "/"+v.group)
	for _, r := range scimRoutes {
		path := r.path
		if strings.HasSuffix(path, "/U") || strings.HasSuffix(path, "/G") {
			path = ids.Replace(path)
		}
		body := strings.ReplaceAll(r.body, "/Users/U", "/Users/"+v.user)
		for what, token := range map[string]string{
			"another directory's token": m.SCIM.Token, "a revoked token": spare.Text("plain_secret"),
			"a token whose overlap has run out": former, "a token of the API": tokenOf(t, s.API), "no token": "",
		} {
			a, err := send(t.Context(), r.method, v.SCIM.Base+path, harness.MediaType, token, body)
			if err != nil {
				t.Fatal(err)
			}
			if a.status != http.StatusUnauthorized {
				t.Errorf("%s %s with %s: %d\n%s", r.method, r.path, what, a.status, a.text)
			}
			if leak := v.leak(a.text, path+body+v.SCIM.Base); leak != "" {
				t.Errorf("%s %s with %s shows %q:\n%s", r.method, r.path, what, leak, a.text)
			}
		}
		// Through the attacker's own directory, the victim's ids lead nowhere.
		a, err := send(t.Context(), r.method, m.SCIM.Base+path, harness.MediaType, m.SCIM.Token, body)
		if err != nil {
			t.Fatal(err)
		}
		if path != r.path && a.status != http.StatusNotFound {
			t.Errorf("%s %s in another directory: %d\n%s", r.method, r.path, a.status, a.text)
		}
		if leak := v.leak(a.text, path+body); leak != "" {
			t.Errorf("%s %s in another directory shows %q:\n%s", r.method, r.path, leak, a.text)
		}
	}
	// Nor do they as a member, or in a filter.
	body := `{"schemas":["` + harness.GroupURN + `"],"displayName":"thieves","members":[{"value":"` + v.user + `"}]}`
	a, err := send(t.Context(), http.MethodPost, m.SCIM.Base+"/Groups", harness.MediaType, m.SCIM.Token, body)
	if err != nil {
		t.Fatal(err)
	}
	if leak := v.leak(a.text, body); leak != "" {
		t.Errorf("the victim as a member: %d shows %q", a.status, leak)
	}
	if found, _, err := m.SCIM.Find(t.Context(), "Users", `userName sw "vera" or id eq "`+v.user+`"`); err != nil || len(found) != 0 {
		t.Errorf("a filter finds %q (%v)", found, err)
	}
	if after := v.state(t, s); after != before {
		t.Errorf("the attacks changed something of the victim's, from\n%s\nto\n%s", before, after)
	}
}
