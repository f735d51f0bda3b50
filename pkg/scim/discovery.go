package scim

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// Kinds are the resources that the server has.
var Kinds = []*schema.Resource{schema.User, schema.Group}

// Limits are the bounds that discovery tells clients.
type Limits struct {
	// MaxResults is the largest page.
	MaxResults int
	// MaxBody is the largest request body, in bytes.
	MaxBody int
}

type meta struct {
	ResourceType string `json:"resourceType"`
	Location     string `json:"location"`
}

// ServiceProviderConfig returns what the server does (RFC 7643 section 5). The
// bulk limits are there although bulk is not offered: clients read them.
func ServiceProviderConfig(base string, l Limits) map[string]any {
	off := map[string]any{"supported": false}
	return map[string]any{
		"schemas":        []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":          map[string]any{"supported": true},
		"bulk":           map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": l.MaxBody},
		"filter":         map[string]any{"supported": true, "maxResults": l.MaxResults},
		"changePassword": off,
		"sort":           off,
		"etag":           off,
		"authenticationSchemes": []any{map[string]any{
			"type": "oauthbearertoken", "name": "Bearer token", "primary": true,
			"description": "The directory's secret in the Authorization header, as a bearer token.",
			"specUri":     "https://www.rfc-editor.org/info/rfc6750",
		}},
		"meta": meta{"ServiceProviderConfig", base + "/ServiceProviderConfig"},
	}
}

// ResourceType returns what the server says of a kind (RFC 7643 section 6).
func ResourceType(base string, k *schema.Resource) map[string]any {
	type extension struct {
		Schema   string `json:"schema"`
		Required bool   `json:"required"`
	}
	extensions := []extension{}
	for _, e := range k.Extensions {
		extensions = append(extensions, extension{Schema: e.ID})
	}
	return map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"},
		"id":      k.Name, "name": k.Name, "endpoint": "/" + k.Name + "s", "description": k.Core.Description,
		"schema": k.Core.ID, "schemaExtensions": extensions,
		"meta": meta{"ResourceType", base + "/ResourceTypes/" + k.Name},
	}
}

// Schemas returns every schema of the kinds, each once: an extension may be of
// both.
func Schemas(kinds ...*schema.Resource) []*schema.Schema {
	var all []*schema.Schema
	for _, k := range kinds {
		for _, s := range append([]*schema.Schema{k.Core}, k.Extensions...) {
			if !slices.ContainsFunc(all, func(have *schema.Schema) bool { return strings.EqualFold(have.ID, s.ID) }) {
				all = append(all, s)
			}
		}
	}
	return all
}

// SchemaDocument returns a schema as /Schemas serves it (RFC 7643 section 7).
func SchemaDocument(base string, s *schema.Schema) map[string]any {
	return map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"},
		"id":      s.ID, "name": s.Name, "description": s.Description, "attributes": s.Attributes,
		"meta": meta{"Schema", base + "/Schemas/" + s.ID},
	}
}

// Documents returns a ListResponse of discovery documents.
func Documents(docs ...map[string]any) ([]byte, error) {
	l := List{Total: len(docs), Start: 1}
	for _, d := range docs {
		b, err := json.Marshal(d)
		if err != nil {
			return nil, err
		}
		l.Add(func(dst []byte) []byte { return append(dst, b...) })
	}
	return l.Body(), nil
}

// Document returns one discovery document as JSON.
func Document(d map[string]any) ([]byte, error) { return json.Marshal(d) }
