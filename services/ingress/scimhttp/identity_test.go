package scimhttp_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// membershipsOf returns the groups that a user shows, as id -> type.
func (d *dir) membershipsOf(t testing.TB, user string) map[string]string {
	t.Helper()
	got := map[string]string{}
	list, _ := d.want(t, http.StatusOK, http.MethodGet, "/Users/"+user, nil).at("groups").([]any)
	for _, e := range list {
		g, _ := e.(map[string]any)
		id, _ := g["value"].(string)
		got[id], _ = g["type"].(string)
		if g["$ref"] != d.base+"/Groups/"+id {
			t.Errorf("the group %s is referred to as %v", id, g["$ref"])
		}
	}
	return got
}

// TestUserGroups says that a user shows the groups that it is in, and those it is
// in by way of others (RFC 7643 section 4.1.2), whatever circles they form.
func TestUserGroups(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	ada := d.user(t, "ada")
	inner := d.group(t, "Inner", ada)
	middle := d.group(t, "Middle", inner)
	outer := d.group(t, "Outer", middle, ada)
	check := func(what string, want map[string]string) {
		t.Helper()
		if diff := cmp.Diff(want, d.membershipsOf(t, ada)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("nested", map[string]string{inner: "direct", middle: "indirect", outer: "direct"})
	d.want(t, http.StatusNoContent, http.MethodPatch, "/Groups/"+inner, patchBody(op("add", "members", []any{map[string]any{"value": outer}})))
	check("in a circle", map[string]string{inner: "direct", middle: "indirect", outer: "direct"})
	d.want(t, http.StatusNoContent, http.MethodPatch, "/Groups/"+inner, patchBody(op("remove", "members", []any{map[string]any{"value": ada}})))
	check("round the circle", map[string]string{inner: "indirect", middle: "indirect", outer: "direct"})
	d.want(t, http.StatusNoContent, http.MethodDelete, "/Groups/"+outer, nil)
	check("without the last one", map[string]string{})
}

// TestIdentity says that somebody who is deleted and created again has a new id,
// that the old one stays gone, and that groups which named the old one, or
// somebody before they were there, have them as members.
func TestIdentity(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	first := d.user(t, "ada")
	d.want(t, http.StatusNoContent, http.MethodDelete, "/Users/"+first, nil)
	group := d.group(t, "Editors", first, "bob@acme.example", "external-1")
	shown := func() any { return d.want(t, http.StatusOK, http.MethodGet, "/Groups/"+group, nil).at("members") }
	before := d.want(t, http.StatusOK, http.MethodGet, "/Groups/"+group, nil)
	if before.at("members") != nil {
		t.Errorf("who is not there is shown as a member: %s", before.raw)
	}
	d.want(t, http.StatusNoContent, http.MethodPatch, "/Groups/"+group, patchBody(op("add", "members", []any{map[string]any{"value": "nobody"}})))
	after := d.want(t, http.StatusOK, http.MethodGet, "/Groups/"+group, nil)
	if after.raw != before.raw {
		t.Errorf("who is not there changes the group:\n%s\n%s", before.raw, after.raw)
	}

	ada := d.want(t, http.StatusCreated, http.MethodPost, "/Users", userBody("ADA"))
	second := ada.text("id")
	if second == first {
		t.Error("the id is used again")
	}
	if got := ada.text("groups.0.value"); got != group {
		t.Errorf("the answer shows the group %q, want %s: %s", got, group, ada.raw)
	}
	d.want(t, http.StatusNotFound, http.MethodGet, "/Users/"+first, nil)
	bob := d.user(t, "bob")
	carl := userBody("carl")
	carl["externalId"] = "external-1"
	third := d.want(t, http.StatusCreated, http.MethodPost, "/Users", carl).text("id")
	got := map[string]bool{}
	list, _ := shown().([]any)
	for _, e := range list {
		m, _ := e.(map[string]any)
		id, _ := m["value"].(string)
		got[id] = true
	}
	if diff := cmp.Diff(map[string]bool{second: true, bob: true, third: true}, got); diff != "" {
		t.Errorf("the group has other members (-want +got):\n%s", diff)
	}
	d.want(t, http.StatusNoContent, http.MethodPatch, "/Groups/"+group, patchBody(op("remove", `members[value eq "external-1"]`, nil)))
	if diff := cmp.Diff(map[string]string{}, d.membershipsOf(t, third)); diff != "" {
		t.Errorf("who is taken out by name stays in (-want +got):\n%s", diff)
	}
}
