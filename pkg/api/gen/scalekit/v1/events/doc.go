// Package events is scalekit.v1.EventsService: generated messages, gRPC
// interface and REST gateway of proto/scalekit/v1/events. Nothing but this
// comment is written by hand.
package events
