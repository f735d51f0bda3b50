// Package domains is scalekit.v1.DomainService: generated messages, gRPC
// interface and REST gateway of proto/scalekit/v1/domains. Nothing but this
// comment is written by hand.
package domains
