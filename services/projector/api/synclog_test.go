package api_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1/rollcallv1connect"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/synclog"
	"github.com/rollcallhq/rollcall/pkg/synclog/history"
)

// requests is the stream of the sync log, in memory, and the file that is
// folded from it.
type requests struct {
	*history.History

	mu   sync.Mutex
	all  []synclog.Stored
	more chan struct{}
}

func startSyncLog(t *testing.T) *requests {
	t.Helper()
	r := &requests{more: make(chan struct{})}
	var err error
	if r.History, err = history.Open(filepath.Join(t.TempDir(), "synclog.db"), source{r}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Follow(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, r.Close()); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return r
}

// tell stores what a provider's requests left behind.
func (r *requests) tell(org, dir string, u *synclog.Usage, es ...synclog.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := synclog.Batch{Organization: org, Directory: dir, Entries: es, Usage: u}
	r.all = append(r.all, synclog.Stored{Seq: uint64(len(r.all)) + 1, Batch: b})
	close(r.more)
	r.more = make(chan struct{})
}

// source is the stream as history reads it.
type source struct{ r *requests }

func (s source) Extent(context.Context) (synclog.Extent, error) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	return synclog.Extent{Created: time.Unix(1, 0), First: 1, Last: uint64(len(s.r.all))}, nil
}

func (s source) Follow(ctx context.Context, after uint64, each func(synclog.Stored) error) error {
	for {
		s.r.mu.Lock()
		due, more := s.r.all[after:], s.r.more
		s.r.mu.Unlock()
		for _, m := range due {
			if err := each(m); err != nil {
				return err
			}
			after = m.Seq
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-more:
		}
	}
}

var march = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func tolerated(n int, profile string) synclog.Entry {
	return synclog.Entry{
		At: march.Add(time.Duration(n) * time.Minute), Secret: "sec_1", Request: fmt.Sprint("req-", n), Method: "PATCH", Endpoint: "Users", Resource: fmt.Sprint("diruser_", n), Kind: "User",
		Status: 200, Deviations: []synclog.Deviation{{Cause: "string_boolean", Path: "active"}}, Profile: profile, UserAgent: "agent/1", Took: 3 * time.Millisecond,
		Body: `{"a":1}`, BodySize: 9, Count: 1,
	}
}

func refused(n int) synclog.Entry {
	e := tolerated(n, "okta")
	e.Method, e.Status, e.ScimType, e.Cause, e.Detail, e.Deviations = "POST", 409, "uniqueness", "uniqueness", "userName is taken.", nil
	e.Resource, e.Query, e.BodyCut = "", "attributes=id", true
	e.Count, e.Last, e.Resources = 3, e.At.Add(time.Second), []string{"diruser_7", "diruser_8"}
	return e
}

func TestSyncLog(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir, other := s.directory(t, org), s.directory(t, org)
	path := "/api/v1/organizations/" + org + "/directories/" + dir + "/sync_log"
	if got := items(s.ok(t, 200, "GET", path, ""), "entries"); len(got) != 0 {
		t.Errorf("an empty log shows %v", got)
	}
	s.requests.tell(org, other, nil, tolerated(9, "okta"))
	s.requests.tell(org, dir, nil, tolerated(1, "entra"), refused(2))
	s.requests.tell(org, dir, nil, tolerated(3, "okta"))

	got := items(s.ok(t, 200, "GET", path, ""), "entries")
	if len(got) != 3 {
		t.Fatalf("listed %v", got)
	}
	for _, e := range got {
		delete(object(e), "id")
	}
	if diff := cmp.Diff(map[string]any{
		"time": "2026-03-01T12:02:00Z", "last_time": "2026-03-01T12:02:01Z", "count": 3.0, "hint": "", "resource_ids": []any{"diruser_7", "diruser_8"},
		"organization_id": org, "directory_id": dir, "secret_id": "sec_1", "request_id": "req-2", "method": "POST", "endpoint": "Users", "resource_id": "", "resource_type": "User",
		"query": "attributes=id", "status": 409.0, "scim_type": "uniqueness", "cause": "uniqueness", "detail": "userName is taken.", "deviations": []any{},
		"profile": "okta", "user_agent": "agent/1", "duration_ms": 3.0, "body": `{"a":1}`, "body_size": 9.0, "body_truncated": true, "bulk_operation": false,
	}, object(got[1])); diff != "" {
		t.Errorf("the refusal (-want +got):\n%s", diff)
	}
	deviation := func(expected bool) []any {
		return []any{map[string]any{"cause": "string_boolean", "path": "active", "expected": expected}}
	}
	for i, want := range map[int]bool{0: false, 2: true} { // Okta does not send it, Entra does
		if diff := cmp.Diff(deviation(want), at(got[i], "deviations")); diff != "" {
			t.Errorf("entry %d (-want +got):\n%s", i, diff)
		}
	}

	for query, want := range map[string]string{
		"":                                 "req-3 req-2 req-1",
		"?cause=string_boolean":            "req-3 req-1",
		"?cause=uniqueness":                "req-2",
		"?cause=nothing":                   "",
		"?resource_id=diruser_7":           "req-2",
		"?resource_id=diruser_3":           "req-3",
		"?endpoint=Users&status_class=2xx": "req-3 req-1",
		"?endpoint=Groups":                 "",
		"?status_class=4xx":                "req-2",
		"?status_class=5xx":                "",
		"?start_time=2026-03-01T12:02:00Z": "req-3 req-2",
		"?end_time=2026-03-01T12:02:00Z":   "req-1",
		"?start_time=2026-03-01T12:02:00Z&end_time=2026-03-01T12:03:00Z": "req-2",
	} {
		var ids []string
		for _, e := range items(s.ok(t, 200, "GET", path+query, ""), "entries") {
			ids = append(ids, str(e, "request_id"))
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s lists %q, want %q", query, got, want)
		}
	}
}

