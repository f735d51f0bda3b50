package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/rollcallhq/rollcall/events/asyncapi"
	"github.com/rollcallhq/rollcall/services/projector/api"
)

// The document holds exactly the routes of the gateway, with the status that each
// is answered with and the header where it counts.
func TestDocument(t *testing.T) {
	t.Parallel()
	s := start(t)
	status, header, body := s.do(t, "GET", "/api/openapi.json", "", "", nil)
	if status != 200 || header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", status, header.Get("Content-Type"))
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Responses  map[string]any
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(body, &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.") {
		t.Fatalf("version %q (%v)", doc.OpenAPI, err)
	}
	left := 0
	for _, methods := range doc.Paths {
		left += len(methods)
	}
	for _, b := range bindings(t) {
		op, ok := doc.Paths[b.path][strings.ToLower(b.method)]
		if !ok {
			t.Errorf("%s %s is not in the document", b.method, b.path)
			continue
		}
		left--
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(b.selector))
		if err != nil {
			t.Fatal(err)
		}
		m := d.(protoreflect.MethodDescriptor)
		if want := api.StatusOf(m.Output().FullName()); op.Responses[want] == nil || op.Responses["default"] == nil {
			t.Errorf("%s %s is answered with %s, the document says %v", b.method, b.path, want, op.Responses)
		}
		_, _, once, _ := api.RuleOf(procedure(m))
		shown := false
		for _, p := range op.Parameters {
			shown = shown || p.Name == "Idempotency-Key" && p.In == "header"
		}
		if shown != once {
			t.Errorf("%s %s takes an Idempotency-Key: %v, the document says %v", b.method, b.path, once, shown)
		}
	}
	if left != 0 {
		t.Errorf("the document has %d routes too many", left)
	}
	if status, _, _ := s.do(t, "POST", "/api/openapi.json", "", "", nil); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", status)
	}
}

// The document of the events is at its place, for everybody.
func TestDocument_asyncAPI(t *testing.T) {
	t.Parallel()
	s := start(t)
	status, header, body := s.do(t, "GET", "/api/asyncapi.json", "", "", nil)
	if status != 200 || header.Get("Content-Type") != "application/json" || !bytes.Equal(body, asyncapi.Document()) {
		t.Errorf("%d %s, %d bytes", status, header.Get("Content-Type"), len(body))
	}
	if status, _, _ := s.do(t, "POST", "/api/asyncapi.json", "", "", nil); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", status)
	}
}
