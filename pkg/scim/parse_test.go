package scim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const enterprise = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`

func canonical(t testing.TB, r scim.Resource) string {
	t.Helper()
	b, err := scim.Canonical(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestParseUser(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body, want string
		reason           fault.Reason
	}{
		{name: "Okta", body: oktaUser, want: `{"active":true,"displayName":"Jane Doe","emails":[{"primary":true,"type":"work","value":"jane@acme.example"}],"externalId":"00u1","locale":"en-US",` +
			`"name":{"familyName":"Doe","givenName":"Jane"},"urn:okta:acme_1:1.0:user:custom":{"badge":7},"userName":"jane@acme.example"}`},
		{name: "Entra", body: entraUser, want: `{"active":false,"addresses":[{"country":"DE","formatted":"1 Way","type":"other"}],"emails":[{"type":"work","value":"jane@acme.example"}],"externalId":"jane",` +
			enterprise + `:{"department":"R&D","manager":{"value":"42"}},"userName":"jane@acme.example"}`},
		{
			name: "OneLogin", body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":null,"userName":"jane","active":"true","title":"",` + enterprise + `:{"manager":{"managerId":"9"}}}`,
			want: `{"active":true,` + enterprise + `:{"manager":{"value":"9"}},"userName":"jane"}`,
		},
		{
			name: "JumpCloud", body: `{"userName":"jane","name":{"givenName":"","familyName":""},"emails":[{"value":"jane@acme.example","type":"work","primary":true}],` +
				`"phoneNumbers":[{"type":"work","value":""},{"type":"mobile","value":"+1"}],"addresses":[],"title":"",` + enterprise + `:{"department":"","employeeNumber":""}}`,
			want: `{"emails":[{"primary":true,"type":"work","value":"jane@acme.example"}],"phoneNumbers":[{"type":"mobile","value":"+1"}],"userName":"jane"}`,
		},

		{
			name: "names in any case", body: `{"USERNAME":"jane","Name":{"GivenName":"J"},"Emails":[{"Value":"a@b.example","Primary":"TRUE"}],"URN:IETF:params:scim:schemas:extension:enterprise:2.0:USER":{"Department":"D"}}`,
			want: `{"emails":[{"primary":true,"value":"a@b.example"}],"name":{"givenName":"J"},` + enterprise + `:{"department":"D"},"userName":"jane"}`,
		},
		{name: "misspelled URN", body: `{"userName":"jane","urn:ietf:params:scim:schemas:extension:enterprise:2.0User":{"department":"D"}}`, want: `{` + enterprise + `:{"department":"D"},"userName":"jane"}`},
		{name: "enterprise names at the top", body: `{"userName":"jane","department":"D","manager":["7"]}`, want: `{` + enterprise + `:{"department":"D","manager":{"value":"7"}},"userName":"jane"}`},
		{
			name: "qualified and dotted names", body: `{"urn:ietf:params:scim:schemas:core:2.0:User:userName":"jane","name.givenName":"J","name.familyName":"D",` + enterprise[:len(enterprise)-1] + `:department":"D"}`,
			want: `{"name":{"familyName":"D","givenName":"J"},` + enterprise + `:{"department":"D"},"userName":"jane"}`,
		},
		{name: "core block", body: `{"urn:ietf:params:scim:schemas:core:2.0:User":{"userName":"jane"}}`, want: `{"userName":"jane"}`},
		{name: "bare values", body: `{"userName":"jane","emails":"a@b.example","roles":["x","y"]}`, want: `{"emails":[{"value":"a@b.example"}],"roles":[{"value":"x"},{"value":"y"}],"userName":"jane"}`},
		{name: "the server's own", body: `{"userName":"jane","ID":"x","Meta":{"version":"1"},"groups":[{"value":"g"}],"schemas":7,"members":[]}`, want: `{"userName":"jane"}`},
		{name: "passwords", body: `{"userName":"jane","PassWord":"s3cret","urn:x:y:1.0:z":{"password":"s3cret","a":{"PASSWORD":"s3cret"}},"name":{"password":"s3cret"},"urn:ietf:params:scim:schemas:core:2.0:User:password":"s3cret"}`, want: `{"userName":"jane"}`},
		{name: "nothing is absent", body: `{"userName":"jane","x":[null,"",[],{}],"y":{"a":{"b":null}},"urn:a:b:1.0:c":{},"name":{"x":[]},"emails":[null,{}],` + enterprise + `:""}`, want: `{"userName":"jane"}`},
		{
			name: "unknown data is kept", body: `{"userName":"jane","name.a:b":1,"emails.value":"v","title.x":1,"x":[1.50,"<&>",{"B":1,"b":[true,null]}],"name":{"nick":"J"},"urn:":{"a":1},"urn:x":1}`,
			want: `{"emails.value":"v","name":{"nick":"J"},"name.a:b":1,"title.x":1,"urn:":{"a":1},"urn:x":1,"userName":"jane","x":[1.50,"<&>",{"B":1,"b":[true]}]}`,
		},
		{name: "twice", body: `{"userName":"a","userName":"b"}`, want: `{"userName":"b"}`},
		{name: "twice in two cases", body: `{"userName":"a","USERNAME":"b"}`, want: `{"userName":"a"}`},
		{name: "byte order mark", body: "\xEF\xBB\xBF{\"userName\":\"jane\"}", want: `{"userName":"jane"}`},

		{name: "no userName", body: `{"active":true}`, reason: fault.InvalidValue},
		{name: "empty userName", body: `{"userName":" "}`, reason: fault.InvalidValue},
		{name: "userName is a number", body: `{"userName":7}`, reason: fault.InvalidValue},
		{name: "active is a word", body: `{"userName":"jane","active":"yes"}`, reason: fault.InvalidValue},
		{name: "name is a text", body: `{"userName":"jane","name":"Jane"}`, reason: fault.InvalidValue},
		{name: "an e-mail is a number", body: `{"userName":"jane","emails":[7]}`, reason: fault.InvalidValue},
		{name: "two managers", body: `{"userName":"jane",` + enterprise + `:{"manager":["1","2"]}}`, reason: fault.InvalidValue},
		{name: "extension is a text", body: `{"userName":"jane",` + enterprise + `:"x"}`, reason: fault.InvalidValue},
		{name: "two primaries", body: `{"userName":"jane","emails":[{"value":"a","primary":true},{"value":"b","primary":"true"}]}`, reason: fault.InvalidValue},
		{name: "too many values", body: `{"userName":"jane","emails":[` + strings.Repeat(`"a",`, 1000) + `"a"]}`, reason: fault.InvalidValue},
		{name: "empty", body: ``, reason: fault.InvalidSyntax},
		{name: "null", body: `null`, reason: fault.InvalidSyntax},
		{name: "a list", body: `[{"userName":"jane"}]`, reason: fault.InvalidSyntax},
		{name: "cut off", body: `{"userName":"jane"`, reason: fault.InvalidSyntax},
		{name: "more behind it", body: `{"userName":"jane"}}`, reason: fault.InvalidSyntax},
		{name: "too deep", body: `{"userName":"jane","x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, reason: fault.InvalidSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := scim.ParseUser(nil, schema.User, []byte(tt.body))
			if tt.reason != "" {
				if f := fault.Of(err); err == nil || f.Kind != fault.Invalid || f.Reason != tt.reason {
					t.Fatalf("%v, %v; want the reason %s", r, err, tt.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, canonical(t, r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Errors go into logs and answers: they quote nothing of a body.
func TestParseUser_errorsKeepSecrets(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"password":"s3cret"`, `{"userName":"jane","active":"s3cret"}`, `{"userName":"x","name":"s3cret"}`, `"s3cret"`, `{"password": s3cret}`} {
		if _, err := scim.ParseUser(nil, schema.User, []byte(body)); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestParseGroup(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body, want string
		members          []string
		reason           fault.Reason
	}{
		{name: "Okta", body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"G","members":[]}`, want: `{"displayName":"G"}`, members: []string{}},
		{name: "Entra", body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"e","displayName":"G","meta":{"resourceType":"Group"}}`, want: `{"displayName":"G","externalId":"e"}`},
		{name: "members", body: `{"DisplayName":"G","Members":[{"value":"b","display":"B"},"a",{"VALUE":"b"},{},null,{"value":null}]}`, want: `{"displayName":"G"}`, members: []string{"b", "a"}},
		{name: "one member", body: `{"displayName":"G","urn:ietf:params:scim:schemas:core:2.0:Group:members":{"value":"a"}}`, want: `{"displayName":"G"}`, members: []string{"a"}},
		{name: "null members", body: `{"displayName":"G","members":null}`, want: `{"displayName":"G"}`},
		{name: "more members than values are allowed elsewhere", body: `{"displayName":"G","members":[` + strings.Repeat(`"a",`, 1500) + `"b"]}`, want: `{"displayName":"G"}`, members: []string{"a", "b"}},
		{name: "no name", body: `{"members":[]}`, reason: fault.InvalidValue},
		{name: "empty name", body: `{"displayName":""}`, reason: fault.InvalidValue},
		{name: "a number", body: `{"displayName":"G","members":[7]}`, reason: fault.InvalidValue},
		{name: "a numeric value", body: `{"displayName":"G","members":[{"value":7}]}`, reason: fault.InvalidValue},
		{name: "cut off", body: `{"displayName":"G","members":[`, reason: fault.InvalidSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, members, err := scim.ParseGroup(nil, schema.Group, []byte(tt.body))
			if tt.reason != "" {
				if f := fault.Of(err); err == nil || f.Kind != fault.Invalid || f.Reason != tt.reason {
					t.Fatalf("%v, %v; want the reason %s", r, err, tt.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, canonical(t, r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.members, members); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCanonical_isBounded(t *testing.T) {
	t.Parallel()
	_, err := scim.Canonical(scim.Resource{"x": strings.Repeat("x", scim.MaxResource)})
	if fault.KindOf(err) != fault.TooLarge {
		t.Errorf("%v, want it too large", err)
	}
}

func FuzzParseUser(f *testing.F) {
	for _, s := range []string{
		oktaUser, entraUser, `{"userName":"jane","x":[1.5e3,"\ud800<&>\u2028",{"b":[true,null]}],"urn:":{"a":1},"urn:a:b":{"password":"p"},"a.b":1,"name.x":2,"emails.value":"v"}`,
		`{"userName":"jane","urn:ietf:params:scim:schemas:core:2.0:User":{"name.givenName":"x","urn:x:y":1},` + enterprise + `:{"id":1,"x.y":{"z":[]},"department":["d"]}}`,
		`{"userName":"a","USERNAME":"b","emails":[{"type":"x"},{"VALUE":"y","value":"z"}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := scim.ParseUser(nil, schema.User, body)
		if err != nil {
			if f := fault.Of(err); f.Kind != fault.Invalid || f.Reason != fault.InvalidSyntax && f.Reason != fault.InvalidValue {
				t.Fatalf("%v has kind %v and reason %q", err, f.Kind, f.Reason)
			}
			return
		}
		text := canonical(t, r)
		again, err := scim.ParseUser(nil, schema.User, []byte(text))
		if err != nil {
			t.Fatalf("%s cannot be read again: %v", text, err)
		}
		if got := canonical(t, again); got != text {
			t.Fatalf("%s reads as %s", text, got)
		}
		twice, err := scim.ParseUser(nil, schema.User, body)
		if err != nil || canonical(t, twice) != text {
			t.Fatalf("read again it is %s, %v", canonical(t, twice), err)
		}
		for _, name := range []string{"schemas", "id", "meta", "groups", "password"} {
			if r[name] != nil {
				t.Fatalf("%s holds %s", text, name)
			}
		}
		if scim.Keys(r).UserName == "" {
			t.Fatalf("%s has no userName", text)
		}
	})
}

func TestFold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		alphabet := rapid.OneOf(rapid.SampledFrom([]rune("aAzZ@kKKsSſıIiİßẞσςΣǅǆǄÅåÅ.-_")), rapid.Rune())
		a, b := rapid.StringOfN(alphabet, 0, 3, -1).Draw(rt, "a"), rapid.StringOfN(alphabet, 0, 3, -1).Draw(rt, "b")
		if got, want := scim.Fold(a) == scim.Fold(b), strings.EqualFold(a, b); got != want {
			rt.Fatalf("Fold(%q) = %q, Fold(%q) = %q; EqualFold says %v", a, scim.Fold(a), b, scim.Fold(b), want)
		}
		if f := scim.Fold(a); scim.Fold(f) != f || scim.Fold(strings.ToUpper(f)) == "" && f != "" {
			rt.Fatalf("Fold(%q) = %q, which folds again", a, f)
		}
	})
	if got := scim.Fold("Jane@ACME.example"); got != "jane@acme.example" {
		t.Errorf("got %s", got)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	email := func(fields string) string { return fmt.Sprintf(`{"userName":"jane","emails":[%s]}`, fields) }
	tests := []struct {
		name, attributes string
		want             scim.Names
	}{
		{
			"all", `{"userName":"jane","externalId":"x","displayName":"Jane","active":false,"emails":[{"value":"a@b.example"},{"value":"c@d.example","primary":true}]}`,
			scim.Names{UserName: "jane", ExternalID: "x", DisplayName: "Jane", Emails: []string{"a@b.example", "c@d.example"}, Address: "c@d.example"},
		},
		{"active unless it says otherwise", `{"userName":"jane"}`, scim.Names{UserName: "jane", Active: true}},
		{"first of type work", email(`{"value":"a"},{"type":"Work","value":"b"},{"type":"work","value":"c"}`), scim.Names{UserName: "jane", Active: true, Emails: []string{"a", "b", "c"}, Address: "b"}},
		{"first", email(`{"display":"x"},{"type":"home","value":"a"},{"value":"b"}`), scim.Names{UserName: "jane", Active: true, Emails: []string{"a", "b"}, Address: "a"}},
		{"userName", `{"userName":"jane@acme.example"}`, scim.Names{UserName: "jane@acme.example", Active: true, Address: "jane@acme.example"}},
		{"no address", `{"userName":"@acme.example"}`, scim.Names{UserName: "@acme.example", Active: true}},
		{"two ats", `{"userName":"a@b@acme.example"}`, scim.Names{UserName: "a@b@acme.example", Active: true}},
		{"strange types", `{"userName":7,"emails":"x","active":"x"}`, scim.Names{Active: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := scim.Decode([]byte(tt.attributes))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, scim.Keys(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func BenchmarkParseUser(b *testing.B) {
	body := []byte(oktaUser)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := scim.ParseUser(nil, schema.User, body)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := scim.Canonical(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPlainJSON is what ParseUser and Canonical are measured against.
func BenchmarkPlainJSON(b *testing.B) {
	body := []byte(oktaUser)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var m map[string]any
		if err := json.Unmarshal(body, &m); err != nil {
			b.Fatal(err)
		}
		if _, err := json.Marshal(m); err != nil {
			b.Fatal(err)
		}
	}
}
