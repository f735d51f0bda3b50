package api_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOrganization_asDocumented(t *testing.T) {
	t.Parallel()
	s := start(t)
	got := s.ok(t, 201, "POST", "/api/v1/organizations", `{"display_name":"Acme","external_id":"acme-1","metadata":{"plan":"pro"},"unknown_field":{"a":[1]}}`)
	id := str(got, "organization", "id")
	want := map[string]any{"organization": map[string]any{
		"id": id, "create_time": "2026-02-01T08:00:02Z", "update_time": "2026-02-01T08:00:02Z", "display_name": "Acme",
		"region_code": "US", "external_id": "acme-1", "metadata": map[string]any{"plan": "pro"},
		"settings": map[string]any{"features": []any{
			map[string]any{"name": "sso", "enabled": false}, map[string]any{"name": "dir_sync", "enabled": true},
		}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(id, "org_") || len(id) != len("org_")+18 {
		t.Errorf("id %q", id)
	}
	for _, path := range []string{"/api/v1/organizations/" + id, "/api/v1/organizations:external/acme-1"} {
		if diff := cmp.Diff(want, s.ok(t, 200, "GET", path, "")); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", path, diff)
		}
	}
	found := s.ok(t, 200, "GET", "/api/v1/organizations?external_id=acme-1", "")
	if diff := cmp.Diff(map[string]any{
		"next_page_token": "", "prev_page_token": "", "total_size": 1.0, "organizations": []any{want["organization"]},
	}, found); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	none := s.ok(t, 200, "GET", "/api/v1/organizations?external_id=nobody", "")
	if diff := cmp.Diff(map[string]any{"next_page_token": "", "prev_page_token": "", "total_size": 0.0, "organizations": []any{}}, none); diff != "" {
		t.Errorf("empty list (-want +got):\n%s", diff)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := s.actors[len(s.actors)-1]; last != "api:"+clientID {
		t.Errorf("actor %q", last)
	}
}

func TestOrganization_update(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := s.organization(t, "Acme")
	path := "/api/v1/organizations/" + id
	for _, tt := range []struct {
		name, query, body string
		want              map[string]any // fields of interest; nil: gone
	}{
		{"one field", "", `{"external_id":"a/b:c d","metadata":{"plan":"pro"}}`, map[string]any{"display_name": "Acme", "external_id": "a/b:c d", "metadata": map[string]any{"plan": "pro"}}},
		{"metadata left out", "", `{"display_name":"Acme 2","slug":"acme","logo_url":"https://acme.example/l.png"}`, map[string]any{"display_name": "Acme 2", "slug": "acme", "metadata": map[string]any{"plan": "pro"}}},
		{"empty metadata is none given", "", `{"metadata":{}}`, map[string]any{"metadata": map[string]any{"plan": "pro"}}},
		{"mask", "?update_mask=display_name", `{"display_name":"Acme 3","slug":"other"}`, map[string]any{"display_name": "Acme 3", "slug": "acme"}},
		{"mask clears", "?update_mask=metadata,slug,logo_url", `{}`, map[string]any{"display_name": "Acme 3", "slug": nil, "logo_url": nil, "metadata": map[string]any{}}},
	} {
		got := s.ok(t, 200, "PATCH", path+tt.query, tt.body)
		for k, v := range tt.want {
			if diff := cmp.Diff(v, at(got, "organization", k)); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", tt.name, k, diff)
			}
		}
	}
	// By its external id, whatever that holds.
	external := "/api/v1/organizations:external/" + url.PathEscape("a/b:c d")
	if got := s.ok(t, 200, "GET", external, ""); str(got, "organization", "id") != id {
		t.Errorf("by external id: %v", got)
	}
	if got := s.ok(t, 200, "PATCH", external, `{"external_id":"free"}`); str(got, "organization", "external_id") != "free" {
		t.Errorf("update by external id: %v", got)
	}
	if got := s.ok(t, 200, "DELETE", "/api/v1/organizations:external/free", ""); len(got) != 0 {
		t.Errorf("delete answered %v", got)
	}
	s.ok(t, 404, "GET", path, "")
}

func TestOrganization_refusals(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.ok(t, 201, "POST", "/api/v1/organizations", `{"display_name":"Acme","external_id":"acme-1"}`)
	id := s.organization(t, "Other")
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		code               float64
		says               string
	}{
		"taken external id":  {"POST", "/api/v1/organizations", `{"display_name":"B","external_id":"acme-1"}`, 409, 6, "external id"},
		"taken by update":    {"PATCH", "/api/v1/organizations/" + id, `{"external_id":"acme-1"}`, 409, 6, "already exists"},
		"no name":            {"POST", "/api/v1/organizations", `{}`, 400, 3, "display_name"},
		"no body":            {"POST", "/api/v1/organizations", ``, 400, 3, "organization is required"},
		"long name":          {"POST", "/api/v1/organizations", `{"display_name":"` + strings.Repeat("x", 201) + `"}`, 400, 3, "200"},
		"unknown region":     {"POST", "/api/v1/organizations", `{"display_name":"B","region_code":"MOON"}`, 400, 3, "region_code"},
		"unknown number":     {"POST", "/api/v1/organizations", `{"display_name":"B","region_code":9}`, 400, 3, "region_code"},
		"short metadata key": {"POST", "/api/v1/organizations", `{"display_name":"B","metadata":{"a":"b"}}`, 400, 3, "metadata"},
		"bad slug":           {"POST", "/api/v1/organizations", `{"display_name":"B","slug":"-a"}`, 400, 3, "slug"},
		"not JSON":           {"POST", "/api/v1/organizations", `{"display_name":`, 400, 3, "JSON"},
		"two documents":      {"POST", "/api/v1/organizations", `{"display_name":"B"}{}`, 400, 3, "JSON"},
		"wrong type":         {"POST", "/api/v1/organizations", `{"display_name":5}`, 400, 3, "string field displayName: 5"},
		"a list":             {"POST", "/api/v1/organizations", `[1]`, 400, 3, "form"},
		"too large":          {"POST", "/api/v1/organizations", `{"display_name":"` + strings.Repeat("x", 1<<20) + `"}`, 413, 8, "1048576"},
		"unknown":            {"GET", "/api/v1/organizations/org_1", ``, 404, 5, "org_1"},
		"unknown external":   {"GET", "/api/v1/organizations:external/nobody", ``, 404, 5, "nobody"},
		"long id":            {"GET", "/api/v1/organizations/" + strings.Repeat("x", 33), ``, 400, 3, "id"},
		"mask of nothing":    {"PATCH", "/api/v1/organizations/" + id + "?update_mask=id", `{"display_name":"C"}`, 400, 3, "update_mask"},
		"page size":          {"GET", "/api/v1/organizations?page_size=101", ``, 400, 3, "page_size"},
		"negative page size": {"GET", "/api/v1/organizations?page_size=-1", ``, 400, 3, "page_size"},
		"page token":         {"GET", "/api/v1/organizations?page_token=abc", ``, 400, 3, "page_token"},
		"no such path":       {"GET", "/api/v1/elsewhere", ``, 404, 5, "nothing"},
		"no such method":     {"PUT", "/api/v1/organizations", ``, 405, 12, "method"},
		"no such verb":       {"GET", "/api/v1/organizations:burn", ``, 404, 5, "nothing"},
		"method in a header": {"GET", "/api/v1/organizations/org_1?x-http-method-override=DELETE", ``, 404, 5, "org_1"},
		"deleting unknown":   {"DELETE", "/api/v1/organizations/org_1", ``, 404, 5, "org_1"},
		"updating nothing":   {"PATCH", "/api/v1/organizations/" + id, ``, 400, 3, "organization is required"},
		"a short search":     {"GET", "/api/v1/organizations:search?query=ac", ``, 400, 3, "3 to 100"},
		"a long search":      {"GET", "/api/v1/organizations:search?query=" + strings.Repeat("x", 101), ``, 400, 3, "3 to 100"},
		"search page size":   {"GET", "/api/v1/organizations:search?query=acme&page_size=31", ``, 400, 3, "page_size"},
		"another's token":    {"GET", "/api/v1/organizations:search?query=acme&page_token=b2FvcmdfMQ", ``, 400, 3, "page_token"},
		"no settings":        {"PATCH", "/api/v1/organizations/" + id + "/settings", ``, 400, 3, "settings is required"},
		"unknown feature":    {"PATCH", "/api/v1/organizations/" + id + "/settings", `{"features":[{"name":"magic"}]}`, 400, 3, "magic"},
		"settings of none":   {"PATCH", "/api/v1/organizations/org_1/settings", `{}`, 404, 5, "org_1"},
		"a negative limit":   {"PATCH", "/api/v1/organizations/" + id + "/settings/usermanagement", `{"settings":{"max_allowed_users":-1}}`, 400, 3, "max_allowed_users"},
		"limit of none":      {"GET", "/api/v1/organizations/org_1/settings/usermanagement", ``, 404, 5, "org_1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, m := s.call(t, tt.method, tt.path, tt.body)
			if status != tt.status || m["code"] != tt.code || !strings.Contains(str(m, "message"), tt.says) {
				t.Errorf("%d %v; want %d, code %v, something about %q", status, m, tt.status, tt.code, tt.says)
			}
			if details, ok := m["details"].([]any); !ok || len(details) != 0 {
				t.Errorf("details %v", m["details"])
			}
		})
	}
}

