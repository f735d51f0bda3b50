package openapi_test

import (
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	document "github.com/rollcallhq/rollcall/pkg/api/openapi"
	"github.com/rollcallhq/rollcall/test/openapi"
)

func load(t *testing.T, b []byte) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(b)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// The document is valid, and says of everything what it is.
func TestDocument(t *testing.T) {
	t.Parallel()
	doc := load(t, document.Document)
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if doc.Info.Title == "" || doc.Info.Description == "" || len(doc.Security) == 0 || doc.Components.SecuritySchemes["oauth2"] == nil {
		t.Errorf("it says of itself %+v and asks for %v", doc.Info, doc.Security)
	}
	ids := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Summary == "" || op.OperationID == "" || len(op.Tags) != 1 || ids[op.OperationID] {
				t.Errorf("%s %s has the title %q, the id %q and the tags %q", method, path, op.Summary, op.OperationID, op.Tags)
			}
			ids[op.OperationID] = true
		}
	}
	for _, tag := range doc.Tags {
		if tag.Description == "" {
			t.Errorf("the service %s says nothing of itself: its comment in the .proto file", tag.Name)
		}
	}
}

// The document breaks nobody who uses that of the last release. When a release is
// made, openapi.json becomes released.json.
func TestReleased(t *testing.T) {
	t.Parallel()
	released, err := os.ReadFile("../../pkg/api/openapi/released.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range openapi.Breaks(load(t, released), load(t, document.Document)) {
		t.Error(what)
	}
}

const small = `{"openapi":"3.0.3","info":{"title":"x","version":"1"},"paths":{"/a":{"post":{"operationId":"A",
 "parameters":[{"name":"p","in":"query","schema":{"type":"string"}}],
 "requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/In"}}}},
 "responses":{"200":{"description":"ok","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Out"}}}}}}}},
 "components":{"schemas":{
 "In":{"type":"object","properties":{"x":{"type":"string","enum":["E","F"]},"self":{"$ref":"#/components/schemas/In"}}},
 "Out":{"type":"object","properties":{"y":{"type":"array","items":{"type":"string"}},"m":{"type":"object","additionalProperties":{"type":"string"}}}}}}}`

func TestBreaks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, next string
		want      string // part of the only sentence; empty: nothing breaks
	}{
		"nothing":                {"", "", ""},
		"a new member":           {`"x":{`, `"new":{"type":"string"},"x":{`, ""},
		"a new value":            {`["E","F"]`, `["E","F","G"]`, ""},
		"a new parameter":        {`"parameters":[`, `"parameters":[{"name":"q","in":"query","schema":{"type":"string"}},`, ""},
		"a route gone":           {`"/a"`, `"/b"`, "POST /a is gone"},
		"another method":         {`"post"`, `"put"`, "POST /a is gone"},
		"another name":           {`"operationId":"A"`, `"operationId":"B"`, "is called B"},
		"a parameter gone":       {`"name":"p"`, `"name":"q"`, "no parameter p"},
		"a parameter needed":     {`"parameters":[`, `"parameters":[{"name":"q","in":"query","required":true,"schema":{"type":"string"}},`, "needs the parameter q"},
		"a parameter of another": {`"in":"query","schema":{"type":"string"}`, `"in":"query","schema":{"type":"integer"}`, "[integer]"},
		"a body needed":          {`"requestBody":{`, `"requestBody":{"required":true,`, "needs a body"},
		"a member of a request":  {`"x":{"type":"string","enum":["E","F"]}`, `"z":{"type":"string"}`, "no member x"},
		"a member needed":        {`"In":{"type":"object",`, `"In":{"type":"object","required":["x"],`, "needs the member x"},
		"a value gone":           {`["E","F"]`, `["E"]`, "no value F"},
		"a member of an answer":  {`"y":{`, `"z":{`, "no member y"},
		"other items":            {`"items":{"type":"string"}`, `"items":{"type":"integer"}`, "Out.y[] is [integer]"},
		"other values of a map":  {`"additionalProperties":{"type":"string"}`, `"additionalProperties":{"type":"integer"}`, "Out.m{} is [integer]"},
		"another status":         {`"200"`, `"201"`, "not answered with 200"},
		"another media type":     {`"200":{"description":"ok","content":{"application/json"`, `"200":{"description":"ok","content":{"text/plain"`, "not application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(small, c.old) {
				t.Fatalf("the example has no %s", c.old)
			}
			got := openapi.Breaks(load(t, []byte(small)), load(t, []byte(strings.Replace(small, c.old, c.next, 1))))
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("it breaks %q", got)
			case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
				t.Errorf("it breaks %q, want only that %s", got, c.want)
			}
		})
	}
}
