package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/rollcallhq/rollcall/events"
	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1/rollcallv1connect"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories/directoriesconnect"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

const badge = `{"id":"urn:acme:1.0:User","name":"Acme","description":"R & D <ours>","attributes":[{"name":"badge","type":"string"},{"name":"level","type":"integer"}]}`

// full is what a definition is shown as: everything that was left out filled in.
func full(name, kind string) map[string]any {
	return map[string]any{
		"name": name, "type": kind, "multiValued": false, "required": false, "caseExact": false,
		"mutability": "readWrite", "returned": "default", "uniqueness": "none",
	}
}

func TestExtensions(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	path := "/api/v1/organizations/" + org + "/directories/" + s.directory(t, org) + "/schemas"
	want := map[string]any{"extensions": []any{
		map[string]any{"resource_type": "User", "schema": map[string]any{
			"id": "urn:acme:1.0:User", "name": "Acme", "description": "R & D <ours>", "attributes": []any{full("badge", "string"), full("level", "integer")},
		}},
		map[string]any{"resource_type": "Group", "schema": map[string]any{
			"id": "urn:acme:1.0:Group", "name": "G", "description": "", "attributes": []any{full("site", "string")},
		}},
	}}
	none := map[string]any{"extensions": []any{}}
	group := `{"resource_type":"Group","schema":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Schema"],"id":"urn:acme:1.0:Group","name":"G","attributes":[{"name":"site"}]}}`
	for _, tt := range []struct {
		method, body string
		want         map[string]any
	}{
		{"GET", "", none},
		{"PUT", `{"extensions":[{"schema":` + badge + `},` + group + `]}`, want},
		{"GET", "", want},
		{"PUT", `{"extensions":[]}`, none},
		{"GET", "", none},
	} {
		if diff := cmp.Diff(tt.want, s.ok(t, 200, tt.method, path, tt.body)); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.method, tt.body, diff)
		}
	}
	for body, says := range map[string]string{
		`{"extensions":[{"resource_type":"User"}]}`:                                                              "Extension 1: schema is required",
		`{"extensions":[{"resource_type":"Device","schema":` + badge + `}]}`:                                     "Extension 1: it must be for User or Group",
		`{"extensions":[{"schema":` + badge + `},{"schema":{}}]}`:                                                "Extension 2",
		`{"extensions":[{"schema":{"id":7}}]}`:                                                                   "Extension 1",
		`{"extensions":[{"schema":{"id":"urn:acme:x","name":"x","attributes":[{"name":"a","kind":"string"}]}}]}`: "Extension 1",
		`{"extensions":[{"schema":[]}]}`:                                                                         "form",
	} {
		if status, m := s.call(t, "PUT", path, body); status != 400 || !strings.Contains(str(m, "message"), says) {
			t.Errorf("%s: %d %v, want 400 saying %q", body, status, m, says)
		}
	}
	if status, m := s.call(t, "GET", strings.Replace(path, org, s.organization(t, "Other"), 1), ""); status != 404 {
		t.Errorf("another organization's: %d %v", status, m)
	}
}