func TestSyncLog_pages(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir := s.directory(t, org)
	for n := range 5 {
		s.requests.tell(org, dir, nil, tolerated(n, ""))
	}
	path := "/api/v1/organizations/" + org + "/directories/" + dir + "/sync_log"
	var ids []string
	token := ""
	for page := range 3 {
		res := s.ok(t, 200, "GET", path+"?page_size=2&page_token="+token, "")
		for _, e := range items(res, "entries") {
			ids = append(ids, str(e, "request_id"))
		}
		if token = str(res, "next_page_token"); (token == "") != (page == 2) {
			t.Errorf("the token behind page %d is %q", page, token)
		}
	}
	if got := strings.Join(ids, " "); got != "req-4 req-3 req-2 req-1 req-0" {
		t.Errorf("listed %s", got)
	}
}

// TestSyncLog_hints follows refusals for the domain of an address while the
// directory's policy and the organization's domains change.
func TestSyncLog_hints(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir := s.directory(t, org)
	base := "/api/v1/organizations/" + org
	refusal := func(n int, cause, subject string) synclog.Entry {
		e := refused(n)
		e.Cause, e.Subject = cause, subject
		return e
	}
	s.requests.tell(org, dir, nil, refusal(0, directory.DomainNotRegistered, "later.example"), refusal(1, directory.DomainNotVerified, "never.example"),
		refusal(2, directory.NoAddress, ""), refusal(3, "uniqueness", ""))
	const none, registered, anyDomain = "", "The domain later.example is registered", "The directory takes users of any domain"
	for _, step := range []struct {
		method, path, body string
		want               [4]string // by entry, how its hint begins
	}{
		{"PATCH", "/directories/" + dir + "/policy", `{"domain_policy":"ENFORCE"}`, [4]string{none, none, none, none}},
		{"PATCH", "/directories/" + dir + "/policy", `{"domain_policy":"OFF"}`, [4]string{anyDomain, anyDomain, anyDomain, none}},
		{"PATCH", "/directories/" + dir + "/policy", `{"domain_policy":"ENFORCE"}`, [4]string{none, none, none, none}},
		{"POST", "/domains", `{"domain":"later.example","domain_type":"ORGANIZATION_DOMAIN"}`, [4]string{registered, none, none, none}},
		{"PATCH", "/directories/" + dir + "/policy", `{"domain_policy":"OFF"}`, [4]string{anyDomain, anyDomain, anyDomain, none}},
	} {
		s.ok(t, 200, step.method, base+step.path, step.body)
		entries := items(s.ok(t, 200, "GET", base+"/directories/"+dir+"/sync_log", ""), "entries")
		if len(entries) != len(step.want) {
			t.Fatalf("%d entries are listed, want %d", len(entries), len(step.want))
		}
		for i, e := range entries { // the newest first
			n := len(entries) - 1 - i
			if got, want := str(e, "hint"), step.want[n]; (got == "") != (want == "") || !strings.HasPrefix(got, want) {
				t.Errorf("after %s %s entry %d hints %q, want %q", step.path, step.body, n, got, want)
			}
		}
	}
}

