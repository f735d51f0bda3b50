package scimhttp

import (
	"strings"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
)

const (
	headerETag            = "ETag"
	headerContentLocation = "Content-Location"
	headerIfMatch         = "If-Match"
	headerIfNoneMatch     = "If-None-Match"
)

// conditions are the preconditions of a request (RFC 9110 section 13.1). Those
// by date are passed over, as the RFC has it for servers that send no
// Last-Modified header.
type conditions struct{ match, noneMatch scim.Condition }

func (r *request) conditions() (c conditions, err error) {
	for name, to := range map[string]*scim.Condition{headerIfMatch: &c.match, headerIfNoneMatch: &c.noneMatch} {
		values := r.Request().Header.Values(name)
		if len(values) == 0 {
			continue
		}
		if *to, err = scim.ParseCondition(r.reading, name, strings.Join(values, ",")); err != nil {
			return c, err
		}
		if !to.Given() { // a client that means to be careful must not be taken for one that does not care
			return c, fault.New(fault.Invalid, "%s is empty.", name).Because(fault.InvalidSyntax)
		}
	}
	return c, nil
}

// hold says whether a reader knows the version already, and refuses one that
// asks for others.
func (c conditions) hold(version string) (known bool, err error) {
	if c.match.Given() && !c.match.Matches(version) {
		return false, fault.New(fault.FailedPrecondition, "The version is %s now, which If-Match does not name.", version)
	}
	return c.noneMatch.Given() && c.noneMatch.Matches(version), nil
}

// precondition is what the owner of the log holds a write to. A request that
// creates something has no version to be compared with, so there both headers
// mean nothing.
func (c conditions) precondition() directory.Precondition {
	return directory.Precondition{
		Any: c.match.Any, Revisions: c.match.Revisions(),
		Absent: c.noneMatch.Any, Excluded: c.noneMatch.Revisions(),
	}
}
