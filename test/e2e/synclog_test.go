package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/test/harness"
)

// TestSyncLog holds that an admin finds what a provider was refused, on one
// process, on separate services, and after the file that is searched was lost.
func TestSyncLog(t *testing.T) {
	t.Parallel()
	t.Run("one process", func(t *testing.T) {
		t.Parallel()
		s := harness.NewServer(t).MustStart()
		x := s.API.Tenant(t, s.SCIM, "synclog.example", "MICROSOFT_AD")
		before := refusals(t, s.Installation, x)
		must(t, s.Stop())
		must(t, os.Remove(filepath.Join(s.Data, "synclog.db")))
		must(t, s.Start())
		if after := logged(t, s.API, x, 2); after != before {
			t.Errorf("after the file was lost:\n%s\nbefore:\n%s", after, before)
		}
	})
	t.Run("separate services", func(t *testing.T) {
		t.Parallel()
		c := harness.NewCluster(t)
		refusals(t, c.Installation, c.API.Tenant(t, c.SCIM, "synclog.example", "MICROSOFT_AD"))
	})
}

// refusals has one request refused and one tolerated, and returns the sync log.
func refusals(t *testing.T, in harness.Installation, x *harness.Tenant) string {
	t.Helper()
	const password = "never-kept-anywhere-1"
	in.Secrets.Add("password", password)
	id := x.SCIM.Create(t, "/Users", harness.User("mara@synclog.example", nil))
	x.SCIM.Must(t, http.StatusConflict, http.MethodPost, "/Users", harness.User("mara@synclog.example", map[string]any{"password": password}))
	x.SCIM.Must(t, http.StatusOK, http.MethodPatch, "/Users/"+id, harness.Patch(harness.Op("Replace", "active", "False")))
	body := logged(t, in.API, x, 2)
	for _, part := range []string{`"uniqueness"`, `"string_boolean"`, `"operation_case"`, `"expected":true`, id, `mara@synclog.example`} {
		if !strings.Contains(strings.ReplaceAll(body, " ", ""), part) {
			t.Errorf("the sync log lacks %s: %s", part, body)
		}
	}
	if strings.Contains(body, password) {
		t.Errorf("the sync log has the password: %s", body)
	}
	harness.Eventually(t, soon, "the directory's last use", func() error {
		a := in.API.Must(t, http.StatusOK, http.MethodGet, x.Path(), nil)
		if a.At("directory.last_synced_at") == nil || a.At("directory.secrets.0.last_used_time") == nil {
			return fmt.Errorf("the directory is %s", a.Body)
		}
		return nil
	})
	return body
}

// logged waits until the sync log has so many entries and returns it.
func logged(t *testing.T, api *harness.API, x *harness.Tenant, entries int) (body string) {
	t.Helper()
	harness.Eventually(t, soon, "the sync log", func() error {
		a := api.Must(t, http.StatusOK, http.MethodGet, x.Path()+"/sync_log", nil)
		list, _ := a.At("entries").([]any)
		if body = string(a.Body); len(list) != entries {
			return fmt.Errorf("%d entries: %s", len(list), body)
		}
		return nil
	})
	return body
}

// TestSyncLog_domains holds that somebody who was refused for the domain of the
// address is found by that, and that the entry says so once the way is free. The
// refusal is decided in another process than the one that answers.
func TestSyncLog_domains(t *testing.T) {
	t.Parallel()
	c := harness.NewCluster(t)
	x := c.API.Tenant(t, c.SCIM, "known.example", "OKTA")
	via := x.SCIM.Via(x.Directory, c.Ingresses[1].URL())
	user := harness.User("mara@later.example", nil)
	via.Must(t, http.StatusBadRequest, http.MethodPost, "/Users", user)
	find := func(want func(hint string) bool) {
		t.Helper()
		harness.Eventually(t, soon, "the refusal", func() error {
			a := c.API.Must(t, http.StatusOK, http.MethodGet, x.Path()+"/sync_log?cause=domain_not_registered", nil)
			list, _ := a.At("entries").([]any)
			if len(list) != 1 || a.Text("entries.0.scim_type") != "invalidValue" || !want(a.Text("entries.0.hint")) {
				return fmt.Errorf("the sync log is %s", a.Body)
			}
			return nil
		})
	}
	find(func(hint string) bool { return hint == "" })
	c.API.Must(t, http.StatusOK, http.MethodPost, "/api/v1/organizations/"+x.Organization+"/domains",
		map[string]any{"domain": "later.example", "domain_type": "ORGANIZATION_DOMAIN"})
	find(func(hint string) bool { return strings.Contains(hint, "later.example") })
	via.Create(t, "/Users", user)
}
