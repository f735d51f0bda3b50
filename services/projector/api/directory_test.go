package api_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

func TestDirectory_life(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	all := "/api/v1/organizations/" + org + "/directories"
	id := s.directory(t, org)
	fresh := map[string]any{
		"id": id, "name": "Okta", "directory_type": "SCIM", "organization_id": org, "enabled": false, "directory_provider": "OKTA",
		"directory_endpoint": publicURL + "/directories/" + id + "/scim/v2", "total_users": 0.0, "total_groups": 0.0, "secrets": []any{},
		"stats": map[string]any{"total_users": 0.0, "total_groups": 0.0}, "role_assignments": map[string]any{"assignments": []any{}},
		"attribute_mappings": map[string]any{"attributes": []any{}}, "status": "DRAFT", "email": "", "groups_tracked": "ALL",
	}
	if diff := cmp.Diff(map[string]any{"directory": fresh}, s.ok(t, 200, "GET", all+"/"+id, "")); diff != "" {
		t.Errorf("fresh (-want +got):\n%s", diff)
	}

	made := s.ok(t, 200, "POST", all+"/"+id+"/secrets", "")
	plain := str(made, "plain_secret")
	if !strings.HasPrefix(plain, "rcs_") || len(plain) < 47 || !strings.HasSuffix(plain, str(made, "secret", "secret_suffix")) || str(made, "secret", "status") != "ACTIVE" {
		t.Errorf("secret %v", made)
	}
	shown := s.ok(t, 200, "GET", all+"/"+id, "")
	if diff := cmp.Diff([]any{made["secret"]}, at(shown, "directory", "secrets")); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if str(shown, "directory", "status") != "IN_PROGRESS" {
		t.Errorf("status %v", at(shown, "directory", "status"))
	}

	if got := s.ok(t, 200, "PATCH", all+"/"+id+":enable", ""); got["enabled"] != true {
		t.Errorf("enable: %v", got)
	}
	// What was handed out is what SCIM asks for.
	sum := sha256.Sum256([]byte(plain))
	if err := s.Read(t.Context(), func(v directory.View) error {
		sc, err := directory.Authenticate(v, id, sum[:], s.clock())
		if err == nil && sc.Organization != org {
			t.Errorf("scope %v", sc)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	status, refused := s.call(t, "DELETE", all+"/"+id, "")
	if status != 400 || refused["code"] != 9.0 || !strings.Contains(str(refused, "message"), "directory is enabled") || !strings.Contains(str(refused, "message"), "disable") {
		t.Errorf("delete while enabled: %d %v", status, refused)
	}
	if got := s.ok(t, 200, "PATCH", all+"/"+id+":disable", ""); got["enabled"] != false {
		t.Errorf("disable: %v", got)
	}
	s.ok(t, 200, "DELETE", all+"/"+id, "")
	s.ok(t, 404, "GET", all+"/"+id, "")
}

func TestDirectory_order(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	all := "/api/v1/organizations/" + org + "/directories"
	if diff := cmp.Diff(map[string]any{"directories": []any{}}, s.ok(t, 200, "GET", all, "")); diff != "" {
		t.Errorf("none (-want +got):\n%s", diff)
	}
	a, b, c := s.directory(t, org), s.directory(t, org), s.directory(t, org)
	s.directory(t, s.organization(t, "Other"))
	s.ok(t, 200, "PATCH", all+"/"+c+":enable", "")
	if diff := cmp.Diff([]string{c, a, b}, ids(s.ok(t, 200, "GET", all, ""), "directories")); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestDirectory_refusals(t *testing.T) {
	t.Parallel()
	s := start(t)
	org, other := s.organization(t, "Acme"), s.organization(t, "Other")
	dir := s.directory(t, org)
	all := "/api/v1/organizations/" + org + "/directories"
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"no type":              {"POST", all, `{"directory_provider":"OKTA"}`, 400, "directory_type"},
		"no directory":         {"POST", all, ``, 400, "directory is required"},
		"type not offered":     {"POST", all, `{"directory_type":"LDAP"}`, 400, "SCIM"},
		"misspelt type":        {"POST", all, `{"directory_type":"SCMI"}`, 400, "directory_type"},
		"misspelt provider":    {"POST", all, `{"directory_type":"SCIM","directory_provider":"OKTAA"}`, 400, "directory_provider"},
		"numeric provider":     {"POST", all, `{"directory_type":"SCIM","directory_provider":99}`, 400, "directory_provider"},
		"organization unknown": {"POST", "/api/v1/organizations/org_1/directories", `{"directory_type":"SCIM"}`, 404, "org_1"},
		"of another":           {"GET", "/api/v1/organizations/" + other + "/directories/" + dir, ``, 404, dir},
		"enable of another":    {"PATCH", "/api/v1/organizations/" + other + "/directories/" + dir + ":enable", ``, 404, dir},
		"delete of another":    {"DELETE", "/api/v1/organizations/" + other + "/directories/" + dir, ``, 404, dir},
		"secret of another":    {"POST", "/api/v1/organizations/" + other + "/directories/" + dir + "/secrets", ``, 404, dir},
		"users of another":     {"GET", "/api/v1/organizations/" + other + "/directories/" + dir + "/users", ``, 404, dir},
		"groups of another":    {"GET", "/api/v1/organizations/" + other + "/directories/" + dir + "/groups", ``, 404, dir},
		"policy of another":    {"GET", "/api/v1/organizations/" + other + "/directories/" + dir + "/policy", ``, 404, dir},
		"prefix":               {"PATCH", all + "/foo_1:enable", ``, 400, "dir_"},
		"organization prefix":  {"GET", "/api/v1/organizations/foo/directories", ``, 400, "org_"},
		"page too large":       {"GET", all + "/" + dir + "/users?page_size=31", ``, 400, "30"},
		"group prefix":         {"GET", all + "/" + dir + "/users?directory_group_id=x", ``, 400, "dirgroup_"},
		"group unknown":        {"GET", all + "/" + dir + "/users?directory_group_id=dirgroup_1", ``, 404, "dirgroup_1"},
		"time":                 {"GET", all + "/" + dir + "/users?updated_after=yesterday", ``, 400, "updated_after"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, m := s.call(t, tt.method, tt.path, tt.body)
			if status != tt.status || !strings.Contains(str(m, "message"), tt.says) {
				t.Errorf("%d %v; want %d, something about %q", status, m, tt.status, tt.says)
			}
		})
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	path := "/api/v1/organizations/" + org + "/directories/" + s.directory(t, org) + "/policy"
	policy := func(domain, email, deactivation, conformance string) map[string]any {
		return map[string]any{"policy": map[string]any{
			"domain_policy": domain, "email_policy": email, "deactivation_event": deactivation, "conformance": conformance,
		}}
	}
	for _, tt := range []struct {
		method, body string
		want         map[string]any
	}{
		{"GET", "", policy("ENFORCE", "IMMUTABLE", "USER_DELETED", "LENIENT")},
		{"PATCH", `{"domain_policy":"OFF"}`, policy("OFF", "IMMUTABLE", "USER_DELETED", "LENIENT")},
		{"PATCH", `{"email_policy":"FOLLOW_DIRECTORY","deactivation_event":"USER_UPDATED","organization_id":"org_9"}`, policy("OFF", "FOLLOW_DIRECTORY", "USER_UPDATED", "LENIENT")},
		{"PATCH", `{}`, policy("OFF", "FOLLOW_DIRECTORY", "USER_UPDATED", "LENIENT")},
		{"PATCH", `{"conformance":"STRICT"}`, policy("OFF", "FOLLOW_DIRECTORY", "USER_UPDATED", "STRICT")},
		{"GET", "", policy("OFF", "FOLLOW_DIRECTORY", "USER_UPDATED", "STRICT")},
	} {
		if diff := cmp.Diff(tt.want, s.ok(t, 200, tt.method, path, tt.body)); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.method, tt.body, diff)
		}
	}
	if status, m := s.call(t, "PATCH", path, `{"domain_policy":"ENFROCE"}`); status != 400 || !strings.Contains(str(m, "message"), "domain_policy") {
		t.Errorf("misspelt: %d %v", status, m)
	}
}

func TestUsersAndGroups(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir := s.directory(t, org)
	base := "/api/v1/organizations/" + org + "/directories/" + dir
	var users []string
	for _, n := range []string{"mara", "nils", "olga", "pete", "quin"} {
		users = append(users, s.user(t, org, dir, n))
	}
	editors := s.group(t, org, dir, "Editors", users[0], users[2], users[4])
	nested := s.group(t, org, dir, "All", users[1], editors)
	elsewhere := s.directory(t, org)
	s.user(t, org, elsewhere, "mara")

	got := s.ok(t, 200, "GET", base+"/users?page_size=1&include_detail=true", "")
	mara := object(got, "users", 0)
	detail := object(mara, "user_detail")
	delete(mara, "user_detail")
	if diff := cmp.Diff(map[string]any{
		"id": users[0], "email": "mara@acme.example", "preferred_username": "mara", "given_name": "Mara", "family_name": "Quist",
		"updated_at": "2026-02-01T08:00:04Z", "emails": []any{"mara@acme.example"},
		"groups": []any{map[string]any{"id": editors, "display_name": "Editors", "total_users": 3.0, "updated_at": at(mara, "groups", 0, "updated_at")}},
	}, mara); diff != "" {
		t.Errorf("user (-want +got):\n%s", diff)
	}
	if detail["active"] != true || str(detail, "id") != users[0] || str(detail, "groups", 0, "name") != "Editors" || str(detail, "raw_attributes", "userName") != "mara" {
		t.Errorf("detail %v", detail)
	}
	if got["total_size"] != 5.0 || str(got, "next_page_token") == "" || str(got, "prev_page_token") != "" {
		t.Errorf("page %v", got)
	}

	for name, tt := range map[string]struct {
		query string
		want  []string
	}{
		"all":                 {"", users},
		"epoch is no filter":  {"updated_after=1970-01-01T00:00:00Z", users},
		"strictly later":      {"updated_after=2026-02-01T08:00:06Z", users[3:]},
		"of a group":          {"directory_group_id=" + editors, []string{users[0], users[2], users[4]}},
		"direct members only": {"directory_group_id=" + nested, []string{users[1]}},
		"both":                {"directory_group_id=" + editors + "&updated_after=2026-02-01T08:00:04Z", []string{users[2], users[4]}},
		"none":                {"updated_after=2030-01-01T00:00:00Z", nil},
	} {
		for _, size := range []string{"1", "2", "30"} {
			var all []string
			for token := ""; ; {
				m := s.ok(t, 200, "GET", base+"/users?page_size="+size+"&page_token="+token+"&"+tt.query, "")
				if m["total_size"] != float64(len(tt.want)) {
					t.Errorf("%s by %s: total %v, want %d", name, size, m["total_size"], len(tt.want))
				}
				all = append(all, ids(m, "users")...)
				if at(m, "users", 0, "user_detail") != nil {
					t.Errorf("%s: detail without being asked for", name)
				}
				if token = str(m, "next_page_token"); token == "" {
					break
				}
			}
			if diff := cmp.Diff(tt.want, all, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s by %s (-want +got):\n%s", name, size, diff)
			}
		}
	}

	groups := s.ok(t, 200, "GET", base+"/groups?include_detail=true", "")
	if diff := cmp.Diff([]string{editors, nested}, ids(groups, "groups")); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if str(groups, "groups", 0, "group_detail", "raw_attributes", "displayName") != "Editors" || groups["total_size"] != 2.0 {
		t.Errorf("groups %v", groups)
	}
	summary := s.ok(t, 200, "GET", base+"/groups/summary", "")
	if diff := cmp.Diff([]string{editors, nested}, ids(summary, "groups")); diff != "" || summary["total_size"] != 2.0 {
		t.Errorf("summary (-want +got):\n%s%v", diff, summary)
	}
	late := s.ok(t, 200, "GET", base+"/groups?updated_after="+str(groups, "groups", 0, "updated_at"), "")
	if diff := cmp.Diff([]string{nested}, ids(late, "groups")); diff != "" {
		t.Errorf("later groups (-want +got):\n%s", diff)
	}

	d := at(s.ok(t, 200, "GET", base, ""), "directory")
	if at(d, "total_users") != 5.0 || at(d, "total_groups") != 2.0 || str(d, "status") != "COMPLETED" ||
		str(d, "stats", "user_updated_at") == "" || str(d, "last_synced_at") != str(d, "stats", "group_updated_at") {
		t.Errorf("directory %v", d)
	}
}

func TestDirectory_update(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	path := "/api/v1/organizations/" + org + "/directories/" + s.directory(t, org)
	s.ok(t, 200, "PATCH", path+":enable", "")
	for _, tt := range []struct {
		body, name, provider string
		enabled              bool
	}{
		{`{}`, "Okta", "OKTA", true},
		{`{"name":"Staff"}`, "Staff", "OKTA", true},
		{`{"directory_provider":"GOOGLE","directory_type":"SCIM"}`, "Staff", "GOOGLE", true},
		{`{"enabled":false}`, "Staff", "GOOGLE", false},
		{`{"name":"All","enabled":true}`, "All", "GOOGLE", true},
	} {
		d := object(s.ok(t, 200, "PATCH", path, tt.body), "directory")
		if d["name"] != tt.name || d["directory_provider"] != tt.provider || d["enabled"] != tt.enabled {
			t.Errorf("%s: %v", tt.body, d)
		}
	}
	for body, says := range map[string]string{
		``:                          "directory is required",
		`{"directory_type":"LDAP"}`: "SCIM",
		`{"status":"COMPLETED"}`:    "status",
		`{"name":""}`:               "name",
		`{"mappings":[{"key":"a","map_to":"b"}]}`: "UpdateAttributes",
		`{"groups":[{"external_id":"g"}]}`:        "provider",
	} {
		if status, m := s.call(t, "PATCH", path, body); status != 400 || !strings.Contains(str(m, "message"), says) {
			t.Errorf("%s: %d %v, want 400 saying %q", body, status, m, says)
		}
	}
	other := strings.Replace(path, org, s.organization(t, "Other"), 1)
	for _, tt := range []struct{ method, path, body string }{
		{"PATCH", other, `{"name":"x"}`},
		{"POST", other + "/secrets:regenerate", ""},
		{"GET", other + "/allowlist", ""},
		{"PUT", other + "/allowlist", `{}`},
		{"DELETE", other + "/secrets/sec_1", ""},
		{"DELETE", path + "/secrets/sec_1", ""},
	} {
		if status, m := s.call(t, tt.method, tt.path, tt.body); status != 404 || m["code"] != 5.0 {
			t.Errorf("%s %s: %d %v, want 404", tt.method, tt.path, status, m)
		}
	}
	for call, says := range map[string]string{"GET " + path + ":sync": "identity provider", "PUT " + path + "/groups:assign": "identity provider"} {
		method, at, _ := strings.Cut(call, " ")
		if status, m := s.call(t, method, at, ""); status != 501 || !strings.Contains(str(m, "message"), says) {
			t.Errorf("%s: %d %v, want 501 saying %q", call, status, m, says)
		}
	}
}

// TestDirectory_secrets rotates secrets by every road that ends one.
func TestDirectory_secrets(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	path := "/api/v1/organizations/" + org + "/directories/" + s.directory(t, org)
	first := str(s.ok(t, 200, "POST", path+"/secrets", ""), "secret", "id")
	second := s.ok(t, 200, "POST", path+"/secrets:regenerate?overlap_seconds=3600", "")
	if !strings.HasPrefix(str(second, "plain_secret"), "rcs_") || at(second, "secret", "expire_time") != nil {
		t.Errorf("made: %v", second)
	}
	shown := items(s.ok(t, 200, "GET", path, ""), "directory", "secrets")
	until, err := time.Parse(time.RFC3339Nano, str(shown, 0, "expire_time"))
	if err != nil || len(shown) != 2 || str(shown, 0, "id") != first {
		t.Fatalf("shown: %v (%v)", shown, err)
	}
	// The world's log began long ago: that overlap is over.
	if str(shown, 0, "status") != "INACTIVE" || str(shown, 1, "status") != "ACTIVE" {
		t.Errorf("shown: %v", shown)
	}
	s.mu.Lock()
	rotated := s.now
	s.mu.Unlock()
	if !until.Equal(rotated.Add(time.Hour)) {
		t.Errorf("the first ends at %v, want an hour after %v", until, rotated)
	}
	if got := s.ok(t, 200, "POST", path+"/secrets:regenerate?overlap_seconds=0", ""); str(got, "secret", "status") != "ACTIVE" {
		t.Errorf("made: %v", got)
	}
	left := ids(object(s.ok(t, 200, "GET", path, ""), "directory"), "secrets")
	if len(left) != 1 {
		t.Fatalf("left: %v", left)
	}
	s.ok(t, 200, "DELETE", path+"/secrets/"+left[0], "")
	if left := ids(object(s.ok(t, 200, "GET", path, ""), "directory"), "secrets"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if status, m := s.call(t, "POST", path+"/secrets:regenerate?overlap_seconds=604801", ""); status != 400 || !strings.Contains(str(m, "message"), "168 hours") {
		t.Errorf("a long overlap: %d %v", status, m)
	}
}

func TestDirectory_allowlist(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	path := "/api/v1/organizations/" + org + "/directories/" + s.directory(t, org) + "/allowlist"
	none, some := map[string]any{"networks": []any{}}, map[string]any{"networks": []any{"192.0.2.0/24", "2001:db8::/32"}}
	for _, tt := range []struct {
		method, body string
		want         map[string]any
	}{
		{"GET", "", none},
		{"PUT", `{"networks":["2001:db8::7/32","::ffff:192.0.2.9/120"]}`, some},
		{"GET", "", some},
		{"PUT", `{"networks":[]}`, none},
	} {
		if diff := cmp.Diff(tt.want, s.ok(t, 200, tt.method, path, tt.body)); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.method, tt.body, diff)
		}
	}
	if status, m := s.call(t, "PUT", path, `{"networks":["here"]}`); status != 400 || !strings.Contains(str(m, "message"), "here") {
		t.Errorf("no network: %d %v", status, m)
	}
}
