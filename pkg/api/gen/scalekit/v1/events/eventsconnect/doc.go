// Package eventsconnect serves scalekit.v1.EventsService over gRPC,
// gRPC-Web and Connect: generated from proto/scalekit/v1/events. Nothing but
// this comment is written by hand.
package eventsconnect
