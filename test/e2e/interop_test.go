package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/test/harness"
)

// exchange is one request of a provider and what its next step depends on.
// {name} in path and body stands for an id that an earlier exchange saved.
type exchange struct {
	what, method, path, body string
	status                   int
	save                     string         // the name under which the answer's id is kept
	want                     map[string]any // in the answer, by path; nil: absent
}

// play sends the exchanges in order and returns the ids.
func play(t *testing.T, scim *harness.SCIM, steps []exchange) map[string]string {
	t.Helper()
	ids := map[string]string{}
	fill := func(s string) string {
		for name, id := range ids {
			s = strings.ReplaceAll(s, "{"+name+"}", id)
		}
		return s
	}
	for _, x := range steps {
		var body any
		if x.body != "" {
			body = fill(x.body)
		}
		a, err := scim.Do(t.Context(), x.method, fill(x.path), body)
		if err != nil {
			t.Fatalf("%s: %v", x.what, err)
		}
		if a.Status != x.status {
			t.Fatalf("%s: status %d, want %d: %s", x.what, a.Status, x.status, a.Body)
		}
		if x.status >= 400 {
			checkError(t, a, x.status)
		}
		if x.save != "" {
			ids[x.save] = a.Text("id")
		}
		if x.status == http.StatusCreated && (a.Header.Get("Location") == "" || a.Header.Get("Location") != a.Text("meta.location")) {
			t.Errorf("%s: Location is %q, meta.location %q", x.what, a.Header.Get("Location"), a.Text("meta.location"))
		}
		if len(a.Body) > 0 && !strings.HasPrefix(a.Header.Get("Content-Type"), harness.MediaType) {
			t.Errorf("%s: Content-Type is %q", x.what, a.Header.Get("Content-Type"))
		}
		for path, want := range x.want {
			if s, ok := want.(string); ok {
				want = fill(s)
			}
			if diff := cmp.Diff(want, a.At(path)); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s%s", x.what, path, diff, a.Body)
			}
		}
	}
	return ids
}

