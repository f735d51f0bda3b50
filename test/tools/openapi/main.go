// Command openapi turns the OpenAPI 2 document that protoc-gen-openapiv2 writes
// into the OpenAPI 3 document of Rollcall's REST API.
//
//	openapi IN.json OUT.json
//
// It adds what the .proto files do not say: titles, how to authenticate, what
// errors look like, which calls answer 201 and take an Idempotency-Key, and the
// one route that is a stream.
//
// What must not live here: anything about single fields; their comments in the
// .proto files are their descriptions.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: openapi IN.json OUT.json")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	in, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var v2 openapi2.T
	if err := json.Unmarshal(in, &v2); err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	v3, err := openapi2conv.ToV3(&v2)
	if err != nil {
		return fmt.Errorf("convert %s: %w", from, err)
	}
	describe(v3)
	flat, err := json.Marshal(v3)
	if err != nil {
		return err
	}
	whole, err := openapi3.NewLoader().LoadFromData(flat) // which resolves references
	if err == nil {
		err = whole.Validate(context.Background())
	}
	if err != nil {
		return fmt.Errorf("the document is not valid: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, flat, "", " "); err != nil {
		return err
	}
	out.WriteByte('\n')
	return os.WriteFile(to, out.Bytes(), 0o644) //nolint:gosec // a document for everybody
}

// about is what the document says of itself.
const about = `Organizations, directories, users, groups, roles and webhooks of a Rollcall installation.

Get an access token with POST /oauth/token (client credentials) and send it as a bearer token. Errors are problem details (RFC 9457).`

func describe(doc *openapi3.T) {
	doc.OpenAPI = "3.0.3"
	doc.Info = &openapi3.Info{Title: "Rollcall", Version: "v1", Description: about}
	doc.Servers = openapi3.Servers{{URL: "/"}}
	if doc.Components == nil {
		doc.Components = &openapi3.Components{}
	}
	doc.Components.SecuritySchemes = openapi3.SecuritySchemes{
		"oauth2": {Value: &openapi3.SecurityScheme{Type: "oauth2", Flows: &openapi3.OAuthFlows{ClientCredentials: &openapi3.OAuthFlow{
			TokenURL: "/oauth/token",
			Scopes: map[string]string{
				"read":  "Get and list everything but what is for admin.",
				"write": "Change organizations, directories, domains, users, roles and webhook endpoints.",
				"admin": "See and change API clients, read the audit trail.",
			},
		}}}},
		"bearer": {Value: &openapi3.SecurityScheme{Type: "http", Scheme: "bearer", BearerFormat: "JWT"}},
	}
	doc.Security = openapi3.SecurityRequirements{{"oauth2": {}}, {"bearer": {}}}
	doc.Components.Schemas["Problem"] = problem()
	doc.Paths.Set(tailPath, tail())
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			operation(op)
		}
	}
}

// problem is the form of every error.
func problem() *openapi3.SchemaRef {
	s := openapi3.NewObjectSchema()
	s.Description = "Why a call was refused: problem details (RFC 9457), with the members of gRPC gateways beside them."
	text := func(description string) *openapi3.SchemaRef {
		t := openapi3.NewStringSchema()
		t.Description = description
		return t.NewRef()
	}
	code := openapi3.NewInt32Schema()
	code.Description = "The gRPC code."
	s.Properties = openapi3.Schemas{
		"type":    text("urn:rollcall:problem: and the kind, such as not_found; about:blank for what no call answered."),
		"title":   text("The phrase of the status."),
		"status":  openapi3.NewInt32Schema().NewRef(),
		"detail":  text("What happened and what to do."),
		"code":    code.NewRef(),
		"message": text("The same as detail."),
		"details": openapi3.NewArraySchema().WithItems(openapi3.NewObjectSchema()).NewRef(),
	}
	s.Required = []string{"type", "title", "status", "detail", "code", "message", "details"}
	return s.NewRef()
}

// answers201 are the messages that are answered with 201; a test holds the list
// against the gateway.
var answers201 = map[string]bool{
	"CreateOrganizationResponse": true, "CreateWebhookEndpointResponse": true, "CreateWebhookReplayResponse": true, "CreateApiClientResponse": true, "CreateNatsCredentialResponse": true,
	"CreateRoleResponse": true, "CreateOrganizationRoleResponse": true, "CreatePermissionResponse": true,
	"CreateUserAndMembershipResponse": true, "CreateMembershipResponse": true,
}

func operation(op *openapi3.Operation) {
	_, method, _ := strings.Cut(op.OperationID, "_")
	method = strings.TrimRight(method, "0123456789")
	// The beginning of a comment is no title: it is kept whole.
	op.Description = strings.TrimSpace(op.Summary + "\n" + op.Description)
	op.Summary = title(method)
	if ok := op.Responses.Value("200"); ok != nil {
		if ok.Value.Content != nil {
			for _, media := range ok.Value.Content {
				if media.Schema != nil && answers201[media.Schema.Ref[strings.LastIndex(media.Schema.Ref, ".")+1:]] {
					op.Responses.Delete("200")
					op.Responses.Set("201", ok)
				}
			}
		}
	}
	description := "What went wrong."
	op.Responses.Set("default", &openapi3.ResponseRef{Value: &openapi3.Response{
		Description: &description,
		Content:     openapi3.Content{"application/problem+json": {Schema: openapi3.NewSchemaRef("#/components/schemas/Problem", nil)}},
	}})
	if strings.HasPrefix(method, "Create") || strings.HasPrefix(method, "Regenerate") {
		key := openapi3.NewHeaderParameter("Idempotency-Key").WithSchema(openapi3.NewStringSchema().WithMinLength(1).WithMaxLength(255))
		key.Description = "Makes the call at most once in 24 hours, however often it is repeated with the same key."
		op.Parameters = append(op.Parameters, &openapi3.ParameterRef{Value: key})
	}
}

// title writes a method's name as words: "Create organization role".
func title(method string) string {
	var b strings.Builder
	for i, r := range method {
		if unicode.IsUpper(r) && i > 0 && !unicode.IsUpper(rune(method[i-1])) {
			b.WriteByte(' ')
		}
		if i > 0 {
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}