func TestAttributeMappings(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir := s.directory(t, org)
	base := "/api/v1/organizations/" + org + "/directories/" + dir
	full := func(list ...any) map[string]any { return map[string]any{"mappings": append([]any{}, list...)} }
	mapping := func(key, otherwise string, sources ...any) any {
		return map[string]any{"key": key, "sources": append([]any{}, sources...), "default_value": otherwise}
	}
	wire := func(list ...any) map[string]any {
		return map[string]any{"attribute_mappings": map[string]any{"attributes": append([]any{}, list...)}}
	}
	to := func(key, mapTo string) any { return map[string]any{"key": key, "map_to": mapTo} }
	urn := "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter"
	for _, tt := range []struct {
		method, path, body string
		want               map[string]any
	}{
		{"GET", "/attribute_mappings", "", full()},
		{
			"PUT", "/attribute_mappings",
			`{"mappings":[{"key":"site","sources":["` + urn + `","emails[type eq \"work\"].value"],"default_value":"<none>"},{"key":"region","default_value":"eu"}]}`,
			full(mapping("site", "<none>", urn, `emails[type eq "work"].value`), mapping("region", "eu")),
		},
		{"GET", "/attribute_mappings", "", full(mapping("site", "<none>", urn, `emails[type eq "work"].value`), mapping("region", "eu"))},
		// The wire reference's form shows the first source, and keeps what it cannot show.
		{
			"PUT", "/attributes", `{"attributes":[{"key":"region"},{"key":"mobile_phone_number","map_to":"phone_number"},{"key":"site","map_to":"` + urn + `"}]}`,
			wire(to("region", ""), to("mobile_phone_number", "phone_number"), to("site", urn)),
		},
		{"GET", "/attribute_mappings", "", full(mapping("region", "eu"), mapping("mobile_phone_number", "", "phone_number"), mapping("site", "<none>", urn, `emails[type eq "work"].value`))},
		{"PUT", "/attributes", `{"attributes":[{"key":"site","map_to":"title"}]}`, wire(to("site", "title"))},
		{"GET", "/attribute_mappings", "", full(mapping("site", "", "title"))},
	} {
		if diff := cmp.Diff(tt.want, s.ok(t, 200, tt.method, base+tt.path, tt.body)); diff != "" {
			t.Errorf("%s %s %s (-want +got):\n%s", tt.method, tt.path, tt.body, diff)
		}
	}
	shown := object(wire(to("site", "title")), "attribute_mappings")
	for _, path := range []string{base, "/api/v1/organizations/" + org + "/directories"} {
		m := s.ok(t, 200, "GET", path, "")
		got := at(m, "directory", "attribute_mappings")
		if got == nil {
			got = at(m, "directories", 0, "attribute_mappings")
		}
		if diff := cmp.Diff(any(shown), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	for _, tt := range []struct{ path, body, says string }{
		{"/attributes", `{"attributes":[{"key":"site"}]}`, "neither a source"},
		{"/attributes", `{"attributes":[{"key":"email","map_to":"title"}]}`, "email cannot be mapped"},
		{"/attributes", `{"attributes":[{"map_to":"title"}]}`, "key must be"},
		{"/attribute_mappings", `{"mappings":[{"key":"a","sources":["a["]}]}`, "Attribute mapping 1"},
		{"/attribute_mappings", `{"mappings":[{"key":"a","sources":"title"}]}`, "form"},
	} {
		if status, m := s.call(t, "PUT", base+tt.path, tt.body); status != 400 || !strings.Contains(str(m, "message"), tt.says) {
			t.Errorf("%s %s: %d %v, want 400 saying %q", tt.path, tt.body, status, m, tt.says)
		}
	}
	s.ok(t, 200, "PUT", base+"/attributes", `{}`)
	if got := items(s.ok(t, 200, "GET", base+"/attribute_mappings", ""), "mappings"); len(got) != 0 {
		t.Errorf("the mapping is %v", got)
	}
}

// TestMappedUser says that lists show users as they are mapped.
func TestMappedUser(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir := s.directory(t, org)
	base := "/api/v1/organizations/" + org + "/directories/" + dir
	s.user(t, org, dir, "mara")
	s.ok(t, 200, "PUT", base+"/attribute_mappings", `{"mappings":[{"key":"given_name","sources":["userName"]},{"key":"shown","sources":["name"]},{"key":"plan","sources":["x"],"default_value":"pro"}]}`)
	mara := object(s.ok(t, 200, "GET", base+"/users?include_detail=true", ""), "users", 0)
	got := map[string]any{"given": mara["given_name"], "family": mara["family_name"], "detail": at(mara, "user_detail", "given_name"), "custom": at(mara, "user_detail", "custom_attributes")}
	if diff := cmp.Diff(map[string]any{
		"given": "mara", "family": "Quist", "detail": "mara", "custom": map[string]any{"shown": "Mara Quist", "plan": "pro"},
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestUser_largeNumber says that a number that no type holds is no reason not to
// show a user.
func TestUser_largeNumber(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir := s.directory(t, org)
	base := "/api/v1/organizations/" + org + "/directories/" + dir
	s.happened(t, events.Event{Organization: org, Directory: dir, Resource: directory.PrefixUser}, events.UserCreated{UserState: events.UserState{
		UserNames: events.UserNames{UserName: "mara"}, Active: true, Attributes: json.RawMessage(`{"userName":"mara","debt":[1e999,7]}`),
	}})
	s.ok(t, 200, "PUT", base+"/attribute_mappings", `{"mappings":[{"key":"debt","sources":["debt"]}]}`)
	for query, want := range map[string]any{"": nil, "?include_detail=true": []any{"1e999", 7.0}} {
		m := s.ok(t, 200, "GET", base+"/users"+query, "")
		for _, where := range []string{"custom_attributes", "raw_attributes"} {
			if diff := cmp.Diff(want, at(m, "users", 0, "user_detail", where, "debt")); diff != "" {
				t.Errorf("%s of %q (-want +got):\n%s", where, query, diff)
			}
		}
	}
}

// TestSettings_protocols says that what one protocol sets, each of them shows.
func TestSettings_protocols(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir := s.directory(t, org)
	base := "/api/v1/organizations/" + org + "/directories/" + dir
	bearer := connect.WithInterceptors(connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
			r.Header().Set("Authorization", "Bearer "+s.token)
			return next(ctx, r)
		}
	}))
	rest := func(path string, into proto.Message) {
		t.Helper()
		_, _, body := s.do(t, "GET", base+path, "", "", http.Header{"Authorization": {"Bearer " + s.token}})
		if err := protojson.Unmarshal(body, into); err != nil {
			t.Fatal(err)
		}
	}
	var definition map[string]any
	if err := json.Unmarshal([]byte(badge), &definition); err != nil {
		t.Fatal(err)
	}
	schema, err := structpb.NewStruct(definition)
	if err != nil {
		t.Fatal(err)
	}
	strict, lenient := "STRICT", "LENIENT"
	for name, options := range map[string][]connect.ClientOption{
		"Connect": nil, "Connect with JSON": {connect.WithProtoJSON()}, "gRPC": {connect.WithGRPC()}, "gRPC-Web": {connect.WithGRPCWeb()},
	} {
		options = append(options, bearer)
		ctx := t.Context()
		policies := rollcallv1connect.NewDirectoryPolicyServiceClient(s.http1, s.url, options...)
		for _, conformance := range []*string{&strict, &lenient} {
			set, err := policies.UpdatePolicy(ctx, &rollcallv1.UpdatePolicyRequest{OrganizationId: org, DirectoryId: dir, Conformance: conformance})
			got := &rollcallv1.GetPolicyResponse{}
			if rest("/policy", got); err != nil || !proto.Equal(set.GetPolicy(), got.GetPolicy()) || got.GetPolicy().GetConformance() != *conformance {
				t.Errorf("%s: the policy is %v (%v), REST shows %v", name, set, err, got)
			}
		}

		schemas := rollcallv1connect.NewDirectorySchemaServiceClient(s.http1, s.url, options...)
		set, err := schemas.ReplaceExtensions(ctx, &rollcallv1.ReplaceExtensionsRequest{
			OrganizationId: org, DirectoryId: dir, Extensions: []*rollcallv1.SchemaExtension{{ResourceType: "User", Schema: schema}},
		})
		if err != nil || len(set.GetExtensions()) != 1 {
			t.Fatalf("%s: extensions %v (%v)", name, set, err)
		}
		shown, err := schemas.GetExtensions(ctx, &rollcallv1.GetExtensionsRequest{OrganizationId: org, DirectoryId: dir})
		got := &rollcallv1.GetExtensionsResponse{}
		if rest("/schemas", got); err != nil || !proto.Equal(shown, got) || !proto.Equal(set.GetExtensions()[0], got.GetExtensions()[0]) {
			t.Errorf("%s: the extensions are %v (%v), REST shows %v", name, shown, err, got)
		}
		if _, err := schemas.ReplaceExtensions(ctx, &rollcallv1.ReplaceExtensionsRequest{OrganizationId: org, DirectoryId: dir}); err != nil {
			t.Errorf("%s: %v", name, err)
		}

		mappings := rollcallv1connect.NewAttributeMappingServiceClient(s.http1, s.url, options...)
		mapped, err := mappings.ReplaceAttributeMappings(ctx, &rollcallv1.ReplaceAttributeMappingsRequest{
			OrganizationId: org, DirectoryId: dir, Mappings: []*rollcallv1.AttributeMapping{{Key: "site", Sources: []string{"title", "nickName"}, DefaultValue: name}},
		})
		list := &rollcallv1.GetAttributeMappingsResponse{}
		if rest("/attribute_mappings", list); err != nil || len(mapped.GetMappings()) != 1 || !proto.Equal(mapped.GetMappings()[0], list.GetMappings()[0]) {
			t.Errorf("%s: the mapping is %v (%v), REST shows %v", name, mapped, err, list)
		}
		asked, err := mappings.GetAttributeMappings(ctx, &rollcallv1.GetAttributeMappingsRequest{OrganizationId: org, DirectoryId: dir})
		if err != nil || !proto.Equal(asked, list) {
			t.Errorf("%s: asked for, the mapping is %v (%v)", name, asked, err)
		}
		wire := directoriesconnect.NewDirectoryServiceClient(s.http1, s.url, options...)
		to := &directories.AttributeMappings{Attributes: []*directories.AttributeMapping{{Key: "mobile", MapTo: "phone_number"}}}
		updated, err := wire.UpdateAttributes(ctx, &directories.UpdateAttributesRequest{OrganizationId: org, Id: dir, AttributeMapping: to})
		d, err2 := wire.GetDirectory(ctx, &directories.GetDirectoryRequest{OrganizationId: org, Id: dir})
		if err != nil || err2 != nil || !proto.Equal(updated.GetAttributeMappings(), to) || !proto.Equal(d.GetDirectory().GetAttributeMappings(), to) {
			t.Errorf("%s: attributes %v (%v), the directory shows %v (%v)", name, updated, err, d, err2)
		}
		if _, err := wire.UpdateAttributes(ctx, &directories.UpdateAttributesRequest{OrganizationId: org, Id: dir}); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%s: without a mapping: %v", name, err)
		}
	}
	// gRPC over HTTP/2, by the other implementation of the protocol.
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.token)
	res, err := rollcallv1.NewAttributeMappingServiceClient(s.grpc).GetAttributeMappings(ctx, &rollcallv1.GetAttributeMappingsRequest{OrganizationId: org, DirectoryId: dir})
	if err != nil || len(res.GetMappings()) != 1 || res.GetMappings()[0].GetKey() != "mobile" {
		t.Errorf("gRPC over h2c: %v (%v)", res, err)
	}
}
