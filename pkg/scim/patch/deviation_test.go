package patch_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const ent = schema.EnterpriseURN

func found(cause lenience.Cause, path string) []lenience.Deviation {
	return []lenience.Deviation{{Cause: cause, Path: path}}
}

// read parses a PATCH of jane and applies it, all with one Reading.
func read(t *testing.T, rd *lenience.Reading, body string) (scim.Resource, error) {
	t.Helper()
	r, err := scim.Decode([]byte(jane))
	if err != nil {
		t.Fatal(err)
	}
	req, err := patch.Parse(rd, patch.User, []byte(body))
	if err != nil {
		return nil, err
	}
	return patch.Apply(rd, patch.User, patch.Target{
		ID: userID, Created: time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC), Attributes: r,
		Groups: func() (direct, indirect []string, err error) { return []string{"g1", "g2"}, []string{"g3"}, nil },
	}, req.Operations)
}

// One row for each way in which a PATCH deviates: a lenient directory understands
// and reports it, a strict one refuses it with the reason of RFC 7644 section
// 3.12.
func TestDeviations(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, operations string
		want             []lenience.Deviation // none: both understand it
		reason           fault.Reason
	}{
		{name: "as the RFC has it", operations: `{"op":"replace","path":"emails[type eq \"work\" and value co \"@\"].value","value":"a@b.example"},{"op":"add","value":{"nickName":"J","` + ent + `":{"department":"D"}}}`},
		{name: "names in other cases", operations: `{"OP":"add","PATH":"NAME.givenname","Value":"J"},{"op":"add","path":"emails[TYPE EQ \"home\"].VALUE","value":"a@b.example"},{"op":"remove","path":"URN:ietf:params:scim:schemas:extension:enterprise:2.0:USER:department"}`},
		{name: "null and an empty list", operations: `{"op":"replace","path":"displayName","value":null},{"op":"replace","path":"emails","value":[]}`},
		{name: "one value is added", operations: `{"op":"add","path":"emails","value":{"value":"a@b.example"}}`},
		{name: "a password", operations: `{"op":"replace","path":"password","value":"s3cret"},{"op":"add","value":{"password":"s3cret"}}`},
		{name: "remove what is not there", operations: `{"op":"remove","path":"emails[type eq \"x\"]"},{"op":"remove","path":"nickName"}`},

		{"op in capitals", `{"op":"Replace","path":"title","value":"Dr"}`, found(lenience.OperationCase, "op"), fault.InvalidSyntax},
		{"an empty path", `{"op":"replace","path":"","value":{"title":"Dr"}}`, found(lenience.EmptyPath, "path"), fault.InvalidPath},
		{"no value", `{"op":"add","path":"title"}`, found(lenience.MissingValue, "title"), fault.InvalidValue},
		{"an unknown path", `{"op":"add","path":"shoes","value":1}`, found(lenience.UnknownPath, "shoes"), fault.InvalidPath},
		{"an unknown part", `{"op":"add","path":"emails[type eq \"work\"].colour","value":"red"}`, found(lenience.UnknownPath, "emails.colour"), fault.InvalidPath},
		{"an unknown URN", `{"op":"add","path":"urn:x:y:1.0:z:a","value":1}`, found(lenience.UnknownPath, "urn:x:y:1.0:z:a"), fault.InvalidPath},
		{"an unknown name", `{"op":"add","value":{"shoes":1}}`, found(lenience.UnknownPath, "shoes"), fault.InvalidPath},
		{"a name that is no path", `{"op":"add","value":{"my shoes":1}}`, found(lenience.UnknownPath, "my shoes"), fault.InvalidPath},
		{"a path without its last colon", `{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department","value":"D"}`, found(lenience.MalformedPathURN, ent), fault.InvalidPath},
		{"an extension's name alone", `{"op":"add","path":"department","value":"D"}`, found(lenience.UnqualifiedPath, ent+":department"), fault.InvalidPath},
		{"a literal without quotes", `{"op":"replace","path":"emails[type eq work].value","value":"a@b.example"}`, found(lenience.UnquotedLiteral, "type"), fault.InvalidPath},
		{"True in a filter", `{"op":"replace","path":"emails[primary eq True].value","value":"a@b.example"}`, found(lenience.UnquotedLiteral, "primary"), fault.InvalidPath},
		{"a boolean as text in a filter", `{"op":"replace","path":"emails[primary eq \"True\"].value","value":"a@b.example"}`, found(lenience.LiteralType, "emails.primary"), fault.InvalidPath},
		{"a filter without match", `{"op":"replace","path":"phoneNumbers[type eq \"mobile\"].value","value":"+1"}`, found(lenience.CreatedByFilter, "phoneNumbers"), fault.NoTarget},
		{"values to remove", `{"op":"remove","path":"emails","value":[{"value":"j@home.example"}]}`, found(lenience.RemoveWithValue, "emails"), fault.InvalidValue},
		{"a value to remove", `{"op":"remove","path":"displayName","value":"Jane"}`, found(lenience.RemoveWithValue, "displayName"), fault.InvalidValue},
		{"active taken away", `{"op":"remove","path":"active"}`, found(lenience.KeptActive, "active"), fault.InvalidValue},

		{"dotted names", `{"op":"replace","value":{"name.givenName":"J"}}`, found(lenience.DottedName, "name.givenName"), fault.InvalidSyntax},
		{"a filter as a name", `{"op":"replace","value":{"emails[type eq \"work\"].value":"a@b.example"}}`, found(lenience.DottedName, "emails.value"), fault.InvalidSyntax},
		{"qualified names", `{"op":"replace","value":{"` + ent + `:department":"D"}}`, found(lenience.QualifiedName, ent+":department"), fault.InvalidSyntax},
		{"the core under its URN", `{"op":"replace","value":{"` + schema.UserURN + `":{"title":"Dr"}}}`, found(lenience.QualifiedName, schema.UserURN), fault.InvalidSyntax},
		{"a boolean as text", `{"op":"add","path":"active","value":"False"}`, found(lenience.StringBoolean, "active"), fault.InvalidValue},
		{"a text for a manager", `{"op":"add","path":"` + ent + `:manager","value":"7"}`, found(lenience.StringComplex, ent+":manager"), fault.InvalidValue},
		{"a list for a manager", `{"op":"add","path":"` + ent + `:manager","value":[{"value":"7"}]}`, found(lenience.ListForSingle, ent+":manager"), fault.InvalidValue},
		{"a text for an e-mail", `{"op":"add","path":"emails","value":["a@b.example"]}`, found(lenience.StringComplex, "emails"), fault.InvalidValue},
		{"one value for all", `{"op":"replace","path":"emails","value":{"value":"a@b.example"}}`, found(lenience.SingleForList, "emails"), fault.InvalidValue},
		{"a list for the chosen", `{"op":"replace","path":"emails[type eq \"work\"]","value":[{"value":"a@b.example"}]}`, found(lenience.ListForSingle, "emails"), fault.InvalidValue},
		{"an empty text", `{"op":"replace","path":"title","value":""}`, found(lenience.EmptyString, "title"), fault.InvalidValue},
		{"a value that is none", `{"op":"add","path":"emails","value":[{"type":"work"}]}`, found(lenience.HollowValue, "emails"), fault.InvalidValue},

		{"its own id", `{"op":"replace","value":{"id":"` + userID + `"}}`, found(lenience.ReadOnlyEcho, "id"), fault.Mutability},
		{"no id", `{"op":"replace","value":{"id":null}}`, found(lenience.ReadOnlyEcho, "id"), fault.Mutability},
		{"its own id by path", `{"op":"replace","path":"id","value":"` + userID + `"}`, found(lenience.ReadOnlyEcho, "id"), fault.Mutability},
		{"schemas", `{"op":"replace","value":{"schemas":["` + schema.UserURN + `"]}}`, found(lenience.ReadOnlyEcho, "schemas"), fault.Mutability},
		{"a schema that is added", `{"op":"add","path":"schemas","value":["` + ent + `"]}`, found(lenience.ReadOnlyEcho, "schemas"), fault.Mutability},
		{"meta as it was read", `{"op":"replace","value":{"meta":{"resourceType":"User","created":"2026-01-02T03:04:05.006Z","lastModified":"2026-01-02T04:00:00Z","version":"W/\"1\"","location":"https://x/v2/Users/` + userID + `"}}}`, found(lenience.ReadOnlyEcho, "meta"), fault.Mutability},
		{"a part of meta", `{"op":"replace","path":"meta.resourceType","value":"User"}`, found(lenience.ReadOnlyEcho, "meta.resourceType"), fault.Mutability},
		{"groups as they are", `{"op":"replace","value":{"groups":[{"value":"g2"},{"value":"g1","display":"G"}]}}`, found(lenience.ReadOnlyEcho, "groups"), fault.Mutability},
		{"groups with those by way of others", `{"op":"add","path":"groups","value":[{"value":"g1"},{"value":"g2"},{"value":"g3"}]}`, found(lenience.ReadOnlyEcho, "groups"), fault.Mutability},
		{"groups left out of a template", `{"op":"replace","value":{"groups":[]}}`, found(lenience.ReadOnlyEcho, "groups"), fault.Mutability},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := fmt.Sprintf(patchOp, tt.operations)
			lenient, strict := &lenience.Reading{}, &lenience.Reading{Strict: true}
			if _, err := read(t, lenient, body); err != nil {
				t.Fatalf("a lenient directory refuses it: %v", err)
			}
			if diff := cmp.Diff(tt.want, lenient.Deviations()); diff != "" {
				t.Errorf("deviations (-want +got):\n%s", diff)
			}
			_, err := read(t, strict, body)
			if f := fault.Of(err); (err != nil) != (tt.reason != "") || err != nil && (f.Kind != fault.Invalid || f.Reason != tt.reason) {
				t.Errorf("a strict directory answers %v; want the reason %q", err, tt.reason)
			} else if err != nil && (f.Name != string(tt.want[0].Cause) || f.Subject != tt.want[0].Path) {
				t.Errorf("a strict directory refuses it as %s of %q; want %v", f.Name, f.Subject, tt.want[0])
			}
		})
	}
}

