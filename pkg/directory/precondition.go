package directory

import (
	"slices"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// Precondition is what the sender of a write expects of the resource: the
// If-Match and If-None-Match of RFC 9110 section 13.1, which RFC 7644 section
// 3.14 uses for versions. The zero value expects nothing.
//
// It is held against the row as of when the command is decided, so that nothing
// comes between the look and the write, whichever process took the request.
// Revision 0 is never a resource's: a condition that names only versions
// nobody could have been given is sent as {Revisions: [0]}, and fails.
type Precondition struct {
	// Any asks only that the resource be there ("*"). As every write asks that
	// anyway, and answers NotFound otherwise, it never fails by itself.
	Any bool `json:"any,omitempty"`
	// Revisions lists those of which one must be the resource's own.
	Revisions []uint64 `json:"revisions,omitempty"`
	// Absent asks that the resource not be there (If-None-Match: "*"), which no
	// write of an existing resource fulfils.
	Absent bool `json:"absent,omitempty"`
	// Excluded lists revisions of which none may be the resource's own.
	Excluded []uint64 `json:"excluded,omitempty"`
}

// hold refuses a resource at another revision than those expected, with a
// fault of kind FailedPrecondition and no reason. A write that would change
// nothing is held to it too: its sender knows a resource that is no more.
func (p Precondition) hold(what string, revision uint64) error {
	if p.Absent || slices.Contains(p.Excluded, revision) {
		return fault.New(fault.FailedPrecondition, "The %s is there at version %d, which If-None-Match excludes.", what, revision)
	}
	if p.Any || len(p.Revisions) == 0 || slices.Contains(p.Revisions, revision) {
		return nil
	}
	return fault.New(fault.FailedPrecondition,
		"The %s has changed since it was read; its version is %d now. Read it again and send the change on top of that version.", what, revision)
}
