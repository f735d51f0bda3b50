package api_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/seal"
	"github.com/rollcallhq/rollcall/services/projector/api"
)

const endpointsPath = "/api/v1/webhook_endpoints"

func TestEndpoint_life(t *testing.T) {
	t.Parallel()
	s := start(t)
	made := s.ok(t, 201, "POST", endpointsPath, `{"url":"https://hooks.example/in"}`)
	secret, ep := str(made, "secret"), object(made, "endpoint")
	id := str(ep, "id")
	if diff := cmp.Diff(map[string]any{
		"id": id, "url": "https://hooks.example/in", "description": "", "event_types": []any{"*"}, "organization_id": "", "enabled": true,
		"create_time": "2026-02-01T08:00:02Z", "update_time": "2026-02-01T08:00:02Z", "headers": []any{}, "rate_limit": 0.0, "concurrency": 0.0,
		"time_limit_ms": 0.0, "ordering": "resource", "ladder": "", "signatures": []any{"v1"}, "public_key": "", "disabled_because": "",
		"former_secret_expire_times": []any{},
	}, ep); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) != 32 || !strings.HasPrefix(secret, "whsec_") {
		t.Errorf("secret of %d bytes, %v", len(key), err)
	}
	// The sealed form is what delivery opens.
	if err := s.Read(t.Context(), func(v directory.View) error {
		row, _, err := directory.Get[*directory.Endpoint](v, directory.Make(directory.TableEndpoint, id))
		if err != nil {
			return err
		}
		plain, err := masterKeys.Open(seal.WebhookSecret, row.SealedSecret)
		if string(plain) != secret {
			t.Error("the sealed secret is another")
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(any(ep), s.ok(t, 200, "GET", endpointsPath+"/"+id, "")["endpoint"]); diff != "" {
		t.Errorf("GET (-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		body string
		want map[string]any
	}{
		{`{"enabled":false}`, map[string]any{"enabled": false, "url": "https://hooks.example/in"}},
		{`{"description":"ours","event_types":["organization.directory.*","organization.created"]}`, map[string]any{"enabled": false, "description": "ours", "event_types": []any{"organization.directory.*", "organization.created"}}},
		{`{"url":"https://hooks.example/2","description":""}`, map[string]any{"url": "https://hooks.example/2", "description": "", "event_types": []any{"organization.directory.*", "organization.created"}}},
		{`{"id":"whe_other","enabled":true}`, map[string]any{"id": id, "enabled": true}},
	} {
		got := s.ok(t, 200, "PATCH", endpointsPath+"/"+id, tt.body)
		for k, v := range tt.want {
			if diff := cmp.Diff(v, at(got, "endpoint", k)); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", tt.body, k, diff)
			}
		}
		if _, shown := got["secret"]; shown {
			t.Error("an update shows the secret")
		}
	}
	if got := s.ok(t, 200, "DELETE", endpointsPath+"/"+id, ""); len(got) != 0 {
		t.Errorf("delete answered %v", got)
	}
	s.ok(t, 404, "GET", endpointsPath+"/"+id, "")
	s.ok(t, 404, "PATCH", endpointsPath+"/"+id, `{"enabled":true}`)
	s.ok(t, 404, "DELETE", endpointsPath+"/"+id, "")
}

func TestEndpoint_list(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	var all, ours []string
	for i := range 5 {
		body := fmt.Sprintf(`{"url":"https://hooks.example/%d","enabled":false}`, i)
		if i%2 == 0 {
			body = fmt.Sprintf(`{"url":"https://hooks.example/%d","organization_id":%q}`, i, org)
		}
		ep := at(s.ok(t, 201, "POST", endpointsPath, body), "endpoint")
		if at(ep, "enabled") != (i%2 == 0) {
			t.Errorf("enabled %v", at(ep, "enabled"))
		}
		if all = append(all, str(ep, "id")); i%2 == 0 {
			ours = append(ours, str(ep, "id"))
		}
	}
	for _, tt := range []struct {
		query string
		want  []string
		total float64
	}{{"", all, 5}, {"?page_size=2", all[:2], 5}, {"?organization_id=" + org, ours, 3}, {"?organization_id=org_1", nil, 0}} {
		m := s.ok(t, 200, "GET", endpointsPath+tt.query, "")
		if diff := cmp.Diff(tt.want, ids(m, "endpoints")); diff != "" || m["total_size"] != tt.total {
			t.Errorf("%q: total %v (-want +got):\n%s", tt.query, m["total_size"], diff)
		}
	}
}

func TestEndpoint_refusals(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := str(s.ok(t, 201, "POST", endpointsPath, `{"url":"https://hooks.example/in"}`), "endpoint", "id")
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"no url":                {"POST", "", `{}`, 400, "url"},
		"no body":               {"POST", "", ``, 400, "url"},
		"http":                  {"POST", "", `{"url":"http://hooks.example"}`, 400, "https"},
		"http by update":        {"PATCH", "/" + id, `{"url":"http://hooks.example"}`, 400, "https"},
		"empty url by update":   {"PATCH", "/" + id, `{"url":""}`, 400, "url"},
		"unknown organization":  {"POST", "", `{"url":"https://hooks.example","organization_id":"org_1"}`, 404, "org_1"},
		"organization prefix":   {"POST", "", `{"url":"https://hooks.example","organization_id":"x"}`, 400, "org_"},
		"star inside":           {"POST", "", `{"url":"https://hooks.example","event_types":["a.*.b"]}`, 400, "a.*.b"},
		"star behind a letter":  {"POST", "", `{"url":"https://hooks.example","event_types":["a*"]}`, 400, "a*"},
		"no type":               {"PATCH", "/" + id, `{"event_types":[""]}`, 400, "event_types"},
		"upper case":            {"PATCH", "/" + id, `{"event_types":["Organization.created"]}`, 400, "Organization.created"},
		"too many":              {"POST", "", `{"url":"https://hooks.example","event_types":[` + strings.Repeat(`"*",`, 50) + `"*"]}`, 400, "50"},
		"a type mistyped":       {"POST", "", `{"url":"https://hooks.example","event_types":["*","organization.directory.user_update"]}`, 400, "user_update\" chooses no type"},
		"no such beginning":     {"PATCH", "/" + id, `{"event_types":["directory.*"]}`, 400, "directory.*"},
		"a long type":           {"PATCH", "/" + id, `{"event_types":["` + strings.Repeat("a", 200) + `"]}`, 400, "128"},
		"time limit":            {"POST", "", `{"url":"https://hooks.example","time_limit_ms":5}`, 400, "time_limit_ms is milliseconds, 1000 to 60000"},
		"long description":      {"POST", "", `{"url":"https://hooks.example","description":"` + strings.Repeat("x", 1001) + `"}`, 400, "description"},
		"unknown":               {"GET", "/whe_1", ``, 404, "whe_1"},
		"deliveries unknown":    {"GET", "/whe_1/deliveries", ``, 404, "whe_1"},
		"deliveries of no type": {"GET", "/" + id + "/deliveries?event_type=organization.directory.*", ``, 400, "event_type"},
		"deliveries of no time": {"GET", "/" + id + "/deliveries?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", ``, 400, "since must be before until"},
		"deliveries page size":  {"GET", "/" + id + "/deliveries?page_size=101", ``, 400, "page_size"},
	} {
		if status, m := s.call(t, tt.method, endpointsPath+tt.path, tt.body); status != tt.status || !strings.Contains(str(m, "message"), tt.says) {
			t.Errorf("%s: %d %v; want %d, something about %q", name, status, m, tt.status, tt.says)
		}
	}
}

func TestDeliveries(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := str(s.ok(t, 201, "POST", endpointsPath, `{"url":"https://hooks.example/in"}`), "endpoint", "id")
	path := endpointsPath + "/" + id + "/deliveries"
	if diff := cmp.Diff(map[string]any{"deliveries": []any{}, "next_page_token": "", "total_size": 0.0}, s.ok(t, 200, "GET", path, "")); diff != "" {
		t.Errorf("none (-want +got):\n%s", diff)
	}
	first := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	s.deliveries.mu.Lock()
	s.deliveries.list = []api.Delivery{
		{
			ID: "dlv_2", EventID: "evt_2", EventType: "organization.created", Status: api.DeliveryRetrying, Created: first, NextAttempt: first.Add(time.Hour), Attempts: 2,
			Log: []api.DeliveryAttempt{
				{Number: 1, At: first, Took: 1500 * time.Millisecond, Error: "connection refused"},
				{
					Number: 2, At: first.Add(5 * time.Second), Took: 20 * time.Millisecond, StatusCode: 500, Error: "the receiver answered 500",
					DNS: time.Millisecond, Connect: 2 * time.Millisecond, TLS: 3 * time.Millisecond, FirstByte: 19 * time.Millisecond,
					Head: "Content-Type: text/plain\nX-Request-Id: a: b\n", Body: "no such tenant", Replay: "whr_1",
				},
			},
		},
		{ID: "dlv_1", EventID: "evt_1", EventType: "organization.created", Status: api.DeliveryPending, Created: first},
	}
	s.deliveries.mu.Unlock()
	want := map[string]any{
		"id": "dlv_2", "event_id": "evt_2", "event_type": "organization.created", "endpoint_id": id, "status": "RETRYING", "attempts": 2.0,
		"last_attempt_time": "2026-03-01T09:30:05Z", "next_attempt_time": "2026-03-01T10:30:00Z", "last_status_code": 500.0,
		"last_error": "the receiver answered 500", "create_time": "2026-03-01T09:30:00Z",
		"attempt_log": []any{
			map[string]any{
				"attempt": 1.0, "time": "2026-03-01T09:30:00Z", "duration_ms": 1500.0, "status_code": 0.0, "error": "connection refused",
				"dns_us": 0.0, "connect_us": 0.0, "tls_us": 0.0, "first_byte_us": 0.0, "response_headers": []any{}, "response_body": "", "replay_id": "",
			},
			map[string]any{
				"attempt": 2.0, "time": "2026-03-01T09:30:05Z", "duration_ms": 20.0, "status_code": 500.0, "error": "the receiver answered 500",
				"dns_us": 1000.0, "connect_us": 2000.0, "tls_us": 3000.0, "first_byte_us": 19000.0,
				"response_headers": []any{map[string]any{"name": "Content-Type", "value": "text/plain"}, map[string]any{"name": "X-Request-Id", "value": "a: b"}},
				"response_body":    "no such tenant", "replay_id": "whr_1",
			},
		},
	}
	got := s.ok(t, 200, "GET", path+"?page_size=1", "")
	if diff := cmp.Diff([]any{want}, got["deliveries"]); diff != "" {
		t.Errorf("first (-want +got):\n%s", diff)
	}
	rest := s.ok(t, 200, "GET", path+"?page_size=1&page_token="+str(got, "next_page_token"), "")
	if str(rest, "deliveries", 0, "id") != "dlv_1" || str(rest, "next_page_token") != "" || rest["total_size"] != 2.0 {
		t.Errorf("second: %v", rest)
	}
	if _, present := object(rest, "deliveries", 0)["last_attempt_time"]; present {
		t.Error("a delivery without attempts has a last one")
	}
	if diff := cmp.Diff(any(want), s.ok(t, 200, "GET", path+"/dlv_2", "")["delivery"]); diff != "" {
		t.Errorf("one (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want["attempt_log"], s.ok(t, 200, "GET", path+"/dlv_2/attempts", "")["attempts"]); diff != "" {
		t.Errorf("its attempts (-want +got):\n%s", diff)
	}
	s.ok(t, 200, "GET", path+"?status=DEAD&event_type=organization.created&since=2026-03-01T00:00:00Z&until=2026-04-01T00:00:00Z&page_size=7", "")
	asked := api.DeliveryQuery{
		Endpoint: id, Status: api.DeliveryDead, EventType: "organization.created", Since: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), Limit: 7,
	}
	s.deliveries.mu.Lock()
	if diff := cmp.Diff(asked, s.deliveries.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	s.deliveries.health = api.EndpointHealth{
		Attempts: 4, Succeeded: 3, P50: 5 * time.Millisecond, P99: time.Second, Waiting: 6, Behind: 7, Dead: 8, OpenSince: first, FailuresInRow: 9, LastSuccess: first, LastFailure: first.Add(time.Second),
	}
	s.deliveries.mu.Unlock()
	if diff := cmp.Diff(any(map[string]any{
		"attempts": 4.0, "succeeded": 3.0, "success_rate": 0.75, "latency_p50_ms": 5.0, "latency_p99_ms": 1000.0, "waiting": 6.0, "behind": 7.0, "dead_letters": 8.0,
		"circuit": "OPEN", "circuit_open_since": "2026-03-01T09:30:00Z", "failures_in_a_row": 9.0,
		"last_success_time": "2026-03-01T09:30:00Z", "last_failure_time": "2026-03-01T09:30:01Z",
	}), s.ok(t, 200, "GET", endpointsPath+"/"+id, "")["health"]); diff != "" {
		t.Errorf("health (-want +got):\n%s", diff)
	}
	for name, tt := range map[string]struct {
		path   string
		status int
	}{
		"status":           {path + "?status=SENT", 400},
		"time":             {path + "?since=yesterday", 400},
		"another delivery": {path + "/dlv_9", 404},
		"another endpoint": {endpointsPath + "/whe_9/deliveries/dlv_2", 404},
		"its attempts":     {endpointsPath + "/whe_9/deliveries/dlv_2/attempts", 404},
	} {
		if status, m := s.call(t, "GET", tt.path, ""); status != tt.status {
			t.Errorf("%s: %d %v", name, status, m)
		}
	}
}

func TestEndpoint_settings(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.clockMu.Lock()
	s.ahead = time.Until(s.now) // the clock of the commits
	s.clockMu.Unlock()
	s.token = s.fetchToken(t)
	made := s.ok(t, 201, "POST", endpointsPath, `{"url":"https://hooks.example/in","headers":[{"name":"Authorization","value":"Bearer mine"}],
		"rate_limit":50,"concurrency":4,"time_limit_ms":5000,"ordering":"none","ladder":"0s,1m","signatures":["v1","v1a"]}`)
	ep := object(made, "endpoint")
	path := endpointsPath + "/" + str(ep, "id")
	want := map[string]any{
		"headers": []any{map[string]any{"name": "Authorization", "value": ""}}, "rate_limit": 50.0, "concurrency": 4.0, "time_limit_ms": 5000.0,
		"ordering": "none", "ladder": "0s,1m", "signatures": []any{"v1", "v1a"},
	}
	holds := func(what string, got map[string]any) {
		t.Helper()
		for name, v := range want {
			if diff := cmp.Diff(v, got[name]); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", what, name, diff)
			}
		}
		if k := str(got, "public_key"); !strings.HasPrefix(k, "whpk_") {
			t.Errorf("%s: the public key is %q", what, k)
		}
	}
	holds("created", ep)
	holds("read", object(s.ok(t, 200, "GET", path, ""), "endpoint"))
	want["rate_limit"], want["headers"] = 0.0, []any{}
	holds("updated", object(s.ok(t, 200, "PATCH", path, `{"rate_limit":0,"headers":{"headers":[]}}`), "endpoint"))

	old := str(object(s.ok(t, 200, "GET", path, ""), "endpoint"), "public_key")
	rotated := s.ok(t, 200, "POST", path+"/secret:rotate", `{"overlap_seconds":3600}`)
	ep = object(rotated, "endpoint")
	if next := str(rotated, "secret"); !strings.HasPrefix(next, "whsec_") || next == str(made, "secret") || str(ep, "public_key") == old {
		t.Errorf("the rotated secret is %d bytes long, the key %q", len(next), str(ep, "public_key"))
	}
	if until, ok := ep["former_secret_expire_times"].([]any); !ok || len(until) != 1 {
		t.Errorf("former secrets end at %v, want one time", ep["former_secret_expire_times"])
	}
	ep = object(s.ok(t, 200, "POST", path+"/secret:rotate", `{"overlap_seconds":0}`), "endpoint")
	if until, ok := ep["former_secret_expire_times"].([]any); !ok || len(until) != 1 {
		t.Errorf("former secrets end at %v, want the earlier one only", ep["former_secret_expire_times"])
	}

	for name, body := range map[string]string{
		"a reserved header":       `{"headers":{"headers":[{"name":"Webhook-Id","value":"x"}]}}`,
		"a header with a newline": `{"headers":{"headers":[{"name":"X-A","value":"x\ny"}]}}`,
		"no header":               `{"headers":{"headers":[{"name":"a b","value":"x"}]}}`,
		"a rate":                  `{"rate_limit":10001}`,
		"a time limit":            `{"time_limit_ms":10}`,
		"an ordering":             `{"ordering":"random"}`,
		"a ladder":                `{"ladder":"soon"}`,
		"a scheme":                `{"signatures":["v2"]}`,
	} {
		if status, _ := s.call(t, "PATCH", path, body); status != 400 {
			t.Errorf("%s is answered %d, want 400", name, status)
		}
	}
	if status, _ := s.call(t, "POST", path+"/secret:rotate", `{"overlap_seconds":604801}`); status != 400 {
		t.Errorf("an overlap of more than 7 days is answered %d, want 400", status)
	}
}
