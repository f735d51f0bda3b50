// Package events is Rollcall's vocabulary: the facts that the log holds.
//
// An Event is an envelope and a JSON payload. The envelope carries what every
// reader needs to route and order (never personal data); the payload carries
// the rest and is decoded only by those who need it. Each payload is a struct
// in this package, one file per aggregate, with a versioned Type.
//
// A stored type is never changed: a new shape is a new type (user.created.v2)
// and an upcaster. Only a field may join a type, left out where it is empty, if
// its absence means what the type meant before. testdata/golden holds one file per type and version, and
// stays for ever.
//
// What must not live here: decisions, indexes, transport, anything outside the
// standard library. Sub-packages: frame (how commits become one log message),
// public (what webhooks and the EVENTS stream show), wire (the binary
// primitives that both stores and frames use).
package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Type names a payload's shape and its version, for example "user.created.v1".
type Type string

// Payload is the body of an event. Every payload names its own type, so an
// event can never carry a body of another type.
type Payload interface{ Type() Type }

// Event is one fact.
type Event struct {
	Type Type
	// ID is unique in the partition and rises with every event. Public ids are
	// a prefix and this number in 18 digits.
	ID uint64
	// At is when the owner of the partition stamped the command, in UTC with
	// microseconds. It never goes backwards along the log.
	At time.Time
	// Actor is who caused it: "scim:<secret id>", "api:<client id>" or
	// "system". Never a name or an address.
	Actor string
	// Organization, Directory and Resource are ids, empty where none applies.
	Organization string
	Directory    string
	Resource     string
	// Revision is the resource's own count of changes, 1 for its creation.
	Revision uint64
	Payload  json.RawMessage

	// body is the payload before it was encoded, kept so that whoever made the
	// event can fold it without decoding it again.
	body Payload
}

// Equal compares what is stored, so that an event equals itself read back.
func (e Event) Equal(o Event) bool {
	return e.Type == o.Type && e.ID == o.ID && e.At.Equal(o.At) && e.Actor == o.Actor &&
		e.Organization == o.Organization && e.Directory == o.Directory && e.Resource == o.Resource &&
		e.Revision == o.Revision && bytes.Equal(e.Payload, o.Payload)
}

// New builds an event around a payload. It fails only if the payload cannot be
// written as JSON, which none of this package's can.
//
// Text is written as it is: escaping it for HTML would make a resource differ
// from itself after a round trip.
func New(e Event, p Payload) (Event, error) {
	b, err := encode(p)
	if err != nil {
		return Event{}, fmt.Errorf("encode %s: %w", p.Type(), err)
	}
	e.Type, e.Payload, e.body = p.Type(), b, p
	return e, nil
}

// Decode reads the payload of e as a P. It refuses an event of another type.
func Decode[P Payload](e Event) (P, error) {
	if p, ok := e.body.(P); ok {
		return p, nil
	}
	var p P
	if p.Type() != e.Type {
		return p, fmt.Errorf("decode %s: the event is a %s", p.Type(), e.Type)
	}
	read := func() error { return json.Unmarshal(e.Payload, &p) }
	if q, ok := any(&p).(quick); ok {
		read = func() error { return readFields(e.Payload, q) }
	}
	if err := read(); err != nil {
		return p, fmt.Errorf("decode %s of event %d: %w", e.Type, e.ID, err)
	}
	return p, nil
}
