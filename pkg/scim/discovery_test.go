package scim_test

import (
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
	if bulk := got["bulk"].(map[string]any); bulk["maxPayloadSize"] == nil {
		t.Error("the bulk limits are missing; clients split their requests by them")
	}
	if schemes := got["authenticationSchemes"].([]any); len(schemes) != 1 || schemes[0].(map[string]any)["type"] != "oauthbearertoken" {
		t.Errorf("authentication is %v", schemes)
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
	for _, s := range scim.Schemas() {
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
		list := decoded(t, body)
		var ids []string
		for _, r := range list["Resources"].([]any) {
			doc := r.(map[string]any)
			id := doc["id"].(string)
			ids = append(ids, id)
			if got, want := doc["meta"].(map[string]any)["location"], base+"/"+tt.name+"/"+id; got != want {
				t.Errorf("%s is at %v, want %s", id, got, want)
			}
			if !slices.Equal(doc["schemas"].([]any), []any{tt.urn}) {
				t.Errorf("%s has schemas %v", id, doc["schemas"])
			}
		}
		slices.Sort(ids)
		slices.Sort(tt.ids)
		if diff := cmp.Diff(tt.ids, ids); diff != "" || list["totalResults"] != float64(len(tt.ids)) {
			t.Errorf("%s: total %v (-want +got):\n%s", tt.name, list["totalResults"], diff)
		}
	}
}

// Every name that a resource type points at is served.
func TestResourceType_pointsAtSchemas(t *testing.T) {
	t.Parallel()
	served := map[string]bool{}
	for _, s := range scim.Schemas() {
		served[s.ID] = true
	}
	for _, k := range scim.Kinds {
		body, err := scim.Document(scim.ResourceType(base, k))
		if err != nil {
			t.Fatal(err)
		}
		doc := decoded(t, body)
		if !served[doc["schema"].(string)] || doc["endpoint"] != "/"+k.Name+"s" {
			t.Errorf("%s has the schema %v and the endpoint %v", k.Name, doc["schema"], doc["endpoint"])
		}
		for _, e := range doc["schemaExtensions"].([]any) {
			if !served[e.(map[string]any)["schema"].(string)] {
				t.Errorf("%s has the extension %v, which is not served", k.Name, e)
			}
		}
	}
}
