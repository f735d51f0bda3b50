package scim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const (
	userSchema  = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`
	groupSchema = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]`
	both        = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User",` + enterprise + `]`
	core        = `urn:ietf:params:scim:schemas:core:2.0:User`
)

func found(cause lenience.Cause, path string) []lenience.Deviation {
	return []lenience.Deviation{{Cause: cause, Path: path}}
}

// One row for each way in which a body deviates: a lenient directory understands
// and reports it, a strict one refuses it with the reason of RFC 7644 section
// 3.12.
func TestParse_deviations(t *testing.T) {
	t.Parallel()
	const ent = schema.EnterpriseURN
	found := func(cause lenience.Cause, path string) []lenience.Deviation {
		return []lenience.Deviation{{Cause: cause, Path: path}}
	}
	tests := []struct {
		name, body string
		want       []lenience.Deviation // none: both understand it
		reason     fault.Reason
	}{
		{name: "as the RFC has it", body: `{` + userSchema + `,"userName":"jane","name":{"givenName":"J"},"emails":[{"value":"a@b.example","primary":true}],"active":true}`},
		{name: "names in other cases", body: `{"SCHEMAS":["URN:ietf:params:scim:schemas:core:2.0:user"],"USERNAME":"jane","Emails":[{"VALUE":"a@b.example"}]}`},
		{name: "null and empty lists", body: `{` + userSchema + `,"userName":"jane","title":null,"emails":[],"name":{"givenName":null}}`},
		{name: "what the server owns", body: `{` + userSchema + `,"userName":"jane","id":"1","meta":{"version":"x"},"groups":[{"value":"g"}],"password":"s3cret"}`},
		{name: "an extension that is listed", body: `{` + both + `,"userName":"jane",` + enterprise + `:{"department":"D","manager":{"value":"1"}}}`},
		{name: "equal values", body: `{` + userSchema + `,"userName":"jane","emails":[{"value":"a@b.example","type":"work"},{"value":"A@B.example","type":"work"}]}`},
		{name: "a type of one's own", body: `{` + userSchema + `,"userName":"jane","emails":[{"value":"a@b.example","type":"car"}]}`},

		{"byte order mark", "\xEF\xBB\xBF{" + userSchema + `,"userName":"jane"}`, found(lenience.ByteOrderMark, ""), fault.InvalidSyntax},
		{"no schemas", `{"userName":"jane"}`, found(lenience.MissingSchemas, ""), fault.InvalidSyntax},
		{"empty schemas", `{"schemas":[],"userName":"jane"}`, found(lenience.MissingSchemas, ""), fault.InvalidSyntax},
		{"schemas as a text", `{"schemas":"` + core + `","userName":"jane"}`, found(lenience.WrongSchemas, "schemas"), fault.InvalidSyntax},
		{"schemas with a number", `{"schemas":["` + core + `",7],"userName":"jane"}`, found(lenience.WrongSchemas, "schemas"), fault.InvalidSyntax},
		{"schemas without the core", `{"schemas":[` + enterprise + `],"userName":"jane"}`, found(lenience.WrongSchemas, "schemas"), fault.InvalidSyntax},
		{"the schemas of SCIM 1.1", `{"schemas":["urn:scim:schemas:core:1.0"],"userName":"jane"}`, append(found(lenience.WrongSchemas, "schemas"), found(lenience.UnknownSchema, "schemas")...), fault.InvalidSyntax},
		{"a schema twice", `{"schemas":["` + core + `","` + core + `"],"userName":"jane"}`, found(lenience.RepeatedSchema, "schemas"), fault.InvalidSyntax},
		{"a schema of another kind", `{"schemas":["` + core + `","` + schema.GroupURN + `"],"userName":"jane"}`, found(lenience.UnknownSchema, "schemas"), fault.InvalidSyntax},
		{"an extension that is not listed", `{` + userSchema + `,"userName":"jane",` + enterprise + `:{"department":"D"}}`, found(lenience.UnlistedExtension, ent), fault.InvalidSyntax},

		{"a name twice", `{` + userSchema + `,"userName":"jane","USERNAME":"jane"}`, found(lenience.RepeatedName, "userName"), fault.InvalidSyntax},
		{"a name twice, neither as it should be", `{` + userSchema + `,"username":"jane","USERNAME":"jane"}`, found(lenience.RepeatedName, "userName"), fault.InvalidSyntax},
		{"a part twice", `{` + userSchema + `,"userName":"jane","name":{"givenName":"J","GivenName":"J"}}`, found(lenience.RepeatedName, "name.givenName"), fault.InvalidSyntax},
		{"an unknown name", `{` + userSchema + `,"userName":"jane","shoes":7}`, found(lenience.UnknownAttribute, "shoes"), fault.InvalidSyntax},
		{"an unknown part", `{` + userSchema + `,"userName":"jane","name":{"nick":"J"}}`, found(lenience.UnknownAttribute, "name.nick"), fault.InvalidSyntax},
		{"an unknown name in an extension", `{` + both + `,"userName":"jane",` + enterprise + `:{"shoes":7}}`, found(lenience.UnknownAttribute, ent+":shoes"), fault.InvalidSyntax},
		{"an unknown extension", `{"schemas":["` + core + `","urn:x:y:1.0:z"],"userName":"jane","urn:x:y:1.0:z":{"a":1}}`, found(lenience.UnknownExtension, "urn:x:y:1.0:z"), fault.InvalidSyntax},
		{"a URN without its last colon", `{` + both + `,"userName":"jane","urn:ietf:params:scim:schemas:extension:enterprise:2.0User":{"department":"D"}}`, found(lenience.MalformedURN, ent), fault.InvalidSyntax},
		{"a dotted name", `{` + userSchema + `,"userName":"jane","name.givenName":"J"}`, found(lenience.DottedName, "name.givenName"), fault.InvalidSyntax},
		{"a qualified name", `{` + both + `,"userName":"jane","` + ent + `:department":"D"}`, found(lenience.QualifiedName, ent+":department"), fault.InvalidSyntax},
		{"the core under its URN", `{` + userSchema + `,"` + core + `":{"userName":"jane"}}`, found(lenience.QualifiedName, core), fault.InvalidSyntax},
		{"an extension's name at the top", `{` + both + `,"userName":"jane","department":"D"}`, found(lenience.UnqualifiedExtension, ent+":department"), fault.InvalidSyntax},
		{"a name of SCIM 1.1", `{` + both + `,"userName":"jane",` + enterprise + `:{"manager":{"managerId":"1"}}}`, found(lenience.LegacyName, ent+":manager.managerId"), fault.InvalidSyntax},

		{"a boolean as text", `{` + userSchema + `,"userName":"jane","active":"True"}`, found(lenience.StringBoolean, "active"), fault.InvalidValue},
		{"a boolean part as text", `{` + userSchema + `,"userName":"jane","emails":[{"value":"a@b.example","primary":"true"}]}`, found(lenience.StringBoolean, "emails.primary"), fault.InvalidValue},
		{"a text for a manager", `{` + both + `,"userName":"jane",` + enterprise + `:{"manager":"1"}}`, found(lenience.StringComplex, ent+":manager"), fault.InvalidValue},
		{"a list for a manager", `{` + both + `,"userName":"jane",` + enterprise + `:{"manager":[{"value":"1"}]}}`, found(lenience.ListForSingle, ent+":manager"), fault.InvalidValue},
		{"texts for e-mails", `{` + userSchema + `,"userName":"jane","emails":["a@b.example"]}`, found(lenience.StringComplex, "emails"), fault.InvalidValue},
		{"one e-mail", `{` + userSchema + `,"userName":"jane","emails":{"value":"a@b.example"}}`, found(lenience.SingleForList, "emails"), fault.InvalidValue},
		{"an empty text", `{` + userSchema + `,"userName":"jane","title":""}`, found(lenience.EmptyString, "title"), fault.InvalidValue},
		{"an empty text for an extension", `{` + userSchema + `,"userName":"jane",` + enterprise + `:""}`, found(lenience.EmptyString, ent), fault.InvalidValue},
		{"a value that is none", `{` + userSchema + `,"userName":"jane","emails":[{"type":"work"}]}`, found(lenience.HollowValue, "emails"), fault.InvalidValue},
		{"a page that is no URI", `{` + userSchema + `,"userName":"jane","profileUrl":"my page"}`, found(lenience.MalformedReference, "profileUrl"), fault.InvalidValue},
		{"a certificate in lines", `{` + userSchema + `,"userName":"jane","x509Certificates":[{"value":"QUJD\nQUJD"}]}`, found(lenience.BinaryForm, "x509Certificates.value"), fault.InvalidValue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lenient, strict := &lenience.Reading{}, &lenience.Reading{Strict: true}
			if _, err := scim.ParseUser(lenient, schema.User, []byte(tt.body)); err != nil {
				t.Fatalf("a lenient directory refuses it: %v", err)
			}
			if diff := cmp.Diff(tt.want, lenient.Deviations()); diff != "" {
				t.Errorf("deviations (-want +got):\n%s", diff)
			}
			_, err := scim.ParseUser(strict, schema.User, []byte(tt.body))
			if f := fault.Of(err); (err != nil) != (tt.reason != "") || err != nil && (f.Kind != fault.Invalid || f.Reason != tt.reason) {
				t.Errorf("a strict directory answers %v; want the reason %q", err, tt.reason)
			} else if err != nil && f.Name != string(tt.want[0].Cause) {
				t.Errorf("a strict directory refuses it as %s; want %v", f.Name, tt.want[0])
			}
		})
	}
}

