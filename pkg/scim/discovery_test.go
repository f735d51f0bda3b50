package scim_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const base = "https://rollcall.example/directories/dir_1/scim/v2"

func TestServiceProviderConfig(t *testing.T) {
	t.Parallel()
	body, err := scim.Document(scim.ServiceProviderConfig(base, scim.Limits{MaxResults: 200, MaxBody: 1 << 20}))
	if err != nil {
		t.Fatal(err)
	}
	got := decoded(t, body)
	for path, want := range map[string]any{
		"patch.supported": true, "filter.supported": true, "filter.maxResults": 200.0, "bulk.supported": false, "bulk.maxOperations": 0.0, "sort.supported": false,
		"changePassword.supported": false, "meta.location": base + "/ServiceProviderConfig",
	} {
		name, sub, _ := strings.Cut(path, ".")
		part, _ := got[name].(map[string]any)
		if diff := cmp.Diff(want, part[sub]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	var config struct {
		Bulk                  map[string]any
		AuthenticationSchemes []struct{ Type string }
	}
	if err := json.Unmarshal(body, &config); err != nil {
		t.Fatal(err)
	}
	if config.Bulk["maxPayloadSize"] == nil {
		t.Error("the bulk limits are missing; clients split their requests by them")
	}
	if len(config.AuthenticationSchemes) != 1 || config.AuthenticationSchemes[0].Type != "oauthbearertoken" {
		t.Errorf("authentication is %v", config.AuthenticationSchemes)
	}
	if strings.Contains(string(body), `""`) || strings.Contains(string(body), "null") {
		t.Errorf("%s holds empty values, which clients with a typed model refuse", body)
	}
}

func TestDiscovery_lists(t *testing.T) {
	t.Parallel()
	var types, schemas []map[string]any
	for _, k := range scim.Kinds {
		types = append(types, scim.ResourceType(base, k))
	}
	for _, s := range scim.Schemas(scim.Kinds...) {
		schemas = append(schemas, scim.SchemaDocument(base, s))
	}
	for _, tt := range []struct {
		name string
		docs []map[string]any
		ids  []string
		urn  string
	}{
		{"ResourceTypes", types, []string{"User", "Group"}, "urn:ietf:params:scim:schemas:core:2.0:ResourceType"},
		{"Schemas", schemas, []string{schema.UserURN, schema.EnterpriseURN, schema.GroupURN}, "urn:ietf:params:scim:schemas:core:2.0:Schema"},
	} {
		body, err := scim.Documents(tt.docs...)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(body), "null") {
			t.Errorf("%s holds null, which Entra refuses", tt.name)
		}
		var list struct {
			TotalResults int
			Resources    []struct {
				ID      string
				Schemas []string
				Meta    struct{ Location string }
			}
		}
		if err := json.Unmarshal(body, &list); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, doc := range list.Resources {
			ids = append(ids, doc.ID)
			if want := base + "/" + tt.name + "/" + doc.ID; doc.Meta.Location != want {
				t.Errorf("%s is at %v, want %s", doc.ID, doc.Meta.Location, want)
			}
			if !slices.Equal(doc.Schemas, []string{tt.urn}) {
				t.Errorf("%s has schemas %v", doc.ID, doc.Schemas)
			}
		}
		slices.Sort(ids)
		slices.Sort(tt.ids)
		if diff := cmp.Diff(tt.ids, ids); diff != "" || list.TotalResults != len(tt.ids) {
			t.Errorf("%s: total %d (-want +got):\n%s", tt.name, list.TotalResults, diff)
		}
	}
}

// Every name that a resource type points at is served.
func TestResourceType_pointsAtSchemas(t *testing.T) {
	t.Parallel()
	served := map[string]bool{}
	for _, s := range scim.Schemas(scim.Kinds...) {
		served[s.ID] = true
	}
	for _, k := range scim.Kinds {
		body, err := scim.Document(scim.ResourceType(base, k))
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Schema, Endpoint string
			SchemaExtensions []struct{ Schema string }
		}
		if err := json.Unmarshal(body, &doc); err != nil {
			t.Fatal(err)
		}
		if !served[doc.Schema] || doc.Endpoint != "/"+k.Name+"s" {
			t.Errorf("%s has the schema %v and the endpoint %v", k.Name, doc.Schema, doc.Endpoint)
		}
		if len(doc.SchemaExtensions) != len(k.Extensions) {
			t.Errorf("%s has %d extensions, want %d", k.Name, len(doc.SchemaExtensions), len(k.Extensions))
		}
		for _, e := range doc.SchemaExtensions {
			if !served[e.Schema] {
				t.Errorf("%s has the extension %v, which is not served", k.Name, e)
			}
		}
	}
}
