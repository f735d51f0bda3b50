// Package rollcallv1connect serves the rollcall.v1 services over gRPC, gRPC-Web
// and Connect: generated from proto/rollcall/v1. Nothing but this comment is
// written by hand.
package rollcallv1connect
