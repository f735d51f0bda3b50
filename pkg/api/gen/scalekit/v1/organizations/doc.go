// Package organizations is scalekit.v1.OrganizationService: generated messages, gRPC
// interface and REST gateway of proto/scalekit/v1/organizations. Nothing but this
// comment is written by hand.
package organizations
