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

// The document holds exactly the routes of the gateway and the live tail, with the
// status that each is answered with and the header where it counts.
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
			Responses  map[string]struct{ Content map[string]any }
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
		if want := api.StatusOf(m.Output().FullName()); op.Responses[want].Content == nil || op.Responses["default"].Content == nil {
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
	tail := doc.Paths["/api/v1/webhook_attempts:tail"]["get"]
	if _, streams := tail.Responses["200"].Content["text/event-stream"]; !streams || tail.Responses["default"].Content == nil {
		t.Errorf("the live tail is answered with %v", tail.Responses)
	}
	as := http.Header{"Authorization": {"Bearer " + s.token}}
	for _, p := range tail.Parameters {
		if p.In != "query" {
			continue
		}
		// Each is one that the route takes, which this server then has no record for.
		if status, _, body := s.do(t, "GET", "/api/v1/webhook_attempts:tail?"+p.Name+"=", "", "", as); status == 200 || strings.Contains(string(body), "no parameter") {
			t.Errorf("the parameter %s of the live tail is answered %d: %s", p.Name, status, body)
		}
	}
	if left--; left != 0 {
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