func TestParseGroup_deviations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		members string
		want    []lenience.Deviation
		ids     []string
	}{
		{`[{"value":"a","display":"A","$ref":"../Users/a","type":"User"},{"value":"b","$ref":null},{"value":"a"}]`, nil, []string{"a", "b"}},
		{`[{"VALUE":"a"}]`, nil, []string{"a"}},
		{`["a"]`, found(lenience.StringComplex, "members"), []string{"a"}},
		{`{"value":"a"}`, found(lenience.SingleForList, "members"), []string{"a"}},
		{`[{},{"value":"a"}]`, found(lenience.HollowValue, "members"), []string{"a"}},
		{`[{"value":"a","colour":"red"}]`, found(lenience.UnknownAttribute, "members.colour"), []string{"a"}},
		{`[{"value":"a","Value":"b"}]`, found(lenience.RepeatedName, "members.value"), []string{"a"}},
	} {
		body := []byte(`{` + groupSchema + `,"displayName":"G","members":` + tt.members + `}`)
		lenient, strict := &lenience.Reading{}, &lenience.Reading{Strict: true}
		_, ids, err := scim.ParseGroup(lenient, schema.Group, body)
		if err != nil {
			t.Errorf("%s: %v", tt.members, err)
		}
		if diff := cmp.Diff(tt.ids, ids); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.members, diff)
		}
		if diff := cmp.Diff(tt.want, lenient.Deviations()); diff != "" {
			t.Errorf("%s: deviations (-want +got):\n%s", tt.members, diff)
		}
		if _, _, err := scim.ParseGroup(strict, schema.Group, body); (err != nil) != (tt.want != nil) {
			t.Errorf("%s: a strict directory answers %v", tt.members, err)
		}
	}
}

