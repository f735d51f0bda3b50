package api_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names returns one member of each object of a list.
func names(t *testing.T, list any, member string) []string {
	t.Helper()
	out := []string{}
	items, ok := list.([]any)
	if !ok {
		t.Fatalf("%v is no list", list)
	}
	for _, i := range items {
		m, ok := i.(map[string]any)
		if !ok {
			t.Fatalf("%v is no object", i)
		}
		out = append(out, fmt.Sprint(m[member]))
	}
	return out
}

func TestRole_life(t *testing.T) {
	t.Parallel()
	s := start(t)
	if diff := cmp.Diff([]string{"admin", "editor", "member"}, names(t, s.ok(t, 200, "GET", "/api/v1/roles", "")["roles"], "name")); diff != "" {
		t.Errorf("a new installation has the roles (-want +got):\n%s", diff)
	}
	for _, p := range []string{"posts:read", "posts:write"} {
		s.ok(t, 201, "POST", "/api/v1/permissions", `{"name":"`+p+`","description":"d"}`)
	}
	made := object(s.ok(t, 201, "POST", "/api/v1/roles", `{"name":"reader","display_name":"Reader","permissions":["posts:read"]}`), "role")
	if diff := cmp.Diff([]string{"posts:read"}, names(t, made["permissions"], "name")); diff != "" {
		t.Errorf("the role's permissions (-want +got):\n%s", diff)
	}
	s.ok(t, 201, "POST", "/api/v1/roles", `{"name":"writer","display_name":"Writer","extends":"reader","permissions":["posts:write"]}`)
	if diff := cmp.Diff([]string{"posts:write", "posts:read"}, names(t, s.ok(t, 200, "GET", "/api/v1/roles/writer/permissions:all", "")["permissions"], "name")); diff != "" {
		t.Errorf("effective permissions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"writer"}, names(t, s.ok(t, 200, "GET", "/api/v1/roles/reader/dependents", "")["roles"], "name")); diff != "" {
		t.Errorf("dependents (-want +got):\n%s", diff)
	}
	all := object(s.ok(t, 200, "GET", "/api/v1/roles/writer?include=permissions:all", ""), "role")
	if diff := cmp.Diff([]string{"writer", "reader"}, names(t, all["permissions"], "role_name")); diff != "" {
		t.Errorf("whose permissions (-want +got):\n%s", diff)
	}
	got := object(s.ok(t, 200, "PUT", "/api/v1/roles/writer", `{"display_name":"Author"}`), "role")
	if got["display_name"] != "Author" || got["extends"] != "reader" {
		t.Errorf("updated to %v", got)
	}
	s.ok(t, 200, "DELETE", "/api/v1/roles/writer/permissions/posts:write", "")
	s.ok(t, 200, "POST", "/api/v1/roles/reader/permissions", `{"permission_names":["posts:write","posts:read"]}`)
	if diff := cmp.Diff([]string{"posts:read", "posts:write"}, names(t, s.ok(t, 200, "GET", "/api/v1/roles/reader/permissions", "")["permissions"], "name")); diff != "" {
		t.Errorf("own permissions (-want +got):\n%s", diff)
	}

	if st, m := s.call(t, "DELETE", "/api/v1/roles/reader", ""); st != 400 || m["code"] != 9.0 {
		t.Errorf("deleting a role that another extends: %d %v", st, m)
	}
	s.ok(t, 200, "DELETE", "/api/v1/roles/reader?reassign_role_name=member", "")
	if got := object(s.ok(t, 200, "GET", "/api/v1/roles/writer", ""), "role"); got["extends"] != "member" {
		t.Errorf("the role extends %v, want what took the place of its base", got["extends"])
	}
	s.ok(t, 200, "DELETE", "/api/v1/roles/writer/base", "")
	if got := object(s.ok(t, 200, "GET", "/api/v1/roles/writer", ""), "role"); got["extends"] != nil {
		t.Errorf("the role still extends %v", got["extends"])
	}

	res := s.ok(t, 200, "PATCH", "/api/v1/roles:set_defaults", `{"default_member_role":"writer"}`)
	if str(object(res, "default_member"), "name") != "writer" || str(object(res, "default_creator"), "name") != "admin" {
		t.Errorf("the defaults are %v", res)
	}
	if got := object(s.ok(t, 200, "GET", "/api/v1/roles/writer", ""), "role"); got["default_member"] != true || got["default_creator"] != false {
		t.Errorf("the default role is shown as %v", got)
	}
	for name, c := range map[string]struct {
		status             int
		method, path, body string
	}{
		"a taken name":        {409, "POST", "/api/v1/roles", `{"name":"writer","display_name":"W"}`},
		"a bad name":          {400, "POST", "/api/v1/roles", `{"name":"a-b","display_name":"W"}`},
		"no display name":     {400, "POST", "/api/v1/roles", `{"name":"other"}`},
		"an unknown base":     {404, "POST", "/api/v1/roles", `{"name":"other","display_name":"O","extends":"nobody"}`},
		"a circle":            {400, "PUT", "/api/v1/roles/writer", `{"extends":"writer"}`},
		"an unknown role":     {404, "GET", "/api/v1/roles/nobody", ""},
		"a bad include":       {400, "GET", "/api/v1/roles?include=users", ""},
		"a taken permission":  {409, "POST", "/api/v1/permissions", `{"name":"posts:read"}`},
		"a renamed one":       {400, "PUT", "/api/v1/permissions/posts:read", `{"name":"posts:other"}`},
		"no permission":       {404, "GET", "/api/v1/permissions/nothing", ""},
		"an unknown one":      {404, "POST", "/api/v1/roles/writer/permissions", `{"permission_names":["nothing"]}`},
		"a default role":      {400, "DELETE", "/api/v1/roles/writer", ""},
		"itself as its heir":  {400, "DELETE", "/api/v1/roles/writer?reassign_role_name=writer", ""},
		"an organization":     {404, "GET", "/api/v1/organizations/org_000000000000000000/roles", ""},
		"no defaults at all":  {400, "PATCH", "/api/v1/roles:set_defaults", `{}`},
		"a page that is huge": {400, "GET", "/api/v1/permissions?page_size=101", ""},
	} {
		if st, m := s.call(t, c.method, c.path, c.body); st != c.status {
			t.Errorf("%s: %d %v, want %d", name, st, m, c.status)
		}
	}
}

// TestRole_ofAnOrganization says that an organization's own roles are nobody
// else's.
func TestRole_ofAnOrganization(t *testing.T) {
	t.Parallel()
	s := start(t)
	acme, globex := s.organization(t, "Acme"), s.organization(t, "Globex")
	path := func(org string) string { return "/api/v1/organizations/" + org + "/roles" }
	made := object(s.ok(t, 201, "POST", path(acme), `{"name":"owner","display_name":"Owner","extends":"admin"}`), "role")
	if made["is_org_role"] != true {
		t.Errorf("the role is shown as %v", made)
	}
	if diff := cmp.Diff([]string{"admin", "editor", "member", "owner"}, names(t, s.ok(t, 200, "GET", path(acme), "")["roles"], "name")); diff != "" {
		t.Errorf("what the organization can give (-want +got):\n%s", diff)
	}
	for what, get := range map[string]string{"another organization": path(globex) + "/owner", "all": "/api/v1/roles/owner"} {
		if st, _ := s.call(t, "GET", get, ""); st != 404 {
			t.Errorf("%s sees the role: %d", what, st)
		}
	}
	if st, _ := s.call(t, "POST", path(acme), `{"name":"member","display_name":"Ours"}`); st != 409 {
		t.Errorf("an organization's role may hide one of all: %d", st)
	}
	if st, _ := s.call(t, "POST", "/api/v1/roles", `{"name":"owner","display_name":"All"}`); st != 409 {
		t.Errorf("a role of all may stand beside an organization's: %d", st)
	}
	s.ok(t, 201, "POST", path(globex), `{"name":"owner","display_name":"Owner"}`)
	res := s.ok(t, 200, "PATCH", path(acme)+":set_defaults", `{"default_member_role":"owner"}`)
	if str(object(res, "default_member"), "name") != "owner" {
		t.Errorf("the organization's default is %v", res)
	}
	if st, _ := s.call(t, "PUT", path(globex)+"/admin", `{"display_name":"Mine"}`); st != 404 {
		t.Errorf("an organization changes a role of all: %d", st)
	}
	if st, _ := s.call(t, "DELETE", path(acme)+"/owner", ""); st != 400 {
		t.Errorf("a default is deleted without an heir: %d", st)
	}
	s.ok(t, 200, "DELETE", path(acme)+"/owner?reassign_role_name=member", "")
}

// TestAssignRoles sets, shows and replaces a directory's mapping.
func TestAssignRoles(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir := s.directory(t, org)
	user := s.user(t, org, dir, "mara")
	editors, admins := s.group(t, org, dir, "Editors", user), s.group(t, org, dir, "Admins", user)
	path := "/api/v1/organizations/" + org + "/directories/" + dir
	roles := func() []string {
		t.Helper()
		m := s.ok(t, 200, "GET", path+"/users?include_detail=true", "")
		detail := object(m["users"].([]any)[0].(map[string]any), "user_detail")
		return names(t, detail["roles"], "role_name")
	}
	if diff := cmp.Diff([]string{"member"}, roles()); diff != "" {
		t.Errorf("without a mapping (-want +got):\n%s", diff)
	}
	body := fmt.Sprintf(`{"assignments":[{"group_id":%q,"role_name":"admin"},{"group_id":%q,"role_name":"editor"}]}`, admins, editors)
	res := object(s.ok(t, 200, "PUT", path+"/groups/-/roles:assign", body), "role_assignments")
	if diff := cmp.Diff([]string{"admin", "editor"}, names(t, res["assignments"], "role_name")); diff != "" {
		t.Errorf("assigned (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"admin", "editor"}, roles()); diff != "" {
		t.Errorf("in both groups (-want +got):\n%s", diff)
	}
	got := object(s.ok(t, 200, "GET", path, ""), "directory")
	if diff := cmp.Diff(res, object(got, "role_assignments")); diff != "" {
		t.Errorf("the directory shows (-want +got):\n%s", diff)
	}
	body = fmt.Sprintf(`{"assignments":[{"group_id":%q,"role_name":"editor"},{"group_id":%q,"role_name":"admin"},{"group_id":%q,"role_name":"editor"}]}`, editors, admins, editors)
	s.ok(t, 200, "PUT", path+"/groups/-/roles:assign", body)
	if diff := cmp.Diff([]string{"editor", "admin"}, roles()); diff != "" {
		t.Errorf("in the other order (-want +got):\n%s", diff)
	}
	s.ok(t, 200, "PUT", path+"/groups/-/roles:assign", `{"assignments":[]}`)
	if diff := cmp.Diff([]string{"member"}, roles()); diff != "" {
		t.Errorf("after the mapping (-want +got):\n%s", diff)
	}

	other := s.organization(t, "Globex")
	theirs := s.directory(t, other)
	foreign := s.group(t, other, theirs, "Editors")
	s.ok(t, 201, "POST", "/api/v1/organizations/"+other+"/roles", `{"name":"theirs","display_name":"Theirs"}`)
	for name, c := range map[string]struct {
		status     int
		path, body string
	}{
		"an unknown group":           {404, path, `{"assignments":[{"group_id":"dirgroup_000000000000000000","role_name":"editor"}]}`},
		"another directory's group":  {404, path, fmt.Sprintf(`{"assignments":[{"group_id":%q,"role_name":"editor"}]}`, foreign)},
		"an unknown role":            {404, path, fmt.Sprintf(`{"assignments":[{"group_id":%q,"role_name":"nobody"}]}`, editors)},
		"another organization's":     {404, path, fmt.Sprintf(`{"assignments":[{"group_id":%q,"role_name":"theirs"}]}`, editors)},
		"no role":                    {400, path, fmt.Sprintf(`{"assignments":[{"group_id":%q}]}`, editors)},
		"another organization's dir": {404, "/api/v1/organizations/" + other + "/directories/" + dir, `{"assignments":[]}`},
	} {
		if st, m := s.call(t, "PUT", c.path+"/groups/-/roles:assign", c.body); st != c.status {
			t.Errorf("%s: %d %v, want %d", name, st, m, c.status)
		}
	}
}
