// Package roles is scalekit.v1.RolesService: generated messages, gRPC
// interface and REST gateway of proto/scalekit/v1/roles. Nothing but this
// comment is written by hand.
package roles
