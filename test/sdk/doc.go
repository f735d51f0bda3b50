// Package sdk runs the published Node SDK that Rollcall is compatible with,
// unmodified, against the real binary: on plain HTTP and on TLS. The suite itself
// is in node/, in the language that its users write.
//
// What must not live here: code of an SDK. It comes from the package registry, at
// the version that node/package-lock.json names.
package sdk
