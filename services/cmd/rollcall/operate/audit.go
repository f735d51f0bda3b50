package operate

import (
	"context"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

type auditCmd struct {
	Server

	List auditListCmd `cmd:"" help:"List what was done, the newest first."`
}

var auditColumns = []column[*rollcallv1.AuditEntry]{
	{"TIME", func(e *rollcallv1.AuditEntry) string { return when(e.GetTime()) }},
	{"ACTOR", (*rollcallv1.AuditEntry).GetActor},
	{"TYPE", (*rollcallv1.AuditEntry).GetType},
	{"RESOURCE", (*rollcallv1.AuditEntry).GetResourceId},
	{"ORGANIZATION", (*rollcallv1.AuditEntry).GetOrganizationId},
	{"DIRECTORY", (*rollcallv1.AuditEntry).GetDirectoryId},
}

type auditListCmd struct {
	Limit
	Org   string   `help:"Only what concerns this organization (org_… or external id)." env:"-" of:"org"`
	Actor string   `help:"Only what this actor did, such as api:skc_…." env:"-"`
	Type  []string `help:"Only this type, or beginning such as directory.*; may be repeated." env:"-"`
	Since moment   `help:"Not before this time, such as ${moment}." env:"-"`
	Until moment   `help:"Before this time." env:"-"`
}

// Run lists entries.
func (c *auditListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	req := &rollcallv1.ListAuditEntriesRequest{Actor: c.Actor, Types: c.Type, StartTime: given(c.Since), EndTime: given(c.Until)}
	return s.askIn(ctx, &c.Org, func() error {
		req.OrganizationId = c.Org
		var all []*rollcallv1.AuditEntry
		err := c.pages(out, most, func(size int, token string) (string, int, error) {
			req.PageSize, req.PageToken = uint32(size), token //nolint:gosec // bounded
			r, err := s.audit().ListAuditEntries(ctx, req)
			all = append(all, r.GetEntries()...)
			return r.GetNextPageToken(), len(r.GetEntries()), err
		})
		if err != nil {
			return err
		}
		return list(s, out, all, auditColumns)
	})
}
