// Package rolesconnect serves scalekit.v1.RolesService over gRPC,
// gRPC-Web and Connect: generated from proto/scalekit/v1/roles. Nothing but
// this comment is written by hand.
package rolesconnect