// TestOkta plays an ordinary day of an Okta application, as the interop
// reference describes it.
func TestOkta(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	x := s.API.Tenant(t, s.SCIM, "okta.example", "OKTA")
	const password = "1mz050nq-a-password-from-okta"
	s.Secrets.Add("password", password)
	okta := x.SCIM.With("User-Agent", "Okta SCIM Client 1.0.0").With("Accept-Charset", "utf-8").With("Accept", harness.MediaType)

	mara := func(id, active string) string {
		return `{"schemas":["` + harness.UserURN + `"],` + id + `"userName":"mara@okta.example","name":{"givenName":"Mara","familyName":"Quist"},` +
			`"emails":[{"primary":true,"value":"mara@okta.example","type":"work","display":"mara@okta.example"}],"displayName":"Mara Quist","locale":"en-US",` +
			`"externalId":"00ujl29u0le5T6Aj10h7","groups":[],"password":"` + password + `","active":` + active + `}`
	}
	ids := play(t, okta, []exchange{
		{"connection test: users", "GET", "/Users?startIndex=1&count=2", "", 200, "", map[string]any{
			"totalResults": 0.0, "startIndex": 1.0, "itemsPerPage": 0.0, "Resources": []any{}, "schemas.0": harness.ListURN,
		}},
		{"connection test: groups", "GET", "/Groups?startIndex=1&count=100", "", 200, "", map[string]any{"totalResults": 0.0, "Resources": []any{}}},
		{"match", "GET", `/Users?filter=userName%20eq%20%22mara%40okta.example%22&startIndex=1&count=100`, "", 200, "", map[string]any{"totalResults": 0.0}},
		{"create", "POST", "/Users", mara("", "true"), 201, "mara", map[string]any{"password": nil, "userName": "mara@okta.example", "active": true, "externalId": "00ujl29u0le5T6Aj10h7"}},
		{"create again", "POST", "/Users", mara("", "true"), 409, "", map[string]any{"scimType": "uniqueness"}},
		{"match again", "GET", `/Users?filter=userName%20eq%20%22MARA%40okta.example%22&startIndex=1&count=100`, "", 200, "", map[string]any{"totalResults": 1.0, "Resources.0.id": "{mara}"}},
		{"read before an update", "GET", "/Users/{mara}", "", 200, "", map[string]any{"meta.version": `W/"1"`, "groups": nil}},
		{"update with echoed read-only values", "PUT", "/Users/{mara}", strings.Replace(mara(`"id":"{mara}","meta":{"resourceType":"User"},`, "true"), "Mara Quist", "Mara Q.", 1), 200, "", map[string]any{
			"displayName": "Mara Q.", "id": "{mara}", "meta.version": `W/"2"`,
		}},
		{"update that changes nothing", "PUT", "/Users/{mara}", strings.Replace(mara(`"id":"{mara}",`, "true"), "Mara Quist", "Mara Q.", 1), 200, "", map[string]any{"meta.version": `W/"2"`}},
		{"new password", "PATCH", "/Users/{mara}", `{"schemas":["` + harness.PatchURN + `"],"Operations":[{"op":"replace","value":{"password":"` + password + `"}}]}`, 200, "", map[string]any{
			"meta.version": `W/"2"`, "password": nil,
		}},
		{"deactivate", "PATCH", "/Users/{mara}", `{"schemas":["` + harness.PatchURN + `"],"Operations":[{"op":"replace","value":{"active":false}}]}`, 200, "", map[string]any{"active": false}},
		{"deactivated users are found", "GET", `/Users?filter=userName%20eq%20%22mara%40okta.example%22`, "", 200, "", map[string]any{"totalResults": 1.0, "Resources.0.active": false}},
		{"reactivate", "PATCH", "/Users/{mara}", `{"schemas":["` + harness.PatchURN + `"],"Operations":[{"op":"replace","value":{"active":true}}]}`, 200, "", map[string]any{"active": true}},
		{"group push: match", "GET", `/Groups?filter=displayName%20eq%20%22Engineering%22&startIndex=1&count=100`, "", 200, "", map[string]any{"totalResults": 0.0}},
		{"group push: create", "POST", "/Groups", `{"schemas":["` + harness.GroupURN + `"],"displayName":"Engineering","members":[]}`, 201, "group", map[string]any{"displayName": "Engineering"}},
		{"group push: rename with its own id", "PATCH", "/Groups/{group}", `{"schemas":["` + harness.PatchURN + `"],"Operations":[{"op":"replace","value":{"id":"{group}","displayName":"Engineering"}}]}`, 204, "", nil},
		{"group push: empty", "PATCH", "/Groups/{group}", `{"schemas":["` + harness.PatchURN + `"],"Operations":[{"op":"replace","path":"members","value":[]}]}`, 204, "", nil},
		{"group push: add", "PATCH", "/Groups/{group}", `{"schemas":["` + harness.PatchURN + `"],"Operations":[{"op":"add","path":"members","value":[{"value":"{mara}","display":"mara@okta.example"}]}]}`, 204, "", nil},
		{"group push: add again, and somebody unknown", "PATCH", "/Groups/{group}", `{"schemas":["` + harness.PatchURN + `"],"Operations":[{"op":"add","path":"members","value":[{"value":"{mara}"},{"value":"diruser_000000000000000001"}]}]}`, 204, "", nil},
		{"the group", "GET", "/Groups/{group}", "", 200, "", map[string]any{"members.0.value": "{mara}", "members.0.type": "User", "members.1": nil}},
		{"the user shows its group", "GET", "/Users/{mara}", "", 200, "", map[string]any{"groups.0.value": "{group}", "groups.0.display": "Engineering"}},
		{"group push: a new name keeps members", "PATCH", "/Groups/{group}", `{"schemas":["` + harness.PatchURN + `"],"Operations":[{"op":"replace","value":{"id":"{group}","displayName":"Builders"}}]}`, 204, "", nil},
		{"the group, renamed", "GET", "/Groups/{group}", "", 200, "", map[string]any{"displayName": "Builders", "members.0.value": "{mara}"}},
		{"group push: remove", "PATCH", "/Groups/{group}", `{"schemas":["` + harness.PatchURN + `"],"Operations":[{"op":"remove","path":"members[value eq \"{mara}\"]"}]}`, 204, "", nil},
		{"the group, empty", "GET", "/Groups/{group}", "", 200, "", map[string]any{"members.0": nil}},
		{"delete the group", "DELETE", "/Groups/{group}", "", 204, "", nil},
		{"the group is gone", "GET", "/Groups/{group}", "", 404, "", nil},
		{"import", "GET", "/Users?startIndex=1&count=100", "", 200, "", map[string]any{"totalResults": 1.0, "itemsPerPage": 1.0}},
	})
	u := s.API.Must(t, http.StatusOK, http.MethodGet, x.Path()+"/users?include_detail=true", nil)
	if u.Text("users.0.id") != ids["mara"] || strings.Contains(string(u.Body), password) {
		t.Errorf("the API shows %s", u.Body)
	}
}

