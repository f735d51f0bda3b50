package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDomain(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := str(s.ok(t, 201, "POST", "/api/v1/organizations", `{"display_name":"Acme","external_id":"acme-1"}`), "organization", "id")
	all := "/api/v1/organizations/" + org + "/domains"
	made := s.ok(t, 200, "POST", all, `{"domain":"Acme.Example","domain_type":"ORGANIZATION_DOMAIN"}`)
	d := object(made, "domain")
	if !strings.HasPrefix(str(d, "environment_id"), "env_") {
		t.Errorf("environment %v", d["environment_id"])
	}
	if diff := cmp.Diff(map[string]any{
		"id": d["id"], "domain": "acme.example", "environment_id": d["environment_id"], "organization_id": org,
		"verification_status": "AUTO_VERIFIED", "verification_method": "ADMIN", "domain_type": "ORGANIZATION_DOMAIN",
		"create_time": d["create_time"], "update_time": d["create_time"], "txt_record_key": "", "txt_record_secret": "",
	}, d); diff != "" {
		t.Errorf("domain (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(made, s.ok(t, 200, "GET", all+"/"+str(d, "id"), "")); diff != "" {
		t.Errorf("GET (-want +got):\n%s", diff)
	}
	want := []string{str(d, "id")}
	for i := range 6 {
		kind := []string{"ORGANIZATION_DOMAIN", "ALLOWED_EMAIL_DOMAIN"}[i%2]
		want = append(want, str(s.ok(t, 200, "POST", all, fmt.Sprintf(`{"domain":"d%d.example","domain_type":%q}`, i, kind)), "domain", "id"))
	}
	for _, tt := range []struct {
		query        string
		size, number float64
		want         []string
	}{
		{"", 100, 1, want},
		{"?page_size=3", 3, 1, want[:3]},
		{"?page_size=3&page_number=0", 3, 1, want[:3]},
		{"?page_size=3&page_number=3", 3, 3, want[6:]},
		{"?page_size=3&page_number=2147483647", 3, 2147483647, nil},
		{"?domain_type=ALLOWED_EMAIL_DOMAIN&page_size=2&page_number=2", 2, 2, want[6:]},
	} {
		m := s.ok(t, 200, "GET", all+tt.query, "")
		if diff := cmp.Diff(tt.want, ids(m, "domains")); diff != "" || m["page_size"] != tt.size || m["page_number"] != tt.number {
			t.Errorf("%q: size %v, number %v (-want +got):\n%s", tt.query, m["page_size"], m["page_number"], diff)
		}
	}
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"taken":         {"POST", all, `{"domain":"ACME.example."}`, 409, "already registered"},
		"no host":       {"POST", all, `{"domain":"acme"}`, 400, "domain"},
		"nothing":       {"POST", all, ``, 400, "domain is required"},
		"misspelt type": {"POST", all, `{"domain":"x.example","domain_type":"ORG"}`, 400, "domain_type"},
		"page size":     {"GET", all + "?page_size=-1", ``, 400, "page_size"},
		"page number":   {"GET", all + "?page_number=-1", ``, 400, "page_number"},
		"unknown":       {"GET", all + "/dom_1", ``, 404, "dom_1"},
		"unknown org":   {"GET", "/api/v1/organizations/org_1/domains", ``, 404, "org_1"},
	} {
		if status, m := s.call(t, tt.method, tt.path, tt.body); status != tt.status || !strings.Contains(str(m, "message"), tt.says) {
			t.Errorf("%s: %d %v; want %d, something about %q", name, status, m, tt.status, tt.says)
		}
	}
	s.ok(t, 200, "DELETE", all+"/"+want[0], "")
	s.ok(t, 404, "DELETE", all+"/"+want[0], "")
	s.ok(t, 200, "POST", all, `{"domain":"acme.example"}`)
}

// TestDomain_dns verifies a domain by its TXT record, from a real server.
func TestDomain_dns(t *testing.T) {
	t.Parallel()
	s := start(t)
	org, other := s.organization(t, "Acme"), s.organization(t, "Other")
	all := "/api/v1/organizations/" + org + "/domains"
	made := object(s.ok(t, 200, "POST", all, `{"domain":"acme.example","verification_method":"DNS"}`), "domain")
	path := all + "/" + str(made, "id")
	if made["verification_status"] != "PENDING" || made["verification_method"] != "DNS" || made["txt_record_key"] != "_rollcall-challenge.acme.example" ||
		len(str(made, "txt_record_secret")) != len("rollcall-verification=")+32 {
		t.Errorf("made: %v", made)
	}
	if got := s.ok(t, 200, "PATCH", path+":verify", ""); got["verified"] != false {
		t.Errorf("without a record: %v", got)
	}
	s.dns.Set("_rollcall-challenge.acme.example", "something else", str(made, "txt_record_secret"))
	if status, m := s.call(t, "PATCH", strings.Replace(path, org, other, 1)+":verify", ""); status != 404 {
		t.Errorf("another organization's: %d %v", status, m)
	}
	if got := s.ok(t, 200, "PATCH", path+":verify", ""); got["verified"] != true {
		t.Errorf("with its record: %v", got)
	}
	s.dns.Break(true)
	if got := s.ok(t, 200, "PATCH", path+":verify", ""); got["verified"] != true {
		t.Errorf("again: %v", got)
	}
	if got := object(s.ok(t, 200, "PATCH", path, `{}`), "domain"); got["verification_status"] != "VERIFIED" || got["update_time"] == got["create_time"] {
		t.Errorf("then: %v", got)
	}
	waiting := str(s.ok(t, 200, "POST", all, `{"domain":"b.example","verification_method":"DNS"}`), "domain", "id")
	if status, m := s.call(t, "PATCH", all+"/"+waiting+":verify", ""); status != 503 || strings.Contains(str(m, "message"), s.dns.Address) {
		t.Errorf("a server that fails: %d %v", status, m)
	}
	if status, m := s.call(t, "POST", all, `{"domain":"c.example","verification_method":"NOT_APPLICABLE"}`); status != 400 {
		t.Errorf("another method: %d %v", status, m)
	}
}
