package announce_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const enterprise = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`

// sent returns a user as it is stored of what a provider sends: a body, and
// operations of a PATCH behind it.
func sent(t *testing.T, body, ops string) *directory.User {
	t.Helper()
	s := newStage(t, directory.DeactivationDeletes)
	r, err := scim.ParseUser(nil, schema.User, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	state, err := directory.UserStateOf(r)
	if err != nil {
		t.Fatal(err)
	}
	id := directorytest.ID(s.Must(t, directory.CreateUser{Scope: s.scope, State: state}))
	if ops != "" {
		s.Must(t, directory.PatchUser{Scope: s.scope, ID: id, Patch: patched(t, ops)})
	}
	u, _, err := directory.Get[*directory.User](s.Rows, directory.Make(directory.TableUser, s.scope.Directory, id))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// shown returns what receivers see, without what only the server knows.
func shown(t *testing.T, u *directory.User) public.User {
	t.Helper()
	p, err := announce.User(u, announce.Standing{}, announce.Mapped{})
	if err != nil {
		t.Fatal(err)
	}
	if string(p.RawAttributes) != string(u.Attributes) {
		t.Errorf("raw_attributes is %s, the user has %s", p.RawAttributes, u.Attributes)
	}
	p.Head, p.RawAttributes, p.DirectoryProviderID = public.Head{}, nil, ""
	return p
}

// TestUser_providers says that one person looks the same from every provider,
// whatever each of them sends (interop facts, section 2). A provider that does
// not have an attribute is named with what it lacks.
func TestUser_providers(t *testing.T) {
	t.Parallel()
	mara := func() public.User {
		return public.User{
			PreferredUsername: "mara@acme.example", Email: "mara@acme.example", Active: true, Name: "Mara Quist", GivenName: "Mara", FamilyName: "Quist",
			Title: "Editor", Department: "News", CostCenter: "4130", EmployeeID: "701984", PhoneNumber: "+1-202-555-0100", Locale: "en-US",
			Manager: &public.ManagerRef{ID: "26118915"}, Groups: []public.GroupRef{}, Roles: []public.RoleRef{}, CustomAttributes: map[string]any{},
		}
	}
	for name, tt := range map[string]struct {
		body, ops string
		lacks     func(*public.User)
	}{
		"Okta": {body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User",` + enterprise + `],"userName":"mara@acme.example","externalId":"00u1abcd",
			"name":{"givenName":"Mara","familyName":"Quist"},"displayName":"Mara Quist","title":"Editor","locale":"en_US","groups":[],"password":"1mz050nq","active":true,
			"emails":[{"primary":false,"value":"m@home.example","type":"home","display":"x"},{"primary":true,"value":"mara@acme.example","type":"work"}],
			"phoneNumbers":[{"primary":true,"value":"+1-202-555-0100","type":"work"},{"value":"+1-202-555-0199","type":"mobile"}],
			` + enterprise + `:{"department":"News","costCenter":"4130","employeeNumber":"701984","manager":{"value":"26118915"}}}`},
		"Entra": {
			body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User",` + enterprise + `],"externalId":"mara","userName":"mara@acme.example","active":"True","displayName":"Mara Quist",
				"emails":[{"primary":true,"type":"work","value":"mara@acme.example"}],"meta":{"resourceType":"User"},"name":{"formatted":"Mara Quist","familyName":"Quist","givenName":"Mara"},
				"title":null,"preferredLanguage":null,"roles":[]}`,
			ops: `{"op":"Add","path":"title","value":"Editor"},{"op":"Replace","path":"locale","value":"en-US"},
				{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+1-202-555-0199"},{"op":"Add","path":"phoneNumbers[type eq \"work\"].value","value":"+1-202-555-0100"},
				{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"News"},
				{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter","value":"4130"},
				{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","value":"701984"},
				{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"26118915"}`,
		},
		"Entra, aadOptscim062020": {
			body: `{"externalId":"mara","userName":"mara@acme.example","active":true,"emails":[{"type":"work","value":"mara@acme.example"}]}`,
			ops: `{"op":"replace","value":{"displayName":"Mara Quist","name.givenName":"Mara","name.familyName":"Quist","title":"Editor","locale":"en-US","phoneNumbers[type eq \"work\"].value":"+1-202-555-0100",
				"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"News","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter":"4130",
				"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"701984","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":"26118915"}}`,
		},
		"OneLogin": {body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":null,"userName":"mara@acme.example","active":"true","name":{"givenName":"Mara","familyName":"Quist","formatted":"Mara Quist"},
			"emails":[{"value":"mara@acme.example","type":"work","primary":true}],"title":"Editor","locale":"en-US","phoneNumbers":[{"type":"work","value":"+1-202-555-0100"}],
			` + enterprise + `:{"department":"News","costCenter":"4130","employeeNumber":"701984","manager":{"managerId":"26118915"}}}`},
		"JumpCloud": {body: `{"userName":"mara@acme.example","active":true,"name":{"givenName":"Mara","familyName":"Quist"},"displayName":"","title":"Editor","locale":"en-US","addresses":[],
			"emails":[{"value":"mara@acme.example","type":"work","primary":true}],"phoneNumbers":[{"type":"work","value":"+1-202-555-0100"},{"type":"mobile","value":""},{"type":"home","value":""}],
			` + enterprise + `:{"department":"News","costCenter":"4130","employeeNumber":"701984","organization":"","division":"","manager":{"value":"26118915"}}}`},
		"Google": {
			body: `{"userName":"mara@acme.example","active":true,"name":{"givenName":"Mara","familyName":"Quist","formatted":"Mara Quist"},"emails":[{"value":"mara@acme.example","type":"work","primary":true}],
				"title":"Editor","phoneNumbers":[{"value":"+1-202-555-0100","type":"work"}],` + enterprise + `:{"department":"News","costCenter":"4130","employeeNumber":"701984","manager":{"value":"26118915"}}}`,
			lacks: func(p *public.User) { p.Locale = "" },
		},
		"PingOne": {
			body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:pingidentity:schemas:extension:x:1.0:User"],"userName":"mara@acme.example","active":true,"displayName":"Mara Quist",
				"name":{"formatted":"M. Quist","givenName":"Mara","familyName":"Quist"},"emails":"mara@acme.example","title":"Editor","locale":"en-US","phoneNumbers":["+1-202-555-0100"],
				` + enterprise + `:{"department":"News","employeeNumber":"701984","manager":["26118915"],"costCenter":"4130"}}`,
		},
		"enterprise names at the top": {body: `{"userName":"mara@acme.example","name":{"givenName":"Mara","familyName":"Quist"},"title":"Editor","locale":"en-US","phoneNumbers":[{"value":"+1-202-555-0100"}],
			"department":"News","costCenter":"4130","employeeNumber":"701984","manager":"26118915"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := mara()
			if tt.lacks != nil {
				tt.lacks(&want)
			}
			if diff := cmp.Diff(want, shown(t, sent(t, tt.body, tt.ops))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestUser_attributes goes through the attributes of the wire reference, section
// 11.3, one rule at a time.
func TestUser_attributes(t *testing.T) {
	t.Parallel()
	user := func(members string) string { return `{"userName":"mara@acme.example"` + members + `}` }
	for name, tt := range map[string]struct {
		body string
		want string // the attributes that differ from those of a bare user
	}{
		"nothing but a name":          {user(``), `{}`},
		"inactive":                    {user(`,"active":"False"`), `{"active":false}`},
		"display name first":          {user(`,"displayName":"MQ","name":{"formatted":"Mara Q.","givenName":"Mara"}`), `{"name":"MQ","given_name":"Mara"}`},
		"then the formatted name":     {user(`,"name":{"formatted":"Mara Q.","givenName":"Mara","familyName":"Quist"}`), `{"name":"Mara Q.","given_name":"Mara","family_name":"Quist"}`},
		"then its parts":              {user(`,"name":{"givenName":"Mara","familyName":"Quist"}`), `{"name":"Mara Quist","given_name":"Mara","family_name":"Quist"}`},
		"or one of them":              {user(`,"name":{"familyName":"Quist"}`), `{"name":"Quist","family_name":"Quist"}`},
		"texts":                       {user(`,"nickName":"M","userType":"Employee","profileUrl":"https://acme.example/m","preferredLanguage":"en","timezone":"Europe/Oslo","title":"R & D <x>"`), `{"nickname":"M","user_type":"Employee","profile":"https://acme.example/m","language":"en","zoneinfo":"Europe/Oslo","title":"R & D <x>"}`},
		"the enterprise":              {user(`,` + enterprise + `:{"division":"Press","organization":"Acme","manager":{"value":"7","displayName":"Ada","$ref":"../Users/7"}}`), `{"division":"Press","organization":"Acme","manager":{"id":"7","name":"Ada"}}`},
		"the primary address":         {user(`,"emails":[{"type":"work","value":"w@acme.example"},{"value":"p@acme.example","primary":"True"}]`), `{"email":"p@acme.example"}`},
		"then the one for work":       {user(`,"emails":[{"type":"home","value":"h@acme.example"},{"type":"Work","value":"w@acme.example"}]`), `{"email":"w@acme.example"}`},
		"then the first":              {user(`,"emails":[{"type":"home","value":"h@acme.example"},{"type":"other","value":"o@acme.example"}]`), `{"email":"h@acme.example"}`},
		"an empty one does not count": {user(`,"emails":[{"type":"work","value":"","primary":true},{"type":"other","value":"o@acme.example"}]`), `{"email":"o@acme.example"}`},
		"the primary phone":           {user(`,"phoneNumbers":[{"type":"work","value":"1"},{"type":"mobile","value":"2","primary":true}]`), `{"phone_number":"2"}`},
		"then for work":               {user(`,"phoneNumbers":[{"type":"mobile","value":"2"},{"type":"WORK","value":"1"}]`), `{"phone_number":"1"}`},
		"then the first phone":        {user(`,"phoneNumbers":[{"type":"mobile","value":"2"},{"type":"home","value":"1"}]`), `{"phone_number":"2"}`},
		"a picture":                   {user(`,"photos":[{"type":"thumbnail","value":"https://acme.example/t"},{"type":"photo","value":"https://acme.example/p"}]`), `{"picture":"https://acme.example/p"}`},
		"a postal address": {
			user(`,"addresses":[{"type":"home","country":"SE"},{"type":"work","formatted":"Main St 1\nOslo","streetAddress":"Main St 1","locality":"Oslo","region":"Viken","postalCode":"0001","country":"NO"}]`),
			`{"address":{"formatted":"Main St 1\nOslo","street_address":"Main St 1","locality":"Oslo","region":"Viken","state":"Viken","postal_code":"0001","country":"NO"}}`,
		},
		"one without an envelope": {
			user(`,"addresses":[{"type":"home","primary":true,"streetAddress":"Main St 1","locality":"Oslo","postalCode":"0001","country":"NO"},{"type":"work","country":"SE"}]`),
			`{"address":{"formatted":"Main St 1\nOslo 0001\nNO","street_address":"Main St 1","locality":"Oslo","postal_code":"0001","country":"NO"}}`,
		},
		"an address of unknown parts": {user(`,"addresses":[{"type":"home","planet":"Mars"}]`), `{}`},
		"other shapes":                {user(`,"x":{"y":1},"urn:acme:1.0:User":{"badge":"B-7"}`), `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := map[string]any{
				"preferred_username": "mara@acme.example", "email": "mara@acme.example", "active": true,
				"groups": []any{}, "roles": []any{}, "custom_attributes": map[string]any{},
			}
			var differs map[string]any
			if err := json.Unmarshal([]byte(tt.want), &differs); err != nil {
				t.Fatal(err)
			}
			for k, v := range differs {
				want[k] = v
			}
			b, err := json.Marshal(shown(t, sent(t, tt.body, "")))
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatal(err)
			}
			for _, k := range []string{"id", "organization_id", "version", "raw_attributes"} {
				delete(got, k)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", strings.TrimSpace(tt.body), diff)
			}
		})
	}
}
