package api_test

import (
	"net/http"
	"testing"
	"time"
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
	for name, query := range map[string]string{
		"a long wait": "?wait_seconds=31", "too many": "?limit=101", "no such type": "?event_types=user", "a forged cursor": "?cursor=x", "no time": "?since=today",
	} {
		if status, m := s.call(t, http.MethodGet, path+query, ""); status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", name, status, m)
		}
	}
}
