package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
)

// audit walks through all pages and returns "type resource actor" of each entry.
func (s *server) audit(t *testing.T, query string) []string {
	t.Helper()
	var list []string
	token := ""
	for range 1000 {
		m := s.ok(t, 200, "GET", "/api/v1/audit_entries?page_size=2&"+query+"&page_token="+url.QueryEscape(token), "")
		for _, e := range items(m, "entries") {
			list = append(list, strings.Join([]string{str(e, "type"), str(e, "resource_id"), str(e, "actor")}, " "))
		}
		if token = str(m, "next_page_token"); token == "" {
			return list
		}
	}
	t.Fatal("the pages do not end")
	return nil
}

func TestAudit(t *testing.T) {
	t.Parallel()
	s := start(t)
	began := s.now
	org, other := s.organization(t, "Acme"), s.organization(t, "Globex")
	dir := s.directory(t, org)
	s.user(t, org, dir, "mara")
	id, _, token := s.client(t, `{"scopes":["write"]}`)
	middle := s.now.Add(time.Millisecond)
	if st, m := s.callAs(t, token, "PATCH", "/api/v1/organizations/"+org+"/directories/"+dir+":enable", ""); st != 200 {
		t.Fatal(m)
	}
	me := "api:" + clientID
	everything := []string{
		"directory.enabled.v1 " + dir + " api:" + id,
		"api_client.created.v1 " + id + " " + me,
		"directory.created.v1 " + dir + " " + me,
		"organization.created.v1 " + other + " " + me,
		"organization.created.v1 " + org + " " + me,
	}
	is := func(what, query string, want ...string) {
		t.Helper()
		if got := s.audit(t, query); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	stamp := func(at time.Time) string { return url.QueryEscape(at.Format(time.RFC3339Nano)) }
	is("since the start", "start_time="+stamp(began.Add(time.Millisecond)), everything...)
	is("of an organization", "organization_id="+org, everything[0], everything[2], everything[4])
	is("of another", "organization_id="+other, everything[3])
	is("of an organization, until a time", "organization_id="+org+"&end_time="+stamp(middle), everything[2], everything[4])
	is("of an actor", "actor="+url.QueryEscape("api:"+id), everything[0])
	is("by type", "types=directory.*&types=api_client.created.v1&start_time="+stamp(began.Add(time.Millisecond)), everything[:3]...)
	is("of nobody", "actor=api:nobody")
	for _, query := range []string{"page_size=201", "page_token=x", "actor=" + strings.Repeat("x", 101), "start_time=" + stamp(middle) + "&end_time=" + stamp(began)} {
		if st, m := s.call(t, "GET", "/api/v1/audit_entries?"+query, ""); st != 400 {
			t.Errorf("%s: %d %v", query, st, m)
		}
	}
}

// One call looks through a bounded part of the trail and says where to go on.
func TestAudit_bounded(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i := range 12_000 {
		s.act(t, i)
	}
	m := s.ok(t, 200, "GET", "/api/v1/audit_entries?types=environment.created.v1", "")
	if len(items(m, "entries")) != 0 || str(m, "next_page_token") == "" {
		t.Fatalf("12,000 entries were looked through for one page: %v", m)
	}
	if got := s.audit(t, "types=environment.created.v1"); len(got) != 1 {
		t.Errorf("the first entry of all is found as %q", got)
	}
}

// act has the operator do something small.
func (s *server) act(t *testing.T, i int) {
	t.Helper()
	e, err := events.New(events.Event{ID: s.nextID, At: s.now, Actor: "api:x", Resource: "skc_x", Revision: uint64(i)}, events.APIClientUpdated{})
	if err == nil {
		err = s.fold(e)
	}
	if err != nil {
		t.Fatal(err)
	}
}