func TestDeviations_message(t *testing.T) {
	t.Parallel()
	const op = `"Operations":[{"op":"add","path":"title","value":"Dr"}]`
	for body, want := range map[string][]lenience.Deviation{
		`{"schemas":["` + scim.PatchOpURN + `"],` + op + `}`:                                                                    nil,
		`{"SCHEMAS":["URN:ietf:params:scim:api:messages:2.0:patchop"],"operations":[{"op":"add","path":"title","value":"Dr"}]}`: nil,
		`{` + op + `}`: found(lenience.MissingSchemas, ""),
		`{"schemas":["` + schema.UserURN + `"],` + op + `}`:                            found(lenience.WrongSchemas, "schemas"),
		`{"schemas":["` + scim.PatchOpURN + `","` + schema.UserURN + `"],` + op + `}`:  found(lenience.UnknownSchema, "schemas"),
		`{"schemas":["` + scim.PatchOpURN + `","` + scim.PatchOpURN + `"],` + op + `}`: found(lenience.RepeatedSchema, "schemas"),
	} {
		lenient, strict := &lenience.Reading{}, &lenience.Reading{Strict: true}
		if _, err := read(t, lenient, body); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if diff := cmp.Diff(want, lenient.Deviations()); diff != "" {
			t.Errorf("%s: deviations (-want +got):\n%s", body, diff)
		}
		if _, err := read(t, strict, body); (err != nil) != (want != nil) || err != nil && fault.Of(err).Reason != fault.InvalidSyntax {
			t.Errorf("%s: a strict directory answers %v", body, err)
		}
	}
}