func TestOrganization_pages(t *testing.T) {
	t.Parallel()
	s := start(t)
	var want []string
	for i := range 23 {
		want = append(want, s.organization(t, fmt.Sprintf("Org %d", i)))
	}
	if got := s.ok(t, 200, "GET", "/api/v1/organizations", ""); len(items(got, "organizations")) != 10 || got["total_size"] != 23.0 {
		t.Errorf("without a size: %v", got)
	}
	var forth, back []string
	path, previous := "/api/v1/organizations?page_size=5", ""
	for token := ""; ; {
		m := s.ok(t, 200, "GET", path+"&page_token="+token, "")
		if m["total_size"] != 23.0 {
			t.Errorf("total %v", m["total_size"])
		}
		forth = append(forth, ids(m, "organizations")...)
		if (str(m, "prev_page_token") == "") != (token == "") {
			t.Errorf("page at %q leads back to %q", token, str(m, "prev_page_token"))
		}
		previous = str(m, "prev_page_token")
		if token = str(m, "next_page_token"); token == "" {
			break
		}
	}
	for previous != "" {
		m := s.ok(t, 200, "GET", path+"&page_token="+previous, "")
		back = append(ids(m, "organizations"), back...)
		previous = str(m, "prev_page_token")
	}
	if diff := cmp.Diff(want, forth); diff != "" {
		t.Errorf("forth (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[:20], back); diff != "" {
		t.Errorf("and back (-want +got):\n%s", diff)
	}
	users := s.ok(t, 200, "GET", path, "")
	org := want[0]
	status, m := s.call(t, "GET", "/api/v1/organizations/"+org+"/directories/"+s.directory(t, org)+"/users?page_token="+str(users, "next_page_token"), "")
	if status != 400 {
		t.Errorf("another list's token: %d %v", status, m)
	}
}

func TestOrganization_settings(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := s.organization(t, "Acme")
	path := "/api/v1/organizations/" + id
	got := s.ok(t, 200, "PATCH", path+"/settings", `{"features":[{"name":"sso","enabled":true}]}`)
	want := []any{map[string]any{"name": "sso", "enabled": true}, map[string]any{"name": "dir_sync", "enabled": true}}
	if diff := cmp.Diff(want, items(got, "organization", "settings", "features")); diff != "" {
		t.Errorf("features (-want +got):\n%s", diff)
	}
	s.ok(t, 200, "PATCH", path+"/settings", `{"features":[{"name":"dir_sync","enabled":false}]}`)
	want[1].(map[string]any)["enabled"] = false
	if diff := cmp.Diff(want, items(s.ok(t, 200, "GET", path, ""), "organization", "settings", "features")); diff != "" {
		t.Errorf("features then (-want +got):\n%s", diff)
	}
	if status, m := s.call(t, "POST", path+"/directories", `{"directory_type":"SCIM"}`); status != 400 || m["code"] != 9.0 || !strings.Contains(str(m, "message"), "dir_sync") {
		t.Errorf("a directory without the feature: %d %v", status, m)
	}
	limit := path + "/settings/usermanagement"
	for _, tt := range []struct {
		method, body string
		want         float64
	}{
		{"GET", "", 0},
		{"PATCH", `{"settings":{"max_allowed_users":150}}`, 150},
		{"PATCH", `{"settings":{}}`, 150},
		{"GET", "", 150},
		{"PATCH", `{"settings":{"max_allowed_users":0}}`, 0},
	} {
		if got := s.ok(t, 200, tt.method, limit, tt.body); at(got, "settings", "max_allowed_users") != tt.want {
			t.Errorf("%s %s: %v, want %v", tt.method, tt.body, got, tt.want)
		}
	}
}

func TestOrganization_search(t *testing.T) {
	t.Parallel()
	s := start(t)
	var want []string
	for i := range 7 {
		want = append(want, s.organization(t, fmt.Sprintf("Initech %d", i)))
		s.organization(t, fmt.Sprintf("Acme %d", i))
	}
	want = append(want,
		str(s.ok(t, 201, "POST", "/api/v1/organizations", `{"display_name":"A","external_id":"x-INITECH"}`), "organization", "id"),
		str(s.ok(t, 201, "POST", "/api/v1/organizations", `{"display_name":"B","slug":"initech-two"}`), "organization", "id"))
	var got []string
	for token := ""; ; {
		m := s.ok(t, 200, "GET", "/api/v1/organizations:search?query=iniTECH&page_size=4&page_token="+token, "")
		if m["total_size"] != 9.0 {
			t.Errorf("total %v", m["total_size"])
		}
		got = append(got, ids(m, "organizations")...)
		if token = str(m, "next_page_token"); token == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if m := s.ok(t, 200, "GET", "/api/v1/organizations:search?query="+want[3], ""); len(ids(m, "organizations")) != 1 {
		t.Errorf("by id: %v", m)
	}
	if m := s.ok(t, 200, "GET", "/api/v1/organizations:search?query=globex", ""); m["total_size"] != 0.0 {
		t.Errorf("nobody: %v", m)
	}
}

func ids(m map[string]any, list string) []string {
	var out []string
	for i := range items(m, list) {
		out = append(out, str(m, list, i, "id"))
	}
	return slices.Clip(out)
}

func TestOrganization_portalLinks(t *testing.T) {
	t.Parallel()
	s := start(t)
	id, other := s.organization(t, "Acme"), s.organization(t, "Other")
	path := "/api/v1/organizations/" + id + "/portal_links"
	made := s.ok(t, 200, "PUT", path+"?features=dir_sync&shared=true", "")
	link := str(made, "link", "id")
	location, ok := strings.CutPrefix(str(made, "link", "location"), publicURL+"/portal/"+link+"/rpl_")
	if !ok || len(location) != 43 || !strings.HasPrefix(link, "lnk_") || str(made, "link", "expire_time") == "" {
		t.Errorf("made: %v", made)
	}
	if again := s.ok(t, 200, "PUT", path, ""); str(again, "link", "location") == str(made, "link", "location") {
		t.Errorf("the same link again: %v", again)
	}
	// The world's log began long before the clock of this process.
	s.clockMu.Lock()
	s.ahead = -time.Since(s.now)
	s.clockMu.Unlock()
	if got := ids(s.ok(t, 200, "GET", path, ""), "links"); len(got) != 2 || got[0] != link {
		t.Errorf("links: %v", got)
	}
	if status, m := s.call(t, "DELETE", strings.Replace(path, id, other, 1)+"/"+link, ""); status != 404 {
		t.Errorf("another organization's link: %d %v", status, m)
	}
	s.ok(t, 200, "DELETE", path+"/"+link, "")
	s.ok(t, 404, "DELETE", path+"/"+link, "")
	s.ok(t, 200, "DELETE", path, "")
	if got := ids(s.ok(t, 200, "GET", path, ""), "links"); len(got) != 0 {
		t.Errorf("links: %v", got)
	}
	for call, status := range map[string]int{
		"PUT /api/v1/organizations/org_1/portal_links": 404, "GET /api/v1/organizations/org_1/portal_links": 404, "DELETE /api/v1/organizations/org_1/portal_links": 404,
		"PUT " + path + "?features=magic": 400, "DELETE " + path + "/x": 400,
	} {
		method, at, _ := strings.Cut(call, " ")
		if got, m := s.call(t, method, at, ""); got != status {
			t.Errorf("%s: %d %v, want %d", call, got, m, status)
		}
	}
}
