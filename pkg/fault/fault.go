// Package fault is the one error type that crosses package borders in Rollcall.
//
// A fault says what kind of failure it is, in words a person can act on. Each
// edge (SCIM, REST, gRPC, command line) maps Kind to its own status codes in
// exactly one place. Nothing in here knows HTTP, gRPC or SCIM, except that
// Reason carries SCIM's own keyword where RFC 7644 section 3.12 defines one.
//
//	return fault.New(fault.Conflict, "userName %q is already taken in this directory", name).
//		Because(fault.Uniqueness)
package fault

import (
	"errors"
	"fmt"
)

// Kind decides the status code at every edge.
type Kind uint8

// The kinds. The zero value is Internal, so a fault that nobody classified
// never reads as the caller's mistake.
const (
	Internal           Kind = iota // a bug or a broken disk: 500
	Invalid                        // the request is wrong and will stay wrong: 400
	Unauthenticated                // no credential, or one that is not live: 401
	Forbidden                      // a live credential that may not do this: 403
	NotFound                       // no such resource within the caller's reach: 404
	Conflict                       // something unique is taken: 409
	FailedPrecondition             // the resource is in a state that forbids this: 400 or 412
	TooLarge                       // larger than a documented bound: 413
	TooManyRequests                // over a rate: 429
	Unavailable                    // try again later, nothing was changed or the outcome is unknown: 503
	Unimplemented                  // a part of a protocol that this server does not offer: 501
	Gone                           // it was there and is not kept any longer: 410
)

var kindNames = [...]string{
	"internal", "invalid", "unauthenticated", "forbidden", "not found", "conflict",
	"failed precondition", "too large", "too many requests", "unavailable", "unimplemented", "gone",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Reason is the scimType of RFC 7644 section 3.12, empty where none applies.
type Reason string

// The reasons that RFC 7644 section 3.12 names.
const (
	InvalidFilter Reason = "invalidFilter"
	TooMany       Reason = "tooMany"
	Uniqueness    Reason = "uniqueness"
	Mutability    Reason = "mutability"
	InvalidSyntax Reason = "invalidSyntax"
	InvalidPath   Reason = "invalidPath"
	NoTarget      Reason = "noTarget"
	InvalidValue  Reason = "invalidValue"
	Sensitive     Reason = "sensitive"
	InvalidVers   Reason = "invalidVers"
)

// The reasons that RFC 9865 section 2.1 adds.
const (
	InvalidCursor Reason = "invalidCursor"
	ExpiredCursor Reason = "expiredCursor"
	InvalidCount  Reason = "invalidCount"
)

// Error is a classified failure. Detail is shown to the caller as it stands:
// a sentence without secrets that says what happened and what to do.
type Error struct {
	Kind   Kind
	Reason Reason
	Detail string
	// Name says more closely than Reason what is the matter, in lower case with
	// underscores; empty for most. Logs are filtered by it, and Subject is what it
	// is about: a domain that is not registered, say.
	Name, Subject string

	cause error
}

// New makes a fault of kind k whose detail is the formatted text.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Detail: fmt.Sprintf(format, args...)}
}

// Wrap makes a fault that also carries the error behind it, for the operator's
// log. The cause is never part of Detail.
func Wrap(k Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: k, Detail: fmt.Sprintf(format, args...), cause: cause}
}

// Because returns a copy of e with the given SCIM reason.
func (e *Error) Because(r Reason) *Error {
	c := *e
	c.Reason = r
	return &c
}

// Named returns a copy of e with a name and what it is about.
func (e *Error) Named(name, subject string) *Error {
	c := *e
	c.Name, c.Subject = name, subject
	return &c
}

func (e *Error) Error() string {
	if e.cause != nil {
		return e.Detail + ": " + e.cause.Error()
	}
	return e.Detail
}

func (e *Error) Unwrap() error { return e.cause }

// KindOf reports the kind of the first fault in err's chain, Internal if there
// is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Of returns the first fault in err's chain, or one of kind Internal with a
// detail that reveals nothing.
func Of(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Wrap(Internal, err, "The server failed to handle this request; the operator's log has the cause.")
}
