// Package organizationsconnect serves scalekit.v1.OrganizationService over gRPC,
// gRPC-Web and Connect: generated from proto/scalekit/v1/organizations. Nothing but
// this comment is written by hand.
package organizationsconnect
