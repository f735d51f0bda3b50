package schema_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

func kinds() []*schema.Resource { return []*schema.Resource{schema.User, schema.Group} }

// The characteristics of every attribute are words of RFC 7643 section 7, and
// go together.
func TestDefinitions(t *testing.T) {
	t.Parallel()
	var check func(t *testing.T, path string, a *schema.Attribute)
	check = func(t *testing.T, path string, a *schema.Attribute) {
		path += "." + a.Name
		for _, w := range []struct {
			what, is string
			words    []string
		}{
			{"type", string(a.Type), []string{"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"}},
			{"mutability", a.Mutability, []string{"readOnly", "readWrite", "immutable", "writeOnly"}},
			{"returned", a.Returned, []string{"always", "never", "default", "request"}},
			{"uniqueness", a.Uniqueness, []string{"none", "server", "global"}},
		} {
			if !slices.Contains(w.words, w.is) {
				t.Errorf("%s has the %s %q", path, w.what, w.is)
			}
		}
		if (a.Type == schema.Complex) != (len(a.SubAttributes) > 0) {
			t.Errorf("%s is a %s with %d sub-attributes", path, a.Type, len(a.SubAttributes))
		}
		if (a.Type == schema.Reference) != (len(a.ReferenceTypes) > 0) {
			t.Errorf("%s is a %s with reference types %v", path, a.Type, a.ReferenceTypes)
		}
		if a.Description == "" {
			t.Errorf("%s has no description", path)
		}
		for _, s := range a.SubAttributes {
			if s.Type == schema.Complex {
				t.Errorf("%s.%s is complex within complex, which RFC 7643 section 2.3.8 forbids", path, s.Name)
			}
			if a.Sub(strings.ToUpper(s.Name)) != s {
				t.Errorf("%s.%s is not found in capitals", path, s.Name)
			}
			check(t, path, s)
		}
	}
	for _, k := range kinds() {
		for _, s := range append([]*schema.Schema{k.Core}, k.Extensions...) {
			for _, a := range s.Attributes {
				if s.Attribute(strings.ToUpper(a.Name)) != a {
					t.Errorf("%s.%s is not found in capitals", s.Name, a.Name)
				}
				check(t, s.Name, a)
			}
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	const ent = schema.EnterpriseURN
	for _, tt := range []struct{ name, urn, rest string }{
		{"userName", "", "userName"},
		{"a.b", "", "a.b"},
		{schema.UserURN + ":userName", "", "userName"},
		{strings.ToUpper(schema.UserURN) + ":name.givenName", "", "name.givenName"},
		{schema.UserURN, schema.UserURN, ""},
		{ent, ent, ""},
		{strings.ToLower(ent) + ":manager.value", ent, "manager.value"},
		{"urn:ietf:params:scim:schemas:extension:enterprise:2.0User:manager", ent, "manager"},
		{"urn:ietf:params:scim:schemas:extension:enterprise:2.0User", ent, ""},
		{"urn:okta:a:1.0:user:x.y", "urn:okta:a:1.0:user", "x.y"},
		{"urn:", "", "urn:"},
		{"urn:x", "", "urn:x"},
		{"urn:a:", "", "urn:a:"},
		{"", "", ""},
	} {
		if urn, rest := schema.User.Split(tt.name); urn != tt.urn || rest != tt.rest {
			t.Errorf("Split(%q) = %q, %q; want %q, %q", tt.name, urn, rest, tt.urn, tt.rest)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ urn, name, want, in string }{
		{"", "USERNAME", "userName", ""},
		{"", "id", "id", ""},
		{"", "Meta", "meta", ""},
		{"", "Department", "department", schema.EnterpriseURN},
		{schema.EnterpriseURN, "Department", "department", schema.EnterpriseURN},
		{schema.EnterpriseURN, "userName", "", schema.EnterpriseURN},
		{"urn:x:y", "userName", "", "urn:x:y"},
		{"", "hat", "", ""},
	} {
		a, in := schema.User.Find(tt.urn, tt.name)
		got := ""
		if a != nil {
			got = a.Name
		}
		if got != tt.want || in != tt.in {
			t.Errorf("Find(%q, %q) = %q, %q; want %q, %q", tt.urn, tt.name, got, in, tt.want, tt.in)
		}
	}
}

func jsonValues() *rapid.Generator[any] {
	leaf := rapid.OneOf(rapid.SampledFrom([]any{nil, true, "", "a", "True", json.Number("1")}), rapid.Just[any]([]any{}), rapid.Just[any](map[string]any{}))
	value := leaf
	name := rapid.SampledFrom([]string{"value", "VALUE", "type", "primary", "a", "Password", "$ref"})
	for range 3 {
		inner := value
		value = rapid.OneOf(leaf,
			rapid.Map(rapid.SliceOfN(inner, 0, 3), func(l []any) any { return l }),
			rapid.Map(rapid.MapOfN(name, inner, 0, 3), func(m map[string]any) any { return m }))
	}
	return value
}

// A value in canonical form stays as it is; nothing empty or secret is left;
// what is refused is refused as a value.
func TestCoerce_laws(t *testing.T) {
	t.Parallel()
	var all []*schema.Attribute
	for _, k := range kinds() {
		for _, s := range append([]*schema.Schema{k.Core}, k.Extensions...) {
			all = append(all, s.Attributes...)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		in := jsonValues().Draw(rt, "value")
		a := rapid.SampledFrom(all).Draw(rt, "attribute")
		v, err := a.Coerce(nil, in)
		if err != nil {
			if f := fault.Of(err); f.Kind != fault.Invalid || f.Reason != fault.InvalidValue {
				rt.Fatalf("%v has kind %v and reason %q", err, f.Kind, f.Reason)
			}
			return
		}
		noneEmpty(rt, v)
		again, err := a.Coerce(nil, v)
		if err != nil {
			rt.Fatalf("%v is refused as %s: %v", v, a.Name, err)
		}
		if diff := cmp.Diff(v, again); diff != "" {
			rt.Fatalf("%s again (-once +twice):\n%s", a.Name, diff)
		}
	})
}

func TestOpaque_laws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		in := jsonValues().Draw(rt, "value")
		v := schema.Opaque(in)
		noneEmpty(rt, v)
		if diff := cmp.Diff(v, schema.Opaque(v)); diff != "" {
			rt.Fatalf("again (-once +twice):\n%s", diff)
		}
	})
}

func noneEmpty(rt *rapid.T, v any) {
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case nil:
			rt.Fatal("null is left")
		case string:
			if v == "" {
				rt.Fatal("an empty text is left")
			}
		case []any:
			if len(v) == 0 {
				rt.Fatal("an empty list is left")
			}
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			if len(v) == 0 {
				rt.Fatal("an empty object is left")
			}
			for name, e := range v {
				if strings.EqualFold(name, "password") {
					rt.Fatal("a password is left")
				}
				walk(e)
			}
		}
	}
	if v != nil {
		walk(v)
	}
}
