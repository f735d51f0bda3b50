package api

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	usualAudit = 50
	mostAudit  = 200
	// auditReach is how many entries one call looks through.
	auditReach = 10_000
	// maxAuditTypes is how many types one call asks for, maxAuditText how many
	// characters each of them and an actor have.
	maxAuditTypes = 20
	maxAuditText  = 100
)

// ListAuditEntries pages through the administrative events, the newest first.
func (s *auditService) ListAuditEntries(ctx context.Context, r *rollcallv1.ListAuditEntriesRequest) (*rollcallv1.ListAuditEntriesResponse, error) {
	q, err := auditQueryOf(r)
	if err != nil {
		return nil, err
	}
	res := &rollcallv1.ListAuditEntriesResponse{}
	err = s.core.read(ctx, func(v directory.View) error {
		next, err := q.read(v, func(id string, e *directory.AuditEntry) {
			res.Entries = append(res.Entries, &rollcallv1.AuditEntry{
				Id: id, Time: stamp(e.At), Actor: e.Actor, Type: string(e.Type), OrganizationId: e.Organization,
				DirectoryId: e.Directory, ResourceId: e.Resource, Revision: e.Revision,
			})
		})
		res.NextPageToken = cursor{at: next}.token(listAudit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// auditQuery is a request within its declared limits.
type auditQuery struct {
	organization, actor string
	types               []string
	from, to            time.Time
	after               string // the place that the page before ended at
	size                int
}

func auditQueryOf(r *rollcallv1.ListAuditEntriesRequest) (q auditQuery, err error) {
	size, sizeErr := pageSize(r.GetPageSize(), usualAudit, mostAudit)
	at, tokenErr := parseCursor(listAudit, r.GetPageToken())
	from, fromErr := timeOf("start_time", r.GetStartTime())
	to, toErr := timeOf("end_time", r.GetEndTime())
	if err := first(sizeErr, tokenErr, fromErr, toErr); err != nil {
		return q, err
	}
	if org := r.GetOrganizationId(); org != "" {
		if err := checkID("organization_id", org, directory.PrefixOrganization, maxID); err != nil {
			return q, err
		}
	}
	if len(r.GetTypes()) > maxAuditTypes {
		return q, fault.New(fault.Invalid, "types names more than %d types.", maxAuditTypes)
	}
	for _, text := range append(slices.Clone(r.GetTypes()), r.GetActor()) {
		if utf8.RuneCountInString(text) > maxAuditText {
			return q, fault.New(fault.Invalid, "actor and each of types have at most %d characters.", maxAuditText)
		}
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return q, fault.New(fault.Invalid, "start_time must be before end_time.")
	}
	return auditQuery{
		organization: r.GetOrganizationId(), actor: r.GetActor(), types: r.GetTypes(), from: from, to: to, after: at.at, size: size,
	}, nil
}

// read hands on a page and returns the place where the next one begins, empty
// after the last.
func (q auditQuery) read(v directory.View, each func(id string, e *directory.AuditEntry)) (next string, err error) {
	prefix := directory.AuditPrefix(q.organization)
	before := prefix + directory.Key(q.after)
	switch {
	case q.after != "":
	case !q.to.IsZero():
		before = directory.AuditFrom(q.organization, q.to)
	default:
		before = ""
	}
	var (
		found, looked int
		broken        error
		last          directory.Key
	)
	err = v.ScanBack(prefix, before, func(k directory.Key, row directory.Row) bool {
		if found == q.size || looked == auditReach {
			next = string(last[len(prefix):])
			return false
		}
		looked++
		last = k
		e, ok := row.(*directory.AuditEntry)
		if !ok {
			if e, ok, broken = directory.Get[*directory.AuditEntry](v, directory.AuditPrefix("")+k[len(prefix):]); broken != nil || !ok {
				return broken == nil
			}
		}
		if e.At.Before(q.from) {
			return false
		}
		if q.wants(e) {
			each(k.Last(), e)
			found++
		}
		return true
	})
	return next, first(err, broken)
}

func (q auditQuery) wants(e *directory.AuditEntry) bool {
	if q.actor != "" && e.Actor != q.actor || !q.to.IsZero() && !e.At.Before(q.to) {
		return false
	}
	return len(q.types) == 0 || slices.ContainsFunc(q.types, func(t string) bool {
		stem, star := strings.CutSuffix(t, "*")
		return string(e.Type) == t || star && strings.HasPrefix(string(e.Type), stem)
	})
}