// What changes something that is the server's is refused by every directory.
func TestApply_serverOwned(t *testing.T) {
	t.Parallel()
	for _, op := range []string{
		`{"op":"replace","value":{"id":"somebody"}}`, `{"op":"remove","path":"id"}`, `{"op":"replace","path":"id","value":null}`,
		`{"op":"remove","path":"schemas"}`, `{"op":"replace","path":"schemas","value":[]}`, `{"op":"replace","path":"schemas","value":"x"}`,
		`{"op":"remove","path":"meta"}`, `{"op":"remove","path":"meta.created"}`, `{"op":"replace","path":"meta.version","value":"W/\"1\""}`, `{"op":"replace","path":"meta","value":"x"}`,
		`{"op":"replace","value":{"meta":{"resourceType":"Group"}}}`, `{"op":"replace","value":{"meta":{"created":"2020-01-01T00:00:00Z"}}}`, `{"op":"replace","value":{"meta":{"location":"https://x/v2/Users/1"}}}`,
		`{"op":"add","value":{"groups":[{"value":"g1"},{"value":"g2"},{"value":"other"}]}}`, `{"op":"replace","path":"groups","value":[{"value":"g1"}]}`, `{"op":"replace","path":"groups","value":[]}`,
		`{"op":"remove","path":"groups"}`, `{"op":"remove","path":"groups[value eq \"g1\"]"}`, `{"op":"replace","path":"groups","value":[7]}`, `{"op":"replace","path":"groups.display","value":"x"}`,
	} {
		for _, strict := range []bool{false, true} {
			if r, err := read(t, &lenience.Reading{Strict: strict}, fmt.Sprintf(patchOp, op)); fault.Of(err).Reason != fault.Mutability {
				t.Errorf("%s, strict %v: %v, %v; want the reason mutability", op, strict, r, err)
			}
		}
	}
}

