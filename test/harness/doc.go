// Package harness runs Rollcall as an operator would, from outside: the built
// binary as processes, an external NATS as another, identity providers over
// SCIM, administrators over REST, receivers of webhooks. The end-to-end suites
// are written on it.
//
// Processes are real, so that they can be killed; what they write is kept and
// searched for secrets and panics when they end. Nothing here sleeps to wait:
// Eventually polls a condition up to a deadline.
//
// What must not live here: anything that knows how the server works inside,
// except for reading the streams that it leaves behind (streams.go).
package harness
