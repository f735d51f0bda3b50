// Package errdetails is the detail that an RPC error may carry: generated
// messages of proto/scalekit/v1/errdetails. Nothing but this comment is written
// by hand.
package errdetails
