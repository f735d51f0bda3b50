package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

// continued takes every fan-out one step further, and returns how many there were.
func (s *server) continued(t *testing.T, step string) int {
	t.Helper()
	var next []directory.ContinueFanout
	if err := s.Read(t.Context(), func(v directory.View) error {
		return v.Scan(directory.Make(directory.TableFanout), "", func(_ directory.Key, r directory.Row) bool {
			j := r.(*directory.Fanout)
			next = append(next, directory.ContinueFanout{Job: j.Job, After: j.After})
			return true
		})
	}); err != nil {
		t.Fatal(err)
	}
	for i, c := range next {
		if _, err := s.Submit(t.Context(), directory.Request{ID: fmt.Sprint(step, "-", i), Actor: "system", Command: c}); err != nil {
			t.Fatal(err)
		}
	}
	return len(next)
}

// TestDirectoryJobs follows a mapping that is changed for more users than one
// step covers.
func TestDirectoryJobs(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir, other := s.directory(t, org), s.directory(t, org)
	for i := range 2*directory.FanoutBatch + 1 {
		s.user(t, org, dir, fmt.Sprint("u", i))
	}
	base := "/api/v1/organizations/" + org + "/directories/" + dir
	if got := items(s.ok(t, 200, "GET", base+"/jobs", ""), "jobs"); len(got) != 0 {
		t.Errorf("before any change the jobs are %v", got)
	}
	s.ok(t, 200, "PUT", base+"/attribute_mappings", `{"mappings":[{"key":"badge","sources":["title"]}]}`)
	job := func() map[string]any {
		t.Helper()
		all := items(s.ok(t, 200, "GET", base+"/jobs", ""), "jobs")
		if len(all) == 0 {
			t.Fatal("there is no job")
		}
		id := str(all[0], "id")
		if diff := cmp.Diff(all[0], any(object(s.ok(t, 200, "GET", base+"/jobs/"+id, ""), "job"))); diff != "" {
			t.Errorf("the list and the job differ (-list +job):\n%s", diff)
		}
		return object(map[string]any{"job": all[0]}, "job")
	}
	first := job()
	want := map[string]any{
		"id": first["id"], "kind": "ATTRIBUTES_MAPPED", "status": "RUNNING", "resource_id": dir, "actor": first["actor"], "create_time": first["create_time"],
		"done": "500", "total": "1001",
	}
	if diff := cmp.Diff(want, first); diff != "" || !strings.Contains(str(first, "actor"), clientID) {
		t.Errorf("as it begins (-want +got):\n%s", diff)
	}
	s.continued(t, "second")
	want["done"] = "1000"
	if diff := cmp.Diff(want, job()); diff != "" {
		t.Errorf("in the middle (-want +got):\n%s", diff)
	}
	s.continued(t, "third")
	want["done"], want["status"], want["end_time"] = "1001", "FINISHED", job()["end_time"]
	if diff := cmp.Diff(want, job()); diff != "" || str(want, "end_time") <= str(want, "create_time") {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
	if n := s.continued(t, "fourth"); n != 0 {
		t.Errorf("%d jobs go on", n)
	}

	foreign := s.organization(t, "Other")
	theirs := s.directory(t, foreign)
	id := str(first, "id")
	at := func(org, dir, rest string) string {
		return "/api/v1/organizations/" + org + "/directories/" + dir + "/jobs" + rest
	}
	for path, want := range map[string]int{
		at(foreign, dir, ""):                           404,
		at(foreign, dir, "/"+id):                       404,
		at(foreign, theirs, "/"+id):                    404,
		at(org, other, "/"+id):                         404,
		at(org, dir, "/job_100000000000000000"):        404,
		at(org, "dir_1", ""):                           404,
		at("acme", dir, ""):                            400,
		at(org, dir, "/dir_1"):                         400,
		at(org, dir, "/job_"+strings.Repeat("1", 300)): 400,
	} {
		if status, m := s.call(t, "GET", path, ""); status != want || strings.Contains(fmt.Sprint(m), "ATTRIBUTES_MAPPED") {
			t.Errorf("%s: %d, want %d: %v", path, status, want, m)
		}
	}
	for _, rest := range []string{"", "/" + id} {
		if status, _, _ := s.do(t, http.MethodGet, at(org, dir, rest), "", "", nil); status != 401 {
			t.Errorf("without a token %s answers %d", rest, status)
		}
	}
	if got := items(s.ok(t, 200, "GET", at(org, other, ""), ""), "jobs"); len(got) != 0 {
		t.Errorf("another directory shows %v", got)
	}
}
