package attempts

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// Bounds of a record's texts, in bytes.
const (
	MaxID    = 128 // endpoint, event id, event type, resource
	MaxClass = 32
	MaxError = 256
	MaxHead  = 2 << 10 // what is kept of an answer's headers
	MaxBody  = 1 << 10 // and of its body
)

// Kind says what a record is about. The numbers are stored.
type Kind uint8

// The kinds.
const (
	// KindAttempt is an attempt and what came of it.
	KindAttempt Kind = 1
	// KindQueued makes a delivery wait without an attempt: behind an earlier one
	// of the same resource (Due is zero), or because it was asked for again (Due
	// is when).
	KindQueued Kind = 2
	// KindCursor moves an endpoint's position.
	KindCursor Kind = 3
	// KindDropped ends an endpoint and all its deliveries.
	KindDropped Kind = 4
	// KindReplay moves a replay's cursor: what is queued for it is in the same
	// frame.
	KindReplay Kind = 5
	// KindReplayEnded forgets a replay. What was queued for it stays.
	KindReplayEnded Kind = 6
)

// Outcome is what came of an attempt. The numbers are stored.
type Outcome uint8

// The outcomes.
const (
	Delivered Outcome = 1 // the receiver took it
	Failed    Outcome = 2 // there is another attempt, at Due
	Dead      Outcome = 3 // there is none: a dead letter
)

// Record is one entry of a frame. Which fields count depends on the kind.
type Record struct {
	Kind     Kind
	Endpoint string
	// Seq is the event's sequence in EVENTS, where its body is. (Attempt, Queued)
	Seq uint64
	// EventID is the webhook-id. (Attempt, Queued)
	EventID   string
	EventType string
	// Resource is what the event is about: deliveries of one resource to one
	// endpoint keep their order. It may be empty. (Attempt, Queued)
	Resource string
	// At is when it happened, with microseconds. (all but Cursor)
	At time.Time
	// Attempt counts from 1. (Attempt)
	Attempt int
	// Duration is how long the attempt took, with microseconds. (Attempt)
	Duration time.Duration
	// Status is the HTTP status, 0 without an answer. (Attempt)
	Status int
	// Class and Error say how it failed, without secrets. (Attempt)
	Class, Error string
	Outcome      Outcome
	// Due is when the next attempt is to be made. (Attempt that Failed, Queued)
	Due time.Time
	// Opens says that with this failure the endpoint's circuit opens. (Attempt)
	Opens bool
	// Position is the endpoint's new position. (Cursor)
	Position uint64
	// Detail says more of the attempt; nil in frames of version 1. (Attempt)
	Detail *Detail
	// Replay is the id of the replay that asked for the delivery, empty if nobody
	// did. (Attempt, Queued)
	Replay string
	// Progress is how far a replay is. (Replay, ReplayEnded, whose id counts only)
	Progress Replay
}

// Detail is what is known of an attempt beside its outcome.
type Detail struct {
	// DNS, Connect, TLS and FirstByte are parts of the duration, with
	// microseconds, as webhook/egress measures them.
	DNS, Connect, TLS, FirstByte time.Duration
	// Head are headers of the answer, one a line; Body is its beginning.
	Head, Body string
}

// Normal returns the record as it reads after Encode and Decode: explanations
// cut to their bounds, times in UTC with microseconds. Whoever folds a record
// before it is stored folds this. Ids are never cut: one that is too long is an
// error of Encode.
func (r Record) Normal() Record {
	r.At, r.Due = normal(r.At), normal(r.Due)
	r.Duration = r.Duration.Truncate(time.Microsecond)
	r.Class, r.Error = clip(r.Class, MaxClass), clip(r.Error, MaxError)
	if r.Detail != nil {
		d := *r.Detail
		d.DNS, d.Connect = d.DNS.Truncate(time.Microsecond), d.Connect.Truncate(time.Microsecond)
		d.TLS, d.FirstByte = d.TLS.Truncate(time.Microsecond), d.FirstByte.Truncate(time.Microsecond)
		d.Head, d.Body = clip(d.Head, MaxHead), clip(d.Body, MaxBody)
		r.Detail = &d
	}
	return r
}

// Size estimates how much room the record takes in a frame, in bytes. It is
// never too low: texts that a frame has once are counted each time.
func (r *Record) Size() int {
	n := 128 + len(r.Endpoint) + len(r.EventID) + len(r.EventType) + len(r.Resource) + len(r.Class) + len(r.Error) + len(r.Replay) + len(r.Progress.ID)
	if r.Detail != nil {
		n += len(r.Detail.Head) + len(r.Detail.Body)
	}
	return n
}

func normal(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// clip cuts s to at most n bytes, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (r *Record) check() error {
	switch r.Kind {
	case KindAttempt:
		if r.Attempt < 1 || r.Outcome < Delivered || r.Outcome > Dead || r.Status < 0 || r.Duration < 0 {
			return fmt.Errorf("attempts: an attempt record of %s with attempt %d, outcome %d", r.Endpoint, r.Attempt, r.Outcome)
		}
		if d := r.Detail; d != nil && (d.DNS < 0 || d.Connect < 0 || d.TLS < 0 || d.FirstByte < 0 || len(d.Head) > MaxHead || len(d.Body) > MaxBody) {
			return fmt.Errorf("attempts: the detail of an attempt of %s is out of bounds", r.Endpoint)
		}
	case KindQueued, KindCursor, KindDropped:
	case KindReplay, KindReplayEnded:
		if r.Progress.ID == "" {
			return fmt.Errorf("attempts: a record of kind %d of %s without a replay", r.Kind, r.Endpoint)
		}
	default:
		return fmt.Errorf("attempts: a record of the unknown kind %d", r.Kind)
	}
	if r.Endpoint == "" {
		return fmt.Errorf("attempts: a record of kind %d without an endpoint", r.Kind)
	}
	for _, s := range [...]string{r.Endpoint, r.EventID, r.EventType, r.Resource, r.Replay, r.Progress.ID} {
		if len(s) > MaxID {
			return fmt.Errorf("attempts: an id of %d bytes; the limit is %d", len(s), MaxID)
		}
	}
	if len(r.Class) > MaxClass || len(r.Error) > MaxError {
		return fmt.Errorf("attempts: an explanation of %d bytes; the limit is %d", max(len(r.Class), len(r.Error)), MaxError)
	}
	return nil
}
