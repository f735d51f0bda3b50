// Package usersconnect serves scalekit.v1.UserService over gRPC,
// gRPC-Web and Connect: generated from proto/scalekit/v1/users. Nothing but
// this comment is written by hand.
package usersconnect
