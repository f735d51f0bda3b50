package api

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/provider"
	"github.com/rollcallhq/rollcall/pkg/synclog"
)

const (
	usualSyncLog = 50
	mostSyncLog  = 200
)

// SyncLog shows what providers were refused or tolerated, and when they were
// here; *history.History is one.
type SyncLog interface {
	// List returns a page of one directory's entries, the newest first.
	//
	// Errors: synclog.ErrPlace for an After that no page gave.
	List(ctx context.Context, q synclog.Query) (synclog.Page, error)
	// Status returns how a directory was used; the zero Status if that is not
	// known.
	Status(ctx context.Context, directory string) (synclog.Status, error)
}

// errNoSyncLog answers calls that need a sync log where there is none.
func errNoSyncLog() error {
	return fault.New(fault.Unimplemented, "This server keeps no sync log; ask one that serves the whole API.")
}

// statusClasses are the values of status_class.
var statusClasses = map[string]int{"": 0, "2xx": 2, "4xx": 4, "5xx": 5}

// ListSyncLogEntries pages through a directory's entries, the newest first.
func (s *syncLogService) ListSyncLogEntries(ctx context.Context, r *rollcallv1.ListSyncLogEntriesRequest) (*rollcallv1.ListSyncLogEntriesResponse, error) {
	q, err := syncLogQuery(r)
	if err != nil {
		return nil, err
	}
	if err := s.core.within(ctx, r.GetOrganizationId(), r.GetDirectoryId()); err != nil {
		return nil, err
	}
	if s.core.cfg.SyncLog == nil {
		return nil, errNoSyncLog()
	}
	p, err := s.core.cfg.SyncLog.List(ctx, q)
	switch {
	case errors.Is(err, synclog.ErrPlace):
		_, err := parseCursor(listSyncLog, "not one of ours")
		return nil, err
	case err != nil:
		return nil, fault.Wrap(fault.Unavailable, err, "The sync log cannot be read. Try again.")
	}
	res := &rollcallv1.ListSyncLogEntriesResponse{NextPageToken: cursor{at: p.Next}.token(listSyncLog)}
	for i := range p.Entries {
		res.Entries = append(res.Entries, syncLogMessage(r.GetOrganizationId(), &p.Entries[i]))
	}
	return res, s.hint(ctx, r.GetOrganizationId(), r.GetDirectoryId(), p.Entries, res.Entries)
}

// hint says of a directory's refusals whose cause is gone what to do now.
func (s *syncLogService) hint(ctx context.Context, org, dir string, entries []synclog.Entry, messages []*rollcallv1.SyncLogEntry) error {
	return s.core.read(ctx, func(v directory.View) error {
		row, ok, err := directory.Get[*directory.Directory](v, directory.Make(directory.TableDirectory, dir))
		if err != nil || !ok {
			return err // one that was deleted a moment ago has nothing to hint at
		}
		for i, e := range entries {
			switch e.Cause {
			case directory.DomainNotRegistered, directory.DomainNotVerified, directory.NoAddress:
			default:
				continue
			}
			if row.Policy.DomainPolicy != directory.DomainPolicyEnforce {
				messages[i].Hint = "The directory takes users of any domain by now: have the identity provider provision this user again."
				continue
			}
			if e.Subject == "" {
				continue
			}
			ok, err := directory.DomainAdmits(v, org, e.Subject)
			if err != nil {
				return err
			}
			if ok {
				messages[i].Hint = "The domain " + e.Subject + " is registered by now: have the identity provider provision this user again."
			}
		}
		return nil
	})
}

// syncLogQuery holds a request to its declared limits.
func syncLogQuery(r *rollcallv1.ListSyncLogEntriesRequest) (q synclog.Query, err error) {
	size, sizeErr := pageSize(r.GetPageSize(), usualSyncLog, mostSyncLog)
	at, tokenErr := parseCursor(listSyncLog, r.GetPageToken())
	from, fromErr := timeOf("start_time", r.GetStartTime())
	to, toErr := timeOf("end_time", r.GetEndTime())
	if err := first(checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()), sizeErr, tokenErr, fromErr, toErr); err != nil {
		return q, err
	}
	for field, v := range map[string]string{"cause": r.GetCause(), "resource_id": r.GetResourceId(), "endpoint": r.GetEndpoint()} {
		if utf8.RuneCountInString(v) > synclog.MaxID {
			return q, fault.New(fault.Invalid, "%s has more than %d characters.", field, synclog.MaxID)
		}
	}
	class, ok := statusClasses[r.GetStatusClass()]
	if !ok {
		return q, fault.New(fault.Invalid, "status_class must be 2xx, 4xx or 5xx.")
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return q, fault.New(fault.Invalid, "start_time must be before end_time.")
	}
	return synclog.Query{
		Directory: r.GetDirectoryId(), Cause: r.GetCause(), Resource: r.GetResourceId(), Endpoint: r.GetEndpoint(), Class: class,
		From: from, To: to, After: at.at, Limit: size,
	}, nil
}