// What an extension requires is required where the extension is, and what is
// written only is dropped.
func TestParseUser_extension(t *testing.T) {
	t.Parallel()
	s, err := schema.Parse([]byte(`{"id":"urn:acme:scim:1.0:User","name":"Acme","attributes":[{"name":"badge","type":"integer","required":true},{"name":"pin","mutability":"writeOnly","returned":"never"},
		{"name":"shown","mutability":"readOnly"},{"name":"members","multiValued":true},{"name":"cards","type":"complex","multiValued":true,"subAttributes":[{"name":"no","required":true},{"name":"colour"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	kind, err := schema.User.With(s)
	if err != nil {
		t.Fatal(err)
	}
	const head = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:acme:scim:1.0:User"],"userName":"jane"`
	for body, want := range map[string]string{
		head + `}`: `{"userName":"jane"}`,
		head + `,"urn:acme:scim:1.0:User":{"BADGE":7,"pin":"1234","shown":"x","members":["a"]}}`:            `{"urn:acme:scim:1.0:User":{"badge":7,"members":["a"]},"userName":"jane"}`,
		head + `,"URN:ACME:scim:1.0:user":{"badge":7,"cards":[{"no":"1"}]}}`:                                `{"urn:acme:scim:1.0:User":{"badge":7,"cards":[{"no":"1"}]},"userName":"jane"}`,
		head + `,"urn:acme:scim:1.0:User":{"pin":"1234"}}`:                                                  `{"userName":"jane"}`,
		head + `,"urn:acme:scim:1.0:User":{"members":["a"]}}`:                                               "",
		head + `,"urn:acme:scim:1.0:User":{"badge":"seven"}}`:                                               "",
		head + `,"urn:acme:scim:1.0:User":{"badge":7,"cards":[{"no":"1"},{"colour":"red"}]}}`:               "",
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jane","title":7}`:            "",
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jane","emails":{"value":7}}`: "",
	} {
		for _, strict := range []bool{false, true} {
			r, err := scim.ParseUser(&lenience.Reading{Strict: strict}, kind, []byte(body))
			if want == "" {
				if fault.Of(err).Reason != fault.InvalidValue {
					t.Errorf("%s, strict %v: %v; want an invalid value", body, strict, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s, strict %v: %v", body, strict, err)
				continue
			}
			if diff := cmp.Diff(want, canonical(t, r)); diff != "" {
				t.Errorf("%s, strict %v (-want +got):\n%s", body, strict, diff)
			}
		}
	}
}
