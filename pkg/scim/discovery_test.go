package scim_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const base = "https://rollcall.example/directories/dir_1/scim/v2"

func service(t *testing.T) scim.Service {
	t.Helper()
	both, err := schema.Parse([]byte(`{"id":"urn:acme:1.0:both","name":"Both","attributes":[{"name":"badge","type":"string"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	user, err := schema.User.With(both)
	if err != nil {
		t.Fatal(err)
	}
	group, err := schema.Group.With(both)
	if err != nil {
		t.Fatal(err)
	}
	return scim.Service{
		Base: base, Kinds: []*schema.Resource{user, group},
		Created: time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC), Updated: time.Date(2026, 2, 2, 3, 4, 5, 0, time.FixedZone("", 3600)),
		Limits: scim.Limits{Page: 50, MaxPage: 200, Cursor: time.Hour, Operations: 7, Body: 1 << 20},
	}
}

// all returns every document of discovery.
func all(t *testing.T, s scim.Service) map[string]scim.Document {
	t.Helper()
	out := map[string]scim.Document{}
	config, err := s.Config()
	docs := []scim.Document{config}
	for _, list := range []func() ([]scim.Document, error){s.ResourceTypes, s.Schemas, s.OwnSchemas} {
		if err != nil {
			t.Fatal(err)
		}
		var more []scim.Document
		more, err = list()
		docs = append(docs, more...)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		out[strings.TrimPrefix(d.Location, base)] = d
	}
	return out
}

func TestService_Config(t *testing.T) {
	t.Parallel()
	d := all(t, service(t))["/ServiceProviderConfig"]
	got := decoded(t, d.JSON)
	delete(got["authenticationSchemes"].([]any)[0].(map[string]any), "description")
	want := map[string]any{
		"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":   map[string]any{"supported": true}, "changePassword": map[string]any{"supported": false},
		"sort": map[string]any{"supported": true}, "etag": map[string]any{"supported": true},
		"bulk":   map[string]any{"supported": true, "maxOperations": 7.0, "maxPayloadSize": 1048576.0},
		"filter": map[string]any{"supported": true, "maxResults": 200.0},
		"pagination": map[string]any{
			"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 50.0, "maxPageSize": 200.0, "cursorTimeout": 3600.0,
		},
		"authenticationSchemes": []any{map[string]any{
			"type": "oauthbearertoken", "name": "Bearer token", "primary": true, "specUri": "https://www.rfc-editor.org/info/rfc6750",
		}},
		"meta": map[string]any{
			"resourceType": "ServiceProviderConfig", "location": base + "/ServiceProviderConfig", "version": d.Version,
			"created": "2026-01-02T03:04:05.006Z", "lastModified": "2026-02-02T02:04:05Z",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestService_lists(t *testing.T) {
	t.Parallel()
	docs := all(t, service(t))
	want := []string{
		"/ResourceTypes/Group", "/ResourceTypes/User", "/Schemas/" + schema.GroupURN, "/Schemas/" + schema.ResourceTypeURN, "/Schemas/" + schema.SchemaURN,
		"/Schemas/" + schema.ServiceProviderConfigURN, "/Schemas/" + schema.UserURN, "/Schemas/" + schema.EnterpriseURN, "/Schemas/urn:acme:1.0:both", "/ServiceProviderConfig",
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(docs))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	listed, err := service(t).Schemas()
	if err != nil {
		t.Fatal(err)
	}
	list := decoded(t, scim.Documents(listed))
	if list["totalResults"] != 4.0 || len(list["Resources"].([]any)) != 4 {
		t.Errorf("%v schemas are listed, want those of the resources", list["totalResults"])
	}
}

// TestService_versions move with what a document says, and with nothing else.
func TestService_versions(t *testing.T) {
	t.Parallel()
	before := all(t, service(t))
	s := service(t)
	s.Updated, s.Limits.Operations = s.Updated.Add(time.Hour), 8
	s.Kinds[1] = schema.Group
	for path, d := range all(t, s) {
		changed := path == "/ServiceProviderConfig" || path == "/ResourceTypes/Group"
		if (d.Version != before[path].Version) != changed {
			t.Errorf("%s has version %s, it had %s", path, d.Version, before[path].Version)
		}
	}
}

// TestService_fitsItsSchemas holds every document against the schema that it
// names: each of its attributes is described, with its type, and whatever is
// required is there. Nothing is null or empty, which clients refuse.
func TestService_fitsItsSchemas(t *testing.T) {
	t.Parallel()
	docs := all(t, service(t))
	for path, d := range docs {
		doc := decoded(t, d.JSON)
		urns, _ := doc["schemas"].([]any)
		if len(urns) != 1 {
			t.Fatalf("%s has schemas %v", path, urns)
		}
		var s struct{ Attributes []schema.Attribute }
		served, ok := docs["/Schemas/"+urns[0].(string)]
		if !ok {
			t.Fatalf("%s has the schema %v, which is not served", path, urns[0])
		}
		if err := json.Unmarshal(served.JSON, &s); err != nil {
			t.Fatal(err)
		}
		meta, _ := doc["meta"].(map[string]any)
		if id, has := doc["id"]; has && id != d.ID || meta["location"] != d.Location || meta["version"] != d.Version {
			t.Errorf("%s says it is %v at %v, version %v", path, id, meta["location"], meta["version"])
		}
		for _, common := range []string{"schemas", "meta"} {
			delete(doc, common)
		}
		fits(t, path, doc, s.Attributes)
	}
}

func fits(t *testing.T, path string, object map[string]any, attributes []schema.Attribute) {
	t.Helper()
	known := map[string]schema.Attribute{}
	for _, a := range attributes {
		known[a.Name] = a
		if object[a.Name] == nil && a.Required {
			t.Errorf("%s.%s is required and missing", path, a.Name)
		}
		if a.Mutability != schema.ReadOnly && strings.Contains(path, "core:2.0:S") {
			t.Errorf("%s.%s is %s", path, a.Name, a.Mutability)
		}
	}
	for name, v := range object {
		a, ok := known[name]
		if !ok {
			if !strings.HasSuffix(path, ".subAttributes") { // the schema of schemas ends there, as in RFC 7643 section 8.7.2
				t.Errorf("%s.%s is in no schema", path, name)
			}
			continue
		}
		values := []any{v}
		if list, isList := v.([]any); isList != a.MultiValued {
			t.Errorf("%s.%s is %T, several values: %v", path, name, v, a.MultiValued)
		} else if isList {
			values = list
		}
		for _, v := range values {
			typ := schema.Boolean
			switch v := v.(type) {
			case string:
				if typ = schema.String; v == "" || len(a.CanonicalValues) > 0 && !slices.Contains(a.CanonicalValues, v) {
					t.Errorf("%s.%s is %q, want one of %q", path, name, v, a.CanonicalValues)
				}
				if a.Type == schema.Reference {
					typ = schema.Reference
				}
			case float64:
				typ = schema.Integer
			case map[string]any:
				typ = schema.Complex
				subs := make([]schema.Attribute, 0, len(a.SubAttributes))
				for _, sub := range a.SubAttributes {
					subs = append(subs, *sub)
				}
				fits(t, path+"."+name, v, subs)
			case bool:
			default:
				t.Errorf("%s.%s is %v", path, name, v)
			}
			if typ != a.Type {
				t.Errorf("%s.%s is a %s, the schema says %s", path, name, typ, a.Type)
			}
		}
	}
}

// Every name that a resource type points at is served.
func TestResourceType_pointsAtSchemas(t *testing.T) {
	t.Parallel()
	s := service(t)
	docs := all(t, s)
	for _, k := range s.Kinds {
		var doc struct {
			Schema, Endpoint string
			SchemaExtensions []struct{ Schema string }
		}
		if err := json.Unmarshal(docs["/ResourceTypes/"+k.Name].JSON, &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Schema != k.Core.ID || doc.Endpoint != "/"+k.Name+"s" || len(doc.SchemaExtensions) != len(k.Extensions) {
			t.Errorf("%s is described as %+v", k.Name, doc)
		}
		for _, urn := range []string{doc.Schema, doc.SchemaExtensions[0].Schema} {
			if _, ok := docs["/Schemas/"+urn]; !ok {
				t.Errorf("%s points at %s, which is not served", k.Name, urn)
			}
		}
	}
}
