package directory

import (
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/events"
)

// Audit returns the rows by which an event is found in the audit trail, none if
// it is not administrative: what providers do over SCIM, and what follows from
// it, is not.
func Audit(e events.Event) []Change {
	if !administrative(e) {
		return nil
	}
	at, id := timeKey(e.At), FormatID("", e.ID)
	entry := &AuditEntry{
		At: e.At, Type: e.Type, Actor: e.Actor, Organization: e.Organization, Directory: e.Directory, Resource: e.Resource, Revision: e.Revision,
	}
	changes := []Change{{Make(TableAudit, at, id), entry}}
	// Some events about an organization as a whole name it as their resource.
	org := e.Organization
	if org == "" && strings.HasPrefix(e.Resource, PrefixOrganization) {
		org = e.Resource
	}
	if org != "" {
		changes = append(changes, Change{Make(TableAuditOf, org, at, id), Ref("")})
	}
	return changes
}

func administrative(e events.Event) bool {
	switch {
	case e.Type == events.TypeFanoutContinued, e.Type == events.TypeIdempotencyKeyUsed, strings.HasPrefix(e.Actor, "scim:"):
		return false
	case e.Actor == "system":
		return !strings.HasPrefix(string(e.Type), "user.") && !strings.HasPrefix(string(e.Type), "group.")
	}
	return true
}

// AuditPrefix is the prefix of the audit trail's keys, of all or of one
// organization. What follows it is the same in both.
func AuditPrefix(organization string) Key {
	if organization == "" {
		return Make(TableAudit)
	}
	return Make(TableAuditOf, organization)
}

// AuditFrom is the least key of what was done at a time or later.
func AuditFrom(organization string, at time.Time) Key {
	return AuditPrefix(organization) + Key(timeKey(at)+sep)
}
