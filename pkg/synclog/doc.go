// Package synclog is the record of what identity providers asked and did not
// get, or got although they asked for it in a way that no RFC allows: the sync
// log that the admins of a directory read.
//
//	request --Record--> Collector --Take--> Batch --Encode--> stream REQUESTS
//	stream REQUESTS --Decode--> Batch --> rows that Query asks for
//
// Every authenticated request is told to a Collector. It counts them all, so
// that a directory's Usage is known, and keeps as an Entry each one that was
// refused or needed tolerance. What looks alike and does not stop is counted
// instead of kept one by one, so that a provider that sends "True" a thousand
// times a minute neither hides other findings nor fills the disk; collect.go
// says by which rule.
//
// The record is best effort: no request waits for it or fails with it, and a
// process that dies loses its last seconds. It holds personal data, in bodies,
// queries and details, and is therefore bounded by age and bytes. It never holds
// passwords, secrets or Authorization headers: Redact says what is taken out.
//
// The package is pure. What must not live here: NATS and timers
// (synclog/requestlog), bbolt (synclog/history), HTTP (services/ingress), what
// counts as a deviation (pkg/scim/lenience) or is expected of a provider
// (pkg/scim/provider).
package synclog
