package scimhttp_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim/provider"
	"github.com/rollcallhq/rollcall/pkg/synclog"
	"github.com/rollcallhq/rollcall/services/ingress/scimhttp"
)

// recorder remembers what the edge tells the sync log.
type recorder struct {
	mu  sync.Mutex
	all []synclog.Entry
}

func (r *recorder) Record(e synclog.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, e)
}

// take returns what was told since the last call, as the sync log keeps it.
func (r *recorder) take() []synclog.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := synclog.NewCollector()
	for _, e := range r.all {
		c.Add(e, e.At)
	}
	r.all = nil
	var out []synclog.Entry
	for _, b := range c.Drain(time.Now()) {
		b.Redact()
		out = append(out, b.Entries...)
	}
	return out
}

func (r *recorder) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

// waitFor waits for what follows an answer.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the request was not told within 10 s")
		}
	}
}

// counted reads one counter of the metrics.
func counted(t *testing.T, reg *prometheus.Registry, name, cause string) float64 {
	t.Helper()
	families, err := reg.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := m.GetLabel()
			if cause == "" && len(labels) == 0 || len(labels) == 1 && labels[0].GetValue() == cause {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// TestRecord: every request that is refused or tolerated is told with its
// cause, and none with a password or a secret.
func TestRecord(t *testing.T) {
	t.Parallel()
	r, reg := &recorder{}, prometheus.NewRegistry()
	d := newWorld(t, scimhttp.Config{Recorder: r, Metrics: scimhttp.NewMetrics(reg)}).dir(t)
	id := d.user(t, "mara")
	if got := r.take(); len(got) != 0 {
		t.Errorf("a request as it should be is told as %+v", got)
	}
	for name, c := range map[string]struct {
		method, path string
		body         any
		status       int
		want         synclog.Entry
		kept         string
	}{
		"taken": {
			method: http.MethodPost, path: "/Users", body: `{"schemas":["` + userURN + `"],"userName":"mara@acme.example","password":"t1ger"}`, status: 409,
			want: synclog.Entry{Endpoint: "Users", Kind: "User", ScimType: "uniqueness", Cause: "uniqueness"},
			kept: `{"schemas":["` + userURN + `"],"userName":"mara@acme.example"}`,
		},
		"unknown": {
			method: http.MethodGet, path: "/Groups/grp_1?attributes=displayName", status: 404,
			want: synclog.Entry{Endpoint: "Groups", Kind: "Group", Resource: "grp_1", Cause: "not_found", Query: "attributes=displayName"},
		},
		"a filter": {
			method: http.MethodGet, path: "/Users?filter=userName+xx+1", status: 400,
			want: synclog.Entry{Endpoint: "Users", Kind: "User", ScimType: "invalidFilter", Cause: "invalid_filter", Query: "filter=userName+xx+1"},
		},
		"no JSON": {
			method: http.MethodPost, path: "/Users", body: "password=t1ger", status: 400,
			want: synclog.Entry{Endpoint: "Users", Kind: "User", ScimType: "invalidSyntax", Cause: "invalid_syntax", BodyCut: true},
		},
		"another method": {
			method: http.MethodPut, path: "/Schemas", status: 405,
			want: synclog.Entry{Endpoint: "Schemas", Cause: "method_not_allowed"},
		},
		"nowhere": {
			method: http.MethodGet, path: "/Made-Up", status: 404,
			want: synclog.Entry{Cause: "not_found"},
		},
		"tolerated": {
			method: http.MethodPatch, path: "/Users/" + id, body: patchBody(op("Replace", "active", "False")), status: 200,
			want: synclog.Entry{Endpoint: "Users", Kind: "User", Resource: id, Deviations: []synclog.Deviation{{Cause: "operation_case"}, {Cause: "string_boolean"}}},
			kept: `{"Operations":[{"op":"Replace","path":"active","value":"False"}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`,
		},
	} {
		a := d.do(t, c.method, c.path, c.body, "User-Agent", "agent/1", "X-Request-Id", "req-1")
		if a.status != c.status {
			t.Errorf("%s: answered %d: %s", name, a.status, a.raw)
			continue
		}
		if got := a.header.Get("X-Request-Id"); got != "req-1" {
			t.Errorf("%s: the answer has the id %q", name, got)
		}
		waitFor(t, func() bool { return r.len() > 0 })
		got := r.take()
		if len(got) != 1 {
			t.Errorf("%s: told %d entries: %+v", name, len(got), got)
			continue
		}
		e, w := got[0], c.want
		if e.Organization != d.org || e.Directory != d.id || !strings.HasPrefix(e.Secret, "sec_") || e.Method != c.method || e.Status != c.status ||
			e.Endpoint != w.Endpoint || e.Kind != w.Kind || e.Resource != w.Resource || e.Query != w.Query || e.ScimType != w.ScimType || e.Cause != w.Cause ||
			e.BodyCut != w.BodyCut || e.Body != c.kept || e.UserAgent != "agent/1" || e.Request != "req-1" || e.At.IsZero() || e.Took <= 0 {
			t.Errorf("%s: told %+v", name, e)
		}
		if refused := c.status >= 400; refused == (e.Detail == "") {
			t.Errorf("%s: the sentence is %q", name, e.Detail)
		}
		for _, want := range w.Deviations {
			if !slices.ContainsFunc(e.Deviations, func(d synclog.Deviation) bool { return d.Cause == want.Cause }) {
				t.Errorf("%s: deviations are %+v, want %s", name, e.Deviations, want.Cause)
			}
			if n := counted(t, reg, "rollcall_scim_deviations_total", want.Cause); n != 1 {
				t.Errorf("%s: %g deviations for %s are counted", name, n, want.Cause)
			}
		}
		if text := fmt.Sprintf("%+v", e); strings.Contains(text, "t1ger") || strings.Contains(text, d.token) {
			t.Errorf("%s: a secret is told: %s", name, text)
		}
	}
	for cause, want := range map[string]float64{"uniqueness": 1, "not_found": 2, "invalid_filter": 1, "invalid_syntax": 1, "method_not_allowed": 1} {
		if got := counted(t, reg, "rollcall_scim_refused_total", cause); got != want {
			t.Errorf("%g requests refused for %s are counted, want %g", got, cause, want)
		}
	}
}

// TestRecordCreated: a resource that was made from a deviant request is found by
// the id that it got.
func TestRecordCreated(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	d := newWorld(t, scimhttp.Config{Recorder: r}).dir(t)
	a := d.want(t, http.StatusCreated, http.MethodPost, "/Users", `{"userName":"mara@acme.example","active":"True"}`)
	waitFor(t, func() bool { return r.len() > 0 })
	got := r.take()
	if len(got) != 1 || got[0].Resource != a.text("id") || got[0].Resource == "" {
		t.Errorf("told %+v about %s", got, a.text("id"))
	}
	if id := a.header.Get("X-Request-Id"); len(id) != 32 || got[0].Request != id {
		t.Errorf("the request is %q in the answer, %q in the log", id, got[0].Request)
	}
}

// TestRecordUnknown: who is not known is counted and not told.
func TestRecordUnknown(t *testing.T) {
	t.Parallel()
	r, reg := &recorder{}, prometheus.NewRegistry()
	d := newWorld(t, scimhttp.Config{Recorder: r, Metrics: scimhttp.NewMetrics(reg)}).dir(t)
	d.want(t, http.StatusUnauthorized, http.MethodGet, "/Users", nil, "Authorization", "")
	d.token = "wrong"
	d.want(t, http.StatusUnauthorized, http.MethodGet, "/Users", nil)
	waitFor(t, func() bool { return counted(t, reg, "rollcall_scim_unauthenticated_total", "") == 2 })
	if r.len() != 0 {
		t.Errorf("told %d entries of nobody", r.len())
	}
}

// TestRecordDisabled: a provider with the right secret that meets a disabled
// directory is told of; one with another is not.
func TestRecordDisabled(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	d := newWorld(t, scimhttp.Config{Recorder: r}).dir(t)
	d.must(t, directory.DisableDirectory{Organization: d.org, Directory: d.id})
	isError(t, d.do(t, http.MethodGet, "/Users", nil), http.StatusServiceUnavailable, "")
	waitFor(t, func() bool { return r.len() > 0 })
	if got := r.take(); len(got) != 1 || got[0].Directory != d.id || got[0].Cause != "unavailable" || got[0].Secret == "" {
		t.Errorf("told %+v", got)
	}
	d.token = "wrong"
	isError(t, d.do(t, http.MethodGet, "/Users", nil), http.StatusUnauthorized, "")
	if r.len() != 0 {
		t.Errorf("told %d entries of nobody", r.len())
	}
}

// TestRecordUse: a request as it should be says that the directory was in use.
func TestRecordUse(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	d := newWorld(t, scimhttp.Config{Recorder: r}).dir(t)
	d.want(t, http.StatusOK, http.MethodGet, "/Users?filter=userName+eq+%22mara%22", nil)
	waitFor(t, func() bool { return r.len() > 0 })
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.all[0]; e.Directory != d.id || e.Secret == "" || e.Status != http.StatusOK || e.Query != "" || e.Notable() {
		t.Errorf("told %+v", e)
	}
}

// TestRecordBulk: the operations of a Bulk are told one by one, each with its
// own part of the body.
func TestRecordBulk(t *testing.T) {
	t.Parallel()
	r, reg := &recorder{}, prometheus.NewRegistry()
	d := newWorld(t, scimhttp.Config{Recorder: r, Metrics: scimhttp.NewMetrics(reg)}).dir(t)
	id := d.user(t, "mara")
	waitFor(t, func() bool { return r.len() == 1 })
	r.take()
	d.want(t, http.StatusOK, http.MethodPost, "/Bulk", map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:BulkRequest"},
		"Operations": []any{
			map[string]any{"method": "POST", "path": "/Users", "bulkId": "a", "data": map[string]any{"schemas": []string{userURN}, "userName": "mara@acme.example", "password": "t1ger"}},
			map[string]any{"method": "PATCH", "path": "/Users/" + id, "data": patchBody(op("Replace", "active", "False"))},
			map[string]any{"method": "POST", "path": "/Users", "bulkId": "b", "data": userBody("otto")},
			map[string]any{"method": "DELETE", "path": "/Groups/grp_1"},
		},
	})
	waitFor(t, func() bool { return r.len() >= 4 })
	got := r.take()
	byMethod := map[string]synclog.Entry{}
	for _, e := range got {
		if !e.Part || e.Request == "" || e.Request != got[0].Request {
			t.Errorf("told %+v", e)
		}
		byMethod[e.Method] = e
	}
	if len(got) != 3 {
		t.Errorf("told %d of three operations: %+v", len(got), got)
	}
	if e := byMethod["POST"]; e.Status != 409 || e.Cause != "uniqueness" || e.Endpoint != "Users" || e.Detail == "" ||
		!strings.Contains(e.Body, "mara@acme.example") || strings.Contains(e.Body, "t1ger") || strings.Contains(e.Body, "otto") {
		t.Errorf("the user that exists is told as %+v", e)
	}
	if e := byMethod["PATCH"]; e.Status != 200 || e.Resource != id || len(e.Deviations) == 0 || !strings.Contains(e.Body, "Replace") {
		t.Errorf("the deactivation is told as %+v", e)
	}
	if e := byMethod["DELETE"]; e.Status != 404 || e.Resource != "grp_1" || e.Kind != "Group" || e.Body != "" {
		t.Errorf("the group that does not exist is told as %+v", e)
	}
	if n := counted(t, reg, "rollcall_scim_refused_total", "uniqueness"); n != 1 {
		t.Errorf("%g are counted", n)
	}
}

// TestRecordProfile: a request is told with the provider's profile, of Entra's
// two the one that it was sent by.
func TestRecordProfile(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	w := newWorld(t, scimhttp.Config{Recorder: r})
	for name, c := range map[string]struct {
		provider string
		op       map[string]any
		want     string
	}{
		"entra":   {"MICROSOFT_AD", op("Replace", "active", "False"), "entra"},
		"flag":    {"MICROSOFT_AD", map[string]any{"op": "Replace", "value": map[string]any{"name.givenName": "Mara"}}, "entra-aadoptscim062020"},
		"okta":    {"OKTA", op("Replace", "active", "False"), "okta"},
		"generic": {"", op("Replace", "active", "False"), "generic"},
	} {
		d := w.dirOf(t, c.provider)
		id := d.user(t, name)
		r.take()
		d.want(t, http.StatusOK, http.MethodPatch, "/Users/"+id, patchBody(c.op))
		var got []synclog.Entry
		waitFor(t, func() bool { got = append(got, r.take()...); return len(got) > 0 })
		if len(got) != 1 || got[0].Profile != c.want {
			t.Errorf("%s: told %+v", name, got)
		}
	}
}

// TestProfileAnswers: a PATCH is answered as the provider's profile says, and
// with the resource whenever attributes are asked for.
func TestProfileAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scimhttp.Config{})
	statuses := map[provider.Answer]int{provider.WithBody: http.StatusOK, provider.WithoutBody: http.StatusNoContent}
	for _, p := range provider.All() {
		d := w.dirOf(t, p.Directory)
		user, group := d.user(t, "mara-"+string(p.ID)), d.group(t, "staff")
		d.want(t, statuses[p.Answers.UserPatch], http.MethodPatch, "/Users/"+user, patchBody(op("replace", "title", "Editor")))
		d.want(t, statuses[p.Answers.GroupPatch], http.MethodPatch, "/Groups/"+group, patchBody(op("replace", "displayName", "all")))
		d.want(t, http.StatusOK, http.MethodPatch, "/Groups/"+group+"?attributes=displayName", patchBody(op("replace", "displayName", "some")))
	}
}
