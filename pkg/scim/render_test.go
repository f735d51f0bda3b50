package scim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

func head(kind *schema.Resource) scim.Head {
	return scim.Head{
		Kind: kind, ID: "x_1", Revision: 3, Base: "https://rollcall.example/v2", Location: "https://rollcall.example/v2/" + kind.Name + "s/x_1",
		Created: time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.FixedZone("", 3600)), LastModified: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func TestAppend(t *testing.T) {
	t.Parallel()
	const meta = `"meta":{"resourceType":%q,"created":"2026-01-02T02:04:05.006Z","lastModified":"2026-01-02T03:04:05.000Z","location":"https://rollcall.example/v2/%[1]ss/x_1","version":"W/\"3\""}`
	user, group := head(schema.User), head(schema.Group)
	user.Groups = []scim.Ref{{ID: "g", Display: "R&D \"<é>\"\n", Kind: "Group"}, {ID: "h", Kind: "Group", Indirect: true}}
	group.Members = []scim.Ref{{ID: "u", Kind: "User"}, {ID: "g", Display: "G", Kind: "Group"}}
	tests := []struct {
		name, attributes string
		head             scim.Head
		want             string
	}{
		{"nothing", `{}`, head(schema.Group), `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"x_1",` + fmt.Sprintf(meta, "Group") + `}`},
		{"members", `{"displayName":"G"}`, group, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"x_1",` + fmt.Sprintf(meta, "Group") +
			`,"members":[{"value":"u","$ref":"https://rollcall.example/v2/Users/u","type":"User"},{"value":"g","$ref":"https://rollcall.example/v2/Groups/g","display":"G","type":"Group"}],"displayName":"G"}`},
		{
			"groups and extensions", `{"nickName":"\"urn:x\":{[","urn:a:b:1.0:c":{"urn:not:this":1},` + enterprise + `:{"department":"D"},"userName":"urn:nor:this"}`, user,
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:a:b:1.0:c",` + enterprise + `],"id":"x_1",` + fmt.Sprintf(meta, "User") +
				`,"groups":[{"value":"g","$ref":"https://rollcall.example/v2/Groups/g","display":"R&D \"<é>\"\n","type":"direct"},{"value":"h","$ref":"https://rollcall.example/v2/Groups/h","type":"indirect"}],"nickName":"\"urn:x\":{[","urn:a:b:1.0:c":{"urn:not:this":1},` +
				enterprise + `:{"department":"D"},"userName":"urn:nor:this"}`,
		},
		{"a URN in capitals", `{"URN:a:b:1.0:c":{"x":1}}`, head(schema.User), `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","URN:a:b:1.0:c"],"id":"x_1",` + fmt.Sprintf(meta, "User") + `,"URN:a:b:1.0:c":{"x":1}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := scim.Append([]byte("before"), []byte(tt.attributes), tt.head)
			rest, ok := bytes.CutPrefix(got, []byte("before"))
			if !ok {
				t.Fatalf("%s does not begin with what was there", got)
			}
			if diff := cmp.Diff(decoded(t, []byte(tt.want)), decoded(t, rest)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func decoded(t fataler, b []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%s is not JSON: %v", b, err)
	}
	return m
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// Whatever is stored: the answer is JSON, holds it unchanged, and names each
// extension once.
func TestAppend_keepsAttributes(t *testing.T) {
	t.Parallel()
	name := rapid.OneOf(rapid.SampledFrom([]string{"a", "urn:a:b", "urn:c:d", `"`, `\`, "{", "URN:e:f", "urn:"}), rapid.StringN(1, 4, -1))
	rapid.Check(t, func(rt *rapid.T) {
		attributes := scim.Resource(rapid.MapOfN(name, rapid.OneOf(
			rapid.Map(rapid.String(), func(s string) any { return s }),
			rapid.Map(rapid.MapOfN(name, rapid.String(), 1, 3), func(m map[string]string) any {
				object := map[string]any{}
				for k, v := range m {
					object[k] = v
				}
				return object
			}),
			rapid.Just[any]([]any{"urn:x", "[", true}),
		), 0, 5).Draw(rt, "attributes"))
		for _, owned := range []string{"schemas", "id", "meta"} {
			delete(attributes, owned)
		}
		body, err := scim.Canonical(attributes)
		if err != nil {
			rt.Fatal(err)
		}
		got := decoded(rt, scim.Append(nil, body, head(schema.User)))
		want := []any{schema.UserURN}
		for _, n := range slices.Sorted(maps.Keys(attributes)) {
			if len(n) > 4 && strings.EqualFold(n[:4], "urn:") {
				want = append(want, n)
			}
		}
		if diff := cmp.Diff(any(want), got["schemas"]); diff != "" {
			rt.Fatalf("schemas (-want +got):\n%s", diff)
		}
		for n, v := range decoded(rt, body) {
			if diff := cmp.Diff(v, got[n]); diff != "" {
				rt.Fatalf("%q (-want +got):\n%s", n, diff)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	r, err := scim.ParseUser(nil, schema.User, []byte(entraUser))
	if err != nil {
		b.Fatal(err)
	}
	attributes, err := scim.Canonical(r)
	if err != nil {
		b.Fatal(err)
	}
	h := head(schema.User)
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		dst = scim.Append(dst[:0], attributes, h)
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault  *fault.Error
		status int
		body   string
	}{
		{fault.New(fault.Invalid, "It is %q.", "<x>").Because(fault.InvalidValue), 400, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","scimType":"invalidValue","detail":"It is \"<x>\"."}`},
		{fault.New(fault.Unauthenticated, "Who?"), 401, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"401","detail":"Who?"}`},
		{fault.New(fault.Forbidden, ""), 403, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"403"}`},
		{fault.New(fault.NotFound, ""), 404, ""},
		{fault.New(fault.Conflict, "").Because(fault.Uniqueness), 409, ""},
		{fault.New(fault.FailedPrecondition, ""), 412, ""},
		{fault.New(fault.TooLarge, ""), 413, ""},
		{fault.New(fault.TooManyRequests, ""), 429, ""},
		{fault.New(fault.Internal, ""), 500, ""},
		{fault.New(fault.Unimplemented, ""), 501, ""},
		{fault.New(fault.Unavailable, ""), 503, ""},
	}
	for _, tt := range tests {
		if got := scim.Status(tt.fault); got != tt.status {
			t.Errorf("%s has status %d, want %d", tt.fault.Kind, got, tt.status)
		}
		if tt.body == "" {
			continue
		}
		got := scim.Error(tt.status, tt.fault.Reason, tt.fault.Detail)
		if diff := cmp.Diff(decoded(t, []byte(tt.body)), decoded(t, got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.fault.Kind, diff)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	l := scim.List{Total: 7, Start: 3}
	if got, want := string(l.Body()), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":7,"startIndex":3,"itemsPerPage":0,"Resources":[]}`; got != want {
		t.Errorf("an empty page is %s, want %s", got, want)
	}
	for _, r := range []string{`{"id":"a"}`, `{"id":"b"}`} {
		l.Add(func(dst []byte) []byte { return append(dst, r...) })
	}
	if got, want := string(l.Body()), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":7,"startIndex":3,"itemsPerPage":2,"Resources":[{"id":"a"},{"id":"b"}]}`; got != want || l.Len() != 2 {
		t.Errorf("a page of %d is %s, want %s", l.Len(), got, want)
	}
}
