package scimhttp_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// TestDiscovery tells what the server does, in each of its documents.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	other := d.dir(t)
	const badge = "urn:acme:1.0:Badge"
	d.register(t, `{"id":"`+badge+`","name":"Badge","attributes":[{"name":"number","type":"integer"}]}`)

	config := d.want(t, 200, "GET", "/ServiceProviderConfig", nil)
	for path, want := range map[string]any{
		"patch.supported": true, "bulk.supported": true, "bulk.maxOperations": 1000.0, "bulk.maxPayloadSize": float64(4 << 20), "filter.supported": true,
		"filter.maxResults": 500.0, "changePassword.supported": false, "sort.supported": true, "etag.supported": true, "pagination.cursor": true,
		"pagination.index": true, "pagination.defaultPaginationMethod": "index", "pagination.defaultPageSize": 100.0, "pagination.maxPageSize": 500.0,
		"pagination.cursorTimeout": 86400.0, "authenticationSchemes.0.type": "oauthbearertoken", "documentationUri": nil,
	} {
		if got := config.at(path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	types := d.want(t, 200, "GET", "/ResourceTypes", nil)
	schemas := d.want(t, 200, "GET", "/Schemas?count=1&startIndex=9&sortBy=id", nil)
	if types.at("totalResults") != 2.0 || schemas.at("totalResults") != 4.0 || len(schemas.at("Resources").([]any)) != 4 {
		t.Errorf("%v types and %v schemas", types.at("totalResults"), schemas.at("totalResults"))
	}
	if n := other.want(t, 200, "GET", "/Schemas", nil).at("totalResults"); n != 3.0 {
		t.Errorf("another directory lists %v schemas", n)
	}
	isError(t, other.do(t, "GET", "/Schemas/"+badge, nil), 404, "")
	if got := d.want(t, 200, "GET", "/ResourceTypes/User", nil).raw; !strings.Contains(got, badge) {
		t.Errorf("the users' extension is missing: %s", got)
	}
	paths := []string{
		"/ServiceProviderConfig", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig",
		"/Schemas/urn:ietf:params:scim:schemas:core:2.0:ResourceType", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Schema",
		"/Schemas/URN:ietf:params:scim:schemas:core:2.0:user", "/ResourceTypes/group",
	}
	for _, list := range []answer{types, schemas} {
		for _, r := range list.at("Resources").([]any) {
			paths = append(paths, strings.TrimPrefix(r.(object)["meta"].(object)["location"].(string), d.base))
		}
	}
	for _, path := range paths {
		a := d.want(t, 200, "GET", path, nil)
		tag := a.header.Get("ETag")
		if tag == "" || a.text("meta.version") != tag || a.header.Get("Content-Location") != a.text("meta.location") ||
			!strings.EqualFold(a.text("meta.location"), d.base+path) || a.text("meta.resourceType") == "" || a.text("meta.created") == "" || a.text("meta.lastModified") == "" {
			t.Errorf("%s has meta %v, ETag %s, Content-Location %s", path, a.at("meta"), tag, a.header.Get("Content-Location"))
		}
		if again := d.do(t, "GET", path, nil, "If-None-Match", tag); again.status != http.StatusNotModified || again.raw != "" {
			t.Errorf("%s again: %d %s", path, again.status, again.raw)
		}
		if head := d.do(t, "HEAD", path, nil); head.status != 200 || head.raw != "" || head.header.Get("ETag") != tag {
			t.Errorf("HEAD %s: %d %v", path, head.status, head.header)
		}
	}
	for _, path := range []string{"/ServiceProviderConfig", "/ResourceTypes", "/Schemas", "/ResourceTypes/User", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User"} {
		isError(t, d.do(t, "GET", path+"?filter=id+eq+%22User%22", nil), 403, "")
		isError(t, d.do(t, "GET", path+"?filter=", nil), 403, "")
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			a := d.do(t, method, path, "{}")
			isError(t, a, 405, "")
			if got := a.header.Get("Allow"); got != "GET, HEAD, OPTIONS" {
				t.Errorf("%s %s: Allow is %q", method, path, got)
			}
		}
	}
	for _, path := range []string{"/serviceConfiguration", "/ServiceProviderConfigs", "/ServiceProviderConfig/1", "/Schemas/urn:x", "/ResourceTypes/Printer", "/ResourceTypes/User/x", "/schemas"} {
		isError(t, d.do(t, "GET", path, nil), 404, "")
	}
}

// register adds an extension to the directory's users.
func (d *dir) register(t testing.TB, definition string) {
	t.Helper()
	d.must(t, directory.RegisterDirectorySchemas{Organization: d.org, Directory: d.id, Extensions: []events.DirectoryExtension{
		{Resource: "User", Definition: json.RawMessage(definition)},
	}})
}
