package api_test

import (
	"context"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/events"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/events/eventsconnect"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/pkg/published"
)

// eventStream is a stream EVENTS, made when somebody needs it.
type eventStream struct {
	t    *testing.T
	once sync.Once
	js   jetstream.JetStream
}

func (s *eventStream) open() jetstream.JetStream {
	s.once.Do(func() {
		server, err := embedded.Start(s.t.Context(), embedded.Options{Dir: s.t.TempDir(), StoreLimit: 128 << 20, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() {
			if err := server.Close(); err != nil {
				s.t.Error(err)
			}
		})
		nc := must(server.Connect())
		s.t.Cleanup(nc.Close)
		s.js = must(jetstream.New(nc))
		if err := natslog.Ensure(s.t.Context(), s.js, natslog.Config{}); err != nil {
			s.t.Fatal(err)
		}
	})
	return s.js
}

// Read implements api.Events.
func (s *eventStream) Read(ctx context.Context, f published.Filter, after uint64, limit int) (published.Page, error) {
	return published.Open(s.open()).Read(ctx, f, after, limit)
}

// ReadBack implements api.Events.
func (s *eventStream) ReadBack(ctx context.Context, f published.Filter, before uint64, limit int) (published.Page, error) {
	return published.Open(s.open()).ReadBack(ctx, f, before, limit)
}

var eventsBegin = time.Date(2026, 3, 1, 9, 30, 0, 123456000, time.UTC)

// put publishes the n-th event, n minutes after the first.
func (s *eventStream) put(n int, typ public.Type, org string, data any) string {
	s.t.Helper()
	number := public.NumberOf(uint64(n), 0) //nolint:gosec // small
	body := must(public.New(typ, number, eventsBegin.Add(time.Duration(n)*time.Minute), "env_1", org, data).Body())
	subject := "events." + org + ".dir_1." + string(typ)
	if org == "" {
		subject = "events.-.-." + string(typ)
	}
	must(s.open().PublishMsg(s.t.Context(), &nats.Msg{Subject: subject, Data: body, Header: nats.Header{
		public.HeaderEventID: {number.ID()}, public.HeaderEventType: {string(typ)}, public.HeaderOrganization: {org}, public.HeaderNumber: {strconv.FormatUint(uint64(number), 10)},
	}}))
	return number.ID()
}

func TestEvents(t *testing.T) {
	t.Parallel()
	s := start(t)
	var users, roles, other []string
	for n := range 40 {
		switch n % 4 {
		case 0:
			roles = append(roles, s.events.put(n, public.RoleCreated, "", map[string]any{"id": "role_1", "name": "editor"}))
		case 1:
			other = append(other, s.events.put(n, public.UserCreated, "org_2", map[string]any{"id": "diruser_2"}))
		default:
			users = append(users, s.events.put(n, public.UserUpdated, "org_1", map[string]any{"id": "diruser_1", "organization_id": "org_1", "active": true}))
		}
	}
	at := func(n int) string { return eventsBegin.Add(time.Duration(n) * time.Minute).Format(time.RFC3339Nano) }
	for name, tt := range map[string]struct {
		filter url.Values
		want   []string
	}{
		"an organization":            {url.Values{"filter.organization_id": {"org_1"}}, users},
		"a type":                     {url.Values{"filter.event_types": {"role.created"}}, roles},
		"types, one of them unknown": {url.Values{"filter.event_types": {"role.created", "user.created"}}, roles},
		"a source":                   {url.Values{"filter.source": {"SCALEKIT"}}, roles},
		"the other source, of one":   {url.Values{"filter.source": {"DIR_SYNC"}, "filter.organization_id": {"org_2"}}, other},
		"a time":                     {url.Values{"filter.start_time": {at(20)}, "filter.end_time": {at(30)}, "filter.organization_id": {"org_1"}}, users[10:14]},
		"unset times":                {url.Values{"filter.start_time": {"1970-01-01T00:00:00Z"}, "filter.event_types": {"role.created"}}, roles},
		"only unknown types":         {url.Values{"filter.event_types": {"user.created"}}, nil},
		"a type of another source":   {url.Values{"filter.event_types": {"role.created"}, "filter.source": {"DIR_SYNC"}}, nil},
		"of a connection":            {url.Values{"filter.connection_id": {"conn_1"}}, nil},
		"of nobody":                  {url.Values{"filter.organization_id": {"org_3"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.filter.Set("page_size", "7")
			page := func(token string) (list []string, next, prev string) {
				tt.filter.Set("page_token", token)
				m := s.ok(t, 200, "GET", "/api/v1/events:list?"+tt.filter.Encode(), "")
				return ids(m, "events"), str(m, "next_page_token"), str(m, "prev_page_token")
			}
			var got []string
			var pages [][]string
			token, back := "", ""
			for {
				list, next, prev := page(token)
				if (prev == "") != (len(pages) == 0) {
					t.Errorf("page %d leads back with %q", len(pages), prev)
				}
				got, pages, back = append(got, list...), append(pages, list), prev
				if token = next; token == "" {
					break
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			for n := len(pages) - 2; n >= 0; n-- {
				list, next, prev := page(back)
				if diff := cmp.Diff(pages[n], list); diff != "" || next == "" || (prev == "") != (n == 0) {
					t.Errorf("back on page %d, next %q, prev %q (-want +got):\n%s", n, next, prev, diff)
				}
				if list, _, _ := page(next); !cmp.Equal(list, pages[n+1]) {
					t.Errorf("page %d and on: %v, want %v", n, list, pages[n+1])
				}
				back = prev
			}
		})
	}
	if got := s.ok(t, 200, "GET", "/api/v1/events:list", ""); len(ids(got, "events")) != 30 || str(got, "next_page_token") == "" {
		t.Errorf("without a size: %d events", len(ids(got, "events")))
	}
	for path, says := range map[string]string{
		"page_size=101": "page_size", "page_token=abc": "page_token", "filter.organization_id=org.1": "organization_id", "filter.organization_id=" + strings.Repeat("x", 33): "organization_id",
		"page_token=RWE5OTk5OTk": "restored", // far beyond the end
	} {
		if status, m := s.call(t, "GET", "/api/v1/events:list?"+path, ""); status != 400 || !strings.Contains(str(m, "message"), says) {
			t.Errorf("%s: %d %v, want 400 saying %q", path, status, m, says)
		}
	}
}

func TestEvents_asPublished(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := s.events.put(3, public.UserUpdated, "org_1", map[string]any{"id": "diruser_1", "version": 7, "groups": []any{map[string]any{"id": "g", "name": "R & D"}}})
	s.events.put(4, public.EndpointFailing, "", map[string]any{"id": "whe_1"})
	got := s.ok(t, 200, "GET", "/api/v1/events:list", "")
	want := map[string]any{
		"spec_version": "1", "id": id, "type": "organization.directory.user_updated", "occurred_at": "2026-03-01T09:33:00.123456Z", "environment_id": "env_1",
		"organization_id": "org_1", "object": "DirectoryUser", "display_name": "Directory User Updated",
		"data": map[string]any{"id": "diruser_1", "version": 7.0, "groups": []any{map[string]any{"id": "g", "name": "R & D"}}},
	}
	if diff := cmp.Diff(want, at(got, "events", 0)); diff != "" {
		t.Errorf("the event (-want +got):\n%s", diff)
	}
	if second := object(got, "events", 1); second["object"] != "OBJECT_TYPE_UNSPECIFIED" || second["organization_id"] != nil {
		t.Errorf("an object that the reference has not: %v", second)
	}
	// The same over gRPC.
	c := eventsconnect.NewEventsServiceClient(s.http1, s.url, connect.WithGRPC(), connect.WithInterceptors(connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
			r.Header().Set("Authorization", "Bearer "+s.token)
			return next(ctx, r)
		}
	})))
	res, err := c.ListEventsPaginated(t.Context(), &events.ListEventsPaginatedRequest{PageSize: 1, Filter: &events.EventFilter{Source: events.Source_DIR_SYNC}})
	if err != nil || len(res.GetEvents()) != 1 || res.GetEvents()[0].GetId() != id || res.GetEvents()[0].GetObject() != events.ObjectType_DirectoryUser {
		t.Errorf("over gRPC: %v, %v", res, err)
	}
}
