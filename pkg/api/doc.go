// Package api is the home of Rollcall's API contract: the .proto files in
// proto, how their methods appear over REST (proto/http.yaml), and the Go code
// that buf generates from both into gen. openapi/openapi.json is the same contract
// as an OpenAPI document.
//
// The scalekit.v1 packages keep the names and numbers that the Scalekit SDKs
// put on the wire, so that those work after changing one URL; rollcall.v1 is
// what those do not cover. A number is never given to another field.
//
// What must not live here: the implementation (services/projector/api) and
// anything written by hand under gen, except the package comments.
package api

//go:generate buf generate
//go:generate buf generate --template buf.gen.openapi.yaml
//go:generate openapi ../../.cache/openapi/api.swagger.json openapi/openapi.json
