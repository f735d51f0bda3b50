// Package users is scalekit.v1.UserService: generated messages, gRPC
// interface and REST gateway of proto/scalekit/v1/users. Nothing but this
// comment is written by hand.
package users
