package e2e_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/test/harness"
)

// TestExtensions registers a schema, uses it as a provider would in every way
// that needs a type, and takes it away again; a mapping follows all along.
func TestExtensions(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	x := s.API.Tenant(t, s.SCIM, "acme.example", "OKTA")
	r := harness.NewReceiver(t)
	s.API.Endpoint(t, r, map[string]any{"event_types": []string{"organization.directory.*"}})
	const urn = "urn:example:acme:User"
	register := func(list ...any) {
		t.Helper()
		s.API.Must(t, http.StatusOK, "PUT", x.Path()+"/schemas", map[string]any{"extensions": append([]any{}, list...)})
	}
	acme := map[string]any{"schema": map[string]any{"id": urn, "name": "Acme", "attributes": []any{
		map[string]any{"name": "badge"},
		map[string]any{"name": "remote", "type": "boolean"},
		map[string]any{"name": "floor", "type": "integer"},
		map[string]any{"name": "desks", "type": "complex", "multiValued": true, "subAttributes": []any{map[string]any{"name": "value"}, map[string]any{"name": "type"}}},
	}}}
	user := func(name string, block any) map[string]any {
		return harness.User(name+"@acme.example", map[string]any{"schemas": []string{harness.UserURN, urn}, urn: block})
	}
	find := func(filter string) []string {
		t.Helper()
		ids, a, err := x.SCIM.Find(t.Context(), "Users", filter)
		if err != nil || a.Status != http.StatusOK {
			t.Fatalf("%s: %v, %d %s", filter, err, a.Status, a.Body)
		}
		return ids
	}
	heard := func(id string, badge any) {
		t.Helper()
		r.Await(t, soon, "the badge", func(d harness.Delivery) bool {
			return d.Type != string(public.UserDeleted) && d.Data("id") == id && d.Data("custom_attributes.badge") == badge
		})
	}

	// Before there is a schema it is data like any other.
	old := x.SCIM.Create(t, "/Users", user("old", map[string]any{"badge": "B-1", "remote": "True", "floor": 3}))
	s.API.Must(t, http.StatusOK, "PUT", x.Path()+"/attribute_mappings", map[string]any{"mappings": []any{
		map[string]any{"key": "badge", "sources": []string{"badge"}, "default_value": "none"}, // without its URN
	}})
	heard(old, "none")

	register(acme)
	heard(old, "B-1")
	schemas := x.SCIM.Must(t, http.StatusOK, "GET", "/Schemas/"+urn, nil)
	if schemas.Text("attributes.2.type") != "integer" || schemas.Text("meta.resourceType") != "Schema" {
		t.Errorf("/Schemas shows %s", schemas.Body)
	}
	types := x.SCIM.Must(t, http.StatusOK, "GET", "/ResourceTypes/User", nil)
	list, _ := types.At("schemaExtensions").([]any)
	if !slices.ContainsFunc(list, func(e any) bool { return harness.At(e, "schema") == urn }) {
		t.Errorf("/ResourceTypes shows %s", types.Body)
	}
	if ids := find(urn + `:badge eq "b-1"`); !slices.Equal(ids, []string{old}) {
		t.Errorf("a badge is found as %q", ids)
	}

	// Values are read by their types.
	young := x.SCIM.Create(t, "/Users", user("young", map[string]any{"Badge": "B-2", "remote": "True", "floor": 12, "desks": "D1"}))
	heard(young, "B-2")
	shown := x.SCIM.Must(t, http.StatusOK, "GET", "/Users/"+young, nil)
	block, _ := shown.At(urn).(map[string]any)
	if block["remote"] != true || block["floor"] != 12.0 || harness.At(block, "desks.0.value") != "D1" || block["badge"] != "B-2" {
		t.Errorf("the user is %s", shown.Body)
	}
	a := x.SCIM.Must(t, http.StatusBadRequest, "POST", "/Users", user("wrong", map[string]any{"remote": "perhaps"}))
	if a.Text("scimType") != "invalidValue" {
		t.Errorf("a wrong value is refused with %s", a.Body)
	}
	for filter, want := range map[string][]string{
		urn + ":remote eq true": {old, young}, urn + ":floor gt 5": {young}, urn + ":floor lt 5": {old}, urn + `:desks[value eq "d1"]`: {young},
		urn + ":badge pr": {old, young}, `badge sw "B-"`: {old, young},
	} {
		ids := find(filter)
		slices.Sort(ids)
		if !slices.Equal(ids, want) {
			t.Errorf("%s finds %q, want %q", filter, ids, want)
		}
	}
	x.SCIM.Must(t, http.StatusOK, "PATCH", "/Users/"+young, harness.Patch(
		harness.Op("replace", urn+":remote", "False"), harness.Op("add", urn+":desks", []any{map[string]any{"value": "D2", "type": "quiet"}}),
		harness.Op("replace", "", map[string]any{urn + ":badge": "B-3"})))
	heard(young, "B-3")
	shown = x.SCIM.Must(t, http.StatusOK, "GET", "/Users/"+young, nil)
	block, _ = shown.At(urn).(map[string]any)
	if block["remote"] != false || harness.At(block, "desks.1.value") != "D2" {
		t.Errorf("the changed user is %s", shown.Body)
	}

	// Nothing is lost with the schema but the types, and the name without a URN.
	register()
	heard(young, "none")
	x.SCIM.Must(t, http.StatusNotFound, "GET", "/Schemas/"+urn, nil)
	after := x.SCIM.Must(t, http.StatusOK, "GET", "/Users/"+young, nil)
	if harness.At(after.At(urn), "badge") != "B-3" {
		t.Errorf("without the schema the user is %s", after.Body)
	}
	if _, a, err := x.SCIM.Find(t.Context(), "Users", urn+`:badge eq "B-3"`); err != nil || a.Text("scimType") != "invalidFilter" {
		t.Errorf("without the schema a filter by it is answered with %s, %v", a.Body, err)
	}
}
