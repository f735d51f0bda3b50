// Package rollcallv1 is the part of the API that is Rollcall's own: generated
// messages, gRPC interfaces and REST gateway of proto/rollcall/v1. Nothing but
// this comment is written by hand.
package rollcallv1