func TestSplitMembers_deviations(t *testing.T) {
	t.Parallel()
	const group = schema.GroupURN
	for _, tt := range []struct {
		operations string
		want       []lenience.Deviation
		reason     fault.Reason
	}{
		{operations: `{"op":"add","path":"members","value":[{"value":"a","display":"A"}]},{"op":"remove","path":"members[value eq \"a\"]"},{"op":"replace","value":{"members":[]}},{"op":"remove","path":"members"}`},
		{operations: `{"op":"add","path":"members","value":{"value":"a"}}`},
		{operations: `{"op":"remove","path":"members[value eq \"a\" and type eq \"User\"]"}`},
		{`{"op":"add","path":"members","value":["a"]}`, found(lenience.StringComplex, "members"), fault.InvalidValue},
		{`{"op":"replace","path":"members","value":{"value":"a"}}`, found(lenience.SingleForList, "members"), fault.InvalidValue},
		{`{"op":"remove","path":"members","value":[{"value":"a"}]}`, found(lenience.RemoveWithValue, "members"), fault.InvalidValue},
		{`{"op":"add","path":"members","value":[{}]}`, found(lenience.HollowValue, "members"), fault.InvalidValue},
		{`{"op":"replace","path":"members[value eq \"a\"].display","value":"A"}`, found(lenience.ReadOnlyEcho, "members.display"), fault.Mutability},
		{`{"op":"add","value":{"` + group + `:members":[{"value":"a"}]}}`, found(lenience.QualifiedName, group+":members"), fault.InvalidSyntax},
		{`{"op":"add","value":{"` + group + `":{"members":[{"value":"a"}]}}}`, found(lenience.QualifiedName, group), fault.InvalidSyntax},
	} {
		for _, strict := range []bool{false, true} {
			rd := &lenience.Reading{Strict: strict}
			req, err := patch.Parse(rd, patch.Group, fmt.Appendf(nil, patchOp, tt.operations))
			if err == nil {
				var members []patch.MemberOp
				var attributes []patch.Op
				attributes, members, err = patch.SplitMembers(rd, patch.Group, req.Operations)
				if err == nil && len(members) == 0 && tt.reason != fault.Mutability && tt.want == nil {
					t.Errorf("%s changes no members", tt.operations)
				}
				if err == nil {
					_, err = patch.Apply(rd, patch.Group, patch.Target{ID: "g", Attributes: scim.Resource{"displayName": "G"}}, attributes)
				}
			}
			want := tt.reason
			if !strict {
				want = ""
				if diff := cmp.Diff(tt.want, rd.Deviations()); diff != "" {
					t.Errorf("%s: deviations (-want +got):\n%s", tt.operations, diff)
				}
			}
			if (err != nil) != (want != "") || err != nil && fault.Of(err).Reason != want {
				t.Errorf("%s, strict %v: %v; want the reason %q", tt.operations, strict, err, want)
			}
		}
	}
}
