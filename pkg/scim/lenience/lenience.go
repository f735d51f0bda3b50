// Package lenience says where a request of a provider deviates from the RFCs and
// is understood all the same, or refused because its directory is strict.
//
// Whatever reads SCIM asks a Reading before it tolerates something: the Reading
// of a lenient directory remembers the deviation for the sync log, that of a
// strict one answers with the fault that the RFC asks for. Which deviations
// there are is the table in causes.go. What must not live here: how a deviation
// is understood, which is the business of whoever reads.
package lenience

import (
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	// MaxDeviations is how many deviations a Reading remembers.
	MaxDeviations = 50
	// MaxPath is how many bytes a deviation's path has at most.
	MaxPath = 200
)

// Deviation is one way in which a request differs from the RFCs.
type Deviation struct {
	Cause Cause `json:"cause"`
	// Path names the attribute or the part of the message, never a value: values
	// are personal data. It may be empty.
	Path string `json:"path,omitempty"`
}

// Reading is the reading of one request. A nil Reading is lenient and remembers
// nothing. It is not safe for concurrent use.
type Reading struct {
	// Strict refuses every deviation.
	Strict bool

	found []Deviation
}

// IsStrict reports whether deviations are refused; a nil Reading's are not.
func (r *Reading) IsStrict() bool { return r != nil && r.Strict }

// Tolerate asks whether a deviation at a path may be passed over. A lenient
// Reading says yes and remembers it, each cause and path once and no more than
// MaxDeviations.
//
// Errors: of a strict Reading, Invalid with the reason of the cause, named after
// the cause and about the path.
func (r *Reading) Tolerate(cause Cause, path string) error {
	if r == nil {
		return nil
	}
	path = clip(path)
	if r.Strict {
		rule := ruleOf(cause)
		where := "The request"
		if path != "" {
			where = path
		}
		return fault.New(fault.Invalid, "%s %s. This directory is strict; set its conformance to LENIENT to have this understood.", where, rule.sentence).
			Because(rule.reason).Named(string(cause), path)
	}
	r.remember(Deviation{cause, path})
	return nil
}

// Merge remembers deviations that another Reading of the same request found.
func (r *Reading) Merge(list []Deviation) {
	if r == nil {
		return
	}
	for _, d := range list {
		r.remember(d)
	}
}

// Deviations returns what was tolerated, in the order in which it was found.
func (r *Reading) Deviations() []Deviation {
	if r == nil {
		return nil
	}
	return r.found
}

func (r *Reading) remember(d Deviation) {
	for _, f := range r.found {
		if f == d {
			return
		}
	}
	if len(r.found) < MaxDeviations {
		r.found = append(r.found, d)
	}
}

// clip bounds a path, which may be made of names that a client chose.
func clip(path string) string {
	if len(path) > MaxPath {
		path = path[:MaxPath-len("…")] + "…"
	}
	return strings.ToValidUTF8(path, "\uFFFD")
}
