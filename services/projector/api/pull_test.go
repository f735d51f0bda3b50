package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/projector/api"
)

func TestPullEvents(t *testing.T) {
	t.Parallel()
	s := start(t)
	const path = "/api/v1/events"
	began := time.Now()
	empty := s.ok(t, http.StatusOK, http.MethodGet, path+"?wait_seconds=1", "")
	if took := time.Since(began); took < time.Second || len(empty["events"].([]any)) != 0 {
		t.Errorf("an empty stream answered %v after %s", empty, took)
	}
	for query, says := range map[string]string{
		"?wait_seconds=31": "wait_seconds", "?limit=101": "limit must be 1 to 100", "?event_types=user": "event_types", "?cursor=x": "cursor", "?since=today": "since",
		"?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z": "since must be before until",
	} {
		if status, m := s.call(t, http.MethodGet, path+query, ""); status != http.StatusBadRequest || !strings.Contains(str(m, "message"), says) {
			t.Errorf("%s: %d %v; want something about %q", query, status, m, says)
		}
	}
}

// A server that stops does not wait with those who wait for an event.
func TestPullEvents_stopping(t *testing.T) {
	t.Parallel()
	stopping := make(chan struct{})
	close(stopping)
	s := startWith(t, func(c *api.Config) { c.Stopping = stopping }, func(http.Handler) {})
	began := time.Now()
	m := s.ok(t, http.StatusOK, http.MethodGet, "/api/v1/events?wait_seconds=30", "")
	if took := time.Since(began); took >= 30*time.Second || len(m["events"].([]any)) != 0 {
		t.Errorf("answered %v after %s", m, took)
	}
}

// A cursor that is older than what is kept is refused with one that is not.
func TestPullEvents_expired(t *testing.T) {
	t.Parallel()
	s := start(t)
	const path = "/api/v1/events"
	for n := range 5 {
		s.events.put(n, public.UserCreated, "org_1", map[string]any{"id": "diruser_1"})
	}
	old := str(s.ok(t, 200, "GET", path+"?limit=2", ""), "cursor")
	if err := natslog.TrimEvents(t.Context(), s.events.open(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	want := []string{s.events.put(4, public.UserCreated, "org_1", map[string]any{"id": "diruser_1"}), s.events.put(5, public.UserCreated, "org_1", map[string]any{"id": "diruser_1"})}
	status, m := s.call(t, "GET", path+"?cursor="+old, "")
	oldest := str(m, "oldest_cursor")
	if status != http.StatusGone || oldest == "" || !strings.Contains(str(m, "detail"), oldest) || m["type"] != "urn:rollcall:problem:gone" {
		t.Fatalf("behind what is kept: %d %v", status, m)
	}
	if got := ids(s.ok(t, 200, "GET", path+"?cursor="+oldest, ""), "events"); !cmp.Equal(got, want) && !cmp.Equal(got[1:], want) {
		t.Errorf("from the oldest cursor: %v, want all of %v", got, want)
	}
}

// A client of one organization pulls that organization's events and no others.
func TestEvents_organizationsClient(t *testing.T) {
	t.Parallel()
	s := start(t)
	mine, other := s.organization(t, "Acme"), s.organization(t, "Globex")
	s.events.put(0, public.UserCreated, other, map[string]any{"id": "diruser_2"})
	want := []string{s.events.put(1, public.UserCreated, mine, map[string]any{"id": "diruser_1"})}
	s.events.put(2, public.RoleCreated, "", map[string]any{"id": "role_1"})
	_, _, token := s.client(t, `{"scopes":["read"],"organization_id":"`+mine+`"}`)
	for path, status := range map[string]int{
		"/api/v1/events?organization_id=" + mine:  200,
		"/api/v1/events?organization_id=" + other: 404,
		"/api/v1/events": 403,
		"/api/v1/events:list?filter.organization_id=" + mine:  200,
		"/api/v1/events:list?filter.organization_id=" + other: 404,
		"/api/v1/events:list?page_size=1":                     403,
		"/api/v1/events:list":                                 403,
	} {
		st, m := s.callAs(t, token, "GET", path, "")
		if st != status {
			t.Errorf("%s: %d %v, want %d", path, st, m, status)
		}
		if st == 200 && !cmp.Equal(ids(m, "events"), want) {
			t.Errorf("%s: %v, want %v", path, ids(m, "events"), want)
		}
	}
}
