package script_test

import (
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/test/conformance/script"
)

// Every law is broken by an answer that differs from a lawful one in one place.
func TestPlay_laws(t *testing.T) {
	t.Parallel()
	const (
		refusal = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"404","detail":"No."}`
		list    = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"itemsPerPage":1,"Resources":[` + mara + `]}`
		bulk    = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],"Operations":[{"method":"POST","status":"409","response":{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"409","detail":"No."}}]}`
	)
	etag := map[string]string{"ETag": `W/"1"`}
	for _, c := range []struct {
		name     string
		status   int
		header   map[string]string
		body     string
		old, new string // what is different
		wrong    string // "" if it is lawful
	}{
		{"a user", 200, etag, mara, "", "", ""},
		{"a list", 200, nil, list, "", "", ""},
		{"an error", 404, nil, refusal, "", "", ""},
		{"a bulk answer", 200, nil, bulk, "", "", ""},
		{"no content", 204, nil, "", "", "", ""},

		{"media type", 200, map[string]string{"Content-Type": "text/html"}, mara, "", "", "Content-Type"},
		{"no JSON", 200, etag, mara, "{", "", "no JSON object"},
		{"an empty body", 200, etag, "", "", "", "has no body"},
		{"a body of no content", 204, nil, mara, "", "", "has a body"},
		{"null", 200, etag, mara, `"active":true`, `"active":null`, "/active is null"},
		{"empty list", 200, etag, mara, `"active":true`, `"roles":[]`, "empty list"},
		{"password", 200, etag, mara, `"active":true`, `"password":"x"`, "password"},
		{"no schemas", 200, etag, mara, `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],`, "", "without schemas"},
		{"schemas twice", 200, etag, mara, `core:2.0:User"`, `core:2.0:User","urn:ietf:params:scim:schemas:core:2.0:User"`, "the schemas are"},
		{"an extension not in schemas", 200, etag, mara, `"active":true`, `"urn:x:y":{"a":"b"}`, "not among the schemas"},
		{"no resourceType", 200, etag, mara, `"resourceType":"User",`, "", "resourceType"},
		{"another location", 200, etag, mara, `"/Users/1"`, `"/Users/2"`, "is at"},
		{"modified before created", 200, etag, mara, `"lastModified":"2026`, `"lastModified":"2025`, "lastModified"},
		{"another ETag", 200, map[string]string{"ETag": `W/"2"`}, mara, "", "", "RFC7644/3.14"},
		{"created without Location", 201, etag, mara, "", "", "201 without Location"},
		{"created elsewhere", 201, map[string]string{"ETag": `W/"1"`, "Location": "/Users/2"}, mara, "", "", "Location is"},

		{"totalResults as text", 200, nil, list, `"totalResults":1`, `"totalResults":"1"`, "totalResults"},
		{"totalResults too small", 200, nil, list, `"totalResults":1`, `"totalResults":0`, "1 resources of 0"},
		{"Resources null", 200, nil, list, `[` + mara + `]`, "null", "Resources is"},
		{"itemsPerPage", 200, nil, list, `"itemsPerPage":1`, `"itemsPerPage":5`, "itemsPerPage"},
		{"a resource twice", 200, nil, list, `[` + mara + `]`, `[` + mara + `,` + mara + `]`, "twice"},
		{"null in a list", 200, nil, list, `"active":true`, `"active":null`, "is null"},

		{"status as number", 404, nil, refusal, `"status":"404"`, `"status":404`, "status is"},
		{"another schema", 404, nil, refusal, "2.0:Error", "2.0:Errors", "the error's schemas"},
		{"no detail", 404, nil, refusal, `"No."`, `""`, "without detail"},
		{"something else", 404, nil, refusal, `"No."`, `"No.","trace":"x"`, `no "trace"`},
		{"500", 500, nil, refusal, "404", "500", "no request gets a 500"},
		{"401 without a challenge", 401, nil, refusal, "404", "401", "WWW-Authenticate"},
		{"405 without Allow", 405, nil, refusal, "404", "405", "Allow"},
		{"429 without Retry-After", 429, nil, refusal, "404", "429", "Retry-After"},

		{"a bulk refusal without its error", 200, nil, bulk, `"status":"409","response"`, `"status":"412","response"`, "a refusal's response"},
		{"a bulk answer without a status", 200, nil, bulk, `"status":"409",`, "", "method and status"},
		{"a bulk success without a location", 200, nil, bulk, `"status":"409"`, `"status":"201"`, "no location"},
	} {
		if !strings.Contains(c.body, c.old) {
			t.Fatalf("%s: %s is not in the body", c.name, c.old)
		}
		s := parse(t, "== RFC/1 x\n> GET /Users\n< "+strings.Join([]string{"200", "201", "204", "401", "404", "405", "429", "500"}, "|")+"\n")
		err := s.Play(t.Context(), echo(c.status, c.header, strings.Replace(c.body, c.old, c.new, 1)), script.NewNames(nil))
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
