package patch_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const acme = "urn:acme:scim:1.0:User"

// withAcme is the user with an extension that has what the core has not: an
// attribute of each type, values without parts, immutable and required ones.
func withAcme(t testing.TB) *schema.Resource {
	t.Helper()
	s, err := schema.Parse([]byte(`{"id":"` + acme + `","name":"Acme","attributes":[
		{"name":"badge","type":"integer"},{"name":"since","type":"dateTime"},{"name":"tags","multiValued":true},{"name":"codes","multiValued":true,"caseExact":true},
		{"name":"hired","mutability":"immutable"},{"name":"pin","mutability":"writeOnly","returned":"never"},{"name":"shown","mutability":"readOnly"},
		{"name":"car","type":"complex","subAttributes":[{"name":"plate","mutability":"immutable"},{"name":"colour"},{"name":"drivers","multiValued":true},{"name":"seen","mutability":"readOnly"}]},
		{"name":"cards","type":"complex","multiValued":true,"subAttributes":[{"name":"value","mutability":"immutable"},{"name":"type"},{"name":"primary","type":"boolean"},{"name":"doors","multiValued":true}]},
		{"name":"rooms","type":"complex","multiValued":true,"subAttributes":[{"name":"building","required":true},{"name":"floor","type":"integer"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	kind, err := schema.User.With(s)
	if err != nil {
		t.Fatal(err)
	}
	return kind
}

// block returns jack with an extension's attributes.
func block(attributes string) string {
	if attributes == "" {
		return `{"userName":"jack"}`
	}
	return `{"` + acme + `":{` + attributes + `},"userName":"jack"}`
}

func TestApply_extension(t *testing.T) {
	t.Parallel()
	kind := withAcme(t)
	const p = `"path":"` + acme + `:`
	tests := []struct {
		name, before, operations string // attributes of the extension
		want                     string
		reason                   fault.Reason
	}{
		{name: "by URN path", operations: `{"op":"add",` + p + `badge","value":7}`, want: `"badge":7`},
		{name: "path-less block", before: `"badge":7`, operations: `{"op":"replace","value":{"` + acme + `":{"badge":8,"tags":["a"]}}}`, want: `"badge":8,"tags":["a"]`},
		{name: "path of the block", before: `"badge":7`, operations: `{"op":"add","path":"` + acme + `","value":{"tags":["a"]}}`, want: `"badge":7,"tags":["a"]`},
		{name: "path-less URN key", operations: `{"op":"add","value":{"` + strings.ToUpper(acme) + `:BADGE":7}}`, want: `"badge":7`},
		{name: "remove the block", before: `"badge":7`, operations: `{"op":"remove","path":"` + acme + `"}`},
		{name: "remove the last", before: `"badge":7`, operations: `{"op":"remove",` + p + `badge"}`},
		{name: "wrong type", operations: `{"op":"add",` + p + `badge","value":"seven"}`, reason: fault.InvalidValue},
		{name: "wrong date", operations: `{"op":"add",` + p + `since","value":"soon"}`, reason: fault.InvalidValue},

		{name: "add to values without parts", before: `"tags":["a"]`, operations: `{"op":"add",` + p + `tags","value":["A","b"]}`, want: `"tags":["a","b"]`},
		{name: "add with case", before: `"codes":["a"]`, operations: `{"op":"add",` + p + `codes","value":["A","a"]}`, want: `"codes":["a","A"]`},
		{name: "remove values without parts", before: `"tags":["a","b","c"]`, operations: `{"op":"remove",` + p + `tags","value":["B","x"]}`, want: `"tags":["a","c"]`},
		{name: "remove chosen values", before: `"tags":["a","b","c"]`, operations: `{"op":"remove",` + p + `tags[value eq \"b\" or value gt \"b\"]"}`, want: `"tags":["a"]`},
		{name: "replace chosen values", before: `"tags":["a","b"]`, operations: `{"op":"replace",` + p + `tags[value eq \"b\"]","value":"x"}`, want: `"tags":["a","x"]`},
		{name: "replace chosen values by what is there", before: `"tags":["a","b"]`, operations: `{"op":"replace",` + p + `tags[value eq \"b\"]","value":"a"}`, want: `"tags":["a"]`},
		{name: "replace no chosen value", before: `"tags":["a"]`, operations: `{"op":"replace",` + p + `tags[value eq \"b\"]","value":"x"}`, want: `"tags":["a","x"]`},
		{name: "many equal values at once", operations: `{"op":"add",` + p + `tags","value":["a","b","c","d","e","f","g","h","i","j"]},{"op":"add",` + p + `tags","value":["J","I","h","g","f","e","d","c","b","a","k"]},{"op":"remove",` + p + `tags","value":["A","b","c","d","e","f","g","H","x","y"]}`, want: `"tags":["i","j","k"]`},

		{name: "immutable is set", operations: `{"op":"add",` + p + `hired","value":"2020"}`, want: `"hired":"2020"`},
		{name: "immutable is set twice at once", operations: `{"op":"add",` + p + `hired","value":"2020"},{"op":"replace",` + p + `hired","value":"2021"}`, want: `"hired":"2021"`},
		{name: "immutable is repeated", before: `"hired":"2020"`, operations: `{"op":"replace",` + p + `hired","value":"2020"}`, want: `"hired":"2020"`},
		{name: "immutable is changed", before: `"hired":"2020"`, operations: `{"op":"replace",` + p + `hired","value":"2021"}`, reason: fault.Mutability},
		{name: "immutable is removed", before: `"hired":"2020"`, operations: `{"op":"remove",` + p + `hired"}`, reason: fault.Mutability},
		{name: "immutable goes with the block", before: `"hired":"2020"`, operations: `{"op":"remove","path":"` + acme + `"}`, reason: fault.Mutability},
		{name: "immutable part is changed", before: `"car":{"colour":"red","plate":"A1"}`, operations: `{"op":"replace",` + p + `car.plate","value":"B2"}`, reason: fault.Mutability},
		{name: "beside an immutable part", before: `"car":{"colour":"red","plate":"A1"}`, operations: `{"op":"replace",` + p + `car","value":{"colour":"blue"}}`, want: `"car":{"colour":"blue","plate":"A1"}`},
		{name: "immutable part goes with the value", before: `"car":{"colour":"red","plate":"A1"}`, operations: `{"op":"remove",` + p + `car"}`, reason: fault.Mutability},
		{name: "immutable part of a chosen value", before: `"cards":[{"type":"x","value":"1"}]`, operations: `{"op":"replace",` + p + `cards[type eq \"x\"].value","value":"2"}`, reason: fault.Mutability},
		{name: "immutable part of a chosen value as it is", before: `"cards":[{"type":"x","value":"1"}]`, operations: `{"op":"replace",` + p + `cards[type eq \"x\"]","value":{"value":"1","type":"y"}}`, want: `"cards":[{"type":"y","value":"1"}]`},
		{name: "a value with an immutable part is removed", before: `"cards":[{"type":"x","value":"1"},{"value":"2"}]`, operations: `{"op":"remove",` + p + `cards[value eq \"1\"]"}`, want: `"cards":[{"value":"2"}]`},

		{name: "read-only", operations: `{"op":"add",` + p + `shown","value":"x"}`, reason: fault.Mutability},
		{name: "read-only part", before: `"car":{"colour":"red"}`, operations: `{"op":"add",` + p + `car.seen","value":"x"}`, reason: fault.Mutability},
		{name: "written only", operations: `{"op":"add",` + p + `pin","value":"1234"}`},
		{name: "written only in a block", operations: `{"op":"add","value":{"` + acme + `":{"pin":"1234","badge":7}}}`, want: `"badge":7`},

		{name: "required part", operations: `{"op":"add",` + p + `rooms","value":[{"building":"A","floor":1}]}`, want: `"rooms":[{"building":"A","floor":1}]`},
		{name: "required part is missing", operations: `{"op":"add",` + p + `rooms","value":[{"floor":1}]}`, reason: fault.Mutability},
		{name: "required part is removed", before: `"rooms":[{"building":"A","floor":1}]`, operations: `{"op":"remove",` + p + `rooms[floor eq 1].building"}`, reason: fault.Mutability},
		{name: "required part was missing before", before: `"rooms":[{"floor":1}]`, operations: `{"op":"add",` + p + `badge","value":7}`, want: `"badge":7,"rooms":[{"floor":1}]`},

		{name: "add to values of a part", before: `"car":{"drivers":["a"]}`, operations: `{"op":"add",` + p + `car.drivers","value":["b","A"]}`, want: `"car":{"drivers":["a","b"]}`},
		{name: "remove values of a part", before: `"car":{"drivers":["a","b"]}`, operations: `{"op":"remove",` + p + `car.drivers","value":["a"]}`, want: `"car":{"drivers":["b"]}`},
		{name: "remove all values of a part", before: `"car":{"colour":"red","drivers":["a","b"]}`, operations: `{"op":"remove",` + p + `car.drivers"}`, want: `"car":{"colour":"red"}`},
		{name: "add to values of a part of the chosen", before: `"cards":[{"doors":["a"],"value":"1"},{"value":"2"}]`, operations: `{"op":"add",` + p + `cards[value pr].doors","value":["b"]}`, want: `"cards":[{"doors":["a","b"],"value":"1"},{"doors":["b"],"value":"2"}]`},

		{name: "primary moves", before: `"cards":[{"primary":true,"value":"1"},{"value":"2"}]`, operations: `{"op":"add",` + p + `cards[value eq \"2\"].primary","value":true}`, want: `"cards":[{"primary":false,"value":"1"},{"primary":true,"value":"2"}]`},
		{name: "stored in other cases", before: `"BADGE":7`, operations: `{"op":"replace",` + p + `badge","value":8}`, want: `"badge":8`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, reason := after(t, kind, userID, block(tt.before), tt.operations)
			if reason != tt.reason {
				t.Fatalf("refused with %q, want %q", reason, tt.reason)
			}
			if reason != "" {
				return
			}
			if diff := cmp.Diff(block(tt.want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A request from another process is read with the extensions that are there when
// it is applied.
func TestRequest_For(t *testing.T) {
	t.Parallel()
	body := fmt.Appendf(nil, patchOp, `{"op":"add","path":"`+acme+`:badge","value":"7"}`)
	req, err := patch.Parse(nil, patch.User, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		kind *schema.Resource
		want string
	}{{patch.User, block(`"badge":"7"`)}, {withAcme(t), block(`"badge":7`)}} {
		rd := &lenience.Reading{}
		ops, err := req.For(rd, tt.kind)
		if err != nil {
			t.Fatal(err)
		}
		r, err := patch.Apply(rd, tt.kind, patch.Target{ID: userID, Attributes: scim.Resource{"userName": "jack"}}, ops)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, canonical(t, r)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if _, err := req.For(&lenience.Reading{Strict: true}, patch.User); fault.Of(err).Reason != fault.InvalidPath {
		t.Errorf("%v: a directory that has become strict understands an unknown extension", err)
	}
}