// timeOf reads an optional time.
func timeOf(field string, t *timestamppb.Timestamp) (time.Time, error) {
	if t == nil {
		return time.Time{}, nil
	}
	if err := t.CheckValid(); err != nil {
		return time.Time{}, fault.New(fault.Invalid, "%s is not a valid time.", field)
	}
	return t.AsTime(), nil
}

// GetSyncStatus shows how a directory is used.
func (s *syncLogService) GetSyncStatus(ctx context.Context, r *rollcallv1.GetSyncStatusRequest) (*rollcallv1.GetSyncStatusResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()); err != nil {
		return nil, err
	}
	if err := s.core.within(ctx, r.GetOrganizationId(), r.GetDirectoryId()); err != nil {
		return nil, err
	}
	if s.core.cfg.SyncLog == nil {
		return nil, errNoSyncLog()
	}
	st, err := s.core.cfg.SyncLog.Status(ctx, r.GetDirectoryId())
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "The sync log cannot be read. Try again.")
	}
	m := &rollcallv1.SyncStatus{
		LastRequestTime: stamp(st.Last), LastSuccessTime: stamp(st.LastSuccess), CountedSince: stamp(st.Since),
		Requests: count(st.Requests), Refused: count(st.Refused), Tolerated: count(st.Tolerated),
	}
	if f := st.LastRefusal; f != nil {
		m.LastRefusal = &rollcallv1.SyncRefusal{Time: stamp(f.At), Status: uint32(count(f.Status)), Cause: f.Cause, Detail: f.Detail} //nolint:gosec // an HTTP status
	}
	return &rollcallv1.GetSyncStatusResponse{Status: m}, nil
}

// within refuses a directory that is not the organization's.
func (c *core) within(ctx context.Context, org, dir string) error {
	return c.read(ctx, func(v directory.View) error {
		_, err := directoryOf(v, org, dir)
		return err
	})
}

func count(n int) uint64 { return uint64(max(n, 0)) }

func size32(n int) uint32 { return uint32(min(count(n), 1<<32-1)) }

func syncLogMessage(org string, e *synclog.Entry) *rollcallv1.SyncLogEntry {
	m := &rollcallv1.SyncLogEntry{
		Id: e.ID, Time: stamp(e.At), OrganizationId: org, DirectoryId: e.Directory, SecretId: e.Secret, RequestId: e.Request,
		Method: e.Method, Endpoint: e.Endpoint, ResourceId: e.Resource, ResourceType: e.Kind, Query: e.Query,
		Status: size32(e.Status), ScimType: e.ScimType, Cause: e.Cause, Detail: e.Detail, Profile: e.Profile, UserAgent: e.UserAgent,
		DurationMs: size32(int(e.Took.Milliseconds())), Body: e.Body, BodySize: size32(e.BodySize), BodyTruncated: e.BodyCut,
		BulkOperation: e.Part, Count: size32(e.Count), LastTime: stamp(e.Last), ResourceIds: e.Resources,
	}
	if e.Last.IsZero() {
		m.LastTime = m.GetTime()
	}
	p := provider.Named(provider.ID(e.Profile))
	for _, d := range e.Deviations {
		m.Deviations = append(m.Deviations, &rollcallv1.SyncLogDeviation{Cause: d.Cause, Path: d.Path, Expected: p.Expects(lenience.Cause(d.Cause))})
	}
	return m
}

// used adds to a directory's message when its provider was here and which of its
// secrets it used. A sync log that cannot be read leaves the message as it is.
func (s *directoryService) used(ctx context.Context, m *directories.Directory) {
	if s.core.cfg.SyncLog == nil {
		return
	}
	st, err := s.core.cfg.SyncLog.Status(ctx, m.GetId())
	if err != nil {
		s.core.cfg.Logger.Warn("the sync log cannot be read", "directory", m.GetId(), "error", err)
		return
	}
	if at := m.GetLastSyncedAt(); st.LastSuccess.After(at.AsTime()) {
		m.LastSyncedAt = stamp(st.LastSuccess)
	}
	if !st.LastSuccess.IsZero() {
		m.Status = directories.DirectoryStatus_COMPLETED.String()
	}
	for _, secret := range m.GetSecrets() {
		secret.LastUsedTime = stamp(st.Secrets[secret.GetId()])
	}
}
