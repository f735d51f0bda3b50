// Package directories is scalekit.v1.DirectoryService: generated messages, gRPC
// interface and REST gateway of proto/scalekit/v1/directories. Nothing but this
// comment is written by hand.
package directories
