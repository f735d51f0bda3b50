package conformance_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/test/conformance/script"
	"github.com/rollcallhq/rollcall/test/harness"
)

// noted waits until the directory's sync log says of the case what the case says
// of it, if it says anything.
func (x site) noted(t *testing.T, tenant *harness.Tenant, c script.Case, names script.Names) error {
	t.Helper()
	if !slices.ContainsFunc(c.Steps, func(s script.Step) bool { return len(s.Notes) > 0 }) {
		return nil
	}
	return harness.Poll(t.Context(), soon, func() error {
		logged, err := x.logged(t, tenant)
		if err != nil {
			return err
		}
		return c.CompareNotes(logged, names)
	})
}

// logged reads the whole sync log of a directory.
func (x site) logged(t *testing.T, tenant *harness.Tenant) (notes []script.Note, err error) {
	t.Helper()
	token := ""
	for {
		a, err := x.API.Call(t.Context(), http.MethodGet, tenant.Path()+"/sync_log?page_size=100&page_token="+url.QueryEscape(token), nil)
		if err != nil {
			return nil, err
		}
		var page struct {
			Entries []struct {
				Cause      string
				Deviations []struct{ Cause, Path string }
			}
			NextPageToken string `json:"next_page_token"`
		}
		if err := json.Unmarshal(a.Body, &page); err != nil || a.Status != http.StatusOK {
			return nil, fmt.Errorf("the sync log is answered %d %s: %w", a.Status, a.Body, err)
		}
		for _, e := range page.Entries {
			if e.Cause != "" {
				notes = append(notes, script.Note{Refused: true, Cause: e.Cause})
			}
			for _, d := range e.Deviations {
				notes = append(notes, script.Note{Cause: d.Cause, Path: d.Path})
			}
		}
		if token = page.NextPageToken; token == "" {
			return notes, nil
		}
	}
}

// refusalNoted holds that a refused request is kept with its cause and without
// its password, and is found by cause and by resource.
func refusalNoted(t *testing.T, x site) {
	const password = "kept-by-nobody-1"
	x.Secrets.Add("password", password)
	tenant := x.tenant(t, script.Setting{})
	s := tenant.SCIM.With("User-Agent", "An IdP 7.1")
	id := s.Create(t, "/Users", harness.User("mara", nil))
	s.Must(t, http.StatusConflict, http.MethodPost, "/Users", harness.User("MARA", map[string]any{"password": password, "title": "Editor"}))
	s.Must(t, http.StatusBadRequest, http.MethodPatch, "/Users/"+id, harness.Patch(harness.Op("replace", "password", password), harness.Op("remove", "userName", nil)))
	for query, want := range map[string]map[string]any{
		"cause=uniqueness":  {"method": "POST", "endpoint": "Users", "status": 409.0, "scim_type": "uniqueness", "user_agent": "An IdP 7.1"},
		"resource_id=" + id: {"method": "PATCH", "endpoint": "Users", "status": 400.0, "scim_type": "mutability", "resource_id": id},
	} {
		harness.Eventually(t, soon, "the entry of "+query, func() error {
			a, err := x.API.Call(t.Context(), http.MethodGet, tenant.Path()+"/sync_log?"+query, nil)
			if err != nil {
				return err
			}
			entries, _ := a.At("entries").([]any)
			if len(entries) != 1 {
				return fmt.Errorf("%d entries: %s", len(entries), a.Body)
			}
			for path, v := range want {
				if got := harness.At(entries[0], path); got != v {
					return fmt.Errorf("%s is %v, want %v", path, got, v)
				}
			}
			body, _ := harness.At(entries[0], "body").(string)
			if strings.Contains(string(a.Body), password) || body == "" || harness.At(entries[0], "detail") == "" {
				t.Errorf("the entry is %s", a.Body)
			}
			return nil
		})
	}
}