func TestSyncLog_refuses(t *testing.T) {
	t.Parallel()
	s := start(t)
	org, foreign := s.organization(t, "Acme"), s.organization(t, "Other")
	dir := s.directory(t, org)
	s.requests.tell(org, dir, &synclog.Usage{Requests: 1, Last: march}, tolerated(1, ""))
	at := func(org, dir, rest string) string {
		return "/api/v1/organizations/" + org + "/directories/" + dir + rest
	}
	users := str(s.ok(t, 200, "GET", at(org, dir, "/sync_log"), ""), "next_page_token") + "dQ"
	for path, want := range map[string]int{
		at(foreign, dir, "/sync_log"):                                                           404,
		at(foreign, dir, "/sync_status"):                                                        404,
		at(org, "dir_1", "/sync_log"):                                                           404,
		at(org, "dir_1", "/sync_status"):                                                        404,
		at("acme", dir, "/sync_log"):                                                            400,
		at(org, dir, "/sync_log?page_size=201"):                                                 400,
		at(org, dir, "/sync_log?page_token=x"):                                                  400,
		at(org, dir, "/sync_log?page_token="+users):                                             400,
		at(org, dir, "/sync_log?page_token=c2F4"):                                               400, // of this list, but no place
		at(org, dir, "/sync_log?status_class=3xx"):                                              400,
		at(org, dir, "/sync_log?start_time=yesterday"):                                          400,
		at(org, dir, "/sync_log?cause="+strings.Repeat("c", 65)):                                400,
		at(org, dir, "/sync_log?start_time=2026-03-01T12:02:00Z&end_time=2026-03-01T12:02:00Z"): 400,
	} {
		if status, m := s.call(t, "GET", path, ""); status != want {
			t.Errorf("%s: %d, want %d: %v", path, status, want, m)
		}
	}
	for _, rest := range []string{"/sync_log", "/sync_status"} {
		if status, _, _ := s.do(t, http.MethodGet, at(org, dir, rest), "", "", nil); status != 401 {
			t.Errorf("without a token %s answers %d", rest, status)
		}
	}
}

// TestSyncStatus shows when a provider was here, in its own call and in the
// directory's message.
func TestSyncStatus(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir := s.directory(t, org)
	base := "/api/v1/organizations/" + org + "/directories/" + dir
	secret := str(s.ok(t, 200, "POST", base+"/secrets", ""), "secret", "id")
	if diff := cmp.Diff(map[string]any{"requests": "0", "refused": "0", "tolerated": "0"},
		object(s.ok(t, 200, "GET", base+"/sync_status", ""), "status")); diff != "" {
		t.Errorf("before any request (-want +got):\n%s", diff)
	}
	before := s.ok(t, 200, "GET", base, "")
	if at(before, "directory", "last_synced_at") != nil || str(before, "directory", "status") != "IN_PROGRESS" || at(before, "directory", "secrets", 0, "last_used_time") != nil {
		t.Errorf("before any request the directory is %v", before)
	}
	s.requests.tell(org, dir, &synclog.Usage{
		Requests: 9, Refused: 2, Tolerated: 3, Last: march, LastSuccess: march.Add(-time.Minute),
		LastRefusal: &synclog.Refusal{At: march, Status: 409, Cause: "uniqueness", Detail: "Taken."}, Secrets: map[string]time.Time{secret: march},
	})
	if err := s.requests.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{
		"requests": "9", "refused": "2", "tolerated": "3", "last_request_time": "2026-03-01T12:00:00Z", "last_success_time": "2026-03-01T11:59:00Z", "counted_since": "2026-03-01T12:00:00Z",
		"last_refusal": map[string]any{"time": "2026-03-01T12:00:00Z", "status": 409.0, "cause": "uniqueness", "detail": "Taken."},
	}, object(s.ok(t, 200, "GET", base+"/sync_status", ""), "status")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, got := range []map[string]any{
		object(s.ok(t, 200, "GET", base, ""), "directory"),
		object(items(s.ok(t, 200, "GET", "/api/v1/organizations/"+org+"/directories", ""), "directories")[0]),
	} {
		if str(got, "last_synced_at") != "2026-03-01T11:59:00Z" || str(got, "status") != "COMPLETED" || str(got, "secrets", 0, "last_used_time") != "2026-03-01T12:00:00Z" {
			t.Errorf("the directory is %v", got)
		}
	}
}

// TestSyncLog_protocols asks over gRPC and Connect.
func TestSyncLog_protocols(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir := s.directory(t, org)
	s.requests.tell(org, dir, nil, refused(1), tolerated(2, "entra"))
	req := &rollcallv1.ListSyncLogEntriesRequest{OrganizationId: org, DirectoryId: dir, Cause: "uniqueness", StartTime: timestamppb.New(march)}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.token)
	res, err := rollcallv1.NewSyncLogServiceClient(s.grpc).ListSyncLogEntries(ctx, req)
	if err != nil || len(res.GetEntries()) != 1 || res.GetEntries()[0].GetDetail() != "userName is taken." {
		t.Errorf("gRPC answers %v, %v", res, err)
	}
	client := rollcallv1connect.NewSyncLogServiceClient(s.http1, s.url, connect.WithInterceptors(connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
			r.Header().Set("Authorization", "Bearer "+s.token)
			return next(ctx, r)
		}
	})))
	out, err := client.ListSyncLogEntries(t.Context(), req)
	if err != nil || len(out.GetEntries()) != 1 {
		t.Errorf("Connect answers %v, %v", out, err)
	}
	req.StartTime = &timestamppb.Timestamp{Nanos: -1}
	if _, err := client.ListSyncLogEntries(t.Context(), req); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("an invalid time is answered %v", err)
	}
}
