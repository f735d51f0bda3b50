// Package domainsconnect serves scalekit.v1.DomainService over gRPC,
// gRPC-Web and Connect: generated from proto/scalekit/v1/domains. Nothing but
// this comment is written by hand.
package domainsconnect
