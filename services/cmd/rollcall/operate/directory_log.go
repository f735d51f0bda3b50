package operate

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

type syncStatusCmd struct{ place }

var syncStatusMembers = []column[*rollcallv1.SyncStatus]{
	{"LAST REQUEST", func(m *rollcallv1.SyncStatus) string {
		if m.GetLastRequestTime() == nil {
			return "never"
		}
		return when(m.GetLastRequestTime())
	}},
	{"LAST SUCCESS", func(m *rollcallv1.SyncStatus) string { return when(m.GetLastSuccessTime()) }},
	{"LAST REFUSAL", func(m *rollcallv1.SyncStatus) string {
		r := m.GetLastRefusal()
		if r == nil {
			return ""
		}
		return fmt.Sprintf("%s with %d (%s): %s", when(r.GetTime()), r.GetStatus(), r.GetCause(), r.GetDetail())
	}},
	{"REQUESTS", func(m *rollcallv1.SyncStatus) string { return strconv.FormatUint(m.GetRequests(), 10) }},
	{"REFUSED", func(m *rollcallv1.SyncStatus) string { return strconv.FormatUint(m.GetRefused(), 10) }},
	{"TOLERATED", func(m *rollcallv1.SyncStatus) string { return strconv.FormatUint(m.GetTolerated(), 10) }},
	{"COUNTED SINCE", func(m *rollcallv1.SyncStatus) string { return when(m.GetCountedSince()) }},
}

// Run shows how a directory is used.
func (c *syncStatusCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.syncLog().GetSyncStatus(ctx, &rollcallv1.GetSyncStatusRequest{OrganizationId: c.Organization, DirectoryId: c.Directory})
		if err != nil {
			return err
		}
		return show(s, out, r.GetStatus(), syncStatusMembers)
	})
}

type syncLogCmd struct {
	place
	Limit
	Cause    string `help:"Only what was refused or forgiven for this cause, such as uniqueness." env:"-"`
	Resource string `help:"Only what is about this user or group, by its SCIM id." env:"-"`
	Endpoint string `help:"Only requests to this endpoint, such as Users." env:"-"`
	Status   string `help:"Only what was answered ${enum}: 2xx was forgiven, the others refused." enum:"2xx,4xx,5xx,any" default:"any" env:"-"`
	Since    moment `help:"Not before this time, such as ${moment}." env:"-"`
	Until    moment `help:"Before this time." env:"-"`
}

// Help is shown by kong.
func (syncLogCmd) Help() string {
	return `Examples:

  rollcall directory log acme dir_… --status 4xx --since 2026-03-01T00:00:00Z
  rollcall directory log acme dir_… --cause uniqueness --json        # with the bodies, without passwords`
}

var syncLogColumns = []column[*rollcallv1.SyncLogEntry]{
	{"TIME", func(e *rollcallv1.SyncLogEntry) string { return when(e.GetTime()) }},
	{"STATUS", func(e *rollcallv1.SyncLogEntry) string { return strconv.Itoa(int(e.GetStatus())) }},
	{"METHOD", (*rollcallv1.SyncLogEntry).GetMethod},
	{"ENDPOINT", (*rollcallv1.SyncLogEntry).GetEndpoint},
	{"RESOURCE", (*rollcallv1.SyncLogEntry).GetResourceId},
	{"TIMES", func(e *rollcallv1.SyncLogEntry) string { return strconv.Itoa(int(max(e.GetCount(), 1))) }},
	{"CAUSE", func(e *rollcallv1.SyncLogEntry) string {
		if e.GetCause() != "" {
			return e.GetCause()
		}
		var causes []string
		for _, d := range e.GetDeviations() {
			causes = append(causes, strings.TrimSpace(d.GetCause()+" "+d.GetPath()))
		}
		return joined(causes)
	}},
	{"DETAIL", func(e *rollcallv1.SyncLogEntry) string { return strings.TrimSpace(e.GetDetail() + " " + e.GetHint()) }},
}

// Run lists entries of the sync log.
func (c *syncLogCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		var all []*rollcallv1.SyncLogEntry
		err := c.pages(out, most, func(size int, token string) (string, int, error) {
			r, err := s.syncLog().ListSyncLogEntries(ctx, &rollcallv1.ListSyncLogEntriesRequest{
				OrganizationId: c.Organization, DirectoryId: c.Directory, PageSize: uint32(size), PageToken: token, //nolint:gosec // bounded
				Cause: c.Cause, ResourceId: c.Resource, Endpoint: c.Endpoint, StatusClass: strings.TrimPrefix(c.Status, "any"),
				StartTime: given(c.Since), EndTime: given(c.Until),
			})
			all = append(all, r.GetEntries()...)
			return r.GetNextPageToken(), len(r.GetEntries()), err
		})
		if err != nil {
			return err
		}
		return list(s, out, all, syncLogColumns)
	})
}