// TestEntra plays an ordinary day of Microsoft Entra ID, in both of its forms
// of PATCH.
func TestEntra(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	x := s.API.Tenant(t, s.SCIM, "entra.example", "MICROSOFT_AD")
	patch := func(ops string) string { return `{"schemas":["` + harness.PatchURN + `"],"Operations":[` + ops + `]}` }
	const enterprise = harness.EnterpriseURN
	ids := play(t, x.SCIM, []exchange{
		{"connection test", "GET", "/Users?filter=userName+eq+%223f2a7f0e-8c8e-4a52-9d0e-0b7b3a3f6a11%22", "", 200, "", map[string]any{"totalResults": 0.0, "Resources": []any{}, "schemas.0": harness.ListURN}},
		{"schemas", "GET", "/Schemas", "", 200, "", map[string]any{"schemas.0": harness.ListURN}},
		{"create the manager", "POST", "/Users", `{"schemas":["` + harness.UserURN + `"],"externalId":"boss","userName":"boss@entra.example","active":"True"}`, 201, "boss", map[string]any{"active": true}},
		{"match the manager", "GET", `/Users?filter=externalId+eq+%22boss%22`, "", 200, "", map[string]any{"totalResults": 1.0}},
		{
			"create", "POST", "/Users", `{"schemas":["` + harness.UserURN + `","` + enterprise + `"],"externalId":"0a21f0f2","userName":"mara@entra.example","active":"True",` +
				`"displayName":"Mara Quist","emails":[{"primary":true,"type":"work","value":"mara@entra.example"}],"meta":{"resourceType":"User"},` +
				`"name":{"formatted":"Mara Quist","familyName":"Quist","givenName":"Mara"},"roles":[],"` + enterprise + `":{"employeeNumber":"7","department":"News"}}`,
			201, "mara",
			map[string]any{"active": true},
		},
		{"match by address", "GET", `/Users?filter=emails%5Btype+eq+%22work%22%5D.value+eq+%22mara%40entra.example%22`, "", 200, "", map[string]any{"totalResults": 1.0, "Resources.0.id": "{mara}"}},
		{"match by two", "GET", `/Users?filter=externalId+eq+%220a21f0f2%22+and+userName+eq+%22mara%40entra.example%22`, "", 200, "", map[string]any{"totalResults": 1.0}},
		{"match by two, one wrong", "GET", `/Users?filter=externalId+eq+%220a21f0f2%22+and+userName+eq+%22ines%40entra.example%22`, "", 200, "", map[string]any{"totalResults": 0.0}},
		{"match without quotes", "GET", `/Users?filter=externalId+eq+0a21f0f2x`, "", 200, "", map[string]any{"totalResults": 0.0}},
		{
			"change by paths", "PATCH", "/Users/{mara}", patch(`{"op":"Replace","path":"displayName","value":"Mara Q."},` +
				`{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+1 555 0100"},` +
				`{"op":"Add","path":"addresses[type eq \"work\"].locality","value":"Oslo"},` +
				`{"op":"Replace","path":"` + enterprise + `:department","value":"Sports"}`),
			200, "",
			map[string]any{
				"displayName": "Mara Q.", "phoneNumbers.0.type": "mobile", "phoneNumbers.0.value": "+1 555 0100",
				"addresses.0.type": "work", "addresses.0.locality": "Oslo",
			},
		},
		{"set the manager as a text", "PATCH", "/Users/{mara}", patch(`{"op":"Add","path":"` + enterprise + `:manager","value":"{boss}"}`), 200, "", nil},
		{"find by the manager", "GET", `/Users?attributes=id&filter=id+eq+%22{mara}%22+and+manager+eq+%22{boss}%22`, "", 200, "", map[string]any{"totalResults": 1.0, "Resources.0.userName": nil}},
		{"deactivate", "PATCH", "/Users/{mara}", patch(`{"op":"Replace","path":"active","value":"False"}`), 200, "", map[string]any{"active": false}},
		{"disabled users are found", "GET", "/Users/{mara}", "", 200, "", map[string]any{"active": false}},
		{"reactivate by Add", "PATCH", "/Users/{mara}", patch(`{"op":"Add","path":"active","value":"true"}`), 200, "", map[string]any{"active": true}},
		{
			"change by dotted keys", "PATCH", "/Users/{mara}", patch(`{"op":"replace","value":{"displayName":"Mara Quist","name.givenName":"Marah",` +
				`"` + enterprise + `:employeeNumber":"8","active":true}}`),
			200, "",
			map[string]any{"displayName": "Mara Quist", "name.givenName": "Marah", "name.familyName": "Quist", "active": true},
		},
		{"create a group", "POST", "/Groups", `{"schemas":["` + harness.GroupURN + `","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"g-1","displayName":"Desk","meta":{"resourceType":"Group"}}`, 201, "group", map[string]any{"displayName": "Desk"}},
		{"match the group", "GET", `/Groups?excludedAttributes=members&filter=displayName+eq+%22Desk%22`, "", 200, "", map[string]any{"totalResults": 1.0, "Resources.0.members": nil}},
		{"add a member", "PATCH", "/Groups/{group}", patch(`{"op":"Add","path":"members","value":[{"$ref":null,"value":"{mara}"}]}`), 204, "", nil},
		{"probe the member", "GET", `/Groups?excludedAttributes=members&filter=id+eq+%22{group}%22+and+members+eq+%22{mara}%22`, "", 200, "", map[string]any{"totalResults": 1.0, "Resources.0.members": nil}},
		{"probe somebody else", "GET", `/Groups?excludedAttributes=members&filter=id+eq+%22{group}%22+and+members+eq+%22diruser_000000000000000001%22`, "", 200, "", map[string]any{"totalResults": 0.0}},
		{"rename the group", "PATCH", "/Groups/{group}", patch(`{"op":"Replace","path":"displayName","value":"News desk"}`), 204, "", nil},
		{"remove the member by value", "PATCH", "/Groups/{group}", patch(`{"op":"Remove","path":"members","value":[{"$ref":null,"value":"{mara}"}]}`), 204, "", nil},
		{"the group, empty", "GET", "/Groups/{group}", "", 200, "", map[string]any{"displayName": "News desk", "members.0": nil}},
		{"delete the group", "DELETE", "/Groups/{group}", "", 204, "", nil},
		{"hard delete", "DELETE", "/Users/{mara}", "", 204, "", nil},
		{"the user is gone", "GET", "/Users/{mara}", "", 404, "", nil},
		{"and is not found", "GET", `/Users?filter=externalId+eq+%220a21f0f2%22`, "", 200, "", map[string]any{"totalResults": 0.0}},
		{"a name that was freed", "POST", "/Users", `{"schemas":["` + harness.UserURN + `"],"externalId":"0a21f0f3","userName":"mara@entra.example","active":"true"}`, 201, "again", nil},
	})
	if ids["again"] == ids["mara"] || ids["mara"] == "" {
		t.Errorf("the id %s is used again", ids["mara"])
	}
}
