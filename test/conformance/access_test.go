package conformance_test

import (
	"net/http"
	"testing"

	"github.com/rollcallhq/rollcall/test/conformance/script"
	"github.com/rollcallhq/rollcall/test/harness"
)

// refused fails unless every kind of request is answered with the status.
func refused(t *testing.T, s *harness.SCIM, status int, id string) {
	t.Helper()
	for _, r := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/Users", nil},
		{"GET", "/Users/" + id, nil},
		{"POST", "/Users", harness.User("new@x.example", nil)},
		{"PUT", "/Users/" + id, harness.User("new@x.example", nil)},
		{"PATCH", "/Users/" + id, harness.Patch(harness.Op("replace", "title", "x"))},
		{"DELETE", "/Users/" + id, nil},
		{"GET", "/Groups", nil},
		{"GET", "/Schemas", nil},
		{"GET", "/Me", nil},
		{"POST", "/Users/.search", map[string]any{"schemas": []string{script.URNs["SearchRequest"]}}},
		{"POST", "/Bulk", map[string]any{"schemas": []string{script.URNs["BulkRequest"]}, "Operations": []any{}}},
	} {
		a := s.Must(t, status, r.method, r.path, r.body)
		if a.Text("schemas.0") != harness.ErrorURN {
			t.Errorf("%s %s is answered %s", r.method, r.path, a.Body)
		}
	}
}

// oneDirectory holds that the secret of one directory does not open another.
func oneDirectory(t *testing.T, x site) {
	mine, other := x.tenant(t, script.Setting{}), x.tenant(t, script.Setting{Domain: "other-" + domain(t)})
	id := mine.SCIM.Create(t, "/Users", harness.User("mara@"+other.Domain, nil))
	stranger := *mine.SCIM
	stranger.Token = other.SCIM.Token
	refused(t, &stranger, http.StatusUnauthorized, id)
	if a := mine.SCIM.Must(t, http.StatusOK, http.MethodGet, "/Users/"+id, nil); a.Text("meta.version") != `W/"1"` {
		t.Errorf("a stranger changed it: %s", a.Body)
	}
}

// disabledDirectory holds that nothing passes while a directory is disabled, and
// that the provider is told to come again.
func disabledDirectory(t *testing.T, x site) {
	tenant := x.tenant(t, script.Setting{})
	id := tenant.SCIM.Create(t, "/Users", harness.User("mara@x.example", nil))
	x.API.Must(t, http.StatusOK, http.MethodPatch, tenant.Path()+":disable", nil)
	refused(t, tenant.SCIM, http.StatusServiceUnavailable, id)
	if a := tenant.SCIM.Must(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", nil); a.Header.Get("Retry-After") == "" {
		t.Error("a disabled directory does not say when to try again")
	}
	x.API.Must(t, http.StatusOK, http.MethodPatch, tenant.Path()+":enable", nil)
	tenant.SCIM.Must(t, http.StatusOK, http.MethodGet, "/Users/"+id, nil)
}

// isolation holds that no request of one directory reads or changes another,
// whatever ids it names.
func isolation(t *testing.T, x site) {
	mine, other := x.tenant(t, script.Setting{}), x.tenant(t, script.Setting{Domain: "other-" + domain(t)})
	user := other.SCIM.Create(t, "/Users", harness.User("mara@"+other.Domain, nil))
	group := other.SCIM.Create(t, "/Groups", harness.Group("Desk", user))
	s := mine.SCIM
	for _, r := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/Users/" + user, nil},
		{"PUT", "/Users/" + user, harness.User("taken@x.example", nil)},
		{"PATCH", "/Users/" + user, harness.Patch(harness.Op("replace", "title", "x"))},
		{"DELETE", "/Users/" + user, nil},
		{"GET", "/Groups/" + group, nil},
		{"PUT", "/Groups/" + group, harness.Group("Taken")},
		{"PATCH", "/Groups/" + group, harness.Patch(harness.Op("remove", "members", nil))},
		{"DELETE", "/Groups/" + group, nil},
	} {
		s.Must(t, http.StatusNotFound, r.method, r.path, r.body)
	}
	for kind, id := range map[string]string{"Users": user, "Groups": group} {
		if ids, a, err := s.Find(t.Context(), kind, `id eq "`+id+`"`); err != nil || len(ids) != 0 || a.Status != http.StatusOK {
			t.Errorf("%s of another directory are found: %v, %v: %s", kind, ids, err, a.Body)
		}
	}
	// The same userName is free here, and somebody of elsewhere joins no group.
	s.Create(t, "/Users", harness.User("mara@"+other.Domain, nil))
	mixed := s.Create(t, "/Groups", harness.Group("Desk", user))
	if a := s.Must(t, http.StatusOK, http.MethodGet, "/Groups/"+mixed, nil); a.At("members.0.$ref") != nil || a.At("members.0.display") != nil {
		t.Errorf("a group shows somebody of another directory: %s", a.Body)
	}
	if a := other.SCIM.Must(t, http.StatusOK, http.MethodGet, "/Users/"+user, nil); a.Text("groups.0.value") != group || a.At("groups.1") != nil {
		t.Errorf("a user is in a group of another directory: %s", a.Body)
	}
	if a := other.SCIM.Must(t, http.StatusOK, http.MethodGet, "/Groups/"+group, nil); a.Text("members.0.value") != user || a.Text("displayName") != "Desk" {
		t.Errorf("a group was changed from another directory: %s", a.Body)
	}
}
