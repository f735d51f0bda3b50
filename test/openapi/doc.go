// Package openapi holds the OpenAPI document of the REST API to its promises: it
// is valid, and it breaks nobody who uses that of the last release.
//
// What must not live here: what the server answers (services/projector/api, which
// compares the document with its routes), and the generator (test/tools/openapi).
package openapi
