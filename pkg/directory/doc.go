// Package directory decides and folds: it is the pure core of Rollcall.
//
// A Command is a wish, an events.Event a fact, a Row a piece of folded state.
//
//	Decide(View, Request, Stamp) ([]events.Event, error)   refuses, or says what happened
//	Evolve(View, events.Event) ([]Change, error)           says which rows the fact changes
//
// Both only read the View and have no clock, no random numbers, no context and
// no logger: the same inputs give the same outputs, on the owner of a log, in
// every projector and in a rebuild years later. "Nothing to do" is no event and
// no error, so a repeated command changes neither the log nor a version.
//
// Rows live under ordered string keys (see Key) in whatever store the caller
// has; Overlay layers changes over a View in memory. Everything is scoped by
// key: a look-up in one directory cannot reach another's rows.
//
// What must not live here: SCIM syntax (pkg/scim), storage (pkg/readmodel),
// the log (pkg/eventlog), HTTP.
package directory
