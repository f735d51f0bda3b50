package patch_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const (
	patchOp    = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`
	userID     = "diruser_000000000000000007"
	enterprise = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
)

// after applies operations to attributes and returns the attributes behind
// them, or the reason of the refusal.
func after(t *testing.T, kind *schema.Resource, id, before, operations string) (string, fault.Reason) {
	t.Helper()
	r, err := scim.Decode([]byte(before))
	if err != nil {
		t.Fatal(err)
	}
	req, err := patch.Parse(nil, kind, fmt.Appendf(nil, patchOp, operations))
	if err == nil {
		r, err = patch.Apply(nil, kind, patch.Target{ID: id, Attributes: r}, req.Operations)
	}
	if err != nil {
		f := fault.Of(err)
		if f.Kind != fault.Invalid || f.Reason == "" {
			t.Fatalf("error %v of kind %v and reason %q, want an invalid request with a reason", err, f.Kind, f.Reason)
		}
		return "", f.Reason
	}
	return canonical(t, r), ""
}

func canonical(t *testing.T, r scim.Resource) string {
	t.Helper()
	b, err := scim.Canonical(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// jane is a user with one of everything.
const jane = `{"active":true,"displayName":"Jane","emails":[{"primary":true,"type":"work","value":"jane@acme.example"},{"type":"home","value":"j@home.example"}],` +
	`"name":{"familyName":"Doe","givenName":"Jane"},` + enterprise + `:{"department":"R&D","manager":{"$ref":"../Users/1","value":"1"}},"userName":"jane"}`

// replaced returns jane with some text in it exchanged.
func replaced(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(jane) }

func TestApply(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, operations string
		before           string // jane if empty
		want             string // jane if empty and no reason
		reason           fault.Reason
	}{
		{name: "add a single value", operations: `{"op":"add","path":"title","value":"Dr"}`, want: replaced(`"urn:`, `"title":"Dr","urn:`)},
		{name: "op in capitals", operations: `{"OP":"Replace","Path":"ACTIVE","VALUE":"False"}`, want: replaced(`"active":true`, `"active":false`)},
		{name: "add active as text", operations: `{"op":"Add","path":"active","value":"fAlSe"}`, want: replaced(`"active":true`, `"active":false`)},
		{name: "not a boolean", operations: `{"op":"replace","path":"active","value":"no"}`, reason: fault.InvalidValue},
		{name: "wrong type", operations: `{"op":"replace","path":"displayName","value":7}`, reason: fault.InvalidValue},
		{name: "null clears", operations: `{"op":"replace","path":"displayName","value":null}`, want: replaced(`"displayName":"Jane",`, "")},
		{name: "an empty text clears", operations: `{"op":"replace","path":"displayName","value":""}`, want: replaced(`"displayName":"Jane",`, "")},
		{name: "an empty list clears", operations: `{"op":"replace","path":"emails","value":[]}`, before: `{"emails":[{"value":"a@b.example"}],"userName":"jane"}`, want: `{"userName":"jane"}`},
		{name: "remove", operations: `{"op":"remove","path":"displayName"}`, want: replaced(`"displayName":"Jane",`, "")},
		{name: "remove with a value clears a single one", operations: `{"op":"remove","path":"displayName","value":"Jane"}`, want: replaced(`"displayName":"Jane",`, "")},
		{name: "remove what is not there", operations: `{"op":"remove","path":"nickName"},{"op":"remove","path":"name.middleName"},{"op":"remove","path":"ims[type eq \"x\"].value"}`},
		{name: "remove without a path", operations: `{"op":"remove"}`, reason: fault.NoTarget},
		{name: "remove what is required", operations: `{"op":"remove","path":"userName"}`, reason: fault.Mutability},
		{name: "empty what is required", operations: `{"op":"replace","path":"userName","value":""}`, reason: fault.Mutability},
		{name: "inactive stays inactive", operations: `{"op":"remove","path":"active"},{"op":"replace","path":"active","value":null}`, before: `{"active":false,"userName":"jane"}`, want: `{"active":false,"userName":"jane"}`},

		{name: "complex merges", operations: `{"op":"replace","path":"name","value":{"GIVENNAME":"Janet"}}`, want: replaced(`"givenName":"Jane"`, `"givenName":"Janet"`)},
		{name: "complex part cleared by null", operations: `{"op":"replace","path":"name","value":{"givenName":null}}`, want: replaced(`,"givenName":"Jane"`, "")},
		{name: "complex with nothing named", operations: `{"op":"replace","path":"name","value":{}}`},
		{name: "complex wholly cleared", operations: `{"op":"replace","path":"name","value":{"givenName":"","familyName":[]}}`, before: `{"name":{"givenName":"J"},"userName":"jane"}`, want: `{"userName":"jane"}`},
		{name: "sub-attribute", operations: `{"op":"replace","path":"name.givenName","value":"Janet"}`, want: replaced(`"givenName":"Jane"`, `"givenName":"Janet"`)},
		{name: "sub-attribute of nothing", operations: `{"op":"add","path":"name.givenName","value":"J"}`, before: `{"userName":"j"}`, want: `{"name":{"givenName":"J"},"userName":"j"}`},
		{name: "last sub-attribute", operations: `{"op":"remove","path":"name.givenName"}`, before: `{"name":{"givenName":"J"},"userName":"j"}`, want: `{"userName":"j"}`},
		{name: "sub-attribute of a text", operations: `{"op":"replace","path":"title.x","value":"J"}`, reason: fault.InvalidPath},
		{name: "filter on a single value", operations: `{"op":"replace","path":"name[givenName eq \"Jane\"].familyName","value":"J"}`, reason: fault.InvalidPath},

		{name: "append", operations: `{"op":"add","path":"emails","value":[{"value":"new@acme.example","type":"other"}]}`, want: replaced(`"j@home.example"}`, `"j@home.example"},{"type":"other","value":"new@acme.example"}`)},
		{name: "append what is there", operations: `{"op":"add","path":"emails","value":[{"value":"jane@acme.example"},{"type":"home","value":"j@home.example"}]}`},
		{name: "append what is there in another case", operations: `{"op":"add","path":"emails","value":[{"value":"JANE@acme.example","type":"WORK"},{"value":"J@HOME.example"}]}`},
		{name: "append what is there twice", operations: `{"op":"add","path":"emails","value":[{"value":"a@b.example"},{"value":"A@B.example"}]}`, want: replaced(`"j@home.example"}`, `"j@home.example"},{"value":"A@B.example"}`)},
		{name: "append other parts of what is there", operations: `{"op":"add","path":"emails","value":[{"value":"J@home.example","display":"J"}]}`, want: replaced(`{"type":"home"`, `{"display":"J","type":"home"`)},
		{name: "remove listed in another case", operations: `{"op":"remove","path":"emails","value":[{"value":"J@HOME.example"}]}`, want: replaced(`,{"type":"home","value":"j@home.example"}`, "")},
		{name: "replace by equal ones", operations: `{"op":"replace","path":"emails","value":[{"value":"a@b.example","type":"x"},{"value":"A@b.example","type":"X","primary":true}]}`, before: `{"userName":"j"}`, want: `{"emails":[{"primary":true,"type":"X","value":"A@b.example"}],"userName":"j"}`},
		{name: "make two the same", operations: `{"op":"replace","path":"emails[type eq \"home\"]","value":{"type":"work","value":"jane@acme.example"}}`, want: replaced(`,{"type":"home","value":"j@home.example"}`, "")},
		{name: "a reference and then its value", operations: `{"op":"replace","value":{"` + enterprise[1:len(enterprise)-1] + `:manager.$ref":"../Users/2","` + enterprise[1:len(enterprise)-1] + `:manager.value":"2"}}`, want: replaced("../Users/1", "../Users/2", `"value":"1"`, `"value":"2"`)},
		{name: "another value forgets the reference", operations: `{"op":"replace","path":` + enterprise[:len(enterprise)-1] + `:manager.value","value":"2"}`, want: replaced(`"$ref":"../Users/1",`, "", `"value":"1"`, `"value":"2"`)},
		{name: "unknown lists take filters", operations: `{"op":"replace","path":"cars[plate eq \"B\"].colour","value":"red"},{"op":"remove","path":"cars[plate eq \"A\"]"}`, before: `{"cars":[{"plate":"A"},{"plate":"B"}],"userName":"j"}`, want: `{"cars":[{"colour":"red","plate":"B"}],"userName":"j"}`},
		{name: "unknown single values take none", operations: `{"op":"replace","path":"car[plate eq \"B\"].colour","value":"red"}`, before: `{"car":{"plate":"A"},"userName":"j"}`, reason: fault.InvalidPath},
		{name: "append a bare text", operations: `{"op":"add","path":"emails","value":"new@acme.example"}`, want: replaced(`"j@home.example"}`, `"j@home.example"},{"value":"new@acme.example"}`)},
		{name: "one value in two types is two", operations: `{"op":"add","path":"emails","value":{"type":"home","value":"jane@acme.example"}}`, want: replaced(`"j@home.example"}`, `"j@home.example"},{"type":"home","value":"jane@acme.example"}`)},
		{name: "append nothing", operations: `{"op":"add","path":"emails","value":null},{"op":"add","path":"emails","value":[]}`},
		{name: "new primary", operations: `{"op":"add","path":"emails","value":[{"value":"new@acme.example","primary":true}]}`, want: replaced(`"primary":true`, `"primary":false`, `"j@home.example"}`, `"j@home.example"},{"primary":true,"value":"new@acme.example"}`)},
		{name: "two primaries", operations: `{"op":"add","path":"emails","value":[{"value":"a@b.example","primary":true},{"value":"c@d.example","primary":"True"}]}`, reason: fault.InvalidValue},
		{name: "replace all", operations: `{"op":"replace","path":"emails","value":[{"value":"new@acme.example"}]}`, before: `{"emails":[{"value":"a@b.example"}],"userName":"jane"}`, want: `{"emails":[{"value":"new@acme.example"}],"userName":"jane"}`},
		{name: "remove listed", operations: `{"op":"remove","path":"emails","value":[{"value":"j@home.example"}]}`, want: replaced(`,{"type":"home","value":"j@home.example"}`, "")},
		{name: "remove an empty list", operations: `{"op":"remove","path":"emails","value":[]}`},
		{name: "remove all", operations: `{"op":"remove","path":"emails"}`, before: `{"emails":[{"value":"a@b.example"}],"userName":"jane"}`, want: `{"userName":"jane"}`},

		{name: "filtered replace", operations: `{"op":"replace","path":"emails[type eq \"home\"].value","value":"x@home.example"}`, want: replaced("j@home", "x@home")},
		{name: "filtered replace of the whole", operations: `{"op":"replace","path":"emails[type eq \"home\"]","value":{"value":"x@home.example","display":"X"}}`, want: replaced(`{"type":"home","value":"j@home`, `{"display":"X","type":"home","value":"x@home`)},
		{name: "filtered primary moves it", operations: `{"op":"replace","path":"emails[type eq \"home\"].primary","value":"True"}`, want: replaced(`"primary":true,"type":"work"`, `"primary":false,"type":"work"`, `{"type":"home"`, `{"primary":true,"type":"home"`)},
		{name: "filtered primary of a whole moves it", operations: `{"op":"replace","path":"emails[type eq \"home\"]","value":[{"primary":true}]}`, want: replaced(`"primary":true,"type":"work"`, `"primary":false,"type":"work"`, `{"type":"home"`, `{"primary":true,"type":"home"`)},
		{name: "filtered primary of two", operations: `{"op":"replace","path":"emails[value co \"@\"].primary","value":true}`, reason: fault.InvalidValue},
		{name: "filtered replace of nothing", operations: `{"op":"Replace","path":"phoneNumbers[type eq \"mobile\"].value","value":"+1"}`, before: `{"userName":"j"}`, want: `{"phoneNumbers":[{"type":"mobile","value":"+1"}],"userName":"j"}`},
		{name: "filtered add of nothing", operations: `{"op":"Add","path":"addresses[type eq \"other\"].Formatted","value":"Here"}`, before: `{"userName":"j"}`, want: `{"addresses":[{"formatted":"Here","type":"other"}],"userName":"j"}`},
		{name: "filtered by two", operations: `{"op":"add","path":"emails[type eq \"work\" and primary eq true].value","value":"a@b.example"}`, before: `{"userName":"j"}`, want: `{"emails":[{"primary":true,"type":"work","value":"a@b.example"}],"userName":"j"}`},
		{name: "filtered by what cannot be made", operations: `{"op":"replace","path":"emails[type ne \"work\"].value","value":"a@b.example"}`, before: `{"userName":"j"}`, reason: fault.NoTarget},
		{name: "filtered remove", operations: `{"op":"remove","path":"emails[type eq \"home\"]"}`, want: replaced(`,{"type":"home","value":"j@home.example"}`, "")},
		{name: "filtered remove of the value", operations: `{"op":"remove","path":"emails[type eq \"home\"].value"}`, want: replaced(`,{"type":"home","value":"j@home.example"}`, "")},
		{name: "filtered remove of nothing", operations: `{"op":"remove","path":"emails[type eq \"x\"]"}`},
		{name: "primary before value", operations: `{"op":"add","path":"emails[type eq \"work\"].primary","value":true},{"op":"add","path":"emails[type eq \"work\"].value","value":"a@b.example"}`, before: `{"userName":"j"}`, want: `{"emails":[{"primary":true,"type":"work","value":"a@b.example"}],"userName":"j"}`},
		{name: "sub-attribute of all", operations: `{"op":"replace","path":"emails.display","value":"D"}`, before: `{"emails":[{"value":"a@b.example"},{"value":"c@d.example"}],"userName":"j"}`, want: `{"emails":[{"display":"D","value":"a@b.example"},{"display":"D","value":"c@d.example"}],"userName":"j"}`},
		{name: "bad filter", operations: `{"op":"replace","path":"emails[type eq].value","value":"x"}`, reason: fault.InvalidPath},
		{name: "open bracket", operations: `{"op":"replace","path":"emails[type eq \"x\"","value":"x"}`, reason: fault.InvalidPath},

		{name: "path-less with dots and URNs", operations: `{"op":"replace","value":{"name.givenName":"Janet","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"HR","emails[type eq \"work\"].value":"new@acme.example","urn:ietf:params:scim:schemas:core:2.0:User:displayName":"Janet"}}`, want: replaced(`"givenName":"Jane"`, `"givenName":"Janet"`, "R&D", "HR", "jane@acme", "new@acme", `"displayName":"Jane"`, `"displayName":"Janet"`)},
		{name: "path-less with an extension block", operations: `{"op":"add","value":{` + enterprise + `:{"employeeNumber":"7","department":null}}}`, want: replaced(`"department":"R&D",`, `"employeeNumber":"7",`)},
		{name: "path-less with the core's block", operations: `{"op":"add","value":{"urn:ietf:params:scim:schemas:core:2.0:User":{"displayName":"Janet"}}}`, want: replaced(`"displayName":"Jane"`, `"displayName":"Janet"`)},
		{name: "path-less echo", operations: `{"op":"replace","value":{"id":"` + userID + `","schemas":["x"],"meta":{"version":"1"},"groups":[{"value":"g"}],"active":true}}`},
		{name: "path-less without object", operations: `{"op":"replace","value":"x"}`, reason: fault.InvalidValue},
		{name: "the whole extension", operations: `{"op":"remove","path":` + enterprise + `}`, before: `{` + enterprise + `:{"department":"D"},"userName":"j"}`, want: `{"userName":"j"}`},
		{name: "the last of an extension", operations: `{"op":"remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"}`, before: `{` + enterprise + `:{"department":"D"},"userName":"j"}`, want: `{"userName":"j"}`},
		{name: "another id", operations: `{"op":"replace","value":{"id":"somebody"}}`, reason: fault.Mutability},
		{name: "no id", operations: `{"op":"remove","path":"id"}`, reason: fault.Mutability},
		{name: "read-only", operations: `{"op":"remove","path":"groups"}`, reason: fault.Mutability},

		{name: "manager as text", operations: `{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"2"}`, want: replaced(`{"$ref":"../Users/1","value":"1"}`, `{"value":"2"}`)},
		{name: "manager as list without URN", operations: `{"op":"Add","path":"manager","value":[{"$ref":"../Users/2","value":"2"}]}`, want: replaced(`{"$ref":"../Users/1","value":"1"}`, `{"$ref":"../Users/2","value":"2"}`)},
		{name: "manager by its parts", operations: `{"op":"replace","path":"manager.value","value":"2"}`, want: replaced(`{"$ref":"../Users/1","value":"1"}`, `{"value":"2"}`)},
		{name: "the same manager keeps its URL", operations: `{"op":"replace","path":"manager","value":{"value":"1"}}`},
		{name: "no manager", operations: `{"op":"replace","path":"manager","value":""}`, want: replaced(`,"manager":{"$ref":"../Users/1","value":"1"}`, "")},

		{name: "unknown attribute", operations: `{"op":"add","path":"shoeSize","value":{"eu":38,"uk":null}}`, before: `{"userName":"j"}`, want: `{"shoeSize":{"eu":38},"userName":"j"}`},
		{name: "unknown attribute in another case", operations: `{"op":"replace","path":"SHOESIZE.EU","value":39}`, before: `{"shoeSize":{"eu":38},"userName":"j"}`, want: `{"shoeSize":{"eu":39},"userName":"j"}`},
		{name: "unknown list", operations: `{"op":"add","path":"tags","value":["a","b"]},{"op":"add","path":"tags","value":"b"},{"op":"remove","path":"tags","value":["a"]}`, before: `{"userName":"j"}`, want: `{"tags":["b"],"userName":"j"}`},
		{name: "unknown extension by path", operations: `{"op":"add","path":"urn:okta:acme:1.0:user:badge","value":"7"}`, before: `{"urn:okta:acme:1.0:user":{"desk":"A"},"userName":"j"}`, want: `{"urn:okta:acme:1.0:user":{"badge":"7","desk":"A"},"userName":"j"}`},
		{name: "unknown extension as a block", operations: `{"op":"replace","value":{"urn:OKTA:acme:1.0:user":{"badge":"7"}}}`, before: `{"urn:okta:acme:1.0:user":{"desk":"A"},"userName":"j"}`, want: `{"urn:okta:acme:1.0:user":{"badge":"7","desk":"A"},"userName":"j"}`},
		{name: "unknown extension anew", operations: `{"op":"add","value":{"urn:okta:acme:1.0:user":{"badge":"7"}}}`, before: `{"userName":"j"}`, want: `{"urn:okta:acme:1.0:user":{"badge":"7"},"userName":"j"}`},
		{name: "unknown extension gone", operations: `{"op":"remove","path":"urn:okta:acme:1.0:user"}`, before: `{"urn:okta:acme:1.0:user":{"desk":"A"},"userName":"j"}`, want: `{"userName":"j"}`},
		{name: "a key that is no path", operations: `{"op":"replace","value":{"shoe size":38,"":{"x":1}}}`, before: `{"userName":"j"}`, want: `{"shoe size":38,"userName":"j"}`},
		{name: "password", operations: `{"op":"replace","path":"password","value":"s3cret"},{"op":"add","value":{"PassWord":"s3cret","urn:x:y:z":{"password":"s3cret"},"x":[{"password":"s3cret"}]}}`},

		{name: "later operations see earlier ones", operations: `{"op":"add","path":"nickName","value":"J"},{"op":"remove","path":"nickName"}`},
		{name: "unknown op", operations: `{"op":"move","path":"title","value":"x"}`, reason: fault.InvalidSyntax},
		{name: "op is no object", operations: `7`, reason: fault.InvalidSyntax},
		{name: "path is no text", operations: `{"op":"add","path":7,"value":"x"}`, reason: fault.InvalidPath},
		{name: "path is no name", operations: `{"op":"add","path":"a b","value":"x"}`, reason: fault.InvalidPath},
		{name: "no operations", operations: ``, reason: fault.InvalidSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := tt.before
			if before == "" {
				before = jane
			}
			want := tt.want
			if want == "" && tt.reason == "" {
				want = before
			}
			got, reason := after(t, patch.User, userID, before, tt.operations)
			if reason != tt.reason {
				t.Fatalf("reason %q, want %q", reason, tt.reason)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
