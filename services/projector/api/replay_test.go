package api_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/services/projector/api"
)

func TestReplays(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := str(s.ok(t, 201, "POST", endpointsPath, `{"url":"https://hooks.example/in"}`), "endpoint", "id")
	path := endpointsPath + "/" + id + "/replays"
	s.deliveries.mu.Lock()
	s.deliveries.list = []api.Delivery{{ID: "evt_2.7", EventID: "evt_2", Seq: 7}}
	s.deliveries.mu.Unlock()
	one := object(s.ok(t, 201, "POST", path, `{"delivery_id":"evt_2.7","rate_limit":5}`), "replay")
	want := map[string]any{
		"id": one["id"], "endpoint_id": id, "kind": "DELIVERY", "status": "RUNNING", "event_id": "evt_2", "event_types": []any{}, "organization_id": "", "rate_limit": 5.0,
		"create_time": one["create_time"], "actor": one["actor"], "progress": 0.0, "queued": 0.0, "skipped": 0.0, "delivered": 0.0, "failed": 0.0,
	}
	if diff := cmp.Diff(want, one); diff != "" || !strings.HasPrefix(str(one, "id"), "whr_") || str(one, "actor") == "" {
		t.Errorf("one (-want +got):\n%s", diff)
	}
	failed := object(s.ok(t, 201, "POST", path, `{"failed":{"since":"2026-01-01T00:00:00Z"},"event_types":["organization.*"]}`), "replay")
	if failed["kind"] != "FAILED" || failed["since"] != "2026-01-01T00:00:00Z" || failed["rate_limit"] != 200.0 || !cmp.Equal(failed["event_types"], []any{"organization.*"}) {
		t.Errorf("failed: %v", failed)
	}
	span := object(s.ok(t, 201, "POST", path, `{"range":{"since":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z"}}`), "replay")
	if span["kind"] != "RANGE" || span["until"] != "2026-01-02T00:00:00Z" {
		t.Errorf("range: %v", span)
	}
	// Nobody is there: that is done, all of it.
	if everyone := object(s.ok(t, 201, "POST", path, `{"everyone":{}}`), "replay"); everyone["status"] != "FINISHED" || everyone["progress"] != 1.0 || everyone["queued"] != 0.0 {
		t.Errorf("everyone: %v", everyone)
	}
	s.deliveries.mu.Lock()
	s.deliveries.replays = map[string]api.ReplayProgress{str(one, "id"): {Looked: 0.5, Queued: 4, Skipped: 1, Delivered: 2, Dead: 1}}
	s.deliveries.mu.Unlock()
	want["progress"], want["queued"], want["skipped"], want["delivered"], want["failed"] = 0.5, 4.0, 1.0, 2.0, 1.0
	if diff := cmp.Diff(any(want), s.ok(t, 200, "GET", path+"/"+str(one, "id"), "")["replay"]); diff != "" {
		t.Errorf("GET (-want +got):\n%s", diff)
	}
	page := s.ok(t, 200, "GET", path+"?page_size=2", "")
	if diff := cmp.Diff(any(want), object(page, "replays", 0)); diff != "" || page["total_size"] != 4.0 {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if rest := s.ok(t, 200, "GET", path+"?page_size=2&page_token="+str(page, "next_page_token"), ""); str(rest, "replays", 0, "id") != str(span, "id") {
		t.Errorf("second page: %v", rest)
	}
	if c := object(s.ok(t, 200, "POST", path+"/"+str(one, "id")+":cancel", `{}`), "replay"); c["status"] != "CANCELLED" || c["end_time"] == nil || c["delivered"] != 2.0 {
		t.Errorf("cancelled: %v", c)
	}
	other := str(s.ok(t, 201, "POST", endpointsPath, `{"url":"https://hooks.example/other"}`), "endpoint", "id")
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"nothing":               {"POST", path, `{}`, 400, "exactly one"},
		"two things":            {"POST", path, `{"delivery_id":"evt_2.7","failed":{"since":"2026-01-01T00:00:00Z"}}`, 400, "exactly one"},
		"types of one":          {"POST", path, `{"delivery_id":"evt_2.7","event_types":["*"]}`, 400, "event_types"},
		"no delivery":           {"POST", path, `{"delivery_id":"evt_9.7"}`, 404, "delivery"},
		"no time":               {"POST", path, `{"failed":{}}`, 400, "since"},
		"a pattern":             {"POST", path, `{"range":{"since":"2026-01-01T00:00:00Z"},"event_types":["x*"]}`, 400, "event_types"},
		"too fast":              {"POST", path, `{"range":{"since":"2026-01-01T00:00:00Z"},"rate_limit":10001}`, 400, "rate_limit"},
		"no organization":       {"POST", path, `{"range":{"since":"2026-01-01T00:00:00Z","organization_id":"org_000000000000000009"}}`, 404, "organization"},
		"no endpoint":           {"POST", endpointsPath + "/whe_9/replays", `{"range":{"since":"2026-01-01T00:00:00Z"}}`, 404, "endpoint"},
		"another endpoint's":    {"GET", endpointsPath + "/" + other + "/replays/" + str(one, "id"), ``, 404, "replay"},
		"cancel another's":      {"POST", endpointsPath + "/" + other + "/replays/" + str(one, "id") + ":cancel", `{}`, 404, "replay"},
		"list of no endpoint":   {"GET", endpointsPath + "/whe_9/replays", ``, 404, "endpoint"},
		"page size of the list": {"GET", path + "?page_size=101", ``, 400, "page_size"},
	} {
		if status, m := s.call(t, tt.method, tt.path, tt.body); status != tt.status || !strings.Contains(str(m, "message"), tt.says) {
			t.Errorf("%s: %d %v; want %d, something about %q", name, status, m, tt.status, tt.says)
		}
	}
}
