// Package openapi holds the OpenAPI 3 document of the REST API: openapi.json,
// which make generate writes from the .proto files and proto/http.yaml, and
// released.json, the document of the last release, which a newer one must not
// break (test/openapi says what that is).
//
// What must not live here: anything written by hand but this file; the generator
// (test/tools/openapi).
package openapi

import _ "embed"

// Document is the present document, in JSON.
//
//go:embed openapi.json
var Document []byte
