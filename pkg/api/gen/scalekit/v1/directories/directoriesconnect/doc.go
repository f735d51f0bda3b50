// Package directoriesconnect serves scalekit.v1.DirectoryService over gRPC,
// gRPC-Web and Connect: generated from proto/scalekit/v1/directories. Nothing but
// this comment is written by hand.
package directoriesconnect
